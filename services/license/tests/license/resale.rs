//! Policies of programmes, the chains that they decide, and what each partner of one sees.
//!
//! Proves D01, D10, Q14, W15.

mod gone;
mod scene;
mod successors;

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::ResponsibilityRule::{MasterSupports, OperatorSupports, SellerSupports};
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::not_found;
use crate::watch::Watching;
use scene::{Scene, policy, request};

fn denied() -> (Code, String) {
    (Code::PermissionDenied, "ACCESS_DENIED".into())
}

fn get_policy(version: i32) -> pb::GetProgrammePolicyRequest {
    pb::GetProgrammePolicyRequest { programme: pb::PartnerProgramme::SolutionProvider.into(), version }
}

on_both_engines! {
    async fn q14_a_policy_that_begins_tomorrow_decides_tomorrow_and_every_version_stays_readable(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        let first = scene.publish("2026-06-08", SellerSupports).await;
        let second = scene.publish("2026-06-09", MasterSupports).await;
        assert_eq!((first.version, second.version), (1, 2));
        let mut north = scene.as_partner("north");
        let read = north.get_programme_policy(get_policy(0)).await.unwrap().into_inner().policy.unwrap();
        assert_eq!(read, first, "the one in force, with its text and its duties");

        let license = scene.service.cover("standard").await.license;
        let answer = scene.set(&license, &["upper", "north"], "").await;
        assert_eq!(answer.chain.unwrap().responsible_partner_id, "north");
        // 21:00 in Denver, where the licence's days are counted: still today.
        clock.set("2026-06-09T03:00:00Z");
        let answer = scene.set(&license, &["upper", "north"], "").await;
        assert_eq!(answer.chain.unwrap().responsible_partner_id, "north");
        clock.set("2026-06-09T07:00:00Z");
        let answer = scene.set(&license, &["upper", "north"], "").await;
        assert_eq!(answer.responsibility_rule(), MasterSupports);
        assert!(answer.why.contains("version 2") && answer.why.contains("upper"), "{}", answer.why);
        let chain = answer.chain.unwrap();
        assert_eq!((chain.responsible_partner_id.as_str(), chain.policy_version), ("upper", 2));
        let now = scene.license(&license.license_id).await;
        assert_eq!((now.responsible_partner_id.as_str(), now.reseller_partner_id.as_str()), ("upper", "north"));

        assert_eq!(north.get_programme_policy(get_policy(0)).await.unwrap().into_inner().policy.unwrap(), second);
        assert_eq!(north.get_programme_policy(get_policy(1)).await.unwrap().into_inner().policy.unwrap(), first);
        assert_eq!(refused(north.get_programme_policy(get_policy(3)).await), not_found());
        let page = |page_token| Some(vouch_contract::pb::common::v1::PageRequest { page_size: 1, page_token });
        let list = |page| pb::ListProgrammePoliciesRequest { page, ..list_request() };
        let listed = north.list_programme_policies(list(page(String::new()))).await.unwrap().into_inner();
        assert_eq!(listed.policies, [pb::ProgrammePolicy { text: String::new(), ..first }]);
        let rest = list(page(listed.page.unwrap().next_page_token));
        let rest = north.list_programme_policies(rest).await.unwrap().into_inner().policies;
        assert_eq!(rest.iter().map(|policy| policy.version).collect::<Vec<_>>(), [2]);
    }

    async fn q14_a_policy_with_bad_fields_is_refused_with_every_one(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        let publish = |policy| pb::PublishProgrammePolicyRequest { request_id: fresh(), policy: Some(policy) };
        let mut bad = pb::ProgrammePolicy { version: 3, text: "x".repeat(65_537), ..policy("8 June", SellerSupports) };
        bad.programme = pb::PartnerProgramme::VendorDesk.into();
        bad.responsibility_rule = 0;
        bad.duties.push(bad.duties[0].clone());
        let expected = [
            "policy.version",
            "policy.programme",
            "policy.effective_from",
            "policy.text",
            "policy.duties[1].code",
            "policy.responsibility_rule",
        ];
        assert_eq!(fields(scene.staff().publish_programme_policy(publish(bad)).await), expected);
        let late = publish(policy("2026-06-07", SellerSupports));
        assert_eq!(fields(scene.staff().publish_programme_policy(late).await), ["policy.effective_from"]);
        let mut north = scene.as_partner("north");
        let own = publish(policy("2026-06-08", SellerSupports));
        assert_eq!(refused(north.publish_programme_policy(own).await), denied());
        assert_eq!(refused(north.get_programme_policy(get_policy(0)).await), not_found(), "none was published");
        let desk = pb::PartnerProgramme::VendorDesk.into();
        let list = pb::ListProgrammePoliciesRequest { programme: desk, ..list_request() };
        assert_eq!(fields(north.list_programme_policies(list).await), ["programme"]);
    }

    async fn q14_a_chain_that_cannot_be_is_refused_with_field_and_reason(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        let license = scene.service.cover("standard").await.license;
        let missing = scene.staff().set_resale_chain(request(&license, &["upper", "north"], "")).await;
        assert_eq!(refused(missing), (Code::FailedPrecondition, "PROGRAMME_POLICY_MISSING".into()));
        scene.publish("2026-06-08", OperatorSupports).await;
        scene.suspend("south").await;
        let cases: &[(&[&str], &str, &[&str])] = &[
            (&["north", "upper", "north"], "", &["links[2].partner_id"]),
            (&["upper", "nobody"], "nobody", &["links[1].partner_id", "modification_maker_id"]),
            (&["south", "north"], "", &["links[0].partner_id"]),
            (&["upper", "north"], "", &["links"]),
            (&[], "", &["links"]),
            (&["upper", "Not a code"], "", &["links[1].partner_id"]),
        ];
        for (links, maker, expected) in cases {
            let answer = scene.staff().set_resale_chain(request(&license, links, maker)).await;
            assert_eq!(fields(answer), *expected, "{links:?}");
        }
        let right = request(&license, &["maker", "north"], "");
        let silent = pb::SetResaleChainRequest { note: String::new(), ..right.clone() };
        assert_eq!(fields(scene.staff().set_resale_chain(silent).await), ["note"]);
        assert_eq!(refused(scene.as_partner("north").set_resale_chain(right.clone()).await), denied());
        let stale = pb::SetResaleChainRequest { etag: "v7".into(), ..right.clone() };
        let stale = refused(scene.staff().set_resale_chain(stale).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
        let set = scene.staff().set_resale_chain(right).await.unwrap().into_inner();
        assert_eq!(set.chain.unwrap().responsible_partner_id, "maker", "the operator supports");
        scene.service.set_state(&license, pb::LicenseState::Revoked).await;
        let revoked = scene.license(&license.license_id).await;
        let late = refused(scene.staff().set_resale_chain(request(&revoked, &["maker", "north"], "")).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }

    async fn q14_each_partner_sees_the_licence_and_its_own_part_of_the_chain(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.publish("2026-06-08", MasterSupports).await;
        let covered = scene.service.cover("standard").await;
        let id = covered.license.license_id.clone();
        let set = scene.set(&covered.license, &["upper", "middle", "south", "north"], "maker").await;
        let whole = scene.chain(&id).await;
        assert_eq!(Some(&whole), set.chain.as_ref());
        assert_eq!(scene::ids(&whole), ["upper", "middle", "south", "north"]);

        // The partner; its part of the chain; whom it knows as responsible and as seller; the maker.
        let cases: [(&str, &[&str], [&str; 3]); 4] = [
            ("upper", &["upper", "middle"], ["upper", "north", "maker"]),
            ("middle", &["upper", "middle", "south"], ["upper", "", ""]),
            ("south", &["middle", "south", "north"], ["", "north", ""]),
            ("north", &["south", "north"], ["upper", "north", ""]),
        ];
        for (partner, part, [responsible, seller, maker]) in cases {
            let chain = scene.chain_as(partner, &id).await.unwrap();
            assert_eq!(scene::ids(&chain), part, "{partner}");
            let told = (chain.responsible_partner_id.as_str(), chain.modification_maker_id.as_str());
            assert_eq!((told, chain.policy_version), ((responsible, maker), 0), "{partner}");
            let read = scene.license_as(partner, &id).await.unwrap();
            let told = (read.responsible_partner_id.as_str(), read.reseller_partner_id.as_str());
            assert_eq!(told, (responsible, seller), "{partner}");
            assert_eq!(scene.listed_as(partner).await, [read], "{partner}");
            let (reasons, cover) = scene.check_as(partner, &covered, set.facts_revision).await;
            let expected: &[&str] = if partner == "upper" { &[] } else { &["PARTNER_NOT_RESPONSIBLE"] };
            assert_eq!(reasons, expected, "{partner}");
            assert_eq!(cover.unwrap().modification_maker_id, maker, "{partner}");
            let mut watching = Watching::start(scene.channel(partner), 0).await;
            let told = watching.until(set.facts_revision).await;
            assert_eq!(told, ["contoso LICENSE_STATE_ACTIVE", "contoso"], "{partner}");
        }
        assert_eq!(refused(scene.chain_as("stranger", &id).await), not_found());
        assert_eq!(refused(scene.license_as("stranger", &id).await), not_found());
        let (reasons, cover) = scene.check_as("stranger", &covered, set.facts_revision).await;
        assert_eq!((reasons, cover), (vec!["LICENSE_NOT_FOUND".to_owned()], None));

        let history = scene.history_as("middle", &id).await;
        let told: Vec<_> = history[0].fields.iter().map(|field| (field.field.as_str(), field.after.as_str())).collect();
        assert_eq!(history[0].change, "chain set");
        assert_eq!(told, [("responsible_partner_id", "upper"), ("reseller_partner_id", "")], "nothing of the others");

        let shorter = scene.set(&covered.license, &["upper", "north"], "").await;
        assert_eq!(refused(scene.license_as("middle", &id).await), not_found(), "it left the chain");
        let (reasons, _) = scene.check_as("middle", &covered, shorter.facts_revision).await;
        assert_eq!(reasons, ["LICENSE_NOT_FOUND"]);
    }

    async fn d10_the_maker_of_a_modification_is_known_to_who_escalates_and_knows_whom_to_answer(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.publish("2026-06-08", SellerSupports).await;
        let covered = scene.service.cover("standard").await;
        let id = &covered.license.license_id;
        let set = scene.set(&covered.license, &["upper", "north"], "maker").await;
        let chain = scene.chain_as("maker", id).await.unwrap();
        let told = (chain.modification_maker_id.as_str(), chain.responsible_partner_id.as_str());
        assert_eq!((told, chain.links.len()), (("maker", "north"), 0));
        let (reasons, cover) = scene.check_as("maker", &covered, set.facts_revision).await;
        assert_eq!((reasons, cover.unwrap().modification_maker_id), (vec!["PARTNER_NOT_RESPONSIBLE".into()], "maker".into()));
        let (reasons, cover) = scene.check_as("north", &covered, set.facts_revision).await;
        assert_eq!((reasons, cover.unwrap().modification_maker_id), (vec![], "maker".into()));
        assert_eq!(refused(scene.license_as("maker", id).await), not_found(), "it sells and supports nothing here");
        assert!(scene.listed_as("maker").await.is_empty());
    }

    async fn d01_the_vendors_own_desk_supports_as_a_partner_without_a_policy(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.register("desk", pb::PartnerProgramme::VendorDesk).await;
        let covered = scene.service.cover("standard").await;
        let between = request(&covered.license, &["desk", "north"], "");
        assert_eq!(fields(scene.staff().set_resale_chain(between).await), ["links[0].partner_id"]);
        let set = scene.set(&covered.license, &["desk"], "").await;
        assert_eq!(set.responsibility_rule(), pb::ResponsibilityRule::Unspecified);
        assert_eq!(scene::ids(&set.chain.unwrap()), ["desk"]);
        let now = scene.license(&covered.license.license_id).await;
        assert_eq!((now.responsible_partner_id.as_str(), now.reseller_partner_id.as_str()), ("desk", ""));
        assert_eq!(refused(scene.license_as("north", &now.license_id).await), not_found());
    }

    async fn w15_a_transfer_to_another_partner_dissolves_the_line(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.publish("2026-06-08", SellerSupports).await;
        let covered = scene.service.cover("standard").await;
        let id = &covered.license.license_id;
        scene.set(&covered.license, &["upper", "north"], "maker").await;
        let present = scene.license(id).await;
        let transfer = pb::TransferLicenseRequest {
            request_id: fresh(),
            license_id: id.clone(),
            etag: present.etag,
            responsible_partner_id: "south".into(),
            note: "as agreed".into(),
            ..Default::default()
        };
        scene.service.licenses().transfer_license(transfer).await.unwrap();
        for gone in ["upper", "north"] {
            assert_eq!(refused(scene.license_as(gone, id).await), not_found(), "{gone}");
        }
        let chain = scene.chain(id).await;
        let told = (chain.responsible_partner_id.as_str(), chain.modification_maker_id.as_str());
        assert_eq!((told, chain.links.len(), chain.policy_version), (("south", "maker"), 0, 0));
    }
}

fn list_request() -> pb::ListProgrammePoliciesRequest {
    pb::ListProgrammePoliciesRequest { programme: pb::PartnerProgramme::SolutionProvider.into(), page: None }
}

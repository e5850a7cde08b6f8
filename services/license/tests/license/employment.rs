//! The end of a person's employment.
//!
//! Proves S03, S08.

use vouch_contract::pb::license::v1 as pb;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::liaison_notices::{GRACE, addition, notice, removal, replaced};
use crate::online_accounts::account;
use crate::sdk_users::{LINUS, sdk_user};
use crate::support::{ADA, Service, license, not_found};
use crate::watch::Watching;

fn ended(email: &str) -> pb::EndEmploymentRequest {
    pb::EndEmploymentRequest {
        request_id: fresh(),
        end_user_id: "contoso".into(),
        email: email.into(),
        document_digest: vec![9; 32].into(),
    }
}

fn departures(end_user_id: &str) -> pb::ListDeparturesRequest {
    pb::ListDeparturesRequest { end_user_id: end_user_id.into(), page: None }
}

on_both_engines! {
    async fn s08_ended_employment_ends_everything_at_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let id = covered.agreement.agreement_id.clone();
        let ada = service.agreement(&id).await.liaisons[0].contact_id.clone();
        let liaisons = vec![pb::Liaison { name: "Ada".into(), email: ADA.into(), ..pb::Liaison::default() }];
        let naming = pb::License { liaisons, ..license("contoso") };
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(naming) };
        let naming = service.licenses().create_license(request).await.unwrap().into_inner().license.unwrap();
        let kit = service.kit().await;
        let user = service.people().name_sdk_user(sdk_user(&kit, ADA)).await.unwrap().into_inner().sdk_user.unwrap();
        let asked = account(&id, &ada, ADA, pb::OnlineAccountOrigin::Liaison);
        let asked = service.people().request_online_account(asked).await.unwrap().into_inner().online_account.unwrap();

        let request = ended(&ADA.to_uppercase());
        let told = service.people().end_employment(request.clone()).await.unwrap().into_inner();
        let holders: Vec<_> = told.liaisons.iter().map(|role| role.holder_id.as_str()).collect();
        assert_eq!(holders, [id.as_str(), naming.license_id.as_str()]);
        assert_eq!(told.liaisons[0].contact_id, ada);
        assert_eq!(told.sdk_user_ids, [user.sdk_user_id]);
        assert_eq!(told.online_account_ids, [asked.online_account_id]);
        assert_eq!(service.rights(ADA).await, pb::GetPersonRightsResponse::default());
        assert!(service.agreement(&id).await.liaisons.is_empty());

        for license_id in [&covered.license.license_id, &naming.license_id] {
            let question = pb::EntitlementQuestion {
                license: Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(license_id.clone())) }),
                ..covered.question()
            };
            let check = pb::CheckEntitlementRequest {
                question: Some(question),
                at_least_revision: told.facts_revision,
                ..Default::default()
            };
            let answer = service.entitlement().check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
            assert_eq!(answer.verdict(), pb::Verdict::NotEntitled, "checks know of it at once");
        }
        let repeated = service.people().end_employment(request).await.unwrap().into_inner();
        assert_eq!(repeated, told);
        assert_eq!(refused(service.people().end_employment(ended(ADA)).await), not_found(), "nothing is left to end");

        let record = service.people().list_departures(departures("contoso")).await.unwrap().into_inner().departures;
        assert_eq!(record, [told.departure.clone().unwrap()]);
        assert_eq!((record[0].email.as_str(), record[0].document_digest.as_ref()), (ADA, &[9; 32][..]));
        assert_eq!(refused(service.people().list_departures(departures("nobody")).await), not_found());
    }

    async fn s08_pending_notices_name_the_person_no_longer_and_it_counts_as_no_change(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 3).await;
        let (ada, grace) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let to_linus = pb::LiaisonNotice {
            removals: vec![replaced(&grace)],
            additions: vec![addition(LINUS)],
            ..notice(&id, "2026-06-15")
        };
        let (to_linus, _) = service.submitted(to_linus).await;
        let linus = to_linus.additions[0].contact_id.clone();
        let to_ada = pb::LiaisonRemoval { successor_contact_id: ada, ..removal(&linus) };
        let (to_ada, used) = service
            .submitted(pb::LiaisonNotice { removals: vec![to_ada], ..notice(&id, "2026-06-16") })
            .await;
        assert_eq!(used, 2);

        let mut of_linus = service.people().end_employment(ended(LINUS)).await.unwrap().into_inner();
        let mut naming = [to_linus.liaison_notice_id.clone(), to_ada.liaison_notice_id.clone()];
        of_linus.liaison_notice_ids.sort_unstable();
        naming.sort_unstable();
        assert_eq!(of_linus.liaison_notice_ids, naming);
        assert!(of_linus.liaisons.is_empty());
        let of_ada = service.people().end_employment(ended(ADA)).await.unwrap().into_inner();
        assert_eq!(of_ada.liaison_notice_ids, std::slice::from_ref(&to_ada.liaison_notice_id));

        clock.set("2026-06-16T06:00:00Z");
        let first = service.applied(&to_linus.liaison_notice_id).await;
        assert_eq!((first.additions[0].struck, first.removals[0].successor_contact_id.as_str()), (true, ""));
        let second = service.applied(&to_ada.liaison_notice_id).await;
        assert_eq!((second.removals[0].struck, second.removals[0].successor_contact_id.as_str()), (true, ""));
        assert!(service.named_now(&id).await.is_empty());
        let (_, used) = service
            .submitted(pb::LiaisonNotice { additions: vec![addition("p@contoso.example")], ..notice(&id, "2026-06-22") })
            .await;
        assert_eq!(used, 1, "the one that removes somebody who had not left");
    }

    async fn s03_a_notice_whose_people_all_left_before_its_day_is_no_change_of_the_contract_year(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 3).await;
        let (ada, grace) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let swap = pb::LiaisonNotice {
            removals: vec![replaced(&ada), removal(&grace)],
            additions: vec![addition(LINUS)],
            ..notice(&id, "2026-06-15")
        };
        let (swap, used) = service.submitted(swap).await;
        assert_eq!((swap.counts_as_change, used), (true, 1));
        for (email, counts) in [(ADA, true), (GRACE, false)] {
            let told = service.people().end_employment(ended(email)).await.unwrap().into_inner();
            assert_eq!(told.liaison_notice_ids, std::slice::from_ref(&swap.liaison_notice_id));
            assert_eq!(service.notice(&swap.liaison_notice_id).await.counts_as_change, counts, "{email}");
        }
        clock.set("2026-06-15T06:00:00Z");
        let applied = service.applied(&swap.liaison_notice_id).await;
        assert!(!applied.counts_as_change && applied.removals.iter().all(|removal| removal.struck));
        let linus = applied.additions[0].contact_id.clone();
        assert_eq!(applied.removals[0].successor_contact_id, linus, "who takes over is told all the same");
        assert_eq!(service.named_now(&id).await, [LINUS]);
        let (_, used) = service
            .submitted(pb::LiaisonNotice { removals: vec![removal(&linus)], ..notice(&id, "2026-06-22") })
            .await;
        assert_eq!(used, 1, "the first of its year");
    }

    async fn s08_partners_that_follow_the_facts_hear_of_it_whatever_it_was_that_ended(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let kit = service.kit().await;
        service.people().name_sdk_user(sdk_user(&kit, LINUS)).await.unwrap();
        let before = service.set_state(&covered.license, pb::LicenseState::Suspended).await;
        let mut north = Watching::start(service.partner(), before).await;
        let told = service.people().end_employment(ended(LINUS)).await.unwrap().into_inner();
        assert_eq!((told.sdk_user_ids.len(), told.liaisons.len()), (1, 0));
        assert_eq!(north.until(told.facts_revision).await, ["contoso"]);
    }

    async fn s08_a_notice_of_ended_employment_is_read_whole(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("standard").await;
        let bad = pb::EndEmploymentRequest {
            end_user_id: "?".into(),
            email: "?".into(),
            document_digest: vec![9; 20].into(),
            ..ended(ADA)
        };
        let named = fields(service.people().end_employment(bad).await);
        assert_eq!(named, ["end_user_id", "email", "document_digest"]);
        let elsewhere = pb::EndEmploymentRequest { end_user_id: "fabrikam".into(), ..ended(ADA) };
        assert_eq!(refused(service.people().end_employment(elsewhere).await), not_found());
        assert_eq!(refused(service.people().end_employment(ended("nobody@contoso.example")).await), not_found());
    }
}

//! A vendor's profiles at its partner: kept, verified, there when the vendor is not; and the known problems that they recognise, found
//! on both sides.
//!
//! Proves V10.

use std::collections::BTreeSet;

use tonic::Code;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::vendor_directory_service_client::VendorDirectoryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_core::World;
use vouch_core::code::{ProductId, ProfileName};
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Pack, Packed, Redaction};
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_proof::{KeySet, ProfileSignature};
use vouch_storage::on_both_engines;
use vouch_vendor::domain::profile::{Edition, PublishedProfile};

use crate::scene::{Scene, until};

/// A profile with a known problem in what is collected, one in what is not, and one that is not there.
const PROFILE: &str = r#"
name = "atlas-server"
version = 1
about = "An Atlas server."

[[collectors]]
name = "os"
about = "the system"
files = ["/etc/os-release"]

[[collectors]]
name = "logs"
about = "the logs"
files = ["/var/log/atlas.log"]

[[collectors]]
name = "journal"
about = "the journal"
files = ["/var/log/journal.log"]

[[analyzers]]
name = "full-spool"
title = "The spool is full"
issue = "ATL-7"
article = "https://kb.example/7"
when = { collector = "logs", pattern = '^spool (?<used>\d+)%', where = { used = ">= 95" } }

[[analyzers]]
name = "torn-journal"
title = "The journal is torn"
issue = "ATL-8"
article = "https://kb.example/8"
when = { collector = "journal", pattern = "torn" }

[[analyzers]]
name = "old-system"
title = "The system is too old"
issue = "ATL-9"
article = "https://kb.example/9"
when = { collector = "os", pattern = "^VERSION_ID=5$" }
"#;

/// A bundle by a profile whose log shows the known problem. What is small travels in a pack.
fn bundle(profile: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let contents: [(&str, &str, &[u8]); 2] =
        [("logs.txt", "logs", b"started\nspool 97% of 4 GB\n"), ("os.txt", "os", b"NAME=x\nVERSION_ID=12\n")];
    let pack = contents.map(|(_, _, content)| content).concat();
    let mut offset = 0;
    let entries = contents.map(|(path, collector, content)| {
        let packed = Some(Packed { pack: 0, offset });
        offset += content.len() as u64;
        Entry {
            path: path.into(),
            media_type: "text/plain".into(),
            size_bytes: content.len() as u64,
            sha256: Digest::of(content),
            collector: collector.into(),
            failed: None,
            packed,
            masked: Masked::default(),
        }
    });
    let manifest = Manifest {
        format: 1,
        profile: profile.into(),
        collected_at: World::system().now(),
        redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
        ticket: None,
        pseudonyms_for: None,
        packs: vec![Pack { sha256: Digest::of(&pack), size_bytes: pack.len() as u64 }],
        entries: entries.to_vec(),
    };
    (manifest.write().unwrap().0, vec![pack])
}

fn profile(name: &str, version: i64) -> partner::GetProfileRequest {
    partner::GetProfileRequest { vendor_id: "acme".into(), name: name.into(), version }
}

fn list() -> partner::ListProfilesRequest {
    partner::ListProfilesRequest { vendor_id: "acme".into(), ..Default::default() }
}

impl Scene {
    pub(crate) async fn publish(&self, text: &str) -> vendor::Profile {
        let request = vendor::PublishProfileRequest {
            request_id: fresh(),
            content: text.as_bytes().to_vec().into(),
            product_ids: vec!["atlas".into()],
        };
        let mut profiles = ProfileServiceClient::new(self.vendor_staff(&["policy-manager"]));
        profiles.publish_profile(request).await.unwrap().into_inner().profile.unwrap()
    }

    /// An agent's view of the vendors.
    fn directory(&self) -> VendorDirectoryServiceClient<BearerChannel> {
        VendorDirectoryServiceClient::new(self.agent())
    }

    /// Waits until the partner lists this version of the profile.
    pub(crate) async fn until_listed(&self, version: i64) {
        let listed = async || {
            let answer = self.directory().list_profiles(list()).await.unwrap().into_inner();
            answer.profiles.iter().any(|one| one.version == version).then_some(())
        };
        until(listed).await;
    }

    /// Waits until the ticket's last bundle was analysed to this end.
    async fn until_analysed(&self, ticket_id: &str, state: vendor::AnalysisState) -> vendor::BundleAnalysis {
        let analysed = async || {
            let last = self.ticket(ticket_id).await.analyses.pop()?;
            (last.state() == state).then_some(last)
        };
        until(analysed).await
    }

    /// Waits until the vendor has analysed the bundle of a case.
    async fn until_analysed_at_vendor(&self, case_id: &str) -> vendor::BundleAnalysis {
        let analysed = async || {
            let analysis = self.desk_case(case_id).await.bundles.remove(0).analysis?;
            (analysis.state() == vendor::AnalysisState::Done).then_some(analysis)
        };
        until(analysed).await
    }
}

fn verdicts(analysis: &vendor::BundleAnalysis) -> Vec<(&str, vendor::AnalyzerVerdict)> {
    analysis.findings.iter().map(|finding| (finding.issue.as_str(), finding.verdict())).collect()
}

on_both_engines! {
    async fn v10_a_partner_gives_a_vendors_profile_out_when_the_vendor_is_down(database: Database) {
        let mut scene = Scene::start(&database).await;
        let published = scene.publish(PROFILE).await;
        scene.until_listed(1).await;
        let listed = scene.directory().list_profiles(list()).await.unwrap().into_inner().profiles;
        assert_eq!(listed.len(), 1);
        assert!(listed[0].content.is_empty() && listed[0].signature.is_empty(), "{listed:?}");
        for (product, count) in [("atlas", 1), ("borealis", 0)] {
            let request = partner::ListProfilesRequest { product_id: product.into(), ..list() };
            assert_eq!(scene.directory().list_profiles(request).await.unwrap().into_inner().profiles.len(), count);
        }
        scene.vendor.stop().await.unwrap();

        let told = scene.directory().get_profile(profile("atlas-server", 1)).await.unwrap().into_inner();
        assert_eq!(told.profile.clone().unwrap(), published);
        let signed = ProfileSignature::verify(&published.signature, &KeySet::from_jwks(&told.jwks).unwrap()).unwrap();
        assert!(signed.is_over(PROFILE.as_bytes()) && signed.iss == told.issuer);
        let mut customer = VendorDirectoryServiceClient::new(scene.customer());
        let newest = customer.get_profile(profile("atlas-server", 0)).await.unwrap().into_inner();
        assert_eq!(newest, told, "an end user collects by it, too");
        assert_eq!(customer.list_profiles(list()).await.unwrap().into_inner().profiles, listed);

        let other = scene.directory().get_profile(profile("atlas-server", 2)).await;
        assert_eq!(refused(other), (Code::Unavailable, "UNAVAILABLE".into()), "it is not kept, and the vendor is down");
        let nobody = partner::GetProfileRequest { vendor_id: "nobody".into(), ..profile("atlas-server", 1) };
        assert_eq!(refused(scene.directory().get_profile(nobody).await).1, "NOT_FOUND");
        let nobody = partner::ListProfilesRequest { vendor_id: "nobody".into(), ..list() };
        assert_eq!(refused(scene.directory().list_profiles(nobody).await).1, "NOT_FOUND");
        assert_eq!(refused(customer.list_vendors(partner::ListVendorsRequest {}).await).1, "ACCESS_DENIED");
        let bad = partner::GetProfileRequest { version: -1, ..Default::default() };
        assert_eq!(fields(scene.directory().get_profile(bad).await), ["vendor_id", "name", "version"]);
        let bad = partner::ListProfilesRequest { product_id: "A".into(), ..Default::default() };
        assert_eq!(fields(scene.directory().list_profiles(bad).await), ["vendor_id", "product_id"]);
    }

    async fn v10_a_profile_for_a_product_that_does_not_exist_uses_no_version_up(database: Database) {
        let scene = Scene::start(&database).await;
        let mut profiles = ProfileServiceClient::new(scene.vendor_staff(&["policy-manager"]));
        let request = |products: &[&str]| vendor::PublishProfileRequest {
            request_id: fresh(),
            content: PROFILE.as_bytes().to_vec().into(),
            product_ids: products.iter().map(|&product| product.to_owned()).collect(),
        };
        let named = fields(profiles.publish_profile(request(&["atlsa", "atlas", "borealis"])).await);
        assert_eq!(named, ["product_ids[0]", "product_ids[2]"]);
        let answer = profiles.publish_profile(request(&["atlas"])).await.unwrap().into_inner();
        assert!(answer.products_verified && !answer.published_before, "{answer:?}");
        let again = profiles.publish_profile(request(&["atlas"])).await.unwrap().into_inner();
        assert!(again.published_before && again.profile == answer.profile, "{again:?}");
    }

    async fn v10_a_version_that_is_no_longer_offered_is_given_out_by_name_only(database: Database) {
        let scene = Scene::start(&database).await;
        scene.publish(PROFILE).await;
        scene.until_listed(1).await;
        let second = scene.publish(&PROFILE.replace("version = 1", "version = 2")).await;
        scene.until_listed(2).await;
        let newest = async |scene: &Scene| {
            scene.directory().get_profile(profile("atlas-server", 0)).await.unwrap().into_inner().profile.unwrap()
        };
        assert_eq!(newest(&scene).await, second);
        let request = vendor::RetireProfileRequest {
            request_id: fresh(),
            name: "atlas-server".into(),
            version: 2,
            note: "It collects too much.".into(),
        };
        ProfileServiceClient::new(scene.vendor_staff(&["policy-manager"])).retire_profile(request).await.unwrap();
        scene.until_listed(1).await;
        assert_eq!(newest(&scene).await.version, 1);
        let named = scene.directory().get_profile(profile("atlas-server", 2)).await.unwrap().into_inner();
        assert_eq!(named.profile.unwrap(), second, "bundles name it");
        assert_eq!(refused(scene.directory().get_profile(profile("atlas-server", 3)).await).1, "NOT_FOUND");
    }

    async fn v10_a_profile_that_was_changed_on_its_way_is_neither_kept_nor_given_out(database: Database) {
        // The vendor signs the digest of what was published, and its database has another text by now.
        let store = database.open(&vouch_vendor::MIGRATIONS).await;
        let edition = Edition {
            name: ProfileName::parse("atlas-server").unwrap(),
            version: 1,
            about: "An Atlas server.".into(),
            product_ids: BTreeSet::from([ProductId::parse("atlas").unwrap()]),
            digest: Digest::of(PROFILE.as_bytes()),
            published_at: World::system().now(),
            retired: None,
        };
        let content = PROFILE.replace("/var/log/atlas.log", "/etc/shadow").into_bytes();
        let changed = &PublishedProfile { edition, content };
        let written = store.write(|mut tx| async move {
            vouch_vendor::store::profiles::profile_insert(&mut tx, changed).await?;
            Ok((tx, ()))
        });
        written.await.unwrap();
        store.close().await;
        drop(store);
        let scene = Scene::start(&database).await;
        // Something else that the vendor offers is kept: one that is not genuine stands in nobody's way.
        scene.publish(&PROFILE.replace("atlas-server", "atlas-agent")).await;
        scene.until_listed(1).await;
        let refusal = refused(scene.directory().get_profile(profile("atlas-server", 1)).await);
        assert_eq!(refusal, (Code::FailedPrecondition, "PROFILE_NOT_GENUINE".into()));
        let listed = scene.directory().list_profiles(list()).await.unwrap().into_inner().profiles;
        assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["atlas-agent"]);
    }

    async fn v10_a_known_problem_is_found_before_the_escalation_and_again_on_arrival(database: Database) {
        let scene = Scene::start(&database).await;
        scene.publish(PROFILE).await;
        let (ticket, _) = scene.worked_ticket().await;
        let ticket_id = ticket.ticket_id.as_str();
        let bundle_id = scene.upload(ticket_id, &bundle("atlas-server/1")).await;
        let analysis = scene.until_analysed(ticket_id, vendor::AnalysisState::Done).await;
        assert_eq!((analysis.bundle_id.as_str(), analysis.profile.as_str()), (bundle_id.as_str(), "atlas-server/1"));
        assert_eq!(analysis.profile_sha256.as_ref(), Digest::of(PROFILE.as_bytes()).0);
        let expected = [
            ("ATL-7", vendor::AnalyzerVerdict::Match),
            ("ATL-8", vendor::AnalyzerVerdict::Inconclusive),
            ("ATL-9", vendor::AnalyzerVerdict::NoMatch),
        ];
        assert_eq!(verdicts(&analysis), expected);
        let seen = &analysis.findings[0].seen[0];
        assert_eq!((seen.path.as_str(), seen.line, seen.fact.as_str()), ("logs.txt", 2, "used=97"));
        assert_eq!(analysis.findings[0].article, "https://kb.example/7");
        assert_eq!(analysis.findings[1].lacking[0].collector, "journal", "what is missing is named");
        let request = partner::GetTicketRequest { ticket_id: ticket_id.into(), ..Default::default() };
        let mut customer = partner::ticket_service_client::TicketServiceClient::new(scene.customer());
        let seen_by_customer = customer.get_ticket(request).await.unwrap().into_inner().ticket.unwrap();
        assert!(seen_by_customer.analyses.is_empty(), "what to make of it is the agent's to say");

        let request = partner::EscalateTicketRequest { request_id: fresh(), ticket_id: ticket_id.into(), bundle_id };
        let escalated = scene.tickets().escalate_ticket(request).await.unwrap().into_inner();
        let finding = &escalated.findings[0];
        assert_eq!((finding.reason(), finding.weight()), (common::Reason::KnownProblem, common::Weight::Warning));
        assert!(finding.subject == "ATL-7" && finding.remedy.contains("https://kb.example/7"), "{finding:?}");
        let ticket = scene.until_state(ticket_id, partner::TicketState::Escalated).await;

        let case_id = ticket.escalation.unwrap().case_id;
        let arrived = scene.until_analysed_at_vendor(&case_id).await;
        assert_eq!(arrived.findings, analysis.findings, "both sides find the same");
        let get = vendor::GetCaseRequest { case_id: case_id.clone(), ..Default::default() };
        let told = scene.gate().get_case(get).await.unwrap().into_inner();
        assert_eq!(told.analysis, Some(arrived.clone()));

        let desk = scene.desk_case(&case_id).await;
        let asked = vendor::PreflightEscalationRequest {
            escalation: desk.escalation,
            bundle_id: arrived.bundle_id,
            proof: String::new(),
        };
        let judged = scene.gate().preflight_escalation(asked).await.unwrap().into_inner().decision.unwrap();
        assert!(judged.accepted, "a known problem is no gate: {judged:?}");
        let known = judged.findings.iter().find(|finding| finding.subject == "ATL-7").unwrap();
        assert_eq!((known.reason(), known.weight()), (common::Reason::KnownProblem, common::Weight::Warning));
    }

    async fn v10_a_bundle_waits_for_the_profile_that_it_names(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, bundle_id) = scene.worked_ticket().await;
        let ticket_id = ticket.ticket_id.as_str();
        let unknown = scene.until_analysed(ticket_id, vendor::AnalysisState::ProfileUnknown).await;
        assert!(unknown.findings.is_empty() && unknown.profile_sha256.is_empty(), "{unknown:?}");
        scene.escalate(ticket_id, &bundle_id).await;
        let ticket = scene.until_state(ticket_id, partner::TicketState::Escalated).await;
        let text = PROFILE.replace("atlas-server", "linux-host").replace("spool (?<used>\\d+)%", "(?<used>97|logs)");
        scene.publish(&text).await;
        let found = scene.until_analysed(ticket_id, vendor::AnalysisState::Done).await;
        assert_eq!(found.findings.len(), 3);
        let arrived = scene.until_analysed_at_vendor(&ticket.escalation.unwrap().case_id).await;
        assert_eq!(arrived.findings, found.findings);
    }
}

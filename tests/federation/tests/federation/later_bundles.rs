//! Bundles that a partner brings later: at the desk each one stands with what was found in it, as the first one does.
//!
//! Proves V10, W10.

use tonic::Code;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_desk_service_client::BundleDeskServiceClient;
use vouch_core::World;
use vouch_core::id::BundleTag;
use vouch_diagnostics::{Digest, Manifest};
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{Scene, until};

/// The profile by which the scene's bundles are collected, with a problem that not every log shows.
const PROFILE: &str = r#"
name = "linux-host"
version = 1
about = "A host."

[[collectors]]
name = "logs"
about = "the logs"
files = ["/var/log/atlas.log"]

[[analyzers]]
name = "full-spool"
title = "The spool is full"
issue = "ATL-7"
article = "https://kb.example/7"
when = { collector = "logs", pattern = "^spool 97%" }
"#;

/// A bundle with one log.
fn bundle(log: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (sample, _) = samples::manifest(&["logs"]);
    let mut manifest = Manifest::read(&sample).unwrap().0;
    for entry in &mut manifest.entries {
        (entry.size_bytes, entry.sha256) = (log.len() as u64, Digest::of(log));
    }
    (manifest.write().unwrap().0, vec![log.to_vec()])
}

impl Scene {
    /// The vendor asks for a log, and the partner brings it.
    async fn asked_and_answered(&self, ticket_id: &str, case_id: &str, log: &[u8]) {
        let asked = vendor::InformationRequested { questions: vec!["The log?".into()], ..Default::default() };
        let request =
            vendor::RequestInformationRequest { request_id: fresh(), case_id: case_id.into(), request: Some(asked) };
        self.desk().request_information(request).await.unwrap();
        until(async || self.ticket(ticket_id).await.escalation.unwrap().vendor_request).await;
        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: ticket_id.into(),
            text: "Here it is.".into(),
            bundle_id: self.upload(ticket_id, &bundle(log)).await,
        };
        self.tickets().answer_vendor(answer).await.unwrap();
        until(async || {
            let case = self.desk_case(case_id).await.case.unwrap();
            (case.state() == vendor::CaseState::InProgress).then_some(())
        })
        .await;
    }

    /// The bundles of a case, once every one of them was analysed.
    async fn until_all_analysed(&self, case_id: &str) -> Vec<vendor::CaseBundle> {
        let is_done = |bundle: &vendor::CaseBundle| {
            bundle.analysis.as_ref().is_some_and(|analysis| analysis.state() == vendor::AnalysisState::Done)
        };
        until(async || {
            let bundles = self.desk_case(case_id).await.bundles;
            bundles.iter().all(is_done).then_some(bundles)
        })
        .await
    }
}

fn after(case_id: &str, bundle_id: &str) -> vendor::GetDeskCaseRequest {
    vendor::GetDeskCaseRequest { case_id: case_id.into(), after_bundle_id: bundle_id.into(), ..Default::default() }
}

on_both_engines! {
    async fn w10_v10_the_desk_tells_what_was_found_in_every_bundle_that_a_case_holds(database: Database) {
        let scene = Scene::start(&database).await;
        scene.publish(PROFILE).await;
        let (ticket, case_id) = scene.escalated().await;
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        for log in ["spool 97% of 4 GB\n", "spool 12% of 4 GB\n"] {
            scene.asked_and_answered(&ticket.ticket_id, &case_id, log.as_bytes()).await;
        }

        let bundles = scene.until_all_analysed(&case_id).await;
        let verdict = |bundle: &vendor::CaseBundle| bundle.analysis.as_ref().unwrap().findings[0].verdict();
        let expected =
            [vendor::AnalyzerVerdict::NoMatch, vendor::AnalyzerVerdict::Match, vendor::AnalyzerVerdict::NoMatch];
        assert_eq!(bundles.iter().map(verdict).collect::<Vec<_>>(), expected, "in the order in which they came");
        let told = scene.desk_case(&case_id).await;
        assert_eq!(bundles[0].bundle_id, told.case.unwrap().bundle_id, "the one with which it was opened");
        assert_eq!((told.analysis, told.more_bundles), (None, false), "each is told once");
        for bundle in &bundles {
            assert_eq!(bundle.analysis.as_ref().unwrap().bundle_id, bundle.bundle_id);
            assert!(bundle.hold_time.is_some() && bundle.content_delete_time.is_none(), "{bundle:?}");
        }

        let rest = async |bundle: &vendor::CaseBundle| {
            let request = after(&case_id, &bundle.bundle_id);
            scene.desk().get_desk_case(request).await.unwrap().into_inner().bundles
        };
        assert_eq!(rest(&bundles[0]).await, bundles[1..]);
        assert_eq!(rest(&bundles[2]).await, []);
        let on = scene.desk().get_desk_case(after(&case_id, &bundles[0].bundle_id)).await.unwrap().into_inner();
        assert!(on.events.is_empty() && on.case.is_some(), "whoever goes on has the history already");

        let at_gate = async |after_bundle_id: &str| {
            let request =
                vendor::GetCaseRequest { case_id: case_id.clone(), after_bundle_id: after_bundle_id.to_owned() };
            scene.gate().get_case(request).await.unwrap().into_inner()
        };
        let seen = at_gate("").await;
        assert_eq!((seen.bundles, seen.more_bundles), (bundles.clone(), false), "its partner is told the same");
        assert_eq!(seen.analysis, bundles[0].analysis);
        let on = at_gate(&bundles[0].bundle_id).await;
        assert_eq!((on.bundles.as_slice(), on.analysis), (&bundles[1..], None), "it was told once");

        let mut reads = BundleDeskServiceClient::new(scene.vendor_staff(&["support-engineer"]));
        let request = vendor::ListDeskBundleReadsRequest { bundle_id: bundles[1].bundle_id.clone(), page: None };
        let reads = reads.list_desk_bundle_reads(request).await.unwrap().into_inner().reads;
        assert!(reads.is_empty(), "what an analyzer saw is no reading: {reads:?}");
    }

    async fn v10_more_bundles_are_asked_for_after_one_that_the_case_holds(database: Database) {
        let scene = Scene::start(&database).await;
        let (_, case_id) = scene.escalated().await;
        let (_, other_case_id) = scene.escalated().await;
        let held = scene.desk_case(&other_case_id).await.bundles.remove(0).bundle_id;
        assert_eq!(fields(scene.desk().get_desk_case(after(&case_id, "bun_1")).await), ["after_bundle_id"]);
        let bad = vendor::GetCaseRequest { case_id: "x".into(), after_bundle_id: "bun_1".into() };
        assert_eq!(fields(scene.gate().get_case(bad).await), ["case_id", "after_bundle_id"]);
        for foreign in [World::system().id::<BundleTag>().to_string(), held] {
            let told = refused(scene.desk().get_desk_case(after(&case_id, &foreign)).await);
            assert_eq!(told, (Code::NotFound, "NOT_FOUND".into()));
            let request = vendor::GetCaseRequest { case_id: case_id.clone(), after_bundle_id: foreign };
            assert_eq!(refused(scene.gate().get_case(request).await), (Code::NotFound, "NOT_FOUND".into()));
        }
    }
}

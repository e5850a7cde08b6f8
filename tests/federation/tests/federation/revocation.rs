//! The vendor service follows the licence service's feed of entitlements: a licence that is suspended or revoked takes the proofs
//! with it that were issued before.
//!
//! Proves B02, Q02.

use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_storage::on_both_engines;

use crate::gate::{Ready, prove, reasons};
use crate::scene::{Scene, until};

/// What a preflight with the proof says.
async fn preflight(scene: &Scene, ready: &Ready) -> Option<vendor::AdmissionDecision> {
    let vendor::EscalateCaseRequest { escalation, bundle_id, proof, .. } = ready.request();
    let asked = vendor::PreflightEscalationRequest { escalation, bundle_id, proof };
    scene.gate().preflight_escalation(asked).await.ok()?.into_inner().decision
}

/// Waits until the vendor has heard that the proof counts no more.
pub(crate) async fn until_revoked(scene: &Scene, ready: &Ready) -> vendor::AdmissionDecision {
    until(async || preflight(scene, ready).await.filter(|decision| !decision.accepted)).await
}

on_both_engines! {
    async fn b02_q02_a_proof_from_before_its_licence_was_suspended_opens_no_case_and_a_fresh_one_does(database: Database) {
        let scene = Scene::start(&database).await;
        scene.until_followed().await;
        let ready = Ready::make(&scene).await;
        assert!(preflight(&scene, &ready).await.unwrap().accepted);
        scene.set_license_state(license::LicenseState::Suspended).await;
        let decision = until_revoked(&scene, &ready).await;
        assert_eq!(decision.revocation(), vendor::RevocationCheck::Checked);
        assert!(decision.findings.iter().all(|finding| !finding.remedy.is_empty()));
        assert_eq!(reasons(scene.gate().escalate_case(ready.request()).await), ["PROOF_REVOKED"]);

        scene.set_license_state(license::LicenseState::Active).await;
        let proof = prove(&scene, &ready.escalation, ready.root).await;
        let fresh = vendor::EscalateCaseRequest { proof, ..ready.request() };
        let accepted = scene.gate().escalate_case(fresh).await.unwrap().into_inner();
        let revocation = accepted.decision.unwrap().revocation();
        assert_eq!(revocation, vendor::RevocationCheck::Checked, "it is of a later revision, whatever was heard");
    }

    async fn b02_a_licence_that_was_revoked_while_the_vendor_was_down_opens_nothing_either(database: Database) {
        let mut scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        scene.vendor.stop().await.unwrap();
        scene.set_license_state(license::LicenseState::Revoked).await;
        scene.start_vendor_again(&database).await;
        until_revoked(&scene, &ready).await;
        assert_eq!(reasons(scene.gate().escalate_case(ready.request()).await), ["PROOF_REVOKED"]);

        // What was heard is kept: the next start knows it, though the feed does not tell it again.
        scene.vendor.stop().await.unwrap();
        scene.start_vendor_again(&database).await;
        until_revoked(&scene, &ready).await;
    }

    async fn b02_a_feed_that_is_silent_for_a_minute_leaves_a_suspended_licence_to_the_proof(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let mut scene = Scene::start_with(&database, clock.world()).await;
        let ready = Ready::make(&scene).await;
        scene.set_license_state(license::LicenseState::Suspended).await;
        until_revoked(&scene, &ready).await;
        scene.license.stop().await.unwrap();
        clock.advance_seconds(60);
        assert_eq!(reasons(scene.gate().escalate_case(ready.request()).await), ["PROOF_REVOKED"], "fresh enough");
        clock.advance_seconds(1);
        let accepted = scene.gate().escalate_case(ready.request()).await.unwrap().into_inner();
        assert_eq!(accepted.decision.unwrap().revocation(), vendor::RevocationCheck::Unknown);
        let receipt = accepted.case.unwrap().receipt;
        let claims = data_encoding::BASE64URL_NOPAD.decode(receipt.split('.').nth(1).unwrap().as_bytes()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["revocation"], "unknown", "the receipt says so, too");
    }
}

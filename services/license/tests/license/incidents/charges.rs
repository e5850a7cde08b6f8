//! The charge of a ticket, and the escalation that rests on it.
//!
//! Proves H04, H05.

use std::sync::Arc;
use std::time::Duration;

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::commands::incidents::lapse;
use vouch_storage::on_both_engines;
use vouch_storage::testing::Database;

use super::reservations::{captured, reserved, work};
use super::{account, grant, settle};
use crate::support::{Covered, Service, escalation};

fn not_applicable() -> (Code, String) {
    (Code::FailedPrecondition, "CHARGE_NOT_APPLICABLE".into())
}

/// The ticket that north's technicians answered: its charge.
async fn charged(north: &mut IncidentServiceClient<Channel>, reference: &str) -> String {
    let hold_id = reserved(north, work(reference, pb::ChargePurpose::TechnicalSupport)).await.hold_id;
    north.settle_reservation(captured(&hold_id, 0)).await.unwrap();
    hold_id
}

fn check(covered: &Covered, escalation_id: &str, charged_hold_id: &str) -> pb::CheckEntitlementRequest {
    let (escalation_id, charged_hold_id) = (escalation_id.into(), charged_hold_id.into());
    pb::CheckEntitlementRequest {
        question: Some(covered.question()),
        escalation_id,
        charged_hold_id,
        ..Default::default()
    }
}

/// A proof of another escalation that rests on a charge.
fn resting(covered: &Covered, charge: &str) -> pb::IssueEntitlementProofRequest {
    pb::IssueEntitlementProofRequest { charged_hold_id: charge.into(), ..covered.proof_request(&escalation()) }
}

impl Service {
    /// Lets a week pass after the last proof, and the one hold lapse that nobody settled.
    async fn lapses(self, database: &Database, clock: &Arc<ManualClock>) -> Self {
        let after = self.restart_after(database, async |store| {
            clock.advance_seconds(7 * 24 * 3600 + 15 * 60 + 1);
            assert_eq!(lapse(store, &clock.world()).await.unwrap(), 1);
        });
        after.await
    }
}

/// What a check finds.
async fn found(service: &Service, request: pb::CheckEntitlementRequest) -> Vec<common::Reason> {
    let answer = service.entitlement().check_entitlement(request).await.unwrap().into_inner().answer.unwrap();
    answer.findings.iter().map(common::Finding::reason).collect()
}

on_both_engines! {
    async fn h04_another_charge_for_an_escalation_is_refused_and_the_same_one_is_good_again(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(3)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let (first, second) = (charged(&mut north, "ticket 1").await, charged(&mut north, "ticket 2").await);
        let mut prove = service.entitlement();
        let plain = covered.proof_request(&escalation());
        let resting = pb::IssueEntitlementProofRequest { charged_hold_id: first, ..plain.clone() };
        let hold = prove.issue_entitlement_proof(resting.clone()).await.unwrap().into_inner().hold.unwrap();

        let other = pb::IssueEntitlementProofRequest { charged_hold_id: second.clone(), ..plain.clone() };
        assert_eq!(refused(prove.issue_entitlement_proof(other).await), not_applicable());
        assert_eq!(account(&service).await, (1, 0, 2, 0), "nothing was moved");
        for again in [resting, plain] {
            let renewed = prove.issue_entitlement_proof(again).await.unwrap().into_inner().hold.unwrap();
            assert_eq!(renewed.hold_id, hold.hold_id);
        }
        let elsewhere = covered.proof_request(&escalation());
        let elsewhere = pb::IssueEntitlementProofRequest { charged_hold_id: second, ..elsewhere };
        prove.issue_entitlement_proof(elsewhere).await.expect("the other charge is free for another escalation");
    }

    async fn h04_a_charge_carries_the_next_escalation_once_one_was_taken_back(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let charge = charged(&mut north, "ticket 1").await;
        let resting = || pb::IssueEntitlementProofRequest {
            charged_hold_id: charge.clone(),
            ..covered.proof_request(&escalation())
        };
        let (first, second) = (resting(), resting());
        let mut prove = service.entitlement();
        let hold = prove.issue_entitlement_proof(first.clone()).await.unwrap().into_inner().hold.unwrap();
        assert_eq!(refused(prove.issue_entitlement_proof(second.clone()).await), not_applicable());

        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&hold.hold_id, pb::Settlement::Release)).await.unwrap();
        prove.issue_entitlement_proof(first.clone()).await.expect("it may be proven again while no other one rests there");
        vendor.settle_hold(settle(&hold.hold_id, pb::Settlement::Release)).await.unwrap();
        let next = prove.issue_entitlement_proof(second.clone()).await.unwrap().into_inner().hold.unwrap();
        assert_eq!((next.units, account(&service).await), (0, (0, 0, 1, 0)), "the ticket costs one incident in all");
        assert_eq!(refused(prove.issue_entitlement_proof(first).await), not_applicable(), "the first one came too late");
        vendor.settle_hold(settle(&hold.hold_id, pb::Settlement::Capture)).await.expect("a late capture is taken");
        assert_eq!(account(&service).await, (0, 0, 1, 0));
    }

    async fn h04_h05_a_charge_whose_escalation_lapsed_carries_no_other_one_and_that_one_goes_on(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let charge = charged(&mut IncidentServiceClient::new(service.partner()), "ticket 1").await;
        let first = resting(&covered, &charge);
        let hold = service.entitlement().issue_entitlement_proof(first.clone()).await.unwrap().into_inner().hold.unwrap();
        let service = service.lapses(&database, &clock).await;

        let mut prove = service.entitlement();
        let another = resting(&covered, &charge);
        assert_eq!(refused(prove.issue_entitlement_proof(another.clone()).await), not_applicable());
        let asked = check(&covered, &another.escalation_id, &charge);
        assert_eq!(refused(prove.check_entitlement(asked).await), not_applicable(), "as the proof is");
        let plain = pb::IssueEntitlementProofRequest { charged_hold_id: String::new(), ..first.clone() };
        for again in [first.clone(), plain] {
            let renewed = prove.issue_entitlement_proof(again).await.unwrap().into_inner().hold.unwrap();
            assert_eq!((renewed.hold_id.as_str(), renewed.units), (hold.hold_id.as_str(), 0));
        }
        assert_eq!(account(&service).await, (0, 0, 1, 0), "the ticket costs one incident in all");

        // It lapses once more, and the vendor has a case of it: that is captured however late, and costs nothing more.
        let service = service.lapses(&database, &clock).await;
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&hold.hold_id, pb::Settlement::Capture)).await.unwrap();
        assert_eq!(account(&service).await, (0, 0, 1, 0));
        let late = service.entitlement().issue_entitlement_proof(another).await;
        assert_eq!(refused(late), not_applicable(), "a case rests there");
    }

    async fn h04_a_charge_is_free_for_good_once_its_escalation_was_taken_back_however_late(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(2)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let (early, late) = (charged(&mut north, "ticket 1").await, charged(&mut north, "ticket 2").await);
        let mut holds = Vec::new();
        for charge in [&early, &late] {
            let proven = service.entitlement().issue_entitlement_proof(resting(&covered, charge)).await.unwrap();
            holds.push(proven.into_inner().hold.unwrap().hold_id);
        }
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&holds[0], pb::Settlement::Release)).await.unwrap();
        let service = service.lapses(&database, &clock).await;
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&holds[1], pb::Settlement::Release)).await.unwrap();

        for charge in [&early, &late] {
            let next = resting(&covered, charge);
            let next = service.entitlement().issue_entitlement_proof(next).await.unwrap().into_inner().hold.unwrap();
            assert_eq!(next.units, 0, "the ticket was charged");
        }
        assert_eq!(account(&service).await, (0, 0, 2, 0));
    }

    async fn h04_a_check_for_an_escalation_answers_as_its_proof_would(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(2)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let ticket = charged(&mut north, "ticket 1").await;
        let (proven, fresh_one) = (escalation(), escalation());
        let proof = covered.proof_request(&proven);
        service.entitlement().issue_entitlement_proof(proof.clone()).await.unwrap();
        assert_eq!(account(&service).await, (0, 1, 1, 0));

        let exhausted = [common::Reason::IncidentsExhausted];
        assert_eq!(found(&service, check(&covered, &fresh_one, "")).await, exhausted, "none is left for a new one");
        // Memory follows the database within a second.
        let memory = async { while found(&service, check(&covered, "", "")).await != exhausted {} };
        tokio::time::timeout(Duration::from_secs(30), memory).await.expect("a check of no escalation knows of none");
        assert_eq!(found(&service, check(&covered, &proven, "")).await, [], "its own is set aside");
        assert_eq!(found(&service, check(&covered, &fresh_one, &ticket)).await, [], "its ticket was charged");
        assert_eq!(account(&service).await, (0, 1, 1, 0), "a check sets nothing aside");
        service.entitlement().issue_entitlement_proof(proof).await.expect("as it was told");
        let resting = pb::IssueEntitlementProofRequest {
            charged_hold_id: ticket.clone(),
            ..covered.proof_request(&fresh_one)
        };
        service.entitlement().issue_entitlement_proof(resting).await.expect("as it was told");
        let taken = service.entitlement().check_entitlement(check(&covered, &escalation(), &ticket)).await;
        assert_eq!(refused(taken), not_applicable(), "as the proof would be");

        let mut stranger = check(&covered, &fresh_one, "");
        stranger.question.as_mut().unwrap().contact_email = "eve@contoso.example".into();
        assert!(found(&service, stranger).await.contains(&common::Reason::ContactNotNamed));
        let mut south = EntitlementServiceClient::new(service.other_partner());
        let foreign = south.check_entitlement(check(&covered, &proven, "")).await.unwrap().into_inner().answer.unwrap();
        assert_eq!(foreign.findings[0].reason(), common::Reason::LicenseNotFound);
    }

    async fn h04_a_site_that_is_down_is_told_that_its_incident_would_be_owed(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let mut down = check(&covered, &escalation(), "");
        down.question.as_mut().unwrap().severity = common::Severity::SiteDown.into();
        let answer = service.entitlement().check_entitlement(down).await.unwrap().into_inner().answer.unwrap();
        let told: Vec<_> = answer.findings.iter().map(|finding| (finding.reason(), finding.weight())).collect();
        assert_eq!(told, [(common::Reason::IncidentsExhausted, common::Weight::Warning)]);
    }

    async fn a_check_for_an_escalation_is_its_partners_and_for_now(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let of_one = check(&covered, &escalation(), "");
        let mut staff = EntitlementServiceClient::new(service.staff());
        assert_eq!(fields(staff.check_entitlement(of_one.clone()).await), ["escalation_id"]);
        let mut reseller = EntitlementServiceClient::new(service.reseller());
        assert_eq!(fields(reseller.check_entitlement(of_one.clone()).await), ["escalation_id"]);
        let past = pb::CheckEntitlementRequest { as_of: Some(prost_types::Timestamp::default()), ..of_one };
        assert_eq!(fields(service.entitlement().check_entitlement(past).await), ["escalation_id"]);
        let bad = check(&covered, "esc_1", "hold_1");
        assert_eq!(fields(service.entitlement().check_entitlement(bad).await), ["escalation_id", "charged_hold_id"]);
        let alone = pb::CheckEntitlementRequest { escalation_id: String::new(), ..check(&covered, "", &hold_id()) };
        assert_eq!(fields(service.entitlement().check_entitlement(alone).await), ["charged_hold_id"]);
    }

    async fn an_order_of_another_pack_under_the_same_reference_is_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        let zone = "America/Denver".to_owned();
        let bought = pb::GrantIncidentsRequest { expires_on: "2099-06-30".into(), zone, ..grant(3) };
        service.incidents().grant_incidents(bought.clone()).await.unwrap();
        let again = pb::GrantIncidentsRequest { request_id: fresh(), ..bought };
        service.incidents().grant_incidents(again.clone()).await.expect("the same pack");
        let elsewhere = pb::GrantIncidentsRequest { request_id: fresh(), zone: "Europe/Berlin".into(), ..again };
        let reused = (Code::FailedPrecondition, "ORDER_REFERENCE_REUSED".into());
        assert_eq!(refused(service.incidents().grant_incidents(elsewhere).await), reused);
        assert_eq!(account(&service).await, (3, 0, 0, 0));
    }
}

/// The id of a hold that nobody has.
fn hold_id() -> String {
    World::system().id::<vouch_core::id::HoldTag>().to_string()
}

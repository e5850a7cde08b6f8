//! Reversing charges.
//!
//! Proves W18.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use super::reservations::{captured, reserved, service_of};
use super::{account, grant, hold, ledger, left, settle};
use crate::support::{Service, not_found};

fn reversal(hold_id: &str, units: i32) -> pb::ReverseChargeRequest {
    pb::ReverseChargeRequest {
        request_id: fresh(),
        hold_id: hold_id.into(),
        units,
        note: "product defect DEF-17".into(),
    }
}

fn exceeds() -> (Code, String) {
    (Code::FailedPrecondition, "REVERSAL_EXCEEDS_CHARGE".into())
}

on_both_engines! {
    async fn w18_a_charge_is_reversed_in_parts_with_by_whom_and_why_and_never_more_than_it(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let hold_id = reserved(&mut north, service_of(4)).await.hold_id;
        let early = service.incidents().reverse_charge(reversal(&hold_id, 0)).await;
        assert_eq!(refused(early), exceeds(), "nothing is captured yet");
        north.settle_reservation(captured(&hold_id, 0)).await.unwrap();

        let some = reversal(&hold_id, 3);
        for _ in 0..2 {
            let reversed = service.incidents().reverse_charge(some.clone()).await.unwrap().into_inner();
            assert_eq!((reversed.units, reversed.account.unwrap().available), (3, 4), "a repeat is the same reversal");
        }
        assert_eq!(refused(service.incidents().reverse_charge(reversal(&hold_id, 2)).await), exceeds());
        let rest = service.incidents().reverse_charge(reversal(&hold_id, 0)).await.unwrap().into_inner();
        assert_eq!(rest.units, 1);
        assert_eq!(refused(service.incidents().reverse_charge(reversal(&hold_id, 0)).await), exceeds());
        assert_eq!((account(&service).await, left(&service).await), ((5, 0, 0, 0), vec![5]));

        let entries = ledger(&service).await;
        let charge = entries.iter().find(|entry| entry.movement() == pb::LedgerMovement::Capture).unwrap();
        let reverse = entries.iter().find(|entry| entry.movement() == pb::LedgerMovement::Reverse).unwrap();
        assert_eq!(reverse.note, "product defect DEF-17");
        assert!(reverse.booked_by.ends_with("#ada"), "{}", reverse.booked_by);
        assert_eq!((&reverse.reverses_entry_id, &reverse.hold_id), (&charge.entry_id, &hold_id));
        assert_eq!(reverse.postings.len(), 2);
        assert!(reverse.postings.iter().all(|posting| !posting.pack_id.is_empty()));
    }

    async fn w18_callers_at_once_give_a_charge_back_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(4)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let hold_id = reserved(&mut north, service_of(4)).await.hold_id;
        north.settle_reservation(captured(&hold_id, 0)).await.unwrap();
        let callers: Vec<_> = (0..6)
            .map(|_| {
                let (mut client, request) = (service.incidents(), reversal(&hold_id, 1));
                tokio::spawn(async move { client.reverse_charge(request).await.is_ok() })
            })
            .collect();
        let mut reversed = 0;
        for caller in callers {
            reversed += u8::from(caller.await.unwrap());
        }
        assert_eq!((reversed, account(&service).await), (4, (4, 0, 0, 0)));
    }

    async fn w18_a_reversed_escalation_is_not_charged_again_by_a_renewed_proof(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let request = covered.proof_request(&crate::support::escalation());
        let mut north = service.entitlement();
        let issued = north.issue_entitlement_proof(request.clone()).await.unwrap().into_inner().hold.unwrap();
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&issued.hold_id, pb::Settlement::Capture)).await.unwrap();
        service.incidents().reverse_charge(reversal(&issued.hold_id, 0)).await.unwrap();
        let renewed = north.issue_entitlement_proof(request).await.unwrap().into_inner().hold.unwrap();
        assert_eq!((renewed.units, renewed.reversed, renewed.state()), (0, 1, pb::HoldState::Captured));
        assert_eq!(account(&service).await, (1, 0, 0, 0));
    }

    async fn w18_units_of_a_pack_that_has_ended_come_back_in_a_fresh_one(database: Database) {
        let clock = ManualClock::at("2026-06-01T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let pack = pb::GrantIncidentsRequest { expires_on: "2026-06-30".into(), zone: "UTC".into(), ..grant(1) };
        service.incidents().grant_incidents(pack).await.unwrap();
        let hold_id = hold(&service, &covered).await;
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&hold_id, pb::Settlement::Capture)).await.unwrap();
        clock.set("2026-07-01T00:00:00Z");
        service.incidents().reverse_charge(reversal(&hold_id, 1)).await.unwrap();
        assert_eq!((account(&service).await, left(&service).await), ((1, 0, 0, 0), vec![0, 1]));
        let request = pb::ListIncidentPacksRequest { end_user_id: "contoso".into(), page: None };
        let packs = service.incidents().list_incident_packs(request).await.unwrap().into_inner().packs;
        assert_eq!((packs[1].order_reference.as_str(), packs[1].expires_on.as_str()), (&*format!("reversal of {hold_id}"), ""));
    }

    async fn bad_reversals_are_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let bad = service.incidents().reverse_charge(pb::ReverseChargeRequest { units: -1, ..Default::default() }).await;
        assert_eq!(fields(bad), ["request_id", "hold_id", "units", "note"]);
        let unknown = World::system().id::<vouch_core::id::HoldTag>().to_string();
        assert_eq!(refused(service.incidents().reverse_charge(reversal(&unknown, 1)).await), not_found());
    }
}

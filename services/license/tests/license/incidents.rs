//! Prepaid incidents.
//!
//! Proves H05.

mod books;
mod carried_over;
mod charges;
mod packs;
mod reservations;
mod reversals;

use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::commands::incidents::lapse;
use vouch_storage::on_both_engines;

use crate::support::{Covered, Service, escalation, not_found};

async fn account(service: &Service) -> (i64, i64, i64, i64) {
    let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
    let account = service.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
    (account.available, account.reserved, account.captured, account.vendor_borne)
}

fn grant(units: i64) -> pb::GrantIncidentsRequest {
    pb::GrantIncidentsRequest {
        request_id: fresh(),
        end_user_id: "contoso".into(),
        units,
        order_reference: format!("order {}", fresh()),
        ..Default::default()
    }
}

async fn hold(service: &Service, covered: &Covered) -> String {
    let request = covered.proof_request(&escalation());
    let issued = service.entitlement().issue_entitlement_proof(request).await.unwrap().into_inner();
    issued.hold.unwrap().hold_id
}

fn settle(hold_id: &str, settlement: pb::Settlement) -> pb::SettleHoldRequest {
    pb::SettleHoldRequest { hold_id: hold_id.into(), settlement: settlement.into() }
}

/// The whole ledger, page by page.
async fn ledger(service: &Service) -> Vec<pb::LedgerEntry> {
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = Some(common::PageRequest { page_size: 7, page_token });
        let request = pb::ListLedgerEntriesRequest { end_user_id: "contoso".into(), page };
        let listed = service.incidents().list_ledger_entries(request).await.unwrap().into_inner();
        entries.extend(listed.entries);
        page_token = listed.page.unwrap().next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

async fn movements(service: &Service) -> Vec<pb::LedgerMovement> {
    ledger(service).await.iter().map(pb::LedgerEntry::movement).collect()
}

/// What is left of each pack, oldest first.
async fn left(service: &Service) -> Vec<i64> {
    let request = pb::ListIncidentPacksRequest { end_user_id: "contoso".into(), page: None };
    let listed = service.incidents().list_incident_packs(request).await.unwrap().into_inner();
    listed.packs.iter().map(|pack| pack.units_left).collect()
}

on_both_engines! {
    async fn h05_a_pack_is_granted_reserved_captured_and_every_step_is_in_the_ledger(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let request = grant(2);
        service.incidents().grant_incidents(request.clone()).await.unwrap();
        service.incidents().grant_incidents(request).await.unwrap();
        assert_eq!(account(&service).await, (2, 0, 0, 0), "a repeated order is one order");

        let hold_id = hold(&service, &covered).await;
        assert_eq!(account(&service).await, (1, 1, 0, 0));
        let mut vendor = IncidentServiceClient::new(service.vendor());
        for _ in 0..2 {
            let captured = vendor.settle_hold(settle(&hold_id, pb::Settlement::Capture)).await.unwrap().into_inner();
            assert_eq!(captured.hold.unwrap().state(), pb::HoldState::Captured);
        }
        assert_eq!(account(&service).await, (1, 0, 1, 0), "settling twice is settling once");
        let expected = [pb::LedgerMovement::Grant, pb::LedgerMovement::Reserve, pb::LedgerMovement::Capture];
        assert_eq!(movements(&service).await, expected);
    }

    async fn a_capture_wins_over_a_release_and_no_balance_goes_below_zero(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let first = hold(&service, &covered).await;
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&first, pb::Settlement::Release)).await.unwrap();
        assert_eq!(account(&service).await, (1, 0, 0, 0));
        let second = hold(&service, &covered).await;
        assert_eq!(account(&service).await, (0, 1, 0, 0));

        vendor.settle_hold(settle(&first, pb::Settlement::Capture)).await.unwrap();
        assert_eq!(account(&service).await, (0, 1, 1, 1), "nothing was left: the vendor bears it");
        vendor.settle_hold(settle(&second, pb::Settlement::Capture)).await.unwrap();
        let late = vendor.settle_hold(settle(&second, pb::Settlement::Release)).await.unwrap().into_inner();
        assert_eq!(late.hold.unwrap().state(), pb::HoldState::Captured);
        assert_eq!(account(&service).await, (0, 0, 2, 1));
    }

    async fn captures_and_releases_at_once_settle_each_hold_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(4)).await.unwrap();
        let mut holds = Vec::new();
        for _ in 0..4 {
            holds.push(hold(&service, &covered).await);
        }
        let callers: Vec<_> = holds
            .iter()
            .flat_map(|hold_id| [pb::Settlement::Capture, pb::Settlement::Release, pb::Settlement::Capture].map(|s| (hold_id, s)))
            .map(|(hold_id, settlement)| {
                let (mut client, request) = (IncidentServiceClient::new(service.vendor()), settle(hold_id, settlement));
                tokio::spawn(async move { client.settle_hold(request).await.unwrap() })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(account(&service).await, (0, 0, 4, 0));
    }

    async fn bad_grants_and_unknown_accounts_and_holds_are_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let bad = pb::GrantIncidentsRequest { units: 0, ..pb::GrantIncidentsRequest::default() };
        let named = fields(service.incidents().grant_incidents(bad).await);
        assert_eq!(named, ["request_id", "end_user_id", "units", "order_reference"]);
        let bad = pb::GrantIncidentsRequest { expires_on: "30.06.2027".into(), ..grant(1) };
        assert_eq!(fields(service.incidents().grant_incidents(bad).await), ["expires_on", "zone"]);
        assert_eq!(fields(service.incidents().grant_incidents(grant(1)).await), ["end_user_id"]);

        let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
        assert_eq!(refused(service.incidents().get_incident_account(request).await), not_found());
        let request = pb::ListLedgerEntriesRequest { end_user_id: "contoso".into(), page: None };
        assert_eq!(refused(service.incidents().list_ledger_entries(request).await), not_found());
        let page_token = data_encoding::BASE64URL_NOPAD.encode(b"1:ledger:led_01k0000000e008000000000001");
        let page = Some(common::PageRequest { page_size: 5, page_token });
        let old = pb::ListLedgerEntriesRequest { end_user_id: "contoso".into(), page };
        assert_eq!(fields(service.incidents().list_ledger_entries(old).await), ["page.page_token"]);
        let unknown = World::system().id::<vouch_core::id::HoldTag>().to_string();
        let mut vendor = IncidentServiceClient::new(service.vendor());
        assert_eq!(refused(vendor.settle_hold(settle(&unknown, pb::Settlement::Capture)).await), not_found());
        let bad = vendor.settle_hold(settle("hold_1", pb::Settlement::Unspecified)).await;
        assert_eq!(fields(bad), ["hold_id", "settlement"]);
    }

    async fn a_partner_sees_the_accounts_of_end_users_that_it_supports(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
        let mut north = IncidentServiceClient::new(service.partner());
        assert_eq!(north.get_incident_account(request.clone()).await.unwrap().into_inner().account.unwrap().available, 0);
        let mut south = IncidentServiceClient::new(service.other_partner());
        assert_eq!(refused(south.get_incident_account(request).await), not_found());
    }

    async fn a_hold_that_nobody_settles_lapses_seven_days_after_its_last_proof(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let pack = pb::GrantIncidentsRequest {
            request_id: fresh(),
            end_user_id: "contoso".into(),
            units: 1,
            order_reference: "order-1".into(),
            ..Default::default()
        };
        service.incidents().grant_incidents(pack).await.unwrap();
        let request = covered.proof_request(&escalation());
        service.entitlement().issue_entitlement_proof(request.clone()).await.unwrap();
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();
        let store = database.open(&vouch_license::MIGRATIONS).await;
        let week = 7 * 24 * 3600;
        clock.advance_seconds(week);
        assert_eq!(lapse(&store, &clock.world()).await.unwrap(), 0, "the proof itself lived for a quarter of an hour");
        clock.advance_seconds(15 * 60 + 1);
        let world = clock.world();
        let (one, other) = tokio::join!(lapse(&store, &world), lapse(&store, &world));
        assert_eq!(one.unwrap() + other.unwrap(), 1, "whoever comes second finds it done");
        assert_eq!(lapse(&store, &world).await.unwrap(), 0, "once");
    }
}

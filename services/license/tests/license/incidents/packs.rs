//! Packs, their end, and anniversaries.
//!
//! Proves H05, W20.

use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::commands::incidents::apply_due;
use vouch_license::store::changes::revision_fetch;
use vouch_storage::on_both_engines;

use super::{account, grant, hold, ledger, left, movements, settle};
use crate::support::{Service, escalation, not_found};

const DENVER: &str = "America/Denver";

fn pack(units: i64, expires_on: &str) -> pb::GrantIncidentsRequest {
    pb::GrantIncidentsRequest { expires_on: expires_on.into(), zone: DENVER.into(), ..grant(units) }
}

async fn full_account(service: &Service) -> pb::IncidentAccount {
    let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
    service.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap()
}

on_both_engines! {
    async fn h05_of_22_unused_incidents_15_roll_over_whether_or_not_the_job_has_run(database: Database) {
        let clock = ManualClock::at("2026-06-30T20:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(pack(10, "")).await.unwrap();
        clock.set("2026-12-01T00:00:00Z");
        service.incidents().grant_incidents(grant(12)).await.unwrap();
        let before = full_account(&service).await;
        assert_eq!((before.rolls_over_on.as_str(), before.zone.as_str()), ("2027-06-30", DENVER));

        clock.set("2027-06-30T05:59:59Z");
        assert_eq!(full_account(&service).await.available, 22, "it is still the day before in Denver");
        clock.set("2027-06-30T06:00:00Z");
        let rolled = full_account(&service).await;
        assert_eq!((rolled.available, rolled.expired, rolled.rolls_over_on.as_str()), (15, 7, "2028-06-30"));
        assert_eq!(left(&service).await, [3, 12], "the oldest lapse");
        assert_eq!(movements(&service).await.len(), 2, "reading books nothing");

        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let expected = [
            pb::LedgerMovement::Grant,
            pb::LedgerMovement::Grant,
            pb::LedgerMovement::NotRolledOver,
            pb::LedgerMovement::Grant,
        ];
        assert_eq!(movements(&service).await, expected, "what is due comes before the command");
        let lapsed = ledger(&service).await.remove(2);
        assert_eq!((lapsed.from_account(), lapsed.to_account()), (pb::LedgerAccount::Available, pb::LedgerAccount::Expired));
        assert_eq!((lapsed.reference.as_str(), lapsed.units), ("2027-06-30", 7));
        clock.set("2027-07-30T00:00:00Z");
        assert_eq!(full_account(&service).await.available, 20, "a pack of the day itself belongs to the new year");
    }

    async fn h05_a_pack_that_ends_is_booked_once_and_is_news_to_checks(database: Database) {
        let clock = ManualClock::at("2026-06-01T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        service.cover("prepaid").await;
        let granted = service.incidents().grant_incidents(pack(2, "2026-06-30")).await.unwrap().into_inner();
        let told = granted.pack.unwrap();
        assert_eq!((told.units_left, told.expires_on.as_str(), told.zone.as_str()), (2, "2026-06-30", DENVER));
        clock.set("2026-07-01T06:00:00Z");
        let late = fields(service.incidents().grant_incidents(pack(1, "2026-06-30")).await);
        assert_eq!(late, ["expires_on"], "its last day is over");
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();

        let (store, world) = (database.open(&vouch_license::MIGRATIONS).await, clock.world());
        let before = revision_fetch(&mut store.snapshot().await.unwrap()).await.unwrap();
        let (one, other) = tokio::join!(apply_due(&store, &world), apply_due(&store, &world));
        assert!(one.unwrap() + other.unwrap() >= 1);
        assert_eq!(apply_due(&store, &world).await.unwrap(), 0, "once");
        let mut snapshot = store.snapshot().await.unwrap();
        let after = revision_fetch(&mut snapshot).await.unwrap();
        assert_eq!(after.all, before.all + 1, "checks hear that none is left, and hear it once");
        let contoso = vouch_core::code::EndUserId::parse("contoso").unwrap();
        let page = vouch_host::Page { size: 10, after: String::new() };
        let entries = vouch_license::store::incidents::ledger_list(&mut snapshot, &contoso, &page).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.units).collect::<Vec<_>>(), [2, 2]);
        assert!(entries[1].cause.reference.starts_with("order ") && entries[1].booked_by.is_empty(), "{:?}", entries[1]);
    }

    async fn w20_an_order_buys_its_pack_once_whatever_its_request_id(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        let order = pb::GrantIncidentsRequest { order_reference: "PO-9".into(), ..grant(3) };
        let again = pb::GrantIncidentsRequest { request_id: fresh(), ..order.clone() };
        let first = service.incidents().grant_incidents(order.clone()).await.unwrap().into_inner();
        let second = service.incidents().grant_incidents(again).await.unwrap().into_inner();
        assert_eq!((second.account, second.facts_revision), (first.account, 0));
        let other = pb::GrantIncidentsRequest { request_id: fresh(), units: 4, ..order };
        let other = refused(service.incidents().grant_incidents(other).await);
        assert_eq!(other, (tonic::Code::FailedPrecondition, "ORDER_REFERENCE_REUSED".into()));
    }

    async fn h05_a_hold_takes_from_the_pack_that_expires_first_and_gives_back_to_it(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        service.incidents().grant_incidents(pack(1, "2098-12-31")).await.unwrap();
        service.incidents().grant_incidents(pack(1, "2097-12-31")).await.unwrap();
        let first = hold(&service, &covered).await;
        assert_eq!(left(&service).await, [1, 1, 0]);
        let second = hold(&service, &covered).await;
        assert_eq!(left(&service).await, [1, 0, 0]);
        let mut vendor = IncidentServiceClient::new(service.vendor());
        for (hold_id, expected) in [(&first, [1, 0, 1]), (&second, [1, 1, 1])] {
            vendor.settle_hold(settle(hold_id, pb::Settlement::Release)).await.unwrap();
            assert_eq!(left(&service).await, expected);
        }
        assert_eq!(account(&service).await, (3, 0, 0, 0));
    }

    async fn h05_a_proof_takes_nothing_of_a_pack_that_has_ended_even_before_that_is_booked(database: Database) {
        let clock = ManualClock::at("2026-06-01T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(pack(1, "2026-06-30")).await.unwrap();
        clock.set("2026-07-01T06:00:00Z");
        let ordinary = covered.proof_request(&escalation());
        let refusal = service.entitlement().issue_entitlement_proof(ordinary.clone()).await.unwrap_err();
        let found = vouch_contract::status::findings(&refusal).unwrap().findings;
        assert_eq!(found[0].reason(), common::Reason::IncidentsExhausted);
        let mut down = ordinary;
        down.question.as_mut().unwrap().severity = common::Severity::SiteDown.into();
        let issued = service.entitlement().issue_entitlement_proof(down).await.unwrap().into_inner();
        assert_eq!(issued.hold.unwrap().owed, 1);
        let expected = [pb::LedgerMovement::Grant, pb::LedgerMovement::Expire, pb::LedgerMovement::Owe];
        assert_eq!(movements(&service).await, expected);
    }

    async fn packs_are_listed_in_pages_to_those_who_may_see_the_account(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        for units in [1, 2, 3] {
            service.incidents().grant_incidents(grant(units)).await.unwrap();
        }
        let mut north = IncidentServiceClient::new(service.partner());
        let (mut units, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = Some(common::PageRequest { page_size: 2, page_token });
            let request = pb::ListIncidentPacksRequest { end_user_id: "contoso".into(), page };
            let listed = north.list_incident_packs(request).await.unwrap().into_inner();
            units.extend(listed.packs.iter().map(|pack| pack.units));
            page_token = listed.page.unwrap().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        units.sort_unstable();
        assert_eq!(units, [1, 2, 3]);

        let request = pb::ListIncidentPacksRequest { end_user_id: "contoso".into(), page: None };
        let mut south = IncidentServiceClient::new(service.other_partner());
        assert_eq!(refused(south.list_incident_packs(request).await), not_found());
        let page = Some(common::PageRequest { page_size: 2, page_token: "x".into() });
        let bad = pb::ListIncidentPacksRequest { end_user_id: "!".into(), page };
        assert_eq!(fields(north.list_incident_packs(bad).await), ["end_user_id", "page.page_token"]);
    }
}

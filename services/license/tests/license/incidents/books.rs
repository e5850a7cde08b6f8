//! The books agree, whoever does what at the same time.
//!
//! Proves H05.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::Entropy;
use vouch_core::testing::{ManualClock, SeededEntropy};
use vouch_host::testing::fresh;
use vouch_storage::on_both_engines;

use super::reservations::{captured, service_of, work};
use super::{grant, ledger, left, settle};
use crate::support::{Covered, Service, escalation};

const CALLERS: u64 = 6;
const STEPS: usize = 30;

/// Holds that somebody has made, for everybody to settle.
type Holds = Arc<Mutex<Vec<String>>>;

/// One caller: whatever comes of its steps, refusals among them, is right as long as the books agree.
async fn call(service: Arc<Service>, covered: Arc<Covered>, clock: Arc<ManualClock>, holds: Holds, seed: u64) {
    let entropy = SeededEntropy::new(seed);
    let dice = |sides: usize| {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        usize::from(bytes[0]) % sides
    };
    let any = |dice: usize| holds.lock().unwrap().get(dice).cloned();
    let mut north = IncidentServiceClient::new(service.partner());
    let mut vendor = IncidentServiceClient::new(service.vendor());
    let mut entitlement = service.entitlement();
    for step in 0..STEPS {
        let known = any(dice(STEPS));
        // Made anew for each step: time passes, and tokens end.
        let mut staff = service.incidents();
        match (dice(9), known) {
            (0, _) => {
                let pack = grant(i64::try_from(dice(8) + 1).unwrap());
                let expires_on = ["", "2026-08-31", "2027-03-31", "2028-01-31"][dice(4)].to_owned();
                let pack = pb::GrantIncidentsRequest { expires_on, zone: "Europe/Berlin".into(), ..pack };
                let _ = staff.grant_incidents(pack).await;
            }
            (8, _) => clock.advance_seconds(20 * 24 * 3600),
            (1 | 2, _) | (_, None) => {
                let mut request = covered.proof_request(&escalation());
                if dice(2) == 0 {
                    request.question.as_mut().unwrap().severity = common::Severity::SiteDown.into();
                }
                if let Ok(issued) = entitlement.issue_entitlement_proof(request).await {
                    holds.lock().unwrap().push(issued.into_inner().hold.unwrap().hold_id);
                }
            }
            (3, _) => {
                let purpose = pb::ChargePurpose::Appointment;
                let request = match dice(2) {
                    0 => work(&format!("visit {seed} {step}"), purpose),
                    _ => pb::ReserveIncidentsRequest { reference: format!("{seed} {step}"), ..service_of(3) },
                };
                if let Ok(made) = north.reserve_incidents(request).await {
                    holds.lock().unwrap().push(made.into_inner().reservation.unwrap().hold_id);
                }
            }
            (4, Some(hold_id)) => {
                let _ = vendor.settle_hold(settle(&hold_id, pb::Settlement::Capture)).await;
                let _ = north.settle_reservation(captured(&hold_id, 95)).await;
            }
            (5, Some(hold_id)) => {
                let _ = vendor.settle_hold(settle(&hold_id, pb::Settlement::Release)).await;
                let settlement = pb::Settlement::Release.into();
                let release = pb::SettleReservationRequest { settlement, ..captured(&hold_id, 0) };
                let _ = north.settle_reservation(release).await;
            }
            (6, Some(hold_id)) => {
                let _ = vendor.settle_hold(settle(&hold_id, pb::Settlement::Capture)).await;
                let _ = north.settle_reservation(captured(&hold_id, 0)).await;
            }
            (_, Some(hold_id)) => {
                let units = i32::try_from(dice(3)).unwrap();
                let request = pb::ReverseChargeRequest { request_id: fresh(), hold_id, units, note: "defect".into() };
                let _ = staff.reverse_charge(request).await;
            }
        }
    }
}

on_both_engines! {
    async fn h05_whatever_callers_do_at_once_no_balance_is_below_zero_and_the_books_agree(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Arc::new(Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await);
        let covered = Arc::new(service.cover("prepaid").await);
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let holds = Holds::default();
        let callers: Vec<_> = (1..=CALLERS)
            .map(|seed| tokio::spawn(call(service.clone(), covered.clone(), clock.clone(), holds.clone(), seed)))
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        // A change books what time has done meanwhile.
        service.incidents().grant_incidents(grant(20)).await.unwrap();

        let entries = ledger(&service).await;
        let mut sums: BTreeMap<pb::LedgerAccount, i64> = BTreeMap::new();
        for entry in &entries {
            assert!(entry.postings.len() >= 2);
            assert_eq!(entry.postings.iter().map(|posting| posting.units).sum::<i64>(), 0, "{entry:?}");
            for posting in &entry.postings {
                let sum = sums.entry(posting.account()).or_default();
                *sum += posting.units;
                let is_a_source = matches!(
                    posting.account(),
                    pb::LedgerAccount::Purchased | pb::LedgerAccount::Owed | pb::LedgerAccount::VendorBorne
                );
                assert!(is_a_source == (*sum <= 0) || *sum == 0, "after {entry:?}");
            }
        }
        assert_eq!(sums.values().sum::<i64>(), 0);
        let sum = |account| sums.get(&account).copied().unwrap_or_default();
        let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
        let account = service.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
        let columns = [
            (pb::LedgerAccount::Available, account.available),
            (pb::LedgerAccount::Reserved, account.reserved),
            (pb::LedgerAccount::Captured, account.captured),
            (pb::LedgerAccount::Expired, account.expired),
            (pb::LedgerAccount::Owed, -account.owed),
            (pb::LedgerAccount::VendorBorne, -account.vendor_borne),
        ];
        for (place, column) in columns {
            assert_eq!(sum(place), column, "{place:?}");
        }
        assert_eq!(left(&service).await.iter().sum::<i64>(), account.available, "the packs have what is available");
        assert!(entries.len() > 20, "something was done: {}", entries.len());
    }

    async fn h05_the_database_itself_refuses_to_change_the_ledger(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();
        let store = database.open(&vouch_license::MIGRATIONS).await;
        for sql in [
            "UPDATE incident_entries SET units = 2",
            "DELETE FROM incident_entries",
            "UPDATE incident_postings SET units = 2",
            "DELETE FROM incident_postings",
        ] {
            let mut tx = store.begin().await.unwrap();
            let refusal = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
            assert!(refusal.to_string().contains("only ever added"), "{refusal}");
        }
    }
}

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

/// What somebody has made, for everybody to go on with.
#[derive(Debug, Default)]
struct Made {
    /// Holds, to be settled.
    holds: Vec<String>,
    /// Escalations with their holds, to be proven again.
    escalations: Vec<(String, String)>,
}

/// One caller: whatever comes of its steps, refusals among them, is right as long as the books agree.
async fn call(
    service: Arc<Service>,
    covered: Arc<Covered>,
    clock: Arc<ManualClock>,
    made: Arc<Mutex<Made>>,
    seed: u64,
) {
    let entropy = SeededEntropy::new(seed);
    let dice = |sides: usize| {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        usize::from(bytes[0]) % sides
    };
    let add = |hold_id: String| made.lock().unwrap().holds.push(hold_id);
    let mut north = IncidentServiceClient::new(service.partner());
    let mut vendor = IncidentServiceClient::new(service.vendor());
    let mut entitlement = service.entitlement();
    for step in 0..STEPS {
        let known = made.lock().unwrap().holds.get(dice(STEPS)).cloned();
        let proven = made.lock().unwrap().escalations.get(dice(STEPS)).cloned();
        // Made anew for each step: time passes, and tokens end.
        let mut staff = service.incidents();
        match (dice(11), known) {
            (0, _) => {
                let pack = grant(i64::try_from(dice(8) + 1).unwrap());
                let expires_on = ["", "2026-08-31", "2027-03-31", "2028-01-31"][dice(4)].to_owned();
                let pack = pb::GrantIncidentsRequest { expires_on, zone: "Europe/Berlin".into(), ..pack };
                let _ = staff.grant_incidents(pack).await;
            }
            (8, _) => clock.advance_seconds(20 * 24 * 3600),
            // A proof for a new escalation, one that is renewed, and one that rests on what its ticket was charged.
            (1 | 2 | 9 | 10, charge) | (_, charge @ None) => {
                let renewed = proven.filter(|_| dice(3) > 0);
                let escalation_id = renewed.as_ref().map_or_else(escalation, |(escalation, _)| escalation.clone());
                let mut request = covered.proof_request(&escalation_id);
                request.charged_hold_id = charge.filter(|_| dice(3) == 0).unwrap_or_default();
                if dice(2) == 0 {
                    request.question.as_mut().unwrap().severity = common::Severity::SiteDown.into();
                }
                if let Ok(issued) = entitlement.issue_entitlement_proof(request).await {
                    let hold_id = issued.into_inner().hold.unwrap().hold_id;
                    match renewed {
                        Some((_, first)) => assert_eq!(hold_id, first, "one escalation has one hold"),
                        None => made.lock().unwrap().escalations.push((escalation_id, hold_id.clone())),
                    }
                    add(hold_id);
                }
            }
            (3, _) => {
                let reference = format!("work {seed} {step}");
                let request = match dice(3) {
                    0 => work(&reference, pb::ChargePurpose::Appointment),
                    1 => work(&reference, pb::ChargePurpose::TechnicalSupport),
                    _ => pb::ReserveIncidentsRequest { reference, ..service_of(3) },
                };
                if let Ok(made) = north.reserve_incidents(request).await {
                    add(made.into_inner().reservation.unwrap().hold_id);
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
        let made = Arc::new(Mutex::new(Made::default()));
        let callers: Vec<_> = (1..=CALLERS)
            .map(|seed| tokio::spawn(call(service.clone(), covered.clone(), clock.clone(), made.clone(), seed)))
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

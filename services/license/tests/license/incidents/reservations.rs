//! What a partner sets aside for its own work.
//!
//! Proves H04, H05.

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::commands::incidents::lapse;
use vouch_storage::on_both_engines;

use super::{account, grant, hold, ledger, settle};
use crate::support::{NORTH, Service, escalation, not_found};

pub(super) fn work(reference: &str, purpose: pb::ChargePurpose) -> pb::ReserveIncidentsRequest {
    pb::ReserveIncidentsRequest {
        request_id: fresh(),
        end_user_id: "contoso".into(),
        reference: reference.into(),
        purpose: purpose.into(),
        ..Default::default()
    }
}

pub(super) fn service_of(units: i32) -> pb::ReserveIncidentsRequest {
    let description = "a day of tuning".into();
    pb::ReserveIncidentsRequest { units, description, ..work("project 1", pb::ChargePurpose::ProfessionalService) }
}

pub(super) async fn reserved(
    client: &mut IncidentServiceClient<Channel>,
    request: pb::ReserveIncidentsRequest,
) -> pb::IncidentReservation {
    client.reserve_incidents(request).await.unwrap().into_inner().reservation.unwrap()
}

pub(super) fn captured(hold_id: &str, appointment_minutes: i32) -> pb::SettleReservationRequest {
    let settlement = pb::Settlement::Capture.into();
    pb::SettleReservationRequest { request_id: fresh(), hold_id: hold_id.into(), settlement, appointment_minutes }
}

fn released(hold_id: &str) -> pb::SettleReservationRequest {
    pb::SettleReservationRequest { settlement: pb::Settlement::Release.into(), ..captured(hold_id, 0) }
}

fn failed(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.into())
}

on_both_engines! {
    async fn h04_support_an_appointment_and_a_service_are_reserved_and_then_charged(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(12)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let support = reserved(&mut north, work("ticket 1", pb::ChargePurpose::TechnicalSupport)).await;
        let visit = reserved(&mut north, work("visit 1", pb::ChargePurpose::Appointment)).await;
        let project = reserved(&mut north, service_of(5)).await;
        assert_eq!((support.units, visit.units, project.units), (1, 2, 5));
        assert_eq!(account(&service).await, (4, 8, 0, 0));

        for (hold_id, minutes) in [(&support.hold_id, 0), (&visit.hold_id, 90), (&project.hold_id, 0)] {
            let settled = north.settle_reservation(captured(hold_id, minutes)).await.unwrap().into_inner();
            assert_eq!(settled.reservation.unwrap().state(), pb::HoldState::Captured);
        }
        assert_eq!(account(&service).await, (3, 0, 9, 0), "1 for support, 3 for 90 minutes, 5 for the service");
        let last = ledger(&service).await.pop().unwrap();
        assert_eq!((last.reference.as_str(), last.booked_by.as_str()), ("project 1", NORTH));
        assert_eq!(last.hold_id, project.hold_id);
    }

    async fn h04_an_appointment_is_charged_by_its_minutes_and_one_that_is_cancelled_costs_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(100)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let mut spent = 0;
        for (minutes, price) in [(25, 2), (60, 2), (61, 3), (91, 4), (125, 5)] {
            let quote = pb::QuoteAppointmentRequest { end_user_id: "contoso".into(), minutes };
            let quote = north.quote_appointment(quote).await.unwrap().into_inner();
            assert_eq!((quote.units, quote.payable, quote.available), (price, true, 100 - spent));
            let visit = work(&format!("visit of {minutes}"), pb::ChargePurpose::Appointment);
            let visit = reserved(&mut north, visit).await;
            let request = captured(&visit.hold_id, minutes);
            let settled = north.settle_reservation(request).await.unwrap().into_inner().reservation.unwrap();
            assert_eq!((settled.units, settled.owed, settled.appointment_minutes), (price, 0, minutes));
            spent += i64::from(price);
            assert_eq!(account(&service).await, (100 - spent, 0, spent, 0));

            north.settle_reservation(captured(&visit.hold_id, minutes)).await.unwrap();
            let other = north.settle_reservation(captured(&visit.hold_id, minutes + 1)).await;
            assert_eq!(refused(other), failed("RESERVATION_SETTLED"));
        }
        let visit = reserved(&mut north, work("cancelled", pb::ChargePurpose::Appointment)).await;
        north.settle_reservation(released(&visit.hold_id)).await.unwrap();
        assert_eq!(account(&service).await, (100 - spent, 0, spent, 0));
    }

    async fn h04_what_an_appointment_costs_beyond_the_balance_is_owed_and_paid_from_the_next_pack(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(3)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let visit = reserved(&mut north, work("visit 1", pb::ChargePurpose::Appointment)).await;
        let quote = pb::QuoteAppointmentRequest { end_user_id: "contoso".into(), minutes: 125 };
        assert!(!north.quote_appointment(quote).await.unwrap().into_inner().payable);
        let request = captured(&visit.hold_id, 125);
        let settled = north.settle_reservation(request).await.unwrap().into_inner().reservation.unwrap();
        assert_eq!((settled.units, settled.owed), (3, 2));
        let granted = service.incidents().grant_incidents(grant(10)).await.unwrap().into_inner();
        let account = granted.account.unwrap();
        assert_eq!((account.available, account.captured, account.owed), (8, 5, 0));
        assert_eq!(granted.pack.unwrap().units_left, 8);
        let paid = ledger(&service).await.pop().unwrap();
        assert_eq!((paid.movement(), paid.units, paid.hold_id), (pb::LedgerMovement::PayOwed, 2, visit.hold_id));
    }

    async fn one_reference_is_one_reservation_however_often_and_by_how_many_it_is_asked_for(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let callers: Vec<_> = (0..6)
            .map(|_| {
                let mut north = IncidentServiceClient::new(service.partner());
                tokio::spawn(async move { reserved(&mut north, service_of(3)).await.hold_id })
            })
            .collect();
        let mut ids = Vec::new();
        for caller in callers {
            ids.push(caller.await.unwrap());
        }
        ids.dedup();
        assert_eq!((ids.len(), account(&service).await), (1, (2, 3, 0, 0)));
        let mut north = IncidentServiceClient::new(service.partner());
        assert_eq!(refused(north.reserve_incidents(service_of(2)).await), failed("RESERVATION_REFERENCE_REUSED"));
        let more = pb::ReserveIncidentsRequest { reference: "project 2".into(), ..service_of(3) };
        assert_eq!(refused(north.reserve_incidents(more).await), failed("INCIDENTS_EXHAUSTED"));
        assert_eq!(account(&service).await, (2, 3, 0, 0));
    }

    async fn a_partner_settles_what_is_its_own_and_nothing_else(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let mut south = IncidentServiceClient::new(service.other_partner());
        let mut vendor = IncidentServiceClient::new(service.vendor());
        assert_eq!(refused(south.reserve_incidents(service_of(1)).await), not_found());
        let quote = pb::QuoteAppointmentRequest { end_user_id: "contoso".into(), minutes: 10 };
        assert_eq!(refused(south.quote_appointment(quote).await), not_found());

        let own = reserved(&mut north, service_of(1)).await.hold_id;
        assert_eq!(refused(south.settle_reservation(captured(&own, 0)).await), not_found());
        assert_eq!(refused(vendor.settle_hold(settle(&own, pb::Settlement::Release)).await), not_found());
        let escalated = hold(&service, &covered).await;
        assert_eq!(refused(north.settle_reservation(released(&escalated)).await), not_found());
        assert_eq!(account(&service).await, (3, 2, 0, 0));

        let suspend = pb::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: "north".into(),
            etag: "v1".into(),
            standing: pb::PartnerStanding::Suspended.into(),
            ..Default::default()
        };
        service.registry().set_partner_standing(suspend).await.unwrap();
        let another = pb::ReserveIncidentsRequest { reference: "project 2".into(), ..service_of(1) };
        assert_eq!(refused(north.reserve_incidents(another).await), failed("PARTNER_SUSPENDED"));
        north.settle_reservation(captured(&own, 0)).await.unwrap();
    }

    async fn h04_escalating_a_charged_ticket_adds_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let mut prove = service.entitlement();
        let ticket = reserved(&mut north, work("ticket 1", pb::ChargePurpose::TechnicalSupport)).await.hold_id;
        let visit = reserved(&mut north, work("visit 1", pb::ChargePurpose::Appointment)).await.hold_id;
        let first = covered.proof_request(&escalation());
        let escalated = prove.issue_entitlement_proof(first.clone()).await.unwrap().into_inner().hold.unwrap();
        assert_eq!((escalated.units, account(&service).await), (1, (1, 4, 0, 0)));

        let charged = pb::IssueEntitlementProofRequest { charged_hold_id: ticket.clone(), ..first.clone() };
        let early = prove.issue_entitlement_proof(charged.clone()).await;
        assert_eq!(refused(early), failed("CHARGE_NOT_APPLICABLE"), "no technician has responded yet");
        north.settle_reservation(captured(&ticket, 0)).await.unwrap();
        north.settle_reservation(captured(&visit, 90)).await.unwrap();
        for renewed in [&charged, &charged, &first] {
            let hold = prove.issue_entitlement_proof(renewed.clone()).await.unwrap().into_inner().hold.unwrap();
            assert_eq!((hold.hold_id == escalated.hold_id, hold.units, hold.owed), (true, 0, 0));
        }
        assert_eq!(account(&service).await, (1, 0, 4, 0), "what was set aside went back");
        let mut vendor = IncidentServiceClient::new(service.vendor());
        vendor.settle_hold(settle(&escalated.hold_id, pb::Settlement::Capture)).await.unwrap();
        assert_eq!(account(&service).await, (1, 0, 4, 0), "1 for the ticket, 3 for the appointment, 0 for the escalation");

        let another = pb::IssueEntitlementProofRequest { escalation_id: escalation(), ..charged.clone() };
        let twice = prove.issue_entitlement_proof(another).await;
        assert_eq!(refused(twice), failed("CHARGE_NOT_APPLICABLE"), "it carries one escalation");
        let bad = pb::IssueEntitlementProofRequest { charged_hold_id: "hold_1".into(), ..charged };
        assert_eq!(fields(prove.issue_entitlement_proof(bad).await), ["charged_hold_id"]);
    }

    async fn h04_callers_at_once_rest_one_escalation_on_a_charge(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(1)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let ticket = reserved(&mut north, work("ticket 1", pb::ChargePurpose::TechnicalSupport)).await.hold_id;
        north.settle_reservation(captured(&ticket, 0)).await.unwrap();
        let callers: Vec<_> = (0..5)
            .map(|_| {
                let (mut client, request) = (service.entitlement(), covered.proof_request(&escalation()));
                let request = pb::IssueEntitlementProofRequest { charged_hold_id: ticket.clone(), ..request };
                tokio::spawn(async move { client.issue_entitlement_proof(request).await.is_ok() })
            })
            .collect();
        let mut carried = 0;
        for caller in callers {
            carried += u8::from(caller.await.unwrap());
        }
        assert_eq!((carried, account(&service).await), (1, (0, 0, 1, 0)));
    }

    async fn bad_reservations_settlements_and_quotes_name_every_field(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        let named = fields(north.reserve_incidents(pb::ReserveIncidentsRequest::default()).await);
        assert_eq!(named, ["request_id", "end_user_id", "reference", "purpose"]);
        let bad = pb::ReserveIncidentsRequest { purpose: pb::ChargePurpose::Appointment.into(), ..service_of(1) };
        assert_eq!(fields(north.reserve_incidents(bad).await), ["units", "description"]);
        let bad = work("esc_1", pb::ChargePurpose::ProfessionalService);
        assert_eq!(fields(north.reserve_incidents(bad).await), ["reference", "units", "description"]);

        let visit = reserved(&mut north, work("visit 1", pb::ChargePurpose::Appointment)).await.hold_id;
        assert_eq!(fields(north.settle_reservation(captured(&visit, 0)).await), ["appointment_minutes"]);
        let bad = pb::SettleReservationRequest { appointment_minutes: 5, ..released(&visit) };
        assert_eq!(fields(north.settle_reservation(bad).await), ["appointment_minutes"]);
        let support = reserved(&mut north, work("ticket 1", pb::ChargePurpose::TechnicalSupport)).await.hold_id;
        assert_eq!(fields(north.settle_reservation(captured(&support, 5)).await), ["appointment_minutes"]);
        let bad = north.settle_reservation(pb::SettleReservationRequest::default()).await;
        assert_eq!(fields(bad), ["request_id", "hold_id", "settlement"]);
        let quote = pb::QuoteAppointmentRequest { end_user_id: String::new(), minutes: -1 };
        assert_eq!(fields(north.quote_appointment(quote).await), ["end_user_id", "minutes"]);
    }

    async fn a_reservation_that_nobody_settles_lapses_after_90_days(database: Database) {
        let clock = ManualClock::at("2026-06-01T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        service.cover("prepaid").await;
        service.incidents().grant_incidents(grant(5)).await.unwrap();
        let mut north = IncidentServiceClient::new(service.partner());
        reserved(&mut north, service_of(2)).await;
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();
        let store = database.open(&vouch_license::MIGRATIONS).await;
        clock.advance_seconds(90 * 24 * 3600);
        assert_eq!(lapse(&store, &clock.world()).await.unwrap(), 0);
        clock.advance_seconds(1);
        assert_eq!(lapse(&store, &clock.world()).await.unwrap(), 1);
        let contoso = vouch_core::code::EndUserId::parse("contoso").unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let account = vouch_license::store::incidents::account_fetch(&mut snapshot, &contoso).await.unwrap().unwrap();
        assert_eq!((account.balance.available, account.balance.reserved), (5, 0));
    }
}

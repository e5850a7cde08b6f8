//! What a ticket costs that is turned over to the partner's support team.
//!
//! Proves H04, H05.

use tonic::Code;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::TicketChargeState as State;
use vouch_contract::pb::partner::v1::end_user_service_client::EndUserServiceClient;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{Scene, until};

fn turn_over(ticket_id: &str) -> partner::TurnOverTicketRequest {
    partner::TurnOverTicketRequest { request_id: fresh(), ticket_id: ticket_id.into() }
}

fn answer(ticket_id: &str) -> partner::AnswerTicketRequest {
    partner::AnswerTicketRequest {
        request_id: fresh(),
        ticket_id: ticket_id.into(),
        answer: "Restart the spool.".into(),
        ..Default::default()
    }
}

fn close(ticket_id: &str) -> partner::CloseTicketRequest {
    partner::CloseTicketRequest { request_id: fresh(), ticket_id: ticket_id.into(), summary: "It prints.".into() }
}

fn note(ticket_id: &str, audience: partner::Audience) -> partner::AddNoteRequest {
    partner::AddNoteRequest {
        request_id: fresh(),
        ticket_id: ticket_id.into(),
        audience: audience.into(),
        text: "We look into it.".into(),
        ..Default::default()
    }
}

impl Scene {
    async fn turned_over(&self, ticket_id: &str) -> partner::TicketCharge {
        let told = self.tickets().turn_over_ticket(turn_over(ticket_id)).await.unwrap().into_inner();
        told.ticket.unwrap().charge.unwrap()
    }

    /// A technician writes to the end user.
    async fn respond(&self, ticket_id: &str) {
        self.tickets().add_note(note(ticket_id, partner::Audience::EndUser)).await.unwrap();
    }

    /// Waits until the licence service said so of a ticket's incident.
    async fn until_charge(&self, ticket_id: &str, state: State) -> partner::TicketCharge {
        until(async || {
            let charge = self.ticket(ticket_id).await.charge?;
            (charge.state() == state && !charge.pending).then_some(charge)
        })
        .await
    }

    /// Has the partner set incidents aside for other work, so that as many fewer are left.
    async fn spend(&self, units: i32) {
        let request = license::ReserveIncidentsRequest {
            request_id: fresh(),
            end_user_id: "contoso".into(),
            reference: "project 1".into(),
            purpose: license::ChargePurpose::ProfessionalService.into(),
            units,
            description: "a day of tuning".into(),
        };
        IncidentServiceClient::new(self.north_at_license()).reserve_incidents(request).await.unwrap();
    }
}

on_both_engines! {
    async fn h04_a_ticket_that_is_turned_over_costs_one_incident_once_a_technician_responds(database: Database) {
        let scene = Scene::start(&database).await;
        let id = scene.verified_ticket().await.ticket_id;
        let asked = scene.turned_over(&id).await;
        assert_eq!((asked.state(), asked.pending), (State::Asked, true), "it is sent once it is written");
        let reserved = scene.until_charge(&id, State::Reserved).await;
        assert_eq!((reserved.units, scene.account().await), (1, (2, 1, 0)));
        let twice = refused(scene.tickets().turn_over_ticket(turn_over(&id)).await);
        assert_eq!(twice, (Code::FailedPrecondition, "STATE_CONFLICT".into()));

        let mut eve = TicketServiceClient::new(scene.customer());
        eve.add_note(note(&id, partner::Audience::EndUser)).await.unwrap();
        scene.tickets().add_note(note(&id, partner::Audience::Internal)).await.unwrap();
        let silent = scene.ticket(&id).await.charge.unwrap();
        assert!(silent.response_time.is_none(), "neither of these is a technician's response");
        let seen = partner::GetTicketRequest { ticket_id: id.clone(), ..Default::default() };
        assert!(eve.get_ticket(seen).await.unwrap().into_inner().ticket.unwrap().charge.is_none());

        for _ in 0..2 {
            scene.respond(&id).await;
        }
        let captured = scene.until_charge(&id, State::Captured).await;
        assert_eq!((captured.hold_id, captured.units), (reserved.hold_id, 1));
        let late = refused(scene.tickets().answer_ticket(answer(&id)).await);
        assert_eq!(late.1, "STATE_CONFLICT", "a technician responded");
        let closed = scene.tickets().close_ticket(close(&id)).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(closed.state(), partner::TicketState::Closed);
        assert_eq!((closed.charge.unwrap().state(), scene.account().await), (State::Captured, (2, 0, 1)));
    }

    async fn h04_what_no_technician_responded_to_costs_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let (at_once, closed) = (scene.verified_ticket().await.ticket_id, scene.verified_ticket().await.ticket_id);
        for id in [&at_once, &closed] {
            scene.turned_over(id).await;
        }
        scene.until_account((1, 2, 0)).await;
        let told = scene.tickets().answer_ticket(answer(&at_once)).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(told.state(), partner::TicketState::Answered);
        assert_eq!(told.notes[0].audience(), partner::Audience::EndUser);
        scene.tickets().close_ticket(close(&closed)).await.unwrap();
        for id in [&at_once, &closed] {
            scene.until_charge(id, State::Released).await;
        }
        assert_eq!(scene.account().await, (3, 0, 0));
        assert_eq!(refused(scene.tickets().close_ticket(close(&at_once)).await).1, "STATE_CONFLICT", "it is over");

        let never = scene.tickets().answer_ticket(answer(&scene.open_ticket().await.ticket_id)).await.unwrap();
        assert!(never.into_inner().ticket.unwrap().charge.is_none(), "an answer at once needs no support team");
        let drill = partner::OpenTicketRequest { test_case: true, ..scene.open_request() };
        let drill = scene.tickets().open_ticket(drill).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        let early = refused(scene.tickets().turn_over_ticket(turn_over(&drill)).await);
        assert_eq!(early.1, "STATE_CONFLICT", "not before it is verified");
        scene.verify(&drill).await;
        assert_eq!(scene.turned_over(&drill).await.state(), State::NotCharged);
    }

    async fn h04_a_ticket_that_ends_leaves_nothing_set_aside_for_its_refused_escalation(database: Database) {
        let scene = Scene::start(&database).await;
        let id = scene.verified_ticket().await.ticket_id;
        let thin = scene.upload(&id, &samples::manifest(&["os"])).await;
        scene.escalate(&id, &thin).await;
        scene.until_state(&id, partner::TicketState::Troubleshooting).await;
        assert_eq!(scene.account().await, (2, 1, 0), "it may go again");
        scene.tickets().close_ticket(close(&id)).await.unwrap();
        scene.until_account((3, 0, 0)).await;
        assert_eq!(scene.ticket(&id).await.state(), partner::TicketState::Closed);
    }

    async fn h04_escalating_a_charged_ticket_adds_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, bundle_id) = scene.worked_ticket().await;
        let id = ticket.ticket_id;
        scene.turned_over(&id).await;
        scene.respond(&id).await;
        // What is sent goes out in its order: it is charged before its proof is asked for.
        scene.escalate(&id, &bundle_id).await;
        let escalated = scene.until_state(&id, partner::TicketState::Escalated).await;
        assert_eq!((escalated.charge.unwrap().state(), scene.account().await), (State::Captured, (2, 0, 1)));
        let case_id = escalated.escalation.unwrap().case_id;
        let write =
            vendor::WriteToPartnerRequest { request_id: fresh(), case_id, text: "On it.".into(), ..Default::default() };
        scene.desk().write_to_partner(write).await.unwrap();
        until(async || scene.ticket(&id).await.notes.iter().any(|note| note.text == "On it.").then_some(())).await;

        // Withdrawn after the vendor responded, and escalated anew: that is work of its own, which the charge does not carry.
        let withdraw = partner::WithdrawTicketEscalationRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            reason: "once more".into(),
        };
        scene.tickets().withdraw_ticket_escalation(withdraw).await.unwrap();
        scene.until_state(&id, partner::TicketState::Troubleshooting).await;
        assert_eq!(scene.account().await, (2, 0, 1));
        scene.escalate(&id, &bundle_id).await;
        scene.until_state(&id, partner::TicketState::Escalated).await;
    }

    async fn h04_a_ticket_that_is_escalated_without_a_response_is_charged_by_its_escalation(database: Database) {
        let scene = Scene::start(&database).await;
        scene.spend(2).await;
        let (ticket, bundle_id) = scene.worked_ticket().await;
        let id = ticket.ticket_id;
        scene.turned_over(&id).await;
        // The last incident is this ticket's own: it is entitled all the same.
        scene.until_charge(&id, State::Reserved).await;
        let verified = scene.verify(&id).await.entitlement.unwrap();
        assert_eq!((verified.entitled, verified.findings[0].weight()), (true, common::Weight::Warning));

        scene.escalate(&id, &bundle_id).await;
        let escalated = scene.until_state(&id, partner::TicketState::Escalated).await;
        assert_eq!(escalated.charge.unwrap().state(), State::Released);
        assert_eq!(scene.account().await, (0, 3, 0), "the proof set it aside");
        let case_id = escalated.escalation.unwrap().case_id;
        let write =
            vendor::WriteToPartnerRequest { request_id: fresh(), case_id, text: "On it.".into(), ..Default::default() };
        scene.desk().write_to_partner(write).await.unwrap();
        scene.until_account((0, 2, 1)).await;
        until(async || scene.ticket(&id).await.notes.iter().any(|note| note.text == "On it.").then_some(())).await;
        scene.respond(&id).await;
        let charge = scene.until_charge(&id, State::Released).await;
        assert!(charge.response_time.is_some());
        assert_eq!(scene.account().await, (0, 2, 1), "the same ticket is charged once");
    }

    async fn h04_h05_that_no_incident_is_left_is_told_on_the_ticket(database: Database) {
        let scene = Scene::start(&database).await;
        let id = scene.verified_ticket().await.ticket_id;
        scene.spend(3).await;
        scene.turned_over(&id).await;
        let refusal = scene.until_charge(&id, State::Refused).await;
        let found = &refusal.findings[0];
        assert_eq!((found.reason(), found.cure_by()), (common::Reason::IncidentsExhausted, common::CureBy::EndUser));
        assert!(found.remedy.contains("pack"), "{found:?}");
        let told = scene.ticket(&id).await;
        assert!(told.notes.iter().any(|note| note.audience() == partner::Audience::Internal), "{:?}", told.notes);
        assert_eq!(scene.account().await, (0, 3, 0));

        let more = license::GrantIncidentsRequest { order_reference: "order-2".into(), ..samples::pack() };
        scene.incidents().grant_incidents(more).await.unwrap();
        scene.turned_over(&id).await;
        scene.until_charge(&id, State::Reserved).await;
        assert_eq!(scene.account().await, (2, 4, 0));
    }

    async fn h04_a_tier_that_includes_support_sets_nothing_aside(database: Database) {
        let scene = Scene::start(&database).await;
        let tier = samples::tier("all-in", license::Charging::Included);
        CatalogServiceClient::new(scene.license_staff()).create_tier(tier).await.unwrap();
        let mut licensed = samples::license();
        let end_user = license::EndUser { end_user_id: "fabrikam".into(), name: "Fabrikam".into() };
        licensed.license.as_mut().unwrap().end_user = Some(end_user);
        let mut licenses = LicenseServiceClient::new(scene.license_staff());
        let license_id = licenses.create_license(licensed).await.unwrap().into_inner().license.unwrap().license_id;
        let mut agreed = samples::agreement();
        let terms = agreed.agreement.as_mut().unwrap();
        (terms.end_user_id, terms.tier_id) = ("fabrikam".into(), "all-in".into());
        let mut agreements = AgreementServiceClient::new(scene.license_staff());
        let agreed = agreements.create_agreement(agreed).await.unwrap().into_inner().agreement.unwrap();
        agreements.name_liaison(samples::liaison(&agreed.agreement_id)).await.unwrap();
        let customer = partner::Customer {
            name: "Fabrikam".into(),
            licenses: vec![partner::CustomerLicense { vendor_id: "acme".into(), license_id }],
            ..Default::default()
        };
        let request = partner::CreateCustomerRequest { request_id: fresh(), customer: Some(customer) };
        let mut end_users = EndUserServiceClient::new(scene.agent());
        let customer_id = end_users.create_customer(request).await.unwrap().into_inner().customer.unwrap().customer_id;

        let request = partner::OpenTicketRequest { customer_id, ..scene.open_request() };
        let id = scene.tickets().open_ticket(request).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        scene.verify(&id).await;
        scene.turned_over(&id).await;
        scene.until_charge(&id, State::NotCharged).await;
        scene.respond(&id).await;
        scene.until_charge(&id, State::NotCharged).await;
    }

    async fn bad_requests_about_what_a_ticket_costs_name_their_fields(database: Database) {
        let scene = Scene::start(&database).await;
        let bad = scene.tickets().turn_over_ticket(partner::TurnOverTicketRequest::default()).await;
        assert_eq!(fields(bad), ["request_id", "ticket_id"]);
        let bad = partner::AnswerTicketRequest { request_id: fresh(), ..Default::default() };
        assert_eq!(fields(scene.tickets().answer_ticket(bad).await), ["ticket_id", "answer"]);
        let bad = partner::CloseTicketRequest { request_id: fresh(), ..Default::default() };
        assert_eq!(fields(scene.tickets().close_ticket(bad).await), ["ticket_id", "summary"]);
        let id = scene.open_ticket().await.ticket_id;
        let mut eve = TicketServiceClient::new(scene.customer());
        assert_eq!(refused(eve.close_ticket(close(&id)).await), (Code::PermissionDenied, "ACCESS_DENIED".into()));
        let mut other = TicketServiceClient::new(scene.other_agent());
        assert_eq!(refused(other.turn_over_ticket(turn_over(&id)).await).1, "NOT_FOUND");
    }
}

//! Steps that an agent marks, and what the desk is warned of. The way from the agreement to here is the federation's tests'.
//!
//! Proves S07.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::common::v1::{Finding, Reason, StepMark, Weight};
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::record_troubleshooting_request::Record;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::code::{PartnerId, ProductId, VendorId};
use vouch_core::escalation::{Environment, FrontLineWork, Problem};
use vouch_core::id::CustomerId;
use vouch_core::{Channel, Severity, World};
use vouch_host::testing::{BearerChannel, fields, fresh};
use vouch_partner::domain::ticket::{Entitlement, Ticket, TicketState};
use vouch_partner::store::tickets::{ticket_insert, ticket_update};
use vouch_storage::testing::Database;
use vouch_storage::{Store, on_both_engines};

use crate::support::Service;

const NEEDS: i32 = StepMark::NeedsAdministrativeRights as i32;
const EXPOSES: i32 = StepMark::ExposesSensitiveData as i32;

fn ticket(customer_id: CustomerId, liaison_has_rights: bool) -> Ticket {
    let world = World::system();
    let problem = Problem {
        product_id: ProductId::parse("atlas").unwrap(),
        version: "7.2.1".into(),
        category: "printing".into(),
        severity: Severity::Two,
        impact: String::new(),
        subject: "No jobs leave the spool".into(),
        description: "Nothing is printed.".into(),
        language: String::new(),
        description_english: String::new(),
        key_words: Vec::new(),
        environment: Environment::default(),
        origin: None,
        error_report: None,
        contact_times: None,
    };
    Ticket {
        id: world.id(),
        number: u64::from(u32::from_be_bytes(world.random())),
        partner_id: PartnerId::parse("north").unwrap(),
        customer_id,
        vendor_id: VendorId::parse("acme").unwrap(),
        state: TicketState::Verified,
        channel: Channel::Portal,
        contact_email: "ada@contoso.example".into(),
        liaison_email: String::new(),
        liaison_has_rights,
        problem,
        statement_confirmed_at: None,
        solution_confirmed_at: None,
        work: FrontLineWork::default(),
        entitlement: Some(Entitlement { entitled: true, told: Vec::new() }),
        assignee: None,
        opened_at: world.now(),
        test_case: false,
        revision: 1,
        escalation: None,
        charge: None,
        vendor_responded: false,
        closing: None,
    }
}

async fn enter(store: &Store, ticket: &Ticket) -> String {
    let entered = store.write(|mut tx| async move {
        ticket_insert(&mut tx, ticket).await?;
        ticket_update(&mut tx, ticket).await?;
        Ok((tx, ()))
    });
    entered.await.unwrap();
    ticket.id.to_string()
}

/// A service with a ticket of each kind: whose liaison is not known to have administrative rights, and whose liaison has them.
async fn with_tickets(database: &Database) -> (Service, [String; 2]) {
    let store = database.open(&vouch_partner::MIGRATIONS).await;
    let customer_id: CustomerId = World::system().id();
    let mut tx = store.begin().await.unwrap();
    let customer = sqlx::query(
        "INSERT INTO customers (customer_id, partner_id, name, organisation, revision, created_at)
         VALUES ($1, 'north', 'Contoso', 'contoso', 1, 0)",
    );
    customer.bind(customer_id.to_string()).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let (unknown, known) = (ticket(customer_id, false), ticket(customer_id, true));
    let tickets = [enter(&store, &unknown).await, enter(&store, &known).await];
    store.close().await;
    drop(store);
    (Service::start(database).await, tickets)
}

fn desk(service: &Service) -> TicketServiceClient<BearerChannel> {
    TicketServiceClient::new(service.agent("north"))
}

/// A person of the end user.
fn eve(service: &Service) -> TicketServiceClient<BearerChannel> {
    let token = service.ground.end_user_token("eve", "contoso");
    TicketServiceClient::new(service.ground.bearer(service.running.address, &token))
}

fn get(ticket_id: &str) -> pb::GetTicketRequest {
    pb::GetTicketRequest { ticket_id: ticket_id.into(), ..Default::default() }
}

fn record(ticket_id: &str, marks: &[i32]) -> pb::RecordTroubleshootingRequest {
    let step = vendor::TroubleshootingStep {
        action: "Rebuilt the project with Ada.".into(),
        finding: "No change.".into(),
        done_at: Some(timestamp(World::system().now())),
        marks: marks.to_vec(),
    };
    let record = Some(Record::Step(step));
    pb::RecordTroubleshootingRequest { request_id: fresh(), ticket_id: ticket_id.into(), record }
}

fn note(ticket_id: &str, audience: pb::Audience, marks: &[i32]) -> pb::AddNoteRequest {
    pb::AddNoteRequest {
        request_id: fresh(),
        ticket_id: ticket_id.into(),
        audience: audience.into(),
        text: "Please send the security filters.".into(),
        marks: marks.to_vec(),
    }
}

fn answer(ticket_id: &str, marks: &[i32]) -> pb::AnswerTicketRequest {
    let (answer, marks) = ("Restart the server.".into(), marks.to_vec());
    pb::AnswerTicketRequest { request_id: fresh(), ticket_id: ticket_id.into(), answer, marks }
}

/// That there is one warning, about what, and of what.
fn warned(findings: &[Finding], subject: &str, of: &str) {
    let [finding] = findings else { panic!("{findings:?}") };
    assert_eq!((finding.reason(), finding.weight()), (Reason::LiaisonLacksAdministrativeRights, Weight::Warning));
    assert_eq!((finding.subject.as_str(), finding.cure_by()), (subject, common::CureBy::EndUser));
    assert_eq!(finding.message, format!("The step {of}, and the liaison is not known to have administrative rights."));
}

on_both_engines! {
    async fn s07_an_agent_is_warned_of_a_marked_step_that_the_liaison_may_not_be_able_to_take(database: Database) {
        let (service, [unknown, known]) = with_tickets(&database).await;
        let request = record(&unknown, &[EXPOSES, NEEDS]);
        let told = desk(&service).record_troubleshooting(request).await.unwrap().into_inner();
        warned(&told.findings, "step.marks", "needs administrative rights and exposes sensitive data");
        let ticket = told.ticket.unwrap();
        assert!(!ticket.liaison_administrative_rights);
        assert_eq!(ticket.work.unwrap().steps[0].marks, [NEEDS, EXPOSES], "it is recorded all the same");
        assert_eq!(ticket.findings, [], "what was done waits for nobody");

        let request = note(&unknown, pb::Audience::EndUser, &[EXPOSES]);
        let told = desk(&service).add_note(request.clone()).await.unwrap().into_inner();
        warned(&told.findings, "marks", "exposes sensitive data");
        let again = desk(&service).add_note(request).await.unwrap().into_inner();
        assert_eq!(again, told, "a repeat is told the same");
        let read = desk(&service).get_ticket(get(&unknown)).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(read.notes[0].marks, [EXPOSES]);
        warned(&read.findings, &read.notes[0].note_id, "exposes sensitive data");
        let plain = desk(&service).add_note(note(&unknown, pb::Audience::EndUser, &[])).await.unwrap().into_inner();
        assert_eq!((plain.findings.len(), plain.ticket.unwrap().findings.len()), (0, 1), "a step without marks");

        let told = desk(&service).answer_ticket(answer(&unknown, &[NEEDS])).await.unwrap().into_inner();
        warned(&told.findings, "marks", "needs administrative rights");
        let ended = told.ticket.unwrap();
        assert_eq!((ended.state(), ended.findings), (pb::TicketState::Answered, vec![]), "nothing goes on");

        let told = desk(&service).record_troubleshooting(record(&known, &[NEEDS])).await.unwrap().into_inner();
        assert!(told.findings.is_empty() && told.ticket.unwrap().liaison_administrative_rights);
        let told = desk(&service).add_note(note(&known, pb::Audience::EndUser, &[NEEDS])).await.unwrap().into_inner();
        assert!(told.findings.is_empty() && told.ticket.unwrap().findings.is_empty());
    }

    async fn s07_an_end_user_sees_what_a_step_asks_for_and_not_what_the_desk_is_warned_of(database: Database) {
        let (service, [unknown, known]) = with_tickets(&database).await;
        for ticket_id in [&unknown, &known] {
            desk(&service).add_note(note(ticket_id, pb::Audience::EndUser, &[NEEDS])).await.unwrap();
            let seen = eve(&service).get_ticket(get(ticket_id)).await.unwrap().into_inner().ticket.unwrap();
            assert_eq!(seen.notes[0].marks, [NEEDS]);
            assert!(seen.findings.is_empty() && !seen.liaison_administrative_rights);
        }
        let listed = desk(&service).list_tickets(pb::ListTicketsRequest::default()).await.unwrap().into_inner().tickets;
        assert!(listed.iter().all(|ticket| ticket.findings.is_empty() && ticket.notes.is_empty()));
    }

    async fn s07_a_step_is_marked_by_the_desk_for_the_end_user_and_by_known_marks_only(database: Database) {
        let (service, [ticket_id, _]) = with_tickets(&database).await;
        let internal = note(&ticket_id, pb::Audience::Internal, &[NEEDS]);
        assert_eq!(fields(desk(&service).add_note(internal).await), ["marks"]);
        let own = note(&ticket_id, pb::Audience::EndUser, &[NEEDS]);
        assert_eq!(fields(eve(&service).add_note(own).await), ["marks"]);
        let unsaid = note(&ticket_id, pb::Audience::EndUser, &[NEEDS, 0]);
        assert_eq!(fields(desk(&service).add_note(unsaid).await), ["marks[1]"]);
        assert_eq!(fields(desk(&service).record_troubleshooting(record(&ticket_id, &[9])).await), ["step.marks[0]"]);
        assert_eq!(fields(desk(&service).answer_ticket(answer(&ticket_id, &[9])).await), ["marks[0]"]);
    }
}

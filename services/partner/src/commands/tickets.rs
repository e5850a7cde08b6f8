//! What people do to tickets.

use jiff::Timestamp;
use prost::Message;
use sqlx::AnyConnection;
use vouch_contract::convert::timestamp;
use vouch_contract::escalation as messages;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::code::VendorId;
use vouch_core::escalation::Problem;
use vouch_core::id::{BundleId, CustomerId, OutboxId, TicketId};
use vouch_core::{Channel, Error, StepMarks, World};
use vouch_storage::{Dialect, WriteError, outbox};

use super::charges;
use crate::domain::customer::Customer;
use crate::domain::ticket::{Audience, Note, Ticket, TicketState, TicketStep, Viewer};
use crate::store::{customers, notes, retention, tickets};

/// What is sent to the vendor, as the outbox names it.
pub mod kinds {
    /// `EscalateCaseRequest`, with this side's bundle and without a proof.
    pub const ESCALATE: &str = "escalate";
    /// `CompleteDutiesRequest`, with this side's bundle.
    pub const COMPLETE_DUTIES: &str = "complete-duties";
    /// `WithdrawEscalationRequest`.
    pub const WITHDRAW: &str = "withdraw";
    /// `AddNoteRequest`.
    pub const NOTE: &str = "note";
    /// `ProvideInformationRequest`, with this side's bundle.
    pub const ANSWER: &str = "answer";
    /// `MarkReadyToCloseRequest`.
    pub const READY: &str = "ready-to-close";
    /// `DeclineSolutionRequest`.
    pub const DECLINE: &str = "decline-solution";
    /// `ChangeLiaisonRequest`, without the case, which may be on its way.
    pub const LIAISON: &str = "change-liaison";
    /// Nothing: what is wanted of the ticket's incident stands with the ticket.
    pub const CHARGE: &str = "charge";
}

/// Who does something, and when.
#[derive(Debug, Clone)]
pub struct Doing<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// Entropy for ids.
    pub world: &'a World,
    /// The instant.
    pub now: Timestamp,
    /// Whose tickets they see.
    pub viewer: Viewer,
    /// Who they are, by opaque subject.
    pub actor: &'a str,
}

/// A ticket to be opened.
#[derive(Debug, Clone)]
pub struct OpenTicket {
    /// The organisation; `None` for an end user's own.
    pub customer_id: Option<CustomerId>,
    /// Who asks for help, as the request names it; may be empty for an end user.
    pub contact_email: String,
    /// The vendor.
    pub vendor_id: VendorId,
    /// The problem.
    pub problem: Problem,
    /// The channel.
    pub channel: Channel,
    /// True for drills.
    pub test_case: bool,
}

/// Opens a ticket for a person with this address.
pub async fn open(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    command: &OpenTicket,
    contact_email: String,
) -> Result<Ticket, WriteError> {
    let customer = customer_of(tx, &doing.viewer, command.customer_id).await?;
    let ticket = Ticket {
        id: doing.world.id(),
        number: 10_000_000 + u64::from(u32::from_be_bytes(doing.world.random()) % 90_000_000),
        partner_id: customer.partner_id,
        customer_id: customer.id,
        vendor_id: command.vendor_id.clone(),
        state: TicketState::Open,
        channel: command.channel,
        contact_email,
        liaison_email: String::new(),
        liaison_has_rights: false,
        problem: command.problem.clone(),
        statement_confirmed_at: None,
        solution_confirmed_at: None,
        work: vouch_core::escalation::FrontLineWork::default(),
        entitlement: None,
        assignee: None,
        opened_at: doing.now,
        test_case: command.test_case,
        revision: 1,
        escalation: None,
        charge: None,
        vendor_responded: false,
        closing: None,
    };
    tickets::ticket_insert(tx, &ticket).await?;
    Ok(ticket)
}

/// The organisation that a ticket is for.
async fn customer_of(
    tx: &mut AnyConnection,
    viewer: &Viewer,
    named: Option<CustomerId>,
) -> Result<Customer, WriteError> {
    let unknown = || Error::field("customer_id", "must be an organisation of this partner");
    match (viewer, named) {
        (Viewer::Partner(_), None) => Err(Error::field("customer_id", "is required").into()),
        (Viewer::Partner(partner_id), Some(id)) => {
            Ok(customers::customer_fetch(tx, partner_id, id).await?.ok_or_else(unknown)?)
        }
        (Viewer::Customer(organisation), named) => {
            let own = customers::customer_list_of(tx, organisation).await?;
            let mut fitting: Vec<_> = own.into_iter().filter(|one| named.is_none_or(|id| one.id == id)).collect();
            match (fitting.pop(), fitting.is_empty()) {
                (Some(customer), true) => Ok(customer),
                (Some(_), false) => {
                    Err(Error::field("customer_id", "is required: several partners keep your organisation").into())
                }
                (None, _) => Err(Error::field("customer_id", "must be your own organisation").into()),
            }
        }
    }
}

/// Locks a ticket that the viewer may see.
pub async fn lock(tx: &mut AnyConnection, doing: &Doing<'_>, id: TicketId) -> Result<Ticket, WriteError> {
    let ticket = tickets::ticket_lock(tx, doing.dialect, &doing.viewer, id).await?;
    Ok(ticket.ok_or_else(|| Error::not_found("ticket", id))?)
}

/// Adds a note. One for the vendor goes through the outbox and waits until it is in the joint history.
pub async fn note(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    audience: Audience,
    text: &str,
    marks: StepMarks,
) -> Result<(), WriteError> {
    let entry_id = match audience {
        Audience::Internal => None,
        Audience::EndUser => {
            if let Viewer::Partner(_) = doing.viewer {
                ticket.respond(doing.now);
                charges::bring_in_line(tx, doing, ticket).await?;
            }
            None
        }
        Audience::Vendor => {
            let case_id = ticket.open_case()?.id.to_string();
            let id: OutboxId = doing.world.id();
            let request = vendor::AddNoteRequest { request_id: id.to_string(), case_id, text: text.to_owned() };
            send(tx, doing, ticket, id, kinds::NOTE, &request).await?;
            Some(id)
        }
    };
    ticket.revision += 1;
    let note = Note {
        id: doing.world.id(),
        ticket_id: ticket.id,
        audience,
        author: doing.actor.to_owned(),
        text: text.to_owned(),
        written_at: doing.now,
        entry_id,
        pending: entry_id.is_some(),
        marks,
    };
    notes::note_insert(tx, &note).await
}

/// Hands the ticket over with a bundle, or hands in what was missing.
pub async fn escalate(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    bundle_id: BundleId,
) -> Result<(), WriteError> {
    check_bundle(tx, ticket, bundle_id).await?;
    let escalation = messages::write(ticket.hand_over(doing.world, doing.now)?);
    // Ordering: settled before its proof is asked for, which rests on a charge or sets an incident of its own aside.
    charges::bring_in_line(tx, doing, ticket).await?;
    let (id, bundle_id): (OutboxId, _) = (doing.world.id(), bundle_id.to_string());
    let request_id = id.to_string();
    let Some(case) = ticket.case() else {
        let request =
            vendor::EscalateCaseRequest { request_id, escalation: Some(escalation), bundle_id, proof: String::new() };
        return send(tx, doing, ticket, id, kinds::ESCALATE, &request).await;
    };
    let request = vendor::CompleteDutiesRequest {
        request_id,
        case_id: case.id.to_string(),
        escalation: Some(escalation),
        bundle_id,
        text: "What was missing was done; see the escalation.".into(),
    };
    send(tx, doing, ticket, id, kinds::COMPLETE_DUTIES, &request).await
}

/// Takes the escalation back. What was not sent yet is not sent any more; what arrives late is refused by the vendor.
pub async fn withdraw(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    reason: &str,
) -> Result<(), WriteError> {
    let escalation_id = ticket.withdraw()?.to_string();
    outbox::clear(tx, &ticket.id.to_string()).await?;
    // What concerns its incident is no message to the vendor.
    charges::bring_in_line(tx, doing, ticket).await?;
    // Nothing of it reaches the vendor any more; should one have been on its way, the history says so.
    notes::notes_unsent(tx, ticket.id).await?;
    let id: OutboxId = doing.world.id();
    let reason = reason.to_owned();
    let request = vendor::WithdrawEscalationRequest { request_id: id.to_string(), escalation_id, reason };
    send(tx, doing, ticket, id, kinds::WITHDRAW, &request).await
}

/// Answers what the vendor asked.
pub async fn answer(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    text: &str,
    bundle_id: Option<BundleId>,
) -> Result<(), WriteError> {
    let case_id = ticket.open_case()?.id.to_string();
    if !ticket.escalation.as_ref().is_some_and(|escalation| escalation.asked) {
        return Err(ticket.refuses("be answered: the vendor asked nothing").into());
    }
    if let Some(bundle_id) = bundle_id {
        check_bundle(tx, ticket, bundle_id).await?;
    }
    if let Some(escalation) = &mut ticket.escalation {
        escalation.asked = false;
    }
    ticket.revision += 1;
    let id: OutboxId = doing.world.id();
    let bundle_id = bundle_id.map(|id| id.to_string()).unwrap_or_default();
    let information = vendor::InformationProvided { text: text.to_owned(), bundle_id };
    let request =
        vendor::ProvideInformationRequest { request_id: id.to_string(), case_id, information: Some(information) };
    send(tx, doing, ticket, id, kinds::ANSWER, &request).await?;
    let note = Note {
        id: doing.world.id(),
        ticket_id: ticket.id,
        audience: Audience::Vendor,
        author: doing.actor.to_owned(),
        text: text.to_owned(),
        written_at: doing.now,
        entry_id: Some(id),
        pending: true,
        marks: StepMarks::none(),
    };
    notes::note_insert(tx, &note).await
}

/// Takes the end user's word on a solution in.
pub async fn judge_solution(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    works: bool,
    remarks: &str,
) -> Result<(), WriteError> {
    if works {
        ticket.step(TicketStep::Confirm)?;
        ticket.solution_confirmed_at = Some(doing.now);
        return Ok(());
    }
    ticket.step(TicketStep::Decline)?;
    let Some(case) = ticket.case() else { return Ok(()) };
    let id: OutboxId = doing.world.id();
    let request = vendor::DeclineSolutionRequest {
        request_id: id.to_string(),
        case_id: case.id.to_string(),
        remarks: remarks.to_owned(),
    };
    send(tx, doing, ticket, id, kinds::DECLINE, &request).await?;
    let note = Note {
        id: doing.world.id(),
        ticket_id: ticket.id,
        audience: Audience::Vendor,
        author: doing.actor.to_owned(),
        text: format!("The solution does not work: {remarks}"),
        written_at: doing.now,
        entry_id: Some(id),
        pending: true,
        marks: StepMarks::none(),
    };
    notes::note_insert(tx, &note).await
}

/// Tells the end user, where that was not done already, and the vendor that the issue is being marked as resolved.
pub async fn mark_ready(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    told_at: Option<Timestamp>,
) -> Result<(), WriteError> {
    ticket.step(TicketStep::MarkReady)?;
    let confirmed_at = ticket.solution_confirmed_at.unwrap_or(doing.now);
    if told_at.is_some_and(|at| at < confirmed_at || at > doing.now + vouch_proof::CLOCK_SKEW) {
        return Err(Error::field(
            "told_at",
            "must be after the end user confirmed the solution, and not in the future",
        )
        .into());
    }
    if told_at.is_none() {
        let text = "The solution is confirmed. The issue is being marked as resolved.";
        note(tx, doing, ticket, Audience::EndUser, text, StepMarks::none()).await?;
    }
    let Some(case) = ticket.case() else { return Ok(()) };
    let id: OutboxId = doing.world.id();
    let request = vendor::MarkReadyToCloseRequest {
        request_id: id.to_string(),
        case_id: case.id.to_string(),
        confirmed_at: Some(timestamp(confirmed_at)),
        // Another replica's clock may be behind the one that took the confirmation in.
        told_at: Some(timestamp(told_at.unwrap_or(doing.now.max(confirmed_at)))),
    };
    send(tx, doing, ticket, id, kinds::READY, &request).await
}

async fn check_bundle(tx: &mut AnyConnection, ticket: &Ticket, bundle_id: BundleId) -> Result<(), WriteError> {
    let found = tickets::bundle_fetch(tx, ticket.id, bundle_id).await?;
    let unknown = || Error::field("bundle_id", "must be a bundle that was committed for this ticket");
    found.ok_or_else(unknown)?.check_kept()?;
    retention::bundle_keep(tx, bundle_id).await
}

pub(super) async fn send(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &Ticket,
    id: OutboxId,
    kind: &'static str,
    request: &impl Message,
) -> Result<(), WriteError> {
    outbox::enqueue(tx, id, &ticket.id.to_string(), kind, &request.encode_to_vec(), doing.now, doing.now).await
}

//! Tickets as their readers may see them.

use prost::Message;
use sqlx::AnyConnection;
use vouch_contract::convert::{channel, finding, step_marks, timestamp};
use vouch_contract::escalation as messages;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::{Error, short_number};
use vouch_diagnostics::pseudonyms::Translation;
use vouch_storage::{StoreError, outbox};

use crate::domain::ticket::{
    Audience, Charge, ChargeState, Closing, EscalationRecord, EscalationStatus, Note, Ticket, TicketState, VENDOR,
    Viewer,
};
use crate::store::{analyses, history, notes, tickets};

/// A ticket as a viewer may see it: an end user sees neither the escalation nor what was not written for it.
pub(super) async fn ticket_message(
    connection: &mut AnyConnection,
    viewer: &Viewer,
    ticket: &Ticket,
) -> Result<pb::Ticket, Error> {
    let notes = notes::note_list(connection, ticket.id).await?;
    let mut message = ticket_line(connection, viewer, ticket).await?;
    if let Viewer::Partner(_) = viewer {
        message.findings = step_warnings(ticket, &notes);
    }
    message.notes = notes.into_iter().filter(|note| viewer.may_read(note.audience)).map(note_message).collect();
    if let Viewer::Partner(_) = viewer {
        message.work = Some(messages::write_work(ticket.work.clone()));
        let found = analyses::analysis_list(connection, ticket.id).await?;
        message.analyses = found.into_iter().map(vouch_host::analyses::message).collect::<Result<_, _>>()?;
    }
    Ok(message)
}

/// The same without notes and work, for a list.
pub(super) async fn ticket_line(
    connection: &mut AnyConnection,
    viewer: &Viewer,
    ticket: &Ticket,
) -> Result<pb::Ticket, Error> {
    let confirmed_at = ticket.statement_confirmed_at.map(timestamp);
    let problem = pb::Problem { confirmed_at, ..messages::write_problem(ticket.problem.clone()) };
    let mut message = pb::Ticket {
        ticket_id: ticket.id.to_string(),
        number: short_number::show(ticket.number),
        state: state(ticket.state).into(),
        customer_id: ticket.customer_id.to_string(),
        contact_email: ticket.contact_email.clone(),
        liaison_email: ticket.liaison_email.clone(),
        vendor_id: ticket.vendor_id.to_string(),
        problem: Some(problem),
        channel: channel(ticket.channel).into(),
        entitlement: ticket.entitlement.as_ref().map(|one| decode(&one.told, "entitlement")).transpose()?,
        open_time: Some(timestamp(ticket.opened_at)),
        etag: format!("v{}", ticket.revision),
        test_case: ticket.test_case,
        ..pb::Ticket::default()
    };
    if let Viewer::Partner(_) = viewer {
        message.liaison_administrative_rights = ticket.liaison_has_rights;
        message.assignee = ticket.assignee.clone().unwrap_or_default();
        message.bundle_ids = tickets::bundle_ids(connection, ticket.id).await?;
        message.charge = ticket.charge.as_ref().map(charge_message).transpose()?;
        message.closing = ticket.closing.as_ref().map(closing_message);
        if let Some(escalation) = &ticket.escalation {
            message.escalation = Some(escalation_view(connection, ticket, escalation).await?);
        }
    }
    Ok(message)
}

async fn escalation_view(
    connection: &mut AnyConnection,
    ticket: &Ticket,
    escalation: &EscalationRecord,
) -> Result<pb::EscalationView, Error> {
    let waiting = outbox::waiting(connection, &ticket.id.to_string()).await?;
    let status = match escalation.status {
        EscalationStatus::Sent => vendor::EscalationStatus::Unknown,
        EscalationStatus::Refused => vendor::EscalationStatus::Refused,
        EscalationStatus::Accepted => vendor::EscalationStatus::Accepted,
        EscalationStatus::Withdrawn => vendor::EscalationStatus::Withdrawn,
    };
    let mut view = pb::EscalationView {
        escalation_id: escalation.id.to_string(),
        status: status.into(),
        decision: escalation.decision.as_deref().map(|told| decode(told, "decision")).transpose()?,
        pending: i32::try_from(waiting.entries).unwrap_or(i32::MAX),
        parked: waiting.parked > 0,
        ..pb::EscalationView::default()
    };
    view.vendor_request = history::vendor_request_fetch(connection, ticket).await?.map(|request| pb::VendorRequest {
        questions: request.questions,
        collectors: request.collectors,
        profile: request.profile,
        marks: step_marks(&request.marks),
        ask_time: Some(timestamp(request.asked_at)),
    });
    if let Some(case) = &escalation.case {
        let head = history::head_fetch(connection, &ticket.vendor_id, case.id).await?;
        view.case_id = case.id.to_string();
        view.case_number.clone_from(&case.number);
        view.receipt.clone_from(&case.receipt);
        view.last_sequence = head.sequence;
        view.last_hash = head.hash.to_vec().into();
        let state = vendor::CaseState::from_str_name(&format!("CASE_STATE_{}", case.state));
        view.case_state = state.unwrap_or_default().into();
    }
    Ok(view)
}

/// What the desk is warned of while a ticket goes on: of each note that tells a step which its liaison may not be able to carry out.
fn step_warnings(ticket: &Ticket, notes: &[Note]) -> Vec<common::Finding> {
    if ticket.state.has_ended() {
        return Vec::new();
    }
    let warnings = notes.iter().filter_map(|note| ticket.warning(&note.id.to_string(), &note.marks));
    warnings.map(|warning| finding(&warning)).collect()
}

/// Known problems that were found in a bundle so far: what an agent should have read before it is escalated.
pub(super) fn known_problems(ticket: &pb::Ticket, bundle_id: &str) -> Vec<common::Finding> {
    let found = ticket.analyses.iter().filter(|analysis| analysis.bundle_id == bundle_id);
    found.flat_map(vouch_host::analyses::warnings).map(|warning| finding(&warning)).collect()
}

fn charge_message(charge: &Charge) -> Result<pb::TicketCharge, Error> {
    let refusal: Option<common::Findings> =
        charge.refusal.as_deref().map(|told| decode(told, "charge_refusal")).transpose()?;
    Ok(pb::TicketCharge {
        state: match charge.state {
            ChargeState::Asked => pb::TicketChargeState::Asked,
            ChargeState::Reserved => pb::TicketChargeState::Reserved,
            ChargeState::Captured => pb::TicketChargeState::Captured,
            ChargeState::Released => pb::TicketChargeState::Released,
            ChargeState::NotCharged => pb::TicketChargeState::NotCharged,
            ChargeState::Refused => pb::TicketChargeState::Refused,
        }
        .into(),
        hold_id: charge.hold_id.map(|id| id.to_string()).unwrap_or_default(),
        units: i32::try_from(charge.units).unwrap_or(i32::MAX),
        findings: refusal.unwrap_or_default().findings,
        turn_over_time: Some(timestamp(charge.turned_over_at)),
        response_time: charge.responded_at.map(timestamp),
        pending: charge.next().is_some(),
    })
}

fn closing_message(closing: &Closing) -> pb::TicketClosing {
    let kept = closing.kept.as_ref();
    pb::TicketClosing {
        liaison_notice_id: closing.notice_id.to_string(),
        close_after: Some(timestamp(closing.after)),
        kept_by: kept.map(|kept| kept.by.clone()).unwrap_or_default(),
        keep_time: kept.map(|kept| timestamp(kept.at)),
        keep_note: kept.map(|kept| kept.note.clone()).unwrap_or_default(),
    }
}

/// Notes with the originals in what the vendor wrote.
pub(super) fn translated_notes(notes: Vec<pb::Note>, by: &Translation) -> Vec<pb::Note> {
    let translated = |note: pb::Note| {
        // What this side wrote says what it was meant to say.
        if note.author != VENDOR {
            return note;
        }
        let (text, replaced) = by.translate(&note.text);
        pb::Note { text, translated: replaced > 0, ..note }
    };
    notes.into_iter().map(translated).collect()
}

fn note_message(note: Note) -> pb::Note {
    pb::Note {
        note_id: note.id.to_string(),
        audience: match note.audience {
            Audience::EndUser => pb::Audience::EndUser,
            Audience::Vendor => pb::Audience::Vendor,
            Audience::Internal => pb::Audience::Internal,
        }
        .into(),
        author: note.author,
        text: note.text,
        written_at: Some(timestamp(note.written_at)),
        pending: note.pending,
        translated: false,
        marks: step_marks(&note.marks),
    }
}

fn decode<M: Message + Default>(told: &[u8], column: &'static str) -> Result<M, Error> {
    M::decode(told).map_err(|error| StoreError::Corrupt { column, problem: error.to_string() }.into())
}

fn state(state: TicketState) -> pb::TicketState {
    match state {
        TicketState::Open => pb::TicketState::Open,
        TicketState::Verified => pb::TicketState::Verified,
        TicketState::Troubleshooting => pb::TicketState::Troubleshooting,
        TicketState::Escalating => pb::TicketState::Escalating,
        TicketState::Escalated => pb::TicketState::Escalated,
        TicketState::SolutionProposed => pb::TicketState::SolutionProposed,
        TicketState::Confirmed => pb::TicketState::Confirmed,
        TicketState::ReadyToClose => pb::TicketState::ReadyToClose,
        TicketState::Closed => pb::TicketState::Closed,
        TicketState::Answered => pb::TicketState::Answered,
    }
}

/// The answer for an organisation of which no licence for the vendor is known: there is nothing to ask with.
pub(super) fn no_license() -> license::EntitlementAnswer {
    let finding = common::Finding {
        reason: common::Reason::LicenseNotFound.into(),
        weight: common::Weight::Blocking.into(),
        subject: "license".into(),
        message: "No licence for this vendor is entered with the organisation.".into(),
        cure_by: common::CureBy::Partner.into(),
        remedy: "Ask the end user for the licence, and enter it with the organisation.".into(),
        clears_at: None,
    };
    license::EntitlementAnswer {
        verdict: license::Verdict::NotEntitled.into(),
        findings: vec![finding],
        ..license::EntitlementAnswer::default()
    }
}

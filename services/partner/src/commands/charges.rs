//! What a ticket costs at the front line: turned over, answered at once, closed.

use sqlx::AnyConnection;
use vouch_core::StepMarks;
use vouch_core::id::OutboxId;
use vouch_storage::{WriteError, outbox};

use super::tickets::{self as commands, Doing, kinds};
use crate::domain::ticket::{Audience, Note, Ticket};
use crate::store::notes;

/// Turns a ticket over to the support team: its incident is set aside by way of the outbox.
pub async fn turn_over(tx: &mut AnyConnection, doing: &Doing<'_>, ticket: &mut Ticket) -> Result<(), WriteError> {
    ticket.turn_over(doing.now)?;
    bring_in_line(tx, doing, ticket).await
}

/// Answers a ticket at once, which ends it and costs nothing.
pub async fn answer_at_once(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    answer: &str,
    marks: StepMarks,
) -> Result<(), WriteError> {
    take_back(tx, doing, ticket).await?;
    ticket.answer_at_once()?;
    tell(tx, doing, ticket, answer, marks).await
}

/// Closes a ticket at the front line.
pub async fn close(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &mut Ticket,
    summary: &str,
) -> Result<(), WriteError> {
    take_back(tx, doing, ticket).await?;
    ticket.close()?;
    tell(tx, doing, ticket, summary, StepMarks::none()).await
}

/// Has the licence service brought in line with what is wanted of the ticket's incident, where it is not. Safe to ask for again: each
/// entry does what is missing when it is sent.
pub async fn bring_in_line(tx: &mut AnyConnection, doing: &Doing<'_>, ticket: &Ticket) -> Result<(), WriteError> {
    if !ticket.owes_settlement() {
        return Ok(());
    }
    let id: OutboxId = doing.world.id();
    outbox::enqueue(tx, id, &ticket.id.to_string(), kinds::CHARGE, &[], doing.now, doing.now).await
}

/// Takes an escalation back that was refused: a ticket that ends leaves nothing set aside for it.
async fn take_back(tx: &mut AnyConnection, doing: &Doing<'_>, ticket: &mut Ticket) -> Result<(), WriteError> {
    if !ticket.was_refused() {
        return Ok(());
    }
    commands::withdraw(tx, doing, ticket, "The ticket ended at the front line.").await
}

/// Tells the end user how the ticket ended: that is no technician's response any more.
async fn tell(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    ticket: &Ticket,
    text: &str,
    marks: StepMarks,
) -> Result<(), WriteError> {
    let note = Note {
        id: doing.world.id(),
        ticket_id: ticket.id,
        audience: Audience::EndUser,
        author: doing.actor.to_owned(),
        text: text.to_owned(),
        written_at: doing.now,
        entry_id: None,
        pending: false,
        marks,
    };
    notes::note_insert(tx, &note).await?;
    bring_in_line(tx, doing, ticket).await
}

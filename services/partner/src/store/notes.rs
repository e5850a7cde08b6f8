//! Notes of tickets.

use sqlx::AnyConnection;
use vouch_core::StepMarks;
use vouch_core::id::{self, OutboxId, TicketId};
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::ticket::{Audience, Note};

/// Adds a note; one that is there already stays as it is.
pub async fn note_insert(connection: &mut AnyConnection, note: &Note) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO ticket_notes (note_id, ticket_id, audience, author, text, written_at, entry_id, pending, marks)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(note.id.to_string())
    .bind(note.ticket_id.to_string())
    .bind(note.audience.as_str())
    .bind(&note.author)
    .bind(&note.text)
    .bind(note.written_at.as_microsecond())
    .bind(note.entry_id.map(|id| id.to_string()))
    .bind(i16::from(note.pending))
    .bind(note.marks.words())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the vendor took a note of this ticket into the joint history.
pub async fn note_taken(connection: &mut AnyConnection, ticket_id: TicketId, entry_id: &str) -> Result<(), WriteError> {
    sqlx::query("UPDATE ticket_notes SET pending = 0, audience = $3 WHERE entry_id = $1 AND ticket_id = $2")
        .bind(entry_id)
        .bind(ticket_id.to_string())
        .bind(Audience::Vendor.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Turns the notes of a ticket that were not sent into the partner's own.
pub async fn notes_unsent(connection: &mut AnyConnection, ticket_id: TicketId) -> Result<(), WriteError> {
    sqlx::query("UPDATE ticket_notes SET pending = 0, audience = $2 WHERE ticket_id = $1 AND pending = 1")
        .bind(ticket_id.to_string())
        .bind(Audience::Internal.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Turns a note that the vendor refused into one of the partner's own: it reached nobody else.
pub async fn note_refused(connection: &mut AnyConnection, entry_id: OutboxId) -> Result<(), WriteError> {
    sqlx::query("UPDATE ticket_notes SET pending = 0, audience = $2 WHERE entry_id = $1")
        .bind(entry_id.to_string())
        .bind(Audience::Internal.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Every note of a ticket, in the order in which they were written.
pub async fn note_list(connection: &mut AnyConnection, ticket_id: TicketId) -> Result<Vec<Note>, StoreError> {
    let rows = sqlx::query("SELECT * FROM ticket_notes WHERE ticket_id = $1 ORDER BY written_at, note_id")
        .bind(ticket_id.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|found| {
            Ok(Note {
                id: row::id(found, "note_id")?,
                ticket_id: row::id(found, "ticket_id")?,
                audience: row::word(found, "audience", Audience::parse)?,
                author: row::text(found, "author")?,
                text: row::text(found, "text")?,
                written_at: row::instant(found, "written_at")?,
                entry_id: row::optional_parsed(found, "entry_id", id::parse)?,
                pending: row::flag(found, "pending")?,
                marks: row::word(found, "marks", StepMarks::parse)?,
            })
        })
        .collect()
}

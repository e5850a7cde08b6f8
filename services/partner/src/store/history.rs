//! The joint histories that are held here, and how far each vendor's feed was applied.

use prost::{Message, Name};
use sqlx::AnyConnection;
use vouch_contract::convert::known_step_marks;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::CaseId;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::collection::VendorRequest;
use crate::domain::ticket::{Head, Link, Ticket};

/// The head of a case's history as it is held here.
pub async fn head_fetch(
    connection: &mut AnyConnection,
    vendor_id: &VendorId,
    case_id: CaseId,
) -> Result<Head, StoreError> {
    let found = sqlx::query(
        "SELECT sequence, hash FROM case_events WHERE vendor_id = $1 AND case_id = $2 ORDER BY sequence DESC LIMIT 1",
    )
    .bind(vendor_id.as_str())
    .bind(case_id.to_string())
    .fetch_optional(connection)
    .await?;
    match found {
        None => Ok(Head::START),
        Some(found) => Ok(Head { sequence: row::integer(&found, "sequence")?, hash: row::array(&found, "hash")? }),
    }
}

/// What the vendor asks for; `None` while it waits for no answer.
pub async fn vendor_request_fetch(
    connection: &mut AnyConnection,
    ticket: &Ticket,
) -> Result<Option<VendorRequest>, StoreError> {
    let is_asked = ticket.escalation.as_ref().is_some_and(|escalation| escalation.asked);
    let Some(case) = ticket.case().filter(|_| is_asked) else { return Ok(None) };
    let found = sqlx::query(
        "SELECT payload, committed_at FROM case_events WHERE vendor_id = $1 AND case_id = $2 AND type_name = $3
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(ticket.vendor_id.as_str())
    .bind(case.id.to_string())
    .bind(pb::InformationRequested::full_name())
    .fetch_optional(connection)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let asked = pb::InformationRequested::decode(row::bytes(&found, "payload")?.as_slice())
        .map_err(|error| StoreError::Corrupt { column: "payload", problem: error.to_string() })?;
    let asked_at = row::instant(&found, "committed_at")?;
    let pb::InformationRequested { questions, collectors, profile, marks } = asked;
    Ok(Some(VendorRequest { questions, collectors, profile, marks: known_step_marks(&marks), asked_at }))
}

/// Adds an event behind the head.
pub async fn event_insert(connection: &mut AnyConnection, vendor_id: &VendorId, link: &Link) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO case_events (case_id, sequence, type_name, payload, salt, previous_hash, hash, actor, committed_at,
             origin, content_hash, vendor_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(link.case_id.to_string())
    .bind(link.sequence)
    .bind(&link.type_name)
    .bind(link.payload.as_slice())
    .bind(link.salt.as_slice())
    .bind(link.previous_hash.as_slice())
    .bind(link.hash.as_slice())
    .bind(&link.actor)
    .bind(link.committed_at.as_microsecond())
    .bind(&link.origin)
    .bind(link.content_hash.as_slice())
    .bind(vendor_id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// The cursor up to which a vendor's feed was applied; empty at the beginning.
pub async fn cursor_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
) -> Result<String, StoreError> {
    let found = sqlx::query("SELECT cursor FROM feed_cursors WHERE partner_id = $1 AND vendor_id = $2")
        .bind(partner_id.as_str())
        .bind(vendor_id.as_str())
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(String::new()), |found| row::text(&found, "cursor"))
}

/// Moves the cursor on from where it was read, in the transaction that applies. Another replica that applied meanwhile makes
/// this one lose its race.
pub async fn cursor_move(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
    from: &str,
    to: &str,
) -> Result<bool, WriteError> {
    sqlx::query("INSERT INTO feed_cursors (partner_id, vendor_id, cursor) VALUES ($1, $2, '') ON CONFLICT DO NOTHING")
        .bind(partner_id.as_str())
        .bind(vendor_id.as_str())
        .execute(&mut *connection)
        .await?;
    let moved =
        sqlx::query("UPDATE feed_cursors SET cursor = $4 WHERE partner_id = $1 AND vendor_id = $2 AND cursor = $3")
            .bind(partner_id.as_str())
            .bind(vendor_id.as_str())
            .bind(from)
            .bind(to)
            .execute(connection)
            .await?;
    Ok(moved.rows_affected() == 1)
}

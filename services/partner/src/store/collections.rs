//! Collection tickets, and the keys that go into them.

use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{CollectionTicketId, TicketId};
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::collection::CollectionTicket;

/// Adds a collection ticket.
pub async fn collection_ticket_insert(
    connection: &mut AnyConnection,
    issued: &CollectionTicket,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO collection_tickets (collection_ticket_id, ticket_id, profile, issued_by, issued_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(issued.id.to_string())
    .bind(issued.ticket_id.to_string())
    .bind(issued.wanted.profile.to_string())
    .bind(&issued.issued_by)
    .bind(issued.issued_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a collection ticket was issued for a ticket.
pub async fn was_issued_for(
    connection: &mut AnyConnection,
    id: CollectionTicketId,
    ticket_id: TicketId,
) -> Result<bool, StoreError> {
    let found =
        sqlx::query("SELECT profile FROM collection_tickets WHERE collection_ticket_id = $1 AND ticket_id = $2")
            .bind(id.to_string())
            .bind(ticket_id.to_string())
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// The key of a ticket's pseudonyms, sealed.
pub async fn pseudonym_key_fetch(
    connection: &mut AnyConnection,
    ticket_id: TicketId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query("SELECT sealed FROM pseudonym_keys WHERE ticket_id = $1")
        .bind(ticket_id.to_string())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::bytes(&found, "sealed")).transpose()
}

/// Adds the key of a ticket's pseudonyms, under the ticket's lock.
pub async fn pseudonym_key_insert(
    connection: &mut AnyConnection,
    ticket_id: TicketId,
    sealed: &[u8],
) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO pseudonym_keys (ticket_id, sealed) VALUES ($1, $2)")
        .bind(ticket_id.to_string())
        .bind(sealed)
        .execute(connection)
        .await?;
    Ok(())
}

/// A partner organisation's private key, sealed.
pub async fn identity_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query("SELECT sealed FROM partner_identities WHERE partner_id = $1")
        .bind(partner_id.as_str())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::bytes(&found, "sealed")).transpose()
}

/// Adds a partner organisation's key pair. Where another transaction was faster, its pair stays: who adds one reads again.
pub async fn identity_insert(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    recipient: &str,
    sealed: &[u8],
    made_at: jiff::Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO partner_identities (partner_id, recipient, sealed, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(partner_id.as_str())
    .bind(recipient)
    .bind(sealed)
    .bind(made_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

//! Notices of removed liaisons: which were carried out, how far they were followed, and the tickets that they leave.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::LiaisonNoticeId;
use vouch_storage::{StoreError, WriteError, row};

use super::tickets::read_ticket;
use crate::domain::ticket::{Ticket, TicketState};

/// Notes that a notice is carried out. False when it was before.
pub async fn notice_take(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
    id: LiaisonNoticeId,
    now: Timestamp,
) -> Result<bool, WriteError> {
    let taken = sqlx::query(
        "INSERT INTO liaison_notices (partner_id, vendor_id, liaison_notice_id, taken_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(partner_id.as_str())
    .bind(vendor_id.as_str())
    .bind(id.to_string())
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Whether a notice was carried out.
pub async fn notice_is_taken(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
    id: LiaisonNoticeId,
) -> Result<bool, StoreError> {
    let sql = "SELECT taken_at FROM liaison_notices
               WHERE partner_id = $1 AND vendor_id = $2 AND liaison_notice_id = $3";
    let found = sqlx::query(sql)
        .bind(partner_id.as_str())
        .bind(vendor_id.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// The revision up to which a vendor's feed of entitlements was followed.
pub async fn place_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
) -> Result<Option<i64>, StoreError> {
    let found = sqlx::query("SELECT revision FROM entitlement_places WHERE partner_id = $1 AND vendor_id = $2")
        .bind(partner_id.as_str())
        .bind(vendor_id.as_str())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::integer(&found, "revision")).transpose()
}

/// Writes it down.
pub async fn place_put(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
    revision: i64,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO entitlement_places (partner_id, vendor_id, revision) VALUES ($1, $2, $3)
         ON CONFLICT (partner_id, vendor_id) DO UPDATE SET revision = excluded.revision",
    )
    .bind(partner_id.as_str())
    .bind(vendor_id.as_str())
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(())
}

/// The tickets about a vendor's products that go on, and behind which a person with this address stands.
pub async fn ticket_list_of_contact(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    vendor_id: &VendorId,
    email: &str,
) -> Result<Vec<Ticket>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM tickets WHERE partner_id = $1 AND vendor_id = $2 AND state NOT IN ($4, $5)
           AND (liaison_email = $3 OR (liaison_email = '' AND contact_email = $3))
         ORDER BY ticket_id",
    )
    .bind(partner_id.as_str())
    .bind(vendor_id.as_str())
    .bind(email)
    .bind(TicketState::Closed.as_str())
    .bind(TicketState::Answered.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_ticket).collect()
}

/// The tickets whose grace has ended, and which nobody keeps: those that go on, after this one.
pub async fn ticket_list_lapsing(
    connection: &mut AnyConnection,
    now: Timestamp,
    after: &str,
    most: i64,
) -> Result<Vec<Ticket>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM tickets
         WHERE closing_after IS NOT NULL AND kept_by IS NULL AND closing_after <= $1 AND state NOT IN ($4, $5)
           AND ticket_id > $2
         ORDER BY ticket_id LIMIT $3",
    )
    .bind(now.as_microsecond())
    .bind(after)
    .bind(most)
    .bind(TicketState::Closed.as_str())
    .bind(TicketState::Answered.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_ticket).collect()
}

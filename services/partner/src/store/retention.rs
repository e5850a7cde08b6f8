//! Which bundles are kept, and which are given up.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::id::{BundleId, TicketId};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::tickets::{read_bundle, read_ticket};
use crate::domain::ticket::{Bundle, Ticket, TicketState};

/// Has a bundle's contents kept from now on, for as long as its ticket is open.
///
/// Invariant: whoever gives the contents up locks the bundle's row as well, so that a bundle of which they were given up meanwhile
/// makes the transaction start over and find out.
pub async fn bundle_keep(connection: &mut AnyConnection, id: BundleId) -> Result<(), WriteError> {
    let kept = sqlx::query("UPDATE bundles SET expires_at = NULL WHERE bundle_id = $1 AND content_deleted_at IS NULL")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    if kept.rows_affected() == 1 { Ok(()) } else { Err(WriteError::Store(StoreError::lost_race())) }
}

/// Bundles of which it is to be decided until when they are kept: their time is over, or their ticket ended.
pub async fn bundles_to_settle(
    connection: &mut AnyConnection,
    now: Timestamp,
    after: Option<BundleId>,
    most: i64,
) -> Result<Vec<BundleId>, StoreError> {
    let rows = sqlx::query(
        "SELECT bundle_id FROM bundles WHERE bundle_id > $5 AND content_deleted_at IS NULL AND expires_at <= $1
         UNION ALL
         SELECT b.bundle_id FROM bundles b JOIN tickets t ON t.ticket_id = b.ticket_id
         WHERE b.bundle_id > $5 AND b.content_deleted_at IS NULL AND b.expires_at IS NULL AND b.retention IS NOT NULL
             AND t.state IN ($2, $3)
         ORDER BY bundle_id LIMIT $4",
    )
    .bind(now.as_microsecond())
    .bind(TicketState::Closed.as_str())
    .bind(TicketState::Answered.as_str())
    .bind(most)
    .bind(after.map(|id| id.to_string()).unwrap_or_default())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::id(found, "bundle_id")).collect()
}

/// A bundle whose contents are there, its row locked until the transaction ends; `None` where somebody else holds the row.
pub async fn bundle_claim(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: BundleId,
) -> Result<Option<Bundle>, StoreError> {
    let sql = format!("SELECT * FROM bundles WHERE bundle_id = $1 AND content_deleted_at IS NULL{}", dialect.claim());
    // The text is a constant and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(connection).await?;
    found.as_ref().map(read_bundle).transpose()
}

/// The ticket of a bundle, whoever's it is.
pub async fn ticket_of(connection: &mut AnyConnection, id: TicketId) -> Result<Ticket, StoreError> {
    let found =
        sqlx::query("SELECT * FROM tickets WHERE ticket_id = $1").bind(id.to_string()).fetch_one(connection).await?;
    read_ticket(&found)
}

/// Writes until when a bundle is kept, and whether its contents were deleted.
pub async fn bundle_settle(connection: &mut AnyConnection, bundle: &Bundle) -> Result<(), WriteError> {
    sqlx::query("UPDATE bundles SET expires_at = $2, content_deleted_at = $3 WHERE bundle_id = $1")
        .bind(bundle.id.to_string())
        .bind(bundle.expires_at.map(Timestamp::as_microsecond))
        .bind(bundle.content_deleted_at.map(Timestamp::as_microsecond))
        .execute(connection)
        .await?;
    Ok(())
}

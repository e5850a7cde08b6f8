//! Which bundles are kept, by whom they are held, and which are given up.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::id::{BundleId, CaseId};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::bundles::read_bundle;
use crate::domain::bundle::Bundle;
use crate::domain::case::CaseState;
use crate::domain::retention::Holder;

/// Has a case hold a bundle, whose contents are kept from now on until the case ends.
///
/// Invariant: whoever gives the contents up locks the bundle's row as well, so that a bundle of which they were given up meanwhile
/// makes the transaction start over and find out.
pub async fn bundle_hold(
    connection: &mut AnyConnection,
    case_id: CaseId,
    bundle_id: BundleId,
    since: Timestamp,
) -> Result<(), WriteError> {
    let kept = sqlx::query("UPDATE bundles SET expires_at = NULL WHERE bundle_id = $1 AND content_deleted_at IS NULL")
        .bind(bundle_id.to_string())
        .execute(&mut *connection)
        .await?;
    if kept.rows_affected() != 1 {
        return Err(WriteError::Store(StoreError::lost_race()));
    }
    sqlx::query("INSERT INTO case_bundles (case_id, bundle_id, held_since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(case_id.to_string())
        .bind(bundle_id.to_string())
        .bind(since.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// Bundles of which it is to be decided until when they are kept: their time is over, or no case that is open holds them any more.
pub async fn bundles_to_settle(
    connection: &mut AnyConnection,
    now: Timestamp,
    after: Option<BundleId>,
    most: i64,
) -> Result<Vec<BundleId>, StoreError> {
    let rows = sqlx::query(
        "SELECT bundle_id FROM bundles WHERE bundle_id > $5 AND content_deleted_at IS NULL AND expires_at <= $1
         UNION ALL
         SELECT bundle_id FROM bundles b
         WHERE bundle_id > $5 AND content_deleted_at IS NULL AND expires_at IS NULL AND retention IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM case_bundles h JOIN cases c ON c.case_id = h.case_id
             WHERE h.bundle_id = b.bundle_id AND c.state NOT IN ($2, $3))
         ORDER BY bundle_id LIMIT $4",
    )
    .bind(now.as_microsecond())
    .bind(CaseState::Closed.as_str())
    .bind(CaseState::Withdrawn.as_str())
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

/// The cases that hold a bundle. A case ends with its last event.
pub async fn holders_fetch(connection: &mut AnyConnection, id: BundleId) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.state AS state, (SELECT MAX(e.committed_at) FROM case_events e WHERE e.case_id = c.case_id) AS last_at
         FROM case_bundles h JOIN cases c ON c.case_id = h.case_id WHERE h.bundle_id = $1",
    )
    .bind(id.to_string())
    .fetch_all(connection)
    .await?;
    let read = |found: &sqlx::any::AnyRow| {
        let is_open = row::word(found, "state", CaseState::parse)?.is_open();
        Ok(Holder { ended_at: if is_open { None } else { Some(row::instant(found, "last_at")?) } })
    };
    rows.iter().map(read).collect()
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

//! What the pseudonyms of bundles stand for: encrypted, as it came.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::id::{BundleId, TicketId};
use vouch_storage::{Dialect, StoreError, WriteError, row};

/// Holds a bundle whose contents are there, until the transaction ends.
pub async fn bundle_hold(connection: &mut AnyConnection, dialect: Dialect, id: BundleId) -> Result<(), WriteError> {
    let lock = dialect.for_update();
    let sql = format!("SELECT bundle_id FROM bundles WHERE bundle_id = $1 AND content_deleted_at IS NULL{lock}");
    // The text is a constant and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(connection).await?;
    found.map(|_| ()).ok_or_else(|| WriteError::Store(StoreError::lost_race()))
}

/// The table of a bundle.
pub async fn table_fetch(connection: &mut AnyConnection, id: BundleId) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query("SELECT sealed FROM bundle_pseudonyms WHERE bundle_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::bytes(&found, "sealed")).transpose()
}

/// Adds the table of a bundle that has none, under its ticket's lock.
pub async fn table_insert(
    connection: &mut AnyConnection,
    id: BundleId,
    sealed: &[u8],
    received_at: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO bundle_pseudonyms (bundle_id, sealed, received_at) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(sealed)
        .bind(received_at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the table of a bundle whose contents are given up.
pub async fn table_delete(connection: &mut AnyConnection, id: BundleId) -> Result<(), WriteError> {
    let delete = sqlx::query("DELETE FROM bundle_pseudonyms WHERE bundle_id = $1").bind(id.to_string());
    delete.execute(connection).await?;
    Ok(())
}

/// The tables of a ticket's bundles, the youngest first: at most so many, and at most so many bytes of them.
pub async fn table_list(
    connection: &mut AnyConnection,
    ticket_id: TicketId,
    most: i64,
    most_bytes: i64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows = sqlx::query(
        "SELECT bundle_pseudonyms.bundle_id, CAST(length(bundle_pseudonyms.sealed) AS BIGINT) AS bytes
         FROM bundle_pseudonyms JOIN bundles ON bundles.bundle_id = bundle_pseudonyms.bundle_id
         WHERE bundles.ticket_id = $1 ORDER BY received_at DESC, bundle_pseudonyms.bundle_id DESC LIMIT $2",
    )
    .bind(ticket_id.to_string())
    .bind(most)
    .fetch_all(&mut *connection)
    .await?;
    let (mut tables, mut bytes) = (Vec::new(), 0);
    for found in &rows {
        bytes += row::integer(found, "bytes")?;
        if bytes > most_bytes {
            break;
        }
        tables.extend(table_fetch(connection, row::id(found, "bundle_id")?).await?);
    }
    Ok(tables)
}

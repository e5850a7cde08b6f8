//! Accounts: columns of the end user's row.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_core::dates;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::incident::{Account, AccountState, Anniversary};

/// The account of an end user; `None` when the vendor does not know that one.
pub async fn account_fetch(connection: &mut AnyConnection, id: &EndUserId) -> Result<Option<AccountState>, StoreError> {
    let found = sqlx::query("SELECT * FROM end_users WHERE end_user_id = $1").bind(id.as_str());
    found.fetch_optional(connection).await?.as_ref().map(read_account).transpose()
}

/// The same, its row locked until the transaction ends: the lock of everything that concerns one end user as a whole.
pub async fn account_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: &EndUserId,
) -> Result<Option<AccountState>, StoreError> {
    let sql = format!("SELECT * FROM end_users WHERE end_user_id = $1{}", dialect.for_update());
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    found.as_ref().map(read_account).transpose()
}

/// Writes an account over the old one, and stamps it where checks have to hear of it.
pub async fn account_update(
    connection: &mut AnyConnection,
    id: &EndUserId,
    state: &AccountState,
    facts_revision: Option<i64>,
) -> Result<(), WriteError> {
    let AccountState { balance, anniversary, due_at, lines } = state;
    let zone = anniversary.as_ref().and_then(|anniversary| anniversary.zone.iana_name()).unwrap_or("UTC");
    sqlx::query(
        "UPDATE end_users SET available = $2, reserved = $3, captured = $4, expired = $5, owed = $6, vendor_borne = $7,
             first_granted_at = $8, incidents_zone = $9, anniversaries = $10, incidents_due_at = $11, ledger_lines = $12,
             facts_revision = COALESCE($13, facts_revision)
         WHERE end_user_id = $1",
    )
    .bind(id.as_str())
    .bind(balance.available)
    .bind(balance.reserved)
    .bind(balance.captured)
    .bind(balance.expired)
    .bind(balance.owed)
    .bind(balance.vendor_borne)
    .bind(anniversary.as_ref().map(|anniversary| anniversary.first_granted_at.as_microsecond()))
    .bind(zone)
    .bind(anniversary.as_ref().map_or(0, |anniversary| i64::from(anniversary.passed)))
    .bind(due_at.map(Timestamp::as_microsecond))
    .bind(*lines)
    .bind(facts_revision)
    .execute(connection)
    .await?;
    Ok(())
}

/// Accounts to which time has something to do, the longest due first, at most so many.
pub async fn account_list_due(
    connection: &mut AnyConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<EndUserId>, StoreError> {
    let rows = sqlx::query(
        "SELECT end_user_id FROM end_users WHERE incidents_due_at <= $1 ORDER BY incidents_due_at, end_user_id LIMIT $2",
    )
    .bind(now.as_microsecond())
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::parsed(found, "end_user_id", EndUserId::parse)).collect()
}

fn read_account(found: &AnyRow) -> Result<AccountState, StoreError> {
    let anniversary = match row::optional_instant(found, "first_granted_at")? {
        None => None,
        Some(first_granted_at) => Some(Anniversary {
            first_granted_at,
            zone: row::parsed(found, "incidents_zone", dates::zone)?,
            passed: row::number(found, "anniversaries")?,
        }),
    };
    Ok(AccountState {
        balance: Account {
            available: row::integer(found, "available")?,
            reserved: row::integer(found, "reserved")?,
            captured: row::integer(found, "captured")?,
            expired: row::integer(found, "expired")?,
            owed: row::integer(found, "owed")?,
            vendor_borne: row::integer(found, "vendor_borne")?,
        },
        anniversary,
        due_at: row::optional_instant(found, "incidents_due_at")?,
        lines: row::integer(found, "ledger_lines")?,
    })
}

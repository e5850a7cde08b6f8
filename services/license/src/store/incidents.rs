//! Accounts of prepaid incidents, holds, and the ledger.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{EscalationId, HoldId};
use vouch_host::Page;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::incident::{Account, Hold, HoldState, LedgerEntry, Movement};

/// The account of an end user; `None` when the vendor does not know that one.
pub async fn account_fetch(connection: &mut AnyConnection, id: &EndUserId) -> Result<Option<Account>, StoreError> {
    let found = sqlx::query("SELECT * FROM end_users WHERE end_user_id = $1").bind(id.as_str());
    found.fetch_optional(connection).await?.as_ref().map(read_account).transpose()
}

/// How many incidents an end user had free at an instant.
pub async fn available_at(connection: &mut AnyConnection, id: &EndUserId, at: Timestamp) -> Result<i64, StoreError> {
    let now = account_fetch(connection, id).await?.unwrap_or_default().available;
    let sql = "SELECT movement, CAST(SUM(units) AS BIGINT) AS units FROM ledger_entries
               WHERE end_user_id = $1 AND booked_at > $2 GROUP BY movement";
    let rows = sqlx::query(sql).bind(id.as_str()).bind(at.as_microsecond()).fetch_all(connection).await?;
    let mut since = 0;
    for found in &rows {
        let units = row::integer(found, "units")?;
        since += match row::word(found, "movement", Movement::parse)? {
            Movement::Grant | Movement::Release => units,
            Movement::Reserve | Movement::CaptureAnew => -units,
            Movement::Capture | Movement::VendorBears => 0,
        };
    }
    Ok(now - since)
}

/// The same, its row locked until the transaction ends: the lock of everything that concerns one end user as a whole.
pub async fn account_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: &EndUserId,
) -> Result<Option<Account>, StoreError> {
    let sql = format!("SELECT * FROM end_users WHERE end_user_id = $1{}", dialect.for_update());
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    found.as_ref().map(read_account).transpose()
}

/// Writes an account over the old one, and the movement that changed it into the ledger.
pub async fn movement_book(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    account: Account,
    entry: &LedgerEntry,
) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE end_users SET available = $2, reserved = $3, captured = $4, vendor_borne = $5 WHERE end_user_id = $1",
    )
    .bind(end_user_id.as_str())
    .bind(account.available)
    .bind(account.reserved)
    .bind(account.captured)
    .bind(account.vendor_borne)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO ledger_entries (entry_id, end_user_id, movement, units, reference, booked_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(entry.id.to_string())
    .bind(end_user_id.as_str())
    .bind(entry.movement.as_str())
    .bind(entry.units)
    .bind(&entry.reference)
    .bind(entry.booked_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of an account's ledger, oldest first.
pub async fn ledger_list(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    page: &Page,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM ledger_entries WHERE end_user_id = $1 AND entry_id > $2 ORDER BY entry_id LIMIT $3")
            .bind(end_user_id.as_str())
            .bind(&page.after)
            .bind(page.limit())
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|found| {
            Ok(LedgerEntry {
                id: row::id(found, "entry_id")?,
                movement: row::word(found, "movement", Movement::parse)?,
                units: row::integer(found, "units")?,
                reference: row::text(found, "reference")?,
                booked_at: row::instant(found, "booked_at")?,
            })
        })
        .collect()
}

/// Adds a hold. False when the escalation has one already: another transaction was faster.
pub async fn hold_insert(
    connection: &mut AnyConnection,
    hold: &Hold,
    proof_expires_at: Timestamp,
) -> Result<bool, WriteError> {
    let inserted = sqlx::query(
        "INSERT INTO holds (hold_id, partner_id, escalation_id, end_user_id, units, state, proof_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (partner_id, escalation_id) DO NOTHING",
    )
    .bind(hold.id.to_string())
    .bind(hold.partner_id.as_str())
    .bind(hold.escalation_id.to_string())
    .bind(hold.end_user_id.as_str())
    .bind(i64::from(hold.units))
    .bind(hold.state.as_str())
    .bind(proof_expires_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes what a hold has and what became of it.
pub async fn hold_update(connection: &mut AnyConnection, hold: &Hold) -> Result<(), WriteError> {
    sqlx::query("UPDATE holds SET units = $2, state = $3 WHERE hold_id = $1")
        .bind(hold.id.to_string())
        .bind(i64::from(hold.units))
        .bind(hold.state.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes until when the last proof of a hold lives.
pub async fn hold_renew(
    connection: &mut AnyConnection,
    id: HoldId,
    proof_expires_at: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query("UPDATE holds SET proof_expires_at = $2 WHERE hold_id = $1")
        .bind(id.to_string())
        .bind(proof_expires_at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// Holds that are neither captured nor given back although their last proof ended before an instant, at most so many.
pub async fn hold_list_unsettled(
    connection: &mut AnyConnection,
    before: Timestamp,
    most: i64,
) -> Result<Vec<HoldId>, StoreError> {
    let rows =
        sqlx::query("SELECT hold_id FROM holds WHERE state = $1 AND proof_expires_at < $2 ORDER BY hold_id LIMIT $3")
            .bind(HoldState::Reserved.as_str())
            .bind(before.as_microsecond())
            .bind(most)
            .fetch_all(connection)
            .await?;
    rows.iter().map(|found| row::id(found, "hold_id")).collect()
}

/// The hold of an escalation.
pub async fn hold_fetch_of(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    escalation_id: EscalationId,
) -> Result<Option<Hold>, StoreError> {
    let found = sqlx::query("SELECT * FROM holds WHERE partner_id = $1 AND escalation_id = $2")
        .bind(partner_id.as_str())
        .bind(escalation_id.to_string())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_hold).transpose()
}

/// The hold with this id.
pub async fn hold_fetch(connection: &mut AnyConnection, id: HoldId) -> Result<Option<Hold>, StoreError> {
    let found = sqlx::query("SELECT * FROM holds WHERE hold_id = $1").bind(id.to_string());
    found.fetch_optional(connection).await?.as_ref().map(read_hold).transpose()
}

fn read_account(found: &AnyRow) -> Result<Account, StoreError> {
    Ok(Account {
        available: row::integer(found, "available")?,
        reserved: row::integer(found, "reserved")?,
        captured: row::integer(found, "captured")?,
        vendor_borne: row::integer(found, "vendor_borne")?,
    })
}

fn read_hold(found: &AnyRow) -> Result<Hold, StoreError> {
    Ok(Hold {
        id: row::id(found, "hold_id")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        escalation_id: row::id(found, "escalation_id")?,
        end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
        units: row::number(found, "units")?,
        state: row::word(found, "state", HoldState::parse)?,
    })
}

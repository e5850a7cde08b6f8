//! The right to online accounts.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_core::id::{AgreementId, OnlineAccountId};
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use super::translate;
use crate::domain::online_account::{OnlineAccount, Origin};

/// Adds an account.
pub async fn account_insert(connection: &mut AnyConnection, account: &OnlineAccount) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO online_accounts (online_account_id, agreement_id, name, email, referring_contact_id, origin,
             created_at, confirmed_at, ended_at, end_note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, '')",
    )
    .bind(account.id.to_string())
    .bind(account.agreement_id.to_string())
    .bind(&account.name)
    .bind(&account.email)
    .bind(account.referring.to_string())
    .bind(account.origin.as_str())
    .bind(account.created_at.as_microsecond())
    .bind(account.confirmed_at.map(Timestamp::as_microsecond))
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &account.email))?;
    Ok(())
}

/// Writes what may change of an account.
pub async fn account_update(connection: &mut AnyConnection, account: &OnlineAccount) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE online_accounts SET confirmed_at = $2, ended_at = $3, end_note = $4 WHERE online_account_id = $1",
    )
    .bind(account.id.to_string())
    .bind(account.confirmed_at.map(Timestamp::as_microsecond))
    .bind(account.ended_at.map(Timestamp::as_microsecond))
    .bind(&account.end_note)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends every account of a person at an end user; which those were.
pub async fn account_end_all(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    email: &str,
    note: &str,
    at: Timestamp,
) -> Result<Vec<OnlineAccountId>, WriteError> {
    let rows = sqlx::query(
        "UPDATE online_accounts SET ended_at = $3, end_note = $4 WHERE email = $2 AND ended_at IS NULL
             AND agreement_id IN (SELECT a.agreement_id FROM agreements a WHERE a.end_user_id = $1)
         RETURNING online_account_id",
    )
    .bind(end_user_id.as_str())
    .bind(email)
    .bind(at.as_microsecond())
    .bind(note)
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|found| row::id(found, "online_account_id")).collect::<Result<_, _>>()?)
}

/// The account with this id.
pub async fn account_fetch(
    connection: &mut AnyConnection,
    id: OnlineAccountId,
) -> Result<Option<OnlineAccount>, StoreError> {
    let sql = "SELECT * FROM online_accounts WHERE online_account_id = $1";
    let found = sqlx::query(sql).bind(id.to_string()).fetch_optional(connection).await?;
    found.as_ref().map(read_account).transpose()
}

/// A page of an agreement's accounts, by id.
pub async fn account_list(
    connection: &mut AnyConnection,
    agreement_id: AgreementId,
    page: &Page,
) -> Result<Vec<OnlineAccount>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM online_accounts WHERE agreement_id = $1 AND online_account_id > $2
         ORDER BY online_account_id LIMIT $3",
    )
    .bind(agreement_id.to_string())
    .bind(&page.after)
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_account).collect()
}

/// The accounts of a person under an agreement that were not ended: one at most.
pub async fn account_list_of_person(
    connection: &mut AnyConnection,
    agreement_id: AgreementId,
    email: &str,
) -> Result<Vec<OnlineAccount>, StoreError> {
    let sql = "SELECT * FROM online_accounts WHERE agreement_id = $1 AND email = $2 AND ended_at IS NULL";
    let rows = sqlx::query(sql).bind(agreement_id.to_string()).bind(email).fetch_all(connection).await?;
    rows.iter().map(read_account).collect()
}

fn read_account(found: &AnyRow) -> Result<OnlineAccount, StoreError> {
    Ok(OnlineAccount {
        id: row::id(found, "online_account_id")?,
        agreement_id: row::id(found, "agreement_id")?,
        name: row::text(found, "name")?,
        email: row::text(found, "email")?,
        referring: row::id(found, "referring_contact_id")?,
        origin: row::word(found, "origin", Origin::parse)?,
        created_at: row::instant(found, "created_at")?,
        confirmed_at: row::optional_instant(found, "confirmed_at")?,
        ended_at: row::optional_instant(found, "ended_at")?,
        end_note: row::text(found, "end_note")?,
    })
}

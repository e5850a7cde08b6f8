//! How much may be stored: bytes are counted on accounts, in the transaction that stores them and in the one that gives them up.
//!
//! An account may lie within another one: `north/tkt_…` within `north`. What is counted on the inner one is counted on the outer one
//! as well. Each is one row, which the counting statement itself locks, so that two uploads at once never exceed what is allowed.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use vouch_core::{Error, Kind, Reason};

use super::Blobs;
use crate::{StoreError, WriteError, row};

/// An account, with what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    name: String,
    /// Whose it is, for people.
    whose: String,
    allowed_bytes: u64,
    /// What to do when it is full.
    cure: &'static str,
}

/// The accounts on which an upload is counted, from the outermost to the innermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota(Vec<Account>);

impl Quota {
    /// An account with what it may have; `whose` and `cure` are told when it is full.
    pub fn of(name: &str, whose: impl Into<String>, allowed_bytes: u64, cure: &'static str) -> Self {
        Self(vec![Account { name: name.to_owned(), whose: whose.into(), allowed_bytes, cure }])
    }

    /// An account within this one: what it stores is counted on both.
    #[must_use]
    pub fn and_within(mut self, name: &str, whose: impl Into<String>, allowed_bytes: u64, cure: &'static str) -> Self {
        let name = format!("{}/{name}", self.account());
        self.0.push(Account { name, whose: whose.into(), allowed_bytes, cure });
        self
    }

    /// The innermost account, whose ancestors its name tells.
    pub(super) fn account(&self) -> &str {
        self.0.last().map_or("", |account| account.name.as_str())
    }
}

impl Blobs {
    /// The same blobs; what is uploaded is counted on these accounts and refused when one of them is full.
    #[must_use]
    pub fn counted_on(&self, quota: Quota) -> Self {
        Self { quota: Some(quota.into()), ..self.clone() }
    }

    /// How much is stored on an account.
    pub async fn stored_bytes(&self, account: &str) -> Result<u64, Error> {
        let mut connection = self.store.reader().acquire().await.map_err(StoreError::from)?;
        Ok(stored_fetch(&mut connection, account).await?)
    }

    /// Refuses what would not fit, before it is written anywhere. [`charge`] is what decides.
    pub(super) async fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let Some(quota) = &self.quota else { return Ok(()) };
        let mut connection = self.store.reader().acquire().await.map_err(StoreError::from)?;
        for account in &quota.0 {
            let stored = stored_fetch(&mut connection, &account.name).await?;
            if stored + bytes > account.allowed_bytes {
                return Err(full(account, stored, bytes));
            }
        }
        Ok(())
    }
}

/// Counts bytes that are being stored. `STORAGE_QUOTA_EXCEEDED` when an account has no room for them.
pub(super) async fn charge(
    connection: &mut AnyConnection,
    quota: Option<&Quota>,
    bytes: u64,
) -> Result<(), WriteError> {
    for account in quota.into_iter().flat_map(|quota| &quota.0) {
        if bytes > account.allowed_bytes {
            return Err(full(account, stored_fetch(connection, &account.name).await?, bytes).into());
        }
        let counted = sqlx::query(
            "INSERT INTO blob_accounts (account, stored_bytes) VALUES ($1, $2) ON CONFLICT (account)
             DO UPDATE SET stored_bytes = blob_accounts.stored_bytes + excluded.stored_bytes
             WHERE blob_accounts.stored_bytes + excluded.stored_bytes <= $3",
        )
        .bind(&account.name)
        .bind(row::as_bigint(bytes)?)
        .bind(i64::try_from(account.allowed_bytes).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
        if counted.rows_affected() == 0 {
            return Err(full(account, stored_fetch(connection, &account.name).await?, bytes).into());
        }
    }
    Ok(())
}

/// What a transaction gives up, by account.
#[derive(Debug, Default)]
pub(super) struct Freed(BTreeMap<String, i64>);

impl Freed {
    /// Adds what the parts of a blob are counted with.
    pub(super) async fn add_parts(
        &mut self,
        connection: &mut AnyConnection,
        owner: &str,
        sha256: &[u8],
    ) -> Result<(), StoreError> {
        let counted = sqlx::query(
            "SELECT account, CAST(SUM(size_bytes) AS BIGINT) AS bytes FROM blob_parts
             WHERE owner = $1 AND sha256 = $2 AND account <> '' GROUP BY account",
        )
        .bind(owner)
        .bind(sha256)
        .fetch_all(connection)
        .await?;
        for found in &counted {
            let (account, bytes) = (row::text(found, "account")?, row::integer(found, "bytes")?);
            for ancestor in ancestors(&account) {
                *self.0.entry(ancestor.to_owned()).or_default() += bytes;
            }
        }
        Ok(())
    }

    /// Takes it off the accounts.
    ///
    /// Ordering: by their names, as an upload counts: an outer account comes before those within it.
    pub(super) async fn credit(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        for (account, bytes) in self.0 {
            sqlx::query("UPDATE blob_accounts SET stored_bytes = stored_bytes - $2 WHERE account = $1")
                .bind(&account)
                .bind(bytes)
                .execute(&mut *connection)
                .await?;
            // An account with nothing on it is no row: tickets come and go.
            sqlx::query("DELETE FROM blob_accounts WHERE account = $1 AND stored_bytes = 0")
                .bind(&account)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// An account and those it lies within, from the outermost on.
fn ancestors(account: &str) -> impl Iterator<Item = &str> {
    account.match_indices('/').map(|(end, _)| &account[..end]).chain([account])
}

async fn stored_fetch(connection: &mut AnyConnection, account: &str) -> Result<u64, StoreError> {
    let found = sqlx::query("SELECT stored_bytes FROM blob_accounts WHERE account = $1")
        .bind(account)
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(0), |found| row::number(&found, "stored_bytes"))
}

fn full(account: &Account, stored: u64, bytes: u64) -> Error {
    let Account { whose, allowed_bytes, cure, .. } = account;
    let message = format!(
        "{whose} has {stored} of {allowed_bytes} bytes of diagnostics stored, and {bytes} more do not fit: {cure}"
    );
    Error::Refused { kind: Kind::Exhausted, reason: Reason::StorageQuotaExceeded, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_counted_on_every_one_that_it_lies_within() {
        let table = [("north", vec!["north"]), ("north/tkt_1", vec!["north", "north/tkt_1"])];
        for (account, expected) in table {
            assert_eq!(ancestors(account).collect::<Vec<_>>(), expected);
        }
        let quota = Quota::of("north", "the partner", 10, "ask").and_within("tkt_1", "the ticket", 5, "close it");
        assert_eq!(quota.account(), "north/tkt_1");
    }
}

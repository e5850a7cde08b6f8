//! The licences that were suspended or revoked, and how far the feed was followed that tells of them.
//!
//! Several replicas may write the same: what is older never takes the place of what is newer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::revocations::{LicenseNews, Revocations, Revoked};

/// What was heard, with the revision after which to resume; `None` before the feed was followed first.
pub async fn revocations_fetch(connection: &mut AnyConnection) -> Result<Option<(Revocations, i64)>, StoreError> {
    let sql = "SELECT revision, began_at FROM entitlement_feed";
    let Some(feed) = sqlx::query(sql).fetch_optional(&mut *connection).await? else { return Ok(None) };
    let sql = "SELECT license_id, license_revision, heard_at FROM revoked_licenses";
    let mut licenses = BTreeMap::new();
    for found in sqlx::query(sql).fetch_all(connection).await? {
        let revoked = Revoked {
            revision: row::integer(&found, "license_revision")?,
            heard_at: row::instant(&found, "heard_at")?,
        };
        licenses.insert(row::id(&found, "license_id")?, revoked);
    }
    let revocations = Revocations { began_at: row::instant(&feed, "began_at")?, licenses };
    Ok(Some((revocations, row::integer(&feed, "revision")?)))
}

/// The feed is followed from a revision on, of which nothing earlier is known. Of two beginnings the later one counts.
pub async fn feed_begin(connection: &mut AnyConnection, revision: i64, began_at: Timestamp) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO entitlement_feed (only_row, revision, began_at) VALUES (1, $1, $2)
         ON CONFLICT (only_row) DO UPDATE SET revision = excluded.revision, began_at = excluded.began_at
         WHERE entitlement_feed.began_at < excluded.began_at",
    )
    .bind(revision)
    .bind(began_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Everything up to a revision was taken in.
pub async fn feed_move(connection: &mut AnyConnection, revision: i64) -> Result<(), WriteError> {
    let sql = "UPDATE entitlement_feed SET revision = $1 WHERE revision < $1";
    sqlx::query(sql).bind(revision).execute(connection).await?;
    Ok(())
}

/// Takes in what a licence became.
pub async fn revocation_take(
    connection: &mut AnyConnection,
    news: &LicenseNews,
    now: Timestamp,
) -> Result<(), WriteError> {
    let LicenseNews { license_id, revision, is_revoked } = news;
    if !is_revoked {
        let sql = "DELETE FROM revoked_licenses WHERE license_id = $1 AND license_revision < $2";
        sqlx::query(sql).bind(license_id.to_string()).bind(revision).execute(connection).await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO revoked_licenses (license_id, license_revision, heard_at) VALUES ($1, $2, $3)
         ON CONFLICT (license_id) DO UPDATE SET license_revision = excluded.license_revision, heard_at = excluded.heard_at
         WHERE revoked_licenses.license_revision < excluded.license_revision",
    )
    .bind(license_id.to_string())
    .bind(revision)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was heard before an instant.
pub async fn revocation_forget(connection: &mut AnyConnection, before: Timestamp) -> Result<(), WriteError> {
    let sql = "DELETE FROM revoked_licenses WHERE heard_at < $1";
    sqlx::query(sql).bind(before.as_microsecond()).execute(connection).await?;
    Ok(())
}

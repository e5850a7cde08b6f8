//! Committed bundles.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_core::id::{BundleId, CaseId};
use vouch_diagnostics::Digest;
use vouch_storage::analyses::{self, Analysis};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::bundle::Bundle;

/// A bundle that a case holds, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The bundle.
    pub id: BundleId,
    /// Since when the case holds it.
    pub since: Timestamp,
    /// When its contents were given up.
    pub content_deleted_at: Option<Timestamp>,
    /// Its analysis, where there is one.
    pub analysis: Option<Analysis>,
}

/// Adds a bundle, unless the partner has one with this root, whose signature is renewed; returns the one that is there then. It is
/// promised to be kept at least as long as a new one, and for good where no end was said; where its contents were deleted, they are there again.
pub async fn bundle_upsert(connection: &mut AnyConnection, bundle: &Bundle) -> Result<Bundle, WriteError> {
    sqlx::query(
        "INSERT INTO bundles (bundle_id, partner_id, root, manifest_signature, redaction, collected_at, entries,
             size_bytes, committed_at, artefacts, retention, region, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (partner_id, root)
         DO UPDATE SET manifest_signature = excluded.manifest_signature,
             retention = CASE
                 WHEN bundles.content_deleted_at IS NULL AND bundles.retention IS NULL THEN NULL
                 WHEN bundles.content_deleted_at IS NULL AND bundles.retention > excluded.retention
                     THEN bundles.retention
                 ELSE excluded.retention END,
             region = excluded.region, content_deleted_at = NULL,
             expires_at = CASE
                 WHEN bundles.expires_at IS NULL AND bundles.content_deleted_at IS NULL THEN NULL
                 WHEN bundles.expires_at > excluded.expires_at THEN bundles.expires_at
                 ELSE excluded.expires_at END",
    )
    .bind(bundle.id.to_string())
    .bind(bundle.partner_id.as_str())
    .bind(bundle.root.0.as_slice())
    .bind(&bundle.manifest_signature)
    .bind(&bundle.redaction)
    .bind(bundle.collected_at.as_microsecond())
    .bind(i64::from(bundle.entries))
    .bind(row::as_bigint(bundle.size_bytes)?)
    .bind(bundle.committed_at.as_microsecond())
    .bind(serde_json::to_string(&bundle.artefacts).map_err(vouch_core::Error::internal)?)
    .bind(bundle.retention.map(micros))
    .bind(&bundle.region)
    .bind(bundle.expires_at.map(Timestamp::as_microsecond))
    .execute(&mut *connection)
    .await?;
    let found = sqlx::query("SELECT * FROM bundles WHERE partner_id = $1 AND root = $2")
        .bind(bundle.partner_id.as_str())
        .bind(bundle.root.0.as_slice())
        .fetch_one(connection)
        .await?;
    Ok(read_bundle(&found)?)
}

/// A bundle that a partner committed.
pub async fn bundle_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: BundleId,
) -> Result<Option<Bundle>, StoreError> {
    let found = sqlx::query("SELECT * FROM bundles WHERE bundle_id = $1 AND partner_id = $2")
        .bind(id.to_string())
        .bind(partner_id.as_str())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_bundle).transpose()
}

/// A bundle that a partner committed, by its root.
pub async fn bundle_fetch_by_root(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    root: Digest,
) -> Result<Option<Bundle>, StoreError> {
    let found = sqlx::query("SELECT * FROM bundles WHERE partner_id = $1 AND root = $2")
        .bind(partner_id.as_str())
        .bind(root.0.as_slice())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_bundle).transpose()
}

/// A bundle that a case holds. Whoever may read any case may read any of these.
pub async fn bundle_fetch_held(connection: &mut AnyConnection, id: BundleId) -> Result<Option<Bundle>, StoreError> {
    let sql = "SELECT * FROM bundles WHERE bundle_id IN (SELECT bundle_id FROM case_bundles WHERE bundle_id = $1)";
    let found = sqlx::query(sql).bind(id.to_string()).fetch_optional(connection).await?;
    found.as_ref().map(read_bundle).transpose()
}

/// Locks a bundle's row until the transaction ends.
pub async fn bundle_lock(connection: &mut AnyConnection, dialect: Dialect, id: BundleId) -> Result<(), StoreError> {
    let sql = format!("SELECT bundle_id FROM bundles WHERE bundle_id = $1{}", dialect.for_update());
    // The text is a constant and a suffix of the dialect's.
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_one(connection).await?;
    Ok(())
}

/// The cases that hold a bundle, each by its id and its number, with the instant since when: the first ones.
pub async fn case_bundle_list(
    connection: &mut AnyConnection,
    bundle_id: BundleId,
    most: i64,
) -> Result<Vec<(CaseId, u64, Timestamp)>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.case_id, c.number, h.held_since FROM case_bundles h JOIN cases c ON c.case_id = h.case_id
         WHERE h.bundle_id = $1 ORDER BY h.held_since, c.case_id LIMIT $2",
    )
    .bind(bundle_id.to_string())
    .bind(most)
    .fetch_all(connection)
    .await?;
    let read = |found: &AnyRow| {
        Ok((row::id(found, "case_id")?, row::number(found, "number")?, row::instant(found, "held_since")?))
    };
    rows.iter().map(read).collect()
}

/// Since when a case holds a bundle; `None` where it does not.
pub async fn held_since(
    connection: &mut AnyConnection,
    case_id: CaseId,
    bundle_id: BundleId,
) -> Result<Option<Timestamp>, StoreError> {
    let found = sqlx::query("SELECT held_since FROM case_bundles WHERE case_id = $1 AND bundle_id = $2")
        .bind(case_id.to_string())
        .bind(bundle_id.to_string())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::instant(&found, "held_since")).transpose()
}

/// The bundles that a case holds, in the order in which they came: the first ones, or those after one that is held since an instant.
pub async fn held_list(
    connection: &mut AnyConnection,
    case_id: CaseId,
    after: Option<(Timestamp, BundleId)>,
    most: i64,
) -> Result<Vec<Held>, StoreError> {
    let (since, id) = after.map_or((i64::MIN, String::new()), |(since, id)| (since.as_microsecond(), id.to_string()));
    let rows = sqlx::query(
        "SELECT h.bundle_id, h.held_since, b.content_deleted_at, a.profile, a.state, a.told, a.profile_sha256,
             a.decided_at
         FROM case_bundles h JOIN bundles b ON b.bundle_id = h.bundle_id
         LEFT JOIN bundle_analyses a ON a.bundle_id = h.bundle_id
         WHERE h.case_id = $1 AND (h.held_since > $2 OR (h.held_since = $2 AND h.bundle_id > $3))
         ORDER BY h.held_since, h.bundle_id LIMIT $4",
    )
    .bind(case_id.to_string())
    .bind(since)
    .bind(id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_held).collect()
}

/// How many bytes of findings there are of each of the bundles that [`held_list`] gives.
pub async fn held_sizes(
    connection: &mut AnyConnection,
    case_id: CaseId,
    after: Option<(Timestamp, BundleId)>,
    most: i64,
) -> Result<Vec<usize>, StoreError> {
    let (since, id) = after.map_or((i64::MIN, String::new()), |(since, id)| (since.as_microsecond(), id.to_string()));
    let rows = sqlx::query(
        "SELECT CAST(COALESCE(LENGTH(a.told), 0) AS BIGINT) AS size
         FROM case_bundles h LEFT JOIN bundle_analyses a ON a.bundle_id = h.bundle_id
         WHERE h.case_id = $1 AND (h.held_since > $2 OR (h.held_since = $2 AND h.bundle_id > $3))
         ORDER BY h.held_since, h.bundle_id LIMIT $4",
    )
    .bind(case_id.to_string())
    .bind(since)
    .bind(id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::number(found, "size")).collect()
}

/// Whose a bundle is, and its root: for who analyses the bundles of all partners.
pub async fn bundle_place(
    connection: &mut AnyConnection,
    id: BundleId,
) -> Result<Option<(PartnerId, Digest)>, StoreError> {
    let found = sqlx::query("SELECT partner_id, root FROM bundles WHERE bundle_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    found
        .map(|found| Ok((row::parsed(&found, "partner_id", PartnerId::parse)?, Digest(row::array(&found, "root")?))))
        .transpose()
}

pub(super) fn read_bundle(found: &AnyRow) -> Result<Bundle, StoreError> {
    let artefacts = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
    Ok(Bundle {
        id: row::id(found, "bundle_id")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        root: Digest(row::array(found, "root")?),
        manifest_signature: row::text(found, "manifest_signature")?,
        redaction: row::text(found, "redaction")?,
        collected_at: row::instant(found, "collected_at")?,
        artefacts: row::parsed(found, "artefacts", artefacts)?,
        entries: row::number(found, "entries")?,
        size_bytes: row::number(found, "size_bytes")?,
        committed_at: row::instant(found, "committed_at")?,
        retention: row::optional_integer(found, "retention")?.map(SignedDuration::from_micros),
        region: row::text(found, "region")?,
        expires_at: row::optional_instant(found, "expires_at")?,
        content_deleted_at: row::optional_instant(found, "content_deleted_at")?,
    })
}

fn read_held(found: &AnyRow) -> Result<Held, StoreError> {
    let is_analysed = row::optional_text(found, "state")?.is_some();
    Ok(Held {
        id: row::id(found, "bundle_id")?,
        since: row::instant(found, "held_since")?,
        content_deleted_at: row::optional_instant(found, "content_deleted_at")?,
        analysis: if is_analysed { Some(analyses::read(found)?) } else { None },
    })
}

/// A duration as a column keeps it.
fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! Committed bundles.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_core::id::BundleId;
use vouch_diagnostics::Digest;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::bundle::Bundle;

/// Adds a bundle, unless the partner has one with this root, whose signature is renewed; returns the one that is there then.
pub async fn bundle_upsert(connection: &mut AnyConnection, bundle: &Bundle) -> Result<Bundle, WriteError> {
    sqlx::query(
        "INSERT INTO bundles (bundle_id, partner_id, root, manifest_signature, redaction, collected_at, entries,
             size_bytes, committed_at, artefacts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (partner_id, root)
         DO UPDATE SET manifest_signature = excluded.manifest_signature",
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

fn read_bundle(found: &AnyRow) -> Result<Bundle, StoreError> {
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
    })
}

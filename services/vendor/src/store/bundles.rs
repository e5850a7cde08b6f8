//! Committed bundles.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_diagnostics::Digest;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::bundle::Bundle;

/// Adds a bundle, unless the partner has one with this root; returns the one that is there then.
pub async fn bundle_upsert(connection: &mut AnyConnection, bundle: &Bundle) -> Result<Bundle, WriteError> {
    sqlx::query(
        "INSERT INTO bundles (bundle_id, partner_id, root, manifest_signature, redaction, collected_at, entries,
             size_bytes, committed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (partner_id, root) DO NOTHING",
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
    .execute(&mut *connection)
    .await?;
    let found = sqlx::query("SELECT * FROM bundles WHERE partner_id = $1 AND root = $2")
        .bind(bundle.partner_id.as_str())
        .bind(bundle.root.0.as_slice())
        .fetch_one(connection)
        .await?;
    Ok(read_bundle(&found)?)
}

fn read_bundle(found: &AnyRow) -> Result<Bundle, StoreError> {
    let root = <[u8; 32]>::try_from(row::bytes(found, "root")?)
        .map_err(|_| StoreError::Corrupt { column: "root", problem: "it is no SHA-256 digest".into() })?;
    Ok(Bundle {
        id: row::id(found, "bundle_id")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        root: Digest(root),
        manifest_signature: row::text(found, "manifest_signature")?,
        redaction: row::text(found, "redaction")?,
        collected_at: row::instant(found, "collected_at")?,
        entries: row::number(found, "entries")?,
        size_bytes: row::number(found, "size_bytes")?,
        committed_at: row::instant(found, "committed_at")?,
    })
}

//! Vendors' profiles, as they are kept here.

use std::collections::BTreeSet;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{ProductId, ProfileName, VendorId};
use vouch_diagnostics::Digest;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::profile::{Kept, VendorProfile};

/// Keeps a profile that was verified. One that is kept gets the vendor's present signature; its text stays what it is. False when the
/// vendor has put another text under this version.
pub async fn profile_keep(connection: &mut AnyConnection, profile: &VendorProfile) -> Result<bool, WriteError> {
    let codes: Vec<&str> = profile.product_ids.iter().map(ProductId::as_str).collect();
    let kept = sqlx::query(
        "INSERT INTO vendor_profiles (vendor_id, name, version, about, product_ids, content, sha256, signature, jwks,
             published_at, fetched_at, listed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0) ON CONFLICT (vendor_id, name, version)
         DO UPDATE SET content = excluded.content, signature = excluded.signature, jwks = excluded.jwks,
             fetched_at = excluded.fetched_at
         WHERE vendor_profiles.sha256 = excluded.sha256",
    )
    .bind(profile.vendor_id.as_str())
    .bind(profile.name.as_str())
    .bind(i64::from(profile.version))
    .bind(&profile.about)
    .bind(serde_json::to_string(&codes).map_err(vouch_core::Error::internal)?)
    .bind(&profile.content)
    .bind(profile.digest.0.as_slice())
    .bind(&profile.signature)
    .bind(&profile.jwks)
    .bind(profile.published_at.as_microsecond())
    .bind(profile.fetched_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Writes down which versions a vendor offers now.
pub async fn profiles_listed(
    connection: &mut AnyConnection,
    vendor_id: &VendorId,
    offered: &BTreeSet<(ProfileName, u32)>,
) -> Result<(), WriteError> {
    sqlx::query("UPDATE vendor_profiles SET listed = 0 WHERE vendor_id = $1 AND listed = 1")
        .bind(vendor_id.as_str())
        .execute(&mut *connection)
        .await?;
    for (name, version) in offered {
        sqlx::query("UPDATE vendor_profiles SET listed = 1 WHERE vendor_id = $1 AND name = $2 AND version = $3")
            .bind(vendor_id.as_str())
            .bind(name.as_str())
            .bind(i64::from(*version))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What is kept of a vendor.
pub async fn kept_list(connection: &mut AnyConnection, vendor_id: &VendorId) -> Result<Vec<Kept>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, version, sha256, signature, listed FROM vendor_profiles WHERE vendor_id = $1
         ORDER BY name, version",
    )
    .bind(vendor_id.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_kept).collect()
}

/// A version of a profile; without one, the newest that the vendor offered last.
pub async fn profile_fetch(
    connection: &mut AnyConnection,
    vendor_id: &VendorId,
    name: &ProfileName,
    version: Option<u32>,
) -> Result<Option<VendorProfile>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM vendor_profiles
         WHERE vendor_id = $1 AND name = $2 AND (version = $3 OR ($3 = 0 AND listed = 1))
         ORDER BY version DESC LIMIT 1",
    )
    .bind(vendor_id.as_str())
    .bind(name.as_str())
    .bind(version.map_or(0, i64::from))
    .fetch_optional(connection)
    .await?;
    found.map(|found| read_profile(&found, row::bytes(&found, "content")?)).transpose()
}

/// A page of what a vendor offered last, by name and without texts: of those for a product, where one is named.
pub async fn profile_list(
    connection: &mut AnyConnection,
    vendor_id: &VendorId,
    product_id: Option<&ProductId>,
    page: &Page,
) -> Result<Vec<VendorProfile>, StoreError> {
    // A code has no letter that is a wildcard.
    let rows = sqlx::query(
        "SELECT vendor_id, name, version, about, product_ids, sha256, signature, jwks, published_at, fetched_at
         FROM vendor_profiles
         WHERE vendor_id = $1 AND name > $2 AND listed = 1 AND product_ids LIKE $3 ORDER BY name, version LIMIT $4",
    )
    .bind(vendor_id.as_str())
    .bind(&page.after)
    .bind(product_id.map_or_else(|| "%".to_owned(), |product_id| format!("%\"{product_id}\"%")))
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| read_profile(found, Vec::new())).collect()
}

fn read_kept(found: &AnyRow) -> Result<Kept, StoreError> {
    Ok(Kept {
        name: row::parsed(found, "name", ProfileName::parse)?,
        version: row::number(found, "version")?,
        digest: Digest(row::array(found, "sha256")?),
        signature: row::text(found, "signature")?,
        listed: row::flag(found, "listed")?,
    })
}

fn read_profile(found: &AnyRow, content: Vec<u8>) -> Result<VendorProfile, StoreError> {
    let products = |text: &str| {
        let codes: Vec<String> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        codes.iter().map(|code| ProductId::parse(code)).collect()
    };
    Ok(VendorProfile {
        vendor_id: row::parsed(found, "vendor_id", VendorId::parse)?,
        name: row::parsed(found, "name", ProfileName::parse)?,
        version: row::number(found, "version")?,
        about: row::text(found, "about")?,
        product_ids: row::parsed(found, "product_ids", products)?,
        content,
        digest: Digest(row::array(found, "sha256")?),
        signature: row::text(found, "signature")?,
        jwks: row::text(found, "jwks")?,
        published_at: row::instant(found, "published_at")?,
        fetched_at: row::instant(found, "fetched_at")?,
    })
}

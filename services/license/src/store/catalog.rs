//! Products, releases and tiers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{ProductId, TierId};
use vouch_core::{Channel, Severity, dates};
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use super::{join, split, translate};
use crate::domain::product::{Basis, Product, Release, ReleasePlace};
use crate::domain::tier::{Charging, Tier};

/// Adds a tier.
pub async fn tier_insert(connection: &mut AnyConnection, tier: &Tier) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO tiers (tier_id, name, assisted, channels, severities, coverage, priority, charging, early_access)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tier.id.as_str())
    .bind(&tier.name)
    .bind(i16::from(tier.assisted))
    .bind(join(tier.channels.iter().map(|channel| channel.as_str())))
    .bind(join(tier.severities.iter().map(|severity| severity.as_str())))
    .bind(&tier.coverage)
    .bind(i64::from(tier.priority))
    .bind(tier.charging.as_str())
    .bind(i16::from(tier.early_access))
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &tier.id))?;
    Ok(())
}

/// The tier with this code.
pub async fn tier_fetch(connection: &mut AnyConnection, id: &TierId) -> Result<Option<Tier>, StoreError> {
    let found = sqlx::query("SELECT * FROM tiers WHERE tier_id = $1").bind(id.as_str()).fetch_optional(connection);
    found.await?.as_ref().map(read_tier).transpose()
}

/// A page of tiers, by code.
pub async fn tier_list(connection: &mut AnyConnection, page: &Page) -> Result<Vec<Tier>, StoreError> {
    let rows = sqlx::query("SELECT * FROM tiers WHERE tier_id > $1 ORDER BY tier_id LIMIT $2")
        .bind(&page.after)
        .bind(page.limit())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_tier).collect()
}

/// Every tier.
pub async fn tier_all(connection: &mut AnyConnection) -> Result<Vec<Tier>, StoreError> {
    sqlx::query("SELECT * FROM tiers").fetch_all(connection).await?.iter().map(read_tier).collect()
}

/// The codes of all products.
pub async fn product_ids(connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT product_id FROM products").fetch_all(connection).await?;
    rows.iter().map(|found| row::text(found, "product_id")).collect()
}

/// Every product with its releases.
pub async fn product_all(connection: &mut AnyConnection) -> Result<Vec<Product>, StoreError> {
    let all = Page { size: i64::from(i32::MAX), after: String::new() };
    product_list(connection, &all).await
}

/// Adds a product, without releases.
pub async fn product_insert(connection: &mut AnyConnection, product: &Product) -> Result<(), WriteError> {
    let default_tier = match &product.basis {
        Basis::Either(tier) => Some(tier.as_str()),
        Basis::Agreement => None,
    };
    sqlx::query(
        "INSERT INTO products (product_id, name, default_tier_id, revision, created_at, sdk)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(product.id.as_str())
    .bind(&product.name)
    .bind(default_tier)
    .bind(product.revision)
    .bind(product.created_at.as_microsecond())
    .bind(i16::from(product.sdk))
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &product.id))?;
    Ok(())
}

/// Notes a change of a product, and by that locks it. False when there is no such product.
pub async fn product_touch(connection: &mut AnyConnection, id: &ProductId) -> Result<bool, StoreError> {
    let touched = sqlx::query("UPDATE products SET revision = revision + 1 WHERE product_id = $1")
        .bind(id.as_str())
        .execute(connection)
        .await?;
    Ok(touched.rows_affected() == 1)
}

/// Adds a release to a product.
pub async fn release_insert(
    connection: &mut AnyConnection,
    product_id: &ProductId,
    release: &Release,
    published_at: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO releases (product_id, version, released_on, end_of_support_on, early_access_on, published_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(product_id.as_str())
    .bind(&release.version)
    .bind(release.released_on.to_string())
    .bind(release.end_of_support_on.map(|date| date.to_string()))
    .bind(release.early_access_on.map(|date| date.to_string()))
    .bind(published_at.as_microsecond())
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &format!("{product_id} {}", release.version)))?;
    Ok(())
}

/// Writes the dates of a release over the old ones. False when there is no such release.
pub async fn release_update(
    connection: &mut AnyConnection,
    product_id: &ProductId,
    release: &Release,
) -> Result<bool, WriteError> {
    let updated = sqlx::query(
        "UPDATE releases SET released_on = $3, end_of_support_on = $4, early_access_on = $5
         WHERE product_id = $1 AND version = $2",
    )
    .bind(product_id.as_str())
    .bind(&release.version)
    .bind(release.released_on.to_string())
    .bind(release.end_of_support_on.map(|date| date.to_string()))
    .bind(release.early_access_on.map(|date| date.to_string()))
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// The versions of a product that had been published at an instant.
pub async fn versions_published(
    connection: &mut AnyConnection,
    product_id: &ProductId,
    at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT version FROM releases WHERE product_id = $1 AND published_at <= $2")
        .bind(product_id.as_str())
        .bind(at.as_microsecond())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| row::text(found, "version")).collect()
}

/// The product with this code, with its releases.
pub async fn product_fetch(connection: &mut AnyConnection, id: &ProductId) -> Result<Option<Product>, StoreError> {
    let Some(product) = product_fetch_bare(connection, id).await? else { return Ok(None) };
    let releases = release_list(connection, id, None, i64::from(i32::MAX)).await?;
    Ok(Some(Product { releases, ..product }))
}

/// The same, its releases left out.
pub async fn product_fetch_bare(connection: &mut AnyConnection, id: &ProductId) -> Result<Option<Product>, StoreError> {
    let found = sqlx::query("SELECT * FROM products WHERE product_id = $1").bind(id.as_str());
    found.fetch_optional(connection).await?.map(|found| read_product(&found, Vec::new())).transpose()
}

/// The releases of a product, newest first, after a place in that order, at most so many.
pub async fn release_list(
    connection: &mut AnyConnection,
    id: &ProductId,
    after: Option<&ReleasePlace>,
    limit: i64,
) -> Result<Vec<Release>, StoreError> {
    let (day, version) =
        after.map_or((String::new(), ""), |place| (place.released_on.to_string(), place.version.as_str()));
    let rows = sqlx::query(
        "SELECT * FROM releases
         WHERE product_id = $1 AND ($2 = '' OR released_on < $2 OR (released_on = $2 AND version < $3))
         ORDER BY released_on DESC, version DESC LIMIT $4",
    )
    .bind(id.as_str())
    .bind(day)
    .bind(version)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_release).collect()
}

/// A page of products with their releases, by code.
pub async fn product_list(connection: &mut AnyConnection, page: &Page) -> Result<Vec<Product>, StoreError> {
    let products = sqlx::query("SELECT * FROM products WHERE product_id > $1 ORDER BY product_id LIMIT $2")
        .bind(&page.after)
        .bind(page.limit())
        .fetch_all(&mut *connection)
        .await?;
    let last = products.last().map(|row| row::text(row, "product_id")).transpose()?.unwrap_or_default();
    let rows = sqlx::query(
        "SELECT * FROM releases WHERE product_id > $1 AND product_id <= $2
         ORDER BY product_id, released_on DESC, version DESC",
    )
    .bind(&page.after)
    .bind(&last)
    .fetch_all(connection)
    .await?;
    let mut releases: BTreeMap<String, Vec<Release>> = BTreeMap::new();
    for found in &rows {
        releases.entry(row::text(found, "product_id")?).or_default().push(read_release(found)?);
    }
    products
        .iter()
        .map(|found| read_product(found, releases.remove(&row::text(found, "product_id")?).unwrap_or_default()))
        .collect()
}

fn read_tier(found: &AnyRow) -> Result<Tier, StoreError> {
    Ok(Tier {
        id: row::parsed(found, "tier_id", TierId::parse)?,
        name: row::text(found, "name")?,
        assisted: row::flag(found, "assisted")?,
        channels: row::parsed(found, "channels", |text| split(text, Channel::parse))?,
        severities: row::parsed(found, "severities", |text| split(text, Severity::parse))?,
        coverage: row::text(found, "coverage")?,
        priority: row::number(found, "priority")?,
        charging: row::word(found, "charging", Charging::parse)?,
        early_access: row::flag(found, "early_access")?,
    })
}

fn read_product(found: &AnyRow, releases: Vec<Release>) -> Result<Product, StoreError> {
    let default_tier = row::optional_parsed(found, "default_tier_id", TierId::parse)?;
    Ok(Product {
        id: row::parsed(found, "product_id", ProductId::parse)?,
        name: row::text(found, "name")?,
        basis: default_tier.map_or(Basis::Agreement, Basis::Either),
        sdk: row::flag(found, "sdk")?,
        releases,
        revision: row::integer(found, "revision")?,
        created_at: row::instant(found, "created_at")?,
    })
}

fn read_release(found: &AnyRow) -> Result<Release, StoreError> {
    Ok(Release {
        version: row::text(found, "version")?,
        released_on: row::parsed(found, "released_on", dates::date)?,
        end_of_support_on: row::optional_parsed(found, "end_of_support_on", dates::date)?,
        early_access_on: row::optional_parsed(found, "early_access_on", dates::date)?,
    })
}

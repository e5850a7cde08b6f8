//! Products, releases and tiers.

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::code::ProductId;
use vouch_core::{Error, Violations};
use vouch_host::Call;
use vouch_storage::WriteError;

use super::{Changed, all_known, check_etag};
use crate::domain::product::{Basis, Product, Release};
use crate::domain::tier::Tier;
use crate::store::{catalog, changes};

/// A product to be entered.
#[derive(Debug, Clone)]
pub struct CreateProduct {
    /// Its code.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// What entitles to assisted support.
    pub basis: Basis,
    /// Whether it is a development kit.
    pub sdk: bool,
}

/// A release to be added.
#[derive(Debug, Clone)]
pub struct PublishRelease {
    /// The product.
    pub product_id: ProductId,
    /// The release.
    pub release: Release,
}

/// Other dates for a release. What is `None` stays; a date that is taken away is `Some(None)`.
#[derive(Debug, Clone)]
pub struct UpdateRelease {
    /// The product.
    pub product_id: ProductId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The release's version.
    pub version: String,
    /// The day of general availability.
    pub released_on: Option<Date>,
    /// The last day of support.
    pub end_of_support_on: Option<Option<Date>>,
    /// The first day of early access.
    pub early_access_on: Option<Option<Date>>,
}

/// Enters a product.
pub async fn create_product(
    tx: &mut AnyConnection,
    call: &Call<CreateProduct>,
) -> Result<Changed<Product>, WriteError> {
    let CreateProduct { id, name, basis, sdk } = call.command.clone();
    let mut violations = Violations::new();
    if let Basis::Either(tier) = &basis
        && catalog::tier_fetch(tx, tier).await?.is_none()
    {
        violations.add("product.default_tier_id", format!("there is no tier {tier}"));
    }
    all_known(violations)?;
    let product = Product { id, name, basis, sdk, releases: Vec::new(), revision: 1, created_at: call.now };
    catalog::product_insert(tx, &product).await?;
    changed(tx, product).await
}

/// Adds a release to a product.
pub async fn publish_release(
    tx: &mut AnyConnection,
    call: &Call<PublishRelease>,
) -> Result<Changed<Product>, WriteError> {
    let PublishRelease { product_id, release } = &call.command;
    let not_found = || Error::not_found("product", product_id);
    if !catalog::product_touch(tx, product_id).await? {
        return Err(not_found().into());
    }
    catalog::release_insert(tx, product_id, release, call.now).await?;
    let product = catalog::product_fetch(tx, product_id).await?.ok_or_else(not_found)?;
    changed(tx, product).await
}

/// Changes the dates of a release.
pub async fn update_release(
    tx: &mut AnyConnection,
    call: &Call<UpdateRelease>,
) -> Result<Changed<Product>, WriteError> {
    let UpdateRelease { product_id, etag, version, released_on, end_of_support_on, early_access_on } = &call.command;
    let not_found = || Error::not_found("product", product_id);
    // Touching it locks it; the etag is that of before.
    if !catalog::product_touch(tx, product_id).await? {
        return Err(not_found().into());
    }
    let product = catalog::product_fetch(tx, product_id).await?.ok_or_else(not_found)?;
    check_etag("product", product_id, etag, product.revision - 1)?;
    let mut release = product.release(version).cloned().ok_or_else(|| Error::not_found("release", version))?;
    release.released_on = released_on.unwrap_or(release.released_on);
    release.end_of_support_on = end_of_support_on.unwrap_or(release.end_of_support_on);
    release.early_access_on = early_access_on.unwrap_or(release.early_access_on);
    let mut violations = Violations::new();
    let wrong = release.disorder().into_iter();
    wrong.for_each(|(field, problem)| violations.add(format!("release.{field}"), problem));
    all_known(violations)?;
    catalog::release_update(tx, product_id, &release).await?;
    let product = catalog::product_fetch(tx, product_id).await?.ok_or_else(not_found)?;
    changed(tx, product).await
}

/// Enters a tier.
pub async fn create_tier(tx: &mut AnyConnection, call: &Call<Tier>) -> Result<Changed<Tier>, WriteError> {
    catalog::tier_insert(tx, &call.command).await?;
    changed(tx, call.command.clone()).await
}

async fn changed<T>(tx: &mut AnyConnection, value: T) -> Result<Changed<T>, WriteError> {
    Ok(Changed { value, facts_revision: changes::revision_next_of_catalogue(tx).await? })
}

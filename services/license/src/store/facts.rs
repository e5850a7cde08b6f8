//! Everything that a check has to know, read as one state.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_storage::{Dialect, Engine, Secrets, StoreError};

use super::{agreements, catalog, incidents, licenses, partners};
use crate::domain::agreement::Agreement;
use crate::domain::entitlement::{Known, LicenseRef, Viewer};
use crate::domain::license::License;
use crate::domain::license_key::{KeyDigest, LicenseKey};
use crate::domain::partner::Standing;
use crate::domain::product::{Basis, Product};

/// The context in which keys of licences are digested.
pub const DIGESTS: &str = "license-key";

/// The keyed digest under which a licence's key is kept.
pub fn key_digest(secrets: &Secrets, key: &LicenseKey) -> KeyDigest {
    KeyDigest(secrets.digest(DIGESTS, key.canonical().as_bytes()))
}

/// The licence that a caller names, as far as a viewer may know of it.
pub async fn license_fetch_for(
    connection: &mut AnyConnection,
    secrets: &Secrets,
    license: &LicenseRef,
    viewer: &Viewer,
) -> Result<Option<License>, StoreError> {
    let known_to = match viewer {
        Viewer::Vendor => None,
        Viewer::Partner(partner) => Some(partner),
    };
    match license {
        LicenseRef::Id(id) => licenses::license_fetch_known(connection, *id, known_to).await,
        LicenseRef::Key(key) => {
            licenses::license_fetch_known_by_key(connection, &key_digest(secrets, key), known_to).await
        }
    }
}

/// The facts of a licence; `None` when there is no such licence, or none that the viewer may know of. Read inside a snapshot, so that
/// they are of one state.
pub async fn facts_fetch(
    connection: &mut AnyConnection,
    secrets: &Secrets,
    license: &LicenseRef,
    viewer: &Viewer,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let Some(license) = license_fetch_for(connection, secrets, license, viewer).await? else { return Ok(None) };
    let product = catalog::product_fetch(connection, &license.terms.product_id).await?.ok_or_else(no_product)?;
    facts_around(connection, license, product, now).await.map(Some)
}

/// A licence names a product that is not there.
pub fn no_product() -> StoreError {
    StoreError::Corrupt { column: "licenses.product_id", problem: "names a row that is not there".into() }
}

/// The facts of a licence of a product: what else decides about it.
pub async fn facts_around(
    connection: &mut AnyConnection,
    license: License,
    product: Product,
    now: Timestamp,
) -> Result<Known, StoreError> {
    let terms = &license.terms;
    let partner = partners::partner_fetch(connection, &terms.responsible_partner_id).await?;
    let agreements = agreements::agreement_list_of(connection, &terms.end_user_id).await?;
    let agreement = Agreement::deciding(agreements, now);
    let agreement_tier = match &agreement {
        Some(agreement) => catalog::tier_fetch(connection, &agreement.terms.tier_id).await?.map(Arc::new),
        None => None,
    };
    let default_tier = match &product.basis {
        Basis::Either(tier) => catalog::tier_fetch(connection, tier).await?.map(Arc::new),
        Basis::Agreement => None,
    };
    let account = incidents::account_fetch(connection, &terms.end_user_id).await?.unwrap_or_default().balance;
    Ok(Known {
        product,
        agreement,
        agreement_tier,
        default_tier,
        partner_standing: partner.map_or(Standing::Suspended, |partner| partner.standing),
        account,
        license,
    })
}

/// The same for a transaction that writes: licence, agreements, partner and account stand still until it ends. The catalogue
/// is read once more and not held: it changes rarely, and a proof lives for minutes.
pub async fn facts_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    secrets: &Secrets,
    license: &LicenseRef,
    viewer: &Viewer,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let found = facts_fetch(connection, secrets, license, viewer, now).await?;
    // On SQLite the transaction is the only one that writes.
    let (Some(facts), Engine::Postgres) = (&found, dialect.0) else { return Ok(found) };
    let terms = &facts.license.terms;
    // Ordering: the end user's row first, as every command that concerns an end user as a whole.
    incidents::account_lock(connection, dialect, &terms.end_user_id).await?;
    let rows = [
        ("SELECT license_id FROM licenses WHERE license_id = $1 FOR SHARE", facts.license.id.to_string()),
        ("SELECT agreement_id FROM agreements WHERE end_user_id = $1 FOR SHARE", terms.end_user_id.to_string()),
        ("SELECT partner_id FROM partners WHERE partner_id = $1 FOR SHARE", terms.responsible_partner_id.to_string()),
    ];
    for (sql, id) in rows {
        sqlx::query(sql).bind(id).fetch_all(&mut *connection).await?;
    }
    facts_fetch(connection, secrets, license, viewer, now).await
}

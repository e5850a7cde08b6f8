//! Everything that a check has to know, read as one state.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_storage::{Secrets, StoreError};

use super::{agreements, catalog, incidents, licenses, partners};
use crate::domain::agreement::Agreement;
use crate::domain::entitlement::{Facts, LicenseRef};
use crate::domain::license_key::LicenseKey;
use crate::domain::partner::Standing;
use crate::domain::product::Basis;

/// The keyed digest under which a licence's key is kept.
pub fn key_digest(secrets: &Secrets, key: &LicenseKey) -> [u8; 32] {
    secrets.digest("license-key", key.canonical().as_bytes())
}

/// The facts of a licence; `None` when there is no such licence. Read inside a snapshot or a transaction, so that they
/// are of one state.
pub async fn facts_fetch(
    connection: &mut AnyConnection,
    secrets: &Secrets,
    license: &LicenseRef,
    now: Timestamp,
) -> Result<Option<Facts>, StoreError> {
    let license = match license {
        LicenseRef::Id(id) => licenses::license_fetch(connection, *id).await?,
        LicenseRef::Key(key) => licenses::license_fetch_by_key(connection, &key_digest(secrets, key)).await?,
    };
    let Some(license) = license else { return Ok(None) };
    let terms = &license.terms;
    let missing = |column| StoreError::Corrupt {
        column,
        problem: "names a row that is not there".into(),
    };
    let product = catalog::product_fetch(connection, &terms.product_id)
        .await?
        .ok_or_else(|| missing("licenses.product_id"))?;
    let partner = partners::partner_fetch(connection, &terms.responsible_partner_id).await?;
    let agreements = agreements::agreement_list_of(connection, &terms.end_user_id).await?;
    let agreement = Agreement::deciding(agreements, now);
    let agreement_tier = match &agreement {
        Some(agreement) => catalog::tier_fetch(connection, &agreement.terms.tier_id).await?,
        None => None,
    };
    let default_tier = match &product.basis {
        Basis::Either(tier) => catalog::tier_fetch(connection, tier).await?,
        Basis::Agreement => None,
    };
    let account = incidents::account_fetch(connection, &terms.end_user_id)
        .await?
        .unwrap_or_default();
    Ok(Some(Facts {
        product,
        agreement,
        agreement_tier,
        default_tier,
        partner_standing: partner.map_or(Standing::Suspended, |partner| partner.standing),
        account,
        license,
    }))
}

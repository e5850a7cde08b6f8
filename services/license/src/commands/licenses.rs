//! Granting and ending licences.

use sqlx::AnyConnection;
use vouch_core::id::LicenseId;
use vouch_core::{Error, Violations};
use vouch_host::Call;
use vouch_storage::{Dialect, Secrets, WriteError};

use super::{Changed, all_known, check_etag};
use crate::domain::agreement::{Liaison, Person};
use crate::domain::license::{License, LicenseState, LicenseStep, LicenseTerms};
use crate::domain::license_key::LicenseKey;
use crate::store::facts::key_digest;
use crate::store::{catalog, changes, licenses, partners};

/// A licence to be granted.
#[derive(Debug, Clone)]
pub struct CreateLicense {
    /// Its terms.
    pub terms: LicenseTerms,
    /// The people named in it.
    pub liaisons: Vec<Person>,
}

/// Another state for a licence.
#[derive(Debug, Clone)]
pub struct SetLicenseState {
    /// The licence.
    pub license_id: LicenseId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The state wanted.
    pub state: LicenseState,
    /// Why.
    pub note: String,
}

/// Grants a licence. The key is in the answer and nowhere else.
pub async fn create(
    tx: &mut AnyConnection,
    secrets: &Secrets,
    call: &Call<CreateLicense>,
) -> Result<(Changed<License>, LicenseKey), WriteError> {
    let CreateLicense { terms, liaisons } = call.command.clone();
    let mut violations = Violations::new();
    if catalog::product_fetch(tx, &terms.product_id).await?.is_none() {
        violations.add("license.product_id", format!("there is no product {}", terms.product_id));
    }
    let chain = [
        ("license.responsible_partner_id", Some(&terms.responsible_partner_id)),
        ("license.reseller_partner_id", terms.reseller_partner_id.as_ref()),
    ];
    for (field, partner) in chain {
        if let Some(partner) = partner
            && partners::partner_fetch(tx, partner).await?.is_none()
        {
            violations.add(field, format!("there is no partner {partner}"));
        }
    }
    all_known(violations)?;

    let key = LicenseKey::from_random(call.world.random());
    let license = License {
        id: call.world.id(),
        key: key_digest(secrets, &key),
        key_hint: key.hint().to_owned(),
        terms,
        state: LicenseState::Active,
        state_note: String::new(),
        liaisons: liaisons
            .into_iter()
            .map(|person| Liaison { id: call.world.id(), person, named_at: call.now })
            .collect(),
        revision: 1,
        created_at: call.now,
    };
    // Ordering: entering it locks the rows that it refers to, and the revision is the last lock of all.
    licenses::license_insert(tx, &license, 0).await?;
    let facts_revision = changes::revision_next(tx).await?;
    licenses::license_stamp(tx, license.id, facts_revision).await?;
    Ok((Changed { value: license, facts_revision }, key))
}

/// Moves a licence to another state.
pub async fn set_state(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SetLicenseState>,
) -> Result<Changed<License>, WriteError> {
    let SetLicenseState { license_id, etag, state, note } = &call.command;
    let mut license = licenses::license_lock(tx, dialect, *license_id)
        .await?
        .ok_or_else(|| Error::not_found("license", license_id))?;
    check_etag("license", license_id, etag, license.revision)?;
    let step = LicenseStep::to(*state);
    license.state = license.state.advance(step).ok_or_else(|| Error::StateConflict {
        what: "license",
        id: license_id.to_string(),
        state: license.state.as_str(),
        step: step.as_str(),
    })?;
    license.state_note.clone_from(note);
    license.revision += 1;
    let facts_revision = changes::revision_next(tx).await?;
    licenses::license_update_state(tx, &license, facts_revision).await?;
    Ok(Changed { value: license, facts_revision })
}

/// Writes a licence of which somebody is named no longer, and what checks know of it.
pub(super) async fn people_changed(tx: &mut AnyConnection, license: License) -> Result<Changed<License>, WriteError> {
    let facts_revision = changes::revision_next(tx).await?;
    licenses::license_update_state(tx, &license, facts_revision).await?;
    Ok(Changed { value: license, facts_revision })
}

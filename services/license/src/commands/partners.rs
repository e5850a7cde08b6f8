//! The partner registry.

use sqlx::AnyConnection;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_host::Call;
use vouch_identity::SpiffeId;
use vouch_storage::{Dialect, WriteError};

use super::history::{Actor, write_creation};
use super::{Changed, check_etag};
use crate::domain::change::differences;
use crate::domain::order::OrderQuotas;
use crate::domain::partner::{Partner, PartnerProfile, Standing, SupportContact};
use crate::store::history::Subject;
use crate::store::{changes, history as past, partners};

/// A partner to be registered.
#[derive(Debug, Clone)]
pub struct RegisterPartner {
    /// Its code.
    pub id: PartnerId,
    /// What is entered of it.
    pub profile: PartnerProfile,
}

/// A change of a partner: what is `None` stays.
#[derive(Debug, Clone)]
pub struct UpdatePartner {
    /// The partner.
    pub id: PartnerId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// Another name.
    pub name: Option<String>,
    /// Other ids.
    pub spiffe_ids: Option<Vec<SpiffeId>>,
    /// Other authorities.
    pub trust_bundle_pem: Option<String>,
    /// Other keys.
    pub manifest_jwks: Option<String>,
    /// Another desk.
    pub support_contact: Option<SupportContact>,
    /// Other quotas.
    pub order_quotas: Option<OrderQuotas>,
}

/// Another standing for a partner.
#[derive(Debug, Clone)]
pub struct SetPartnerStanding {
    /// The partner.
    pub id: PartnerId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The standing wanted.
    pub standing: Standing,
    /// Why; may be empty.
    pub note: String,
}

/// Registers a partner in good standing.
pub async fn register(tx: &mut AnyConnection, call: &Call<RegisterPartner>) -> Result<Changed<Partner>, WriteError> {
    let RegisterPartner { id, profile } = call.command.clone();
    let partner = Partner { id, profile, standing: Standing::Good, revision: 1, created_at: call.now };
    partners::partner_insert(tx, &partner).await?;
    let mut fields = vec![("programme", partner.profile.programme.as_str().to_owned())];
    fields.extend(partner.profile.fields());
    fields.push(("standing", partner.standing.as_str().to_owned()));
    write_creation(tx, &Actor::of(call), Subject::Partner(&partner.id), fields).await?;
    changed(tx, partner).await
}

/// Changes what the caller named.
pub async fn update(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<UpdatePartner>,
) -> Result<Partner, WriteError> {
    let change = call.command.clone();
    let mut partner = lock(tx, dialect, &change.id).await?;
    check_etag("partner", &change.id, &change.etag, partner.revision)?;
    let before = partner.profile.fields();
    let profile = &mut partner.profile;
    profile.name = change.name.unwrap_or_else(|| profile.name.clone());
    profile.spiffe_ids = change.spiffe_ids.unwrap_or_else(|| profile.spiffe_ids.clone());
    profile.trust_bundle_pem = change.trust_bundle_pem.unwrap_or_else(|| profile.trust_bundle_pem.clone());
    profile.manifest_jwks = change.manifest_jwks.unwrap_or_else(|| profile.manifest_jwks.clone());
    profile.support_contact = change.support_contact.unwrap_or_else(|| profile.support_contact.clone());
    profile.order_quotas = change.order_quotas.unwrap_or(profile.order_quotas);
    partner.revision += 1;
    partners::partner_update(tx, &partner).await?;
    let fields = differences(before, partner.profile.fields());
    let change = Actor::of(call).change(partner.revision, "updated", "", fields);
    past::change_insert(tx, partner.id.as_str(), &change, None).await?;
    Ok(partner)
}

/// Suspends or reinstates a partner.
pub async fn set_standing(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SetPartnerStanding>,
) -> Result<Changed<Partner>, WriteError> {
    let SetPartnerStanding { id, etag, standing, note } = &call.command;
    let mut partner = lock(tx, dialect, id).await?;
    check_etag("partner", id, etag, partner.revision)?;
    if partner.standing == *standing {
        let (state, step) = match standing {
            Standing::Good => ("in good standing", "be reinstated"),
            Standing::Suspended => ("suspended", "be suspended"),
        };
        return Err(Error::StateConflict { what: "partner", id: id.to_string(), state, step }.into());
    }
    let before = partner.standing;
    partner.standing = *standing;
    partner.revision += 1;
    partners::partner_update(tx, &partner).await?;
    let (before, after) = (before.as_str(), standing.as_str());
    let fields = differences(vec![("standing", before.into())], vec![("standing", after.into())]);
    let what = if *standing == Standing::Good { "reinstated" } else { "suspended" };
    let change = Actor::of(call).change(partner.revision, what, note, fields);
    past::change_insert(tx, id.as_str(), &change, Some(before.as_bytes().to_vec())).await?;
    changed(tx, partner).await
}

async fn changed(tx: &mut AnyConnection, value: Partner) -> Result<Changed<Partner>, WriteError> {
    Ok(Changed { value, facts_revision: changes::revision_next_of_catalogue(tx).await? })
}

async fn lock(tx: &mut AnyConnection, dialect: Dialect, id: &PartnerId) -> Result<Partner, WriteError> {
    Ok(partners::partner_lock(tx, dialect, id).await?.ok_or_else(|| Error::not_found("partner", id))?)
}

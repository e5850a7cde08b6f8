//! Granting licences.

use sqlx::AnyConnection;
use vouch_core::Violations;
use vouch_core::code::PartnerId;
use vouch_host::Call;
use vouch_storage::{Dialect, Secrets, WriteError};

use super::{first, orderer};
use crate::commands::history::{Actor, write_creation};
use crate::commands::orders::{self, Order};
use crate::commands::{Changed, all_known};
use crate::domain::agreement::{Liaison, Person};
use crate::domain::license::{License, LicenseState, LicenseTerms};
use crate::domain::license_key::LicenseKey;
use crate::domain::partner::Standing;
use crate::domain::resale::Resale;
use crate::store::facts::key_digest;
use crate::store::history::Subject;
use crate::store::{catalog, changes, grants, incidents, licenses, partners};

/// A licence to be granted.
#[derive(Debug, Clone)]
pub struct CreateLicense {
    /// Its terms.
    pub terms: LicenseTerms,
    /// The people named in it.
    pub liaisons: Vec<Person>,
}

/// Grants a licence. The key is in the answer and nowhere else; where the order was carried out before there is none.
pub async fn create(
    tx: &mut AnyConnection,
    dialect: Dialect,
    secrets: &Secrets,
    call: &Call<CreateLicense>,
) -> Result<(Changed<License>, Option<LicenseKey>), WriteError> {
    let CreateLicense { mut terms, liaisons } = call.command.clone();
    // Ordering: the end user's row first, as every command that concerns one; then the partners'.
    let mut is_new = incidents::account_lock(tx, dialect, &terms.end_user_id).await?.is_none();
    if is_new {
        // Somebody else may have entered it meanwhile.
        is_new = grants::end_user_insert(tx, &terms.end_user_id, &terms.end_user_name).await?;
        incidents::account_lock(tx, dialect, &terms.end_user_id).await?;
    }
    let own = orderer(&call.caller);
    let mut violations = Violations::new();
    if let Some(own) = &own {
        for (field, partner) in chain(&terms).into_iter().filter(|(_, partner)| *partner != own) {
            let theirs = format!("must be your own partner and not {partner}: others are entered by the vendor");
            violations.add(format!("license.{field}"), theirs);
        }
        // Whoever supports an end user sees its agreements and spends its incidents: nobody orders themselves into that.
        if !is_new && !licenses::end_user_is_in_chain(tx, &terms.end_user_id, own).await? {
            let field = "license.end_user.end_user_id";
            violations.add(field, "is not one of your end users: the vendor enters its licences");
        }
    }
    all_known(violations)?;
    let order = Order::for_grant(&call.caller, &terms, &liaisons, call.now);
    if let Some(ids) = orders::earlier(tx, &order).await? {
        let seen = first(tx, &ids, own.as_ref()).await?;
        return Ok((Changed { value: seen, facts_revision: 0 }, None));
    }
    orders::allow(tx, dialect, &order, terms.quantity).await?;
    let mut violations = Violations::new();
    if catalog::product_fetch(tx, &terms.product_id).await?.is_none() {
        violations.add("license.product_id", format!("there is no product {}", terms.product_id));
    }
    for (field, partner) in chain(&terms) {
        takes_on(tx, dialect, (&format!("license.{field}"), partner), &mut violations).await?;
    }
    all_known(violations)?;

    terms.end_user_name = grants::end_user_name(tx, &terms.end_user_id).await?;
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
        resale: Resale::default(),
        revision: 1,
        created_at: call.now,
    };
    // Ordering: what is entered locks rows that it refers to, and the revision is the last lock of all.
    grants::license_insert(tx, &license, 0).await?;
    orders::place(tx, &call.world, &order, &[license.id]).await?;
    write_creation(tx, &Actor::of(call), Subject::License(license.id), license.fields()).await?;
    let facts_revision = changes::revision_next(tx).await?;
    licenses::license_stamp(tx, license.id, facts_revision).await?;
    Ok((Changed { value: license, facts_revision }, Some(key)))
}

/// Notes why a partner takes on no licence. Its row is held: its standing is this until the transaction ends.
pub(super) async fn takes_on(
    tx: &mut AnyConnection,
    dialect: Dialect,
    (field, id): (&str, &PartnerId),
    violations: &mut Violations,
) -> Result<(), WriteError> {
    match partners::partner_hold(tx, dialect, id).await? {
        None => violations.add(field, format!("there is no partner {id}")),
        Some(Standing::Suspended) => violations.add(field, format!("{id} is suspended: it takes on nothing new")),
        Some(Standing::Good) => {}
    }
    Ok(())
}

/// The partners that a licence names, by their fields.
fn chain(terms: &LicenseTerms) -> Vec<(&'static str, &PartnerId)> {
    let seller = terms.reseller_partner_id.as_ref().map(|id| ("reseller_partner_id", id));
    std::iter::once(("responsible_partner_id", &terms.responsible_partner_id)).chain(seller).collect()
}

//! Granting licences, and what becomes of them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::LicenseId;
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};
use vouch_storage::{Dialect, Secrets, StoreError, WriteError};

use super::history::{self, Actor};
use super::orders::{self, Order};
use super::{Changed, all_known, check_etag};
use crate::domain::agreement::{Liaison, Person};
use crate::domain::license::amendment::{Amendment, Transfer};
use crate::domain::license::{License, LicenseState, LicenseTerms};
use crate::domain::license_key::LicenseKey;
use crate::domain::partner::Standing;
use crate::domain::resale::Resale;
use crate::store::facts::key_digest;
use crate::store::{agreements, catalog, changes, grants, history as past, incidents, licenses, partners, sdk_users};

/// A licence to be granted.
#[derive(Debug, Clone)]
pub struct CreateLicense {
    /// Its terms.
    pub terms: LicenseTerms,
    /// The people named in it.
    pub liaisons: Vec<Person>,
}

/// A licence as the caller read it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The licence.
    pub license_id: LicenseId,
    /// Its etag.
    pub etag: String,
}

/// A change of a licence.
#[derive(Debug, Clone)]
pub struct Amend {
    /// The licence.
    pub version: Version,
    /// What is to be changed.
    pub amendment: Amendment,
    /// The order that asks for it; may be empty.
    pub order_reference: String,
    /// Why; may be empty.
    pub note: String,
}

/// Another key for a licence.
#[derive(Debug, Clone)]
pub struct ReplaceKey {
    /// The licence.
    pub version: Version,
    /// Why.
    pub note: String,
}

/// One last day for several licences.
#[derive(Debug, Clone)]
pub struct CoTerm {
    /// The licences.
    pub versions: Vec<Version>,
    /// The last day.
    pub until: Date,
    /// The order that asks for it; may be empty.
    pub order_reference: String,
    /// Why; may be empty.
    pub note: String,
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
    // Ordering: entering it locks the rows that it refers to, and the revision is the last lock of all.
    grants::license_insert(tx, &license, 0).await?;
    orders::place(tx, &call.world, &order, &[license.id]).await?;
    let facts_revision = changes::revision_next(tx).await?;
    licenses::license_stamp(tx, license.id, facts_revision).await?;
    Ok((Changed { value: license, facts_revision }, Some(key)))
}

/// Changes a licence.
pub async fn amend(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<Amend>,
) -> Result<Changed<License>, WriteError> {
    let Amend { version, amendment, order_reference, note } = &call.command;
    let newcomer = match amendment {
        Amendment::Transfer(transfer) => transfer.end_user.as_ref(),
        _ => None,
    };
    let license = lock(tx, dialect, &call.caller, version.license_id, newcomer).await?;
    let asked = (order_reference.as_str(), amendment);
    let order = Order::for_amendment(&call.caller, license.terms.seller(), &[license.id], asked, call.now);
    if let Some(ids) = orders::earlier(tx, &order).await? {
        return Ok(Changed { value: first(tx, &ids, None).await?, facts_revision: 0 });
    }
    check_etag("license", &license.id, &version.etag, license.revision)?;
    if let Amendment::Transfer(transfer) = amendment {
        may_change_hands(tx, dialect, &license, transfer).await?;
    }
    let amendment = &with_one_name(tx, &license, amendment).await?;
    let next = license.amend(amendment, today(&license, call.now))?;
    orders::allow(tx, dialect, &order, next.terms.quantity).await?;
    orders::place(tx, &call.world, &order, &[license.id]).await?;
    if license.terms.end_user_id != next.terms.end_user_id {
        agreements::liaison_end_all(tx, &license.id.to_string(), call.now).await?;
        sdk_users::user_end_all_of(tx, license.id, call.now).await?;
    } else if next.terms.quantity < license.terms.quantity {
        let named = sdk_users::user_count(tx, license.id).await?;
        if next.terms.quantity < named {
            let message = format!("{named} people are named as users of the development kit");
            return Err(Error::Refused { kind: Kind::Refused, reason: Reason::SdkUsersExhausted, message }.into());
        }
    }
    let facts_revision = changes::revision_next(tx).await?;
    let next = write(tx, call, (&license, next), (amendment, note), facts_revision).await?;
    Ok(Changed { value: next, facts_revision })
}

/// Gives a licence another key, which is in the answer and nowhere else.
pub async fn replace_key(
    tx: &mut AnyConnection,
    dialect: Dialect,
    secrets: &Secrets,
    call: &Call<ReplaceKey>,
) -> Result<(Changed<License>, LicenseKey), WriteError> {
    let ReplaceKey { version, note } = &call.command;
    let license = lock(tx, dialect, &call.caller, version.license_id, None).await?;
    check_etag("license", &license.id, &version.etag, license.revision)?;
    let key = LicenseKey::from_random(call.world.random());
    let amendment = Amendment::Key(key_digest(secrets, &key), key.hint().to_owned());
    let next = license.amend(&amendment, today(&license, call.now))?;
    grants::key_retire(tx, &license, call.now).await?;
    let facts_revision = changes::revision_next(tx).await?;
    let next = write(tx, call, (&license, next), (&amendment, note), facts_revision).await?;
    Ok((Changed { value: next, facts_revision }, key))
}

/// Gives several licences one last day, all or none.
pub async fn co_term(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<CoTerm>,
) -> Result<Changed<Vec<License>>, WriteError> {
    let CoTerm { versions, until, order_reference, note } = &call.command;
    let ids = versions.iter().map(|version| version.license_id).collect();
    let locked = lock_all(tx, dialect, &call.caller, ids, None).await?;
    let find = |version: &Version| locked.iter().find(|license| license.id == version.license_id);
    let present: Vec<&License> = versions.iter().filter_map(find).collect();
    let Some(first) = present.first() else { return Err(Error::internal("there is nothing to co-term").into()) };
    let amendment = Amendment::CoTerm(*until);
    let ids: Vec<_> = present.iter().map(|license| license.id).collect();
    let asked = (order_reference.as_str(), &amendment);
    let order = Order::for_amendment(&call.caller, first.terms.seller(), &ids, asked, call.now);
    if orders::earlier(tx, &order).await?.is_some() {
        return Ok(Changed { value: present.into_iter().cloned().collect(), facts_revision: 0 });
    }
    let mut next = Vec::with_capacity(present.len());
    let mut violations = Violations::new();
    for (place, (license, version)) in present.iter().zip(versions).enumerate() {
        check_etag("license", &license.id, &version.etag, license.revision)?;
        let mut v = Violations::new();
        if license.terms.end_user_id != first.terms.end_user_id {
            v.add("license_id", "belongs to another end user than the first one");
        }
        match license.amend(&amendment, today(license, call.now)) {
            Ok(amended) => next.push(amended),
            Err(Error::Invalid(others)) => {
                let _ = v.absorb::<()>(Err(others));
            }
            Err(Error::StateConflict { state, .. }) => v.add("license_id", format!("is {state}")),
            Err(other) => return Err(other.into()),
        }
        let at =
            |field: &str| if field == "valid_until" { field.to_owned() } else { format!("licenses[{place}].{field}") };
        v.iter().for_each(|violation| violations.add(at(&violation.field), violation.description.clone()));
    }
    all_known(violations)?;
    let most = next.iter().map(|license| license.terms.quantity).max().unwrap_or_default();
    orders::allow(tx, dialect, &order, most).await?;
    orders::place(tx, &call.world, &order, &ids).await?;
    let facts_revision = changes::revision_next(tx).await?;
    let mut written = Vec::with_capacity(next.len());
    for (license, next) in present.into_iter().zip(next) {
        written.push(write(tx, call, (license, next), (&amendment, note), facts_revision).await?);
    }
    Ok(Changed { value: written, facts_revision })
}

/// Writes a changed licence and its history.
async fn write<C>(
    tx: &mut AnyConnection,
    call: &Call<C>,
    (before, mut next): (&License, License),
    (amendment, note): (&Amendment, &str),
    facts_revision: i64,
) -> Result<License, WriteError> {
    if matches!(amendment, Amendment::Step(_) | Amendment::Cancel(_)) {
        note.clone_into(&mut next.state_note);
    }
    let what = (amendment.as_str(), note);
    history::write_license(tx, &Actor::of(call), what, (before, &next), facts_revision).await?;
    Ok(next)
}

/// What stands against other hands that only the database knows.
async fn may_change_hands(
    tx: &mut AnyConnection,
    dialect: Dialect,
    license: &License,
    transfer: &Transfer,
) -> Result<(), WriteError> {
    let mut violations = Violations::new();
    let partners = [
        ("responsible_partner_id", transfer.responsible_partner_id.as_ref()),
        ("reseller_partner_id", transfer.reseller_partner_id.as_ref()),
    ];
    for (field, id) in partners {
        if let Some(id) = id {
            takes_on(tx, dialect, (field, id), &mut violations).await?;
        }
    }
    if let Some((id, _)) = transfer.end_user.as_ref().filter(|(id, _)| *id != license.terms.end_user_id)
        && !transfer.is_correction
        && former_holders(tx, license.id).await?.contains(id)
    {
        violations.add("end_user.end_user_id", "held the licence before: only a `correction` gives it back");
    }
    all_known(violations).map_err(WriteError::from)
}

/// An amendment with the name that its end user has: one that is known keeps its own, unless it holds the licence and is given another one.
/// That one is its name on all of its licences.
async fn with_one_name(
    tx: &mut AnyConnection,
    license: &License,
    amendment: &Amendment,
) -> Result<Amendment, WriteError> {
    let mut amendment = amendment.clone();
    if let Amendment::Transfer(Transfer { end_user: Some((id, name)), .. }) = &mut amendment {
        if *id != license.terms.end_user_id {
            *name = grants::end_user_name(tx, id).await?;
        } else if *name != license.terms.end_user_name {
            grants::end_user_rename(tx, id, name).await?;
        }
    }
    Ok(amendment)
}

/// Notes why a partner takes on no licence. Its row is held: its standing is this until the transaction ends.
async fn takes_on(
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

async fn former_holders(tx: &mut AnyConnection, id: LicenseId) -> Result<Vec<EndUserId>, WriteError> {
    let changes = past::change_all(tx, &id.to_string()).await?;
    let fields = changes.into_iter().flat_map(|change| change.fields);
    let holders = fields.filter(|field| field.field == "end_user.end_user_id");
    Ok(holders.filter_map(|field| EndUserId::parse(&field.before).ok()).collect())
}

/// A licence, locked with its end user and the one that it goes to. To an ordering system, what others sold is not there.
async fn lock(
    tx: &mut AnyConnection,
    dialect: Dialect,
    caller: &Caller,
    id: LicenseId,
    newcomer: Option<&(EndUserId, String)>,
) -> Result<License, WriteError> {
    let locked = lock_all(tx, dialect, caller, vec![id], newcomer).await?;
    Ok(locked.into_iter().next().ok_or_else(|| Error::not_found("license", id))?)
}

/// Ordering: the rows of all end users by their codes, then those of the licences by their ids, so that two of these cannot wait for one
/// another. A newcomer is entered first.
async fn lock_all(
    tx: &mut AnyConnection,
    dialect: Dialect,
    caller: &Caller,
    mut ids: Vec<LicenseId>,
    newcomer: Option<&(EndUserId, String)>,
) -> Result<Vec<License>, WriteError> {
    let own = orderer(caller);
    let mine = |license: &License| own.as_ref().is_none_or(|own| license.terms.seller() == own);
    ids.sort_unstable();
    let mut end_users = BTreeSet::new();
    for id in &ids {
        let read = licenses::license_fetch(tx, *id).await?.filter(mine);
        end_users.insert(read.ok_or_else(|| Error::not_found("license", id))?.terms.end_user_id);
    }
    if let Some((id, name)) = newcomer {
        grants::end_user_insert(tx, id, name).await?;
        end_users.insert(id.clone());
    }
    for id in &end_users {
        incidents::account_lock(tx, dialect, id).await?;
    }
    let mut locked = Vec::with_capacity(ids.len());
    for id in ids {
        let license = licenses::license_lock(tx, dialect, id).await?.filter(mine);
        let license = license.ok_or_else(|| Error::not_found("license", id))?;
        if !end_users.contains(&license.terms.end_user_id) {
            // It changed hands between the reading and the lock.
            return Err(WriteError::Store(StoreError::lost_race()));
        }
        locked.push(license);
    }
    Ok(locked)
}

/// The licence of an order that was carried out before, for who still sees it.
async fn first(tx: &mut AnyConnection, ids: &[LicenseId], viewer: Option<&PartnerId>) -> Result<License, WriteError> {
    let gone = || Error::internal("an order names a licence that is not there");
    let id = ids.first().ok_or_else(gone)?;
    let license = licenses::license_fetch(tx, *id).await?.ok_or_else(gone)?;
    if viewer.is_none_or(|viewer| license.is_seen_by(viewer)) {
        Ok(license)
    } else {
        Err(Error::not_found("license", id).into())
    }
}

/// The partner whose ordering system calls.
fn orderer(caller: &Caller) -> Option<PartnerId> {
    caller.partner().filter(|_| caller.kind == CallerKind::ResellerWorkload)
}

fn today(license: &License, now: jiff::Timestamp) -> Date {
    now.to_zoned(license.terms.validity.zone.clone()).date()
}

/// Writes a licence of which somebody is named no longer, and what checks know of it.
pub(super) async fn people_changed(
    tx: &mut AnyConnection,
    actor: &Actor,
    before: &License,
    license: &License,
) -> Result<(), WriteError> {
    let facts_revision = changes::revision_next(tx).await?;
    history::write_license(tx, actor, ("employment ended", ""), (before, license), facts_revision).await
}

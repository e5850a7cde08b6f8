//! Granting licences, and what becomes of them.
//!
//! Read in this order: `granting`, `amending`, `co_terming`. This module has what they share: how licences are locked, and how
//! a changed one is written.

mod amending;
mod co_terming;
mod granting;

use std::collections::BTreeSet;

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::Error;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::LicenseId;
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};
use vouch_storage::{Dialect, StoreError, WriteError};

use super::history::{self, Actor};
use crate::domain::license::License;
use crate::domain::license::amendment::Amendment;
use crate::store::{changes, grants, incidents, licenses};

pub use amending::{Amend, ReplaceKey, amend, replace_key};
pub use co_terming::{CoTerm, co_term};
pub use granting::{CreateLicense, create};

/// A licence as the caller read it.
#[derive(Debug, Clone)]
pub struct Version {
    /// The licence.
    pub license_id: LicenseId,
    /// Its etag.
    pub etag: String,
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

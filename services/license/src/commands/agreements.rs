//! Support agreements and who is named in them.

use sqlx::AnyConnection;
use vouch_core::id::{AgreementId, ContactId};
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::history::{self, Actor};
use super::liaison_notices::hindered;
use super::{Changed, all_known, check_etag, notices};
use crate::domain::agreement::{Agreement, AgreementState, AgreementTerms, DayFields, Liaison, Person, check_days};
use crate::domain::liaison_notice::course::Problem;
use crate::domain::notice::Notice;
use crate::store::history::Subject;
use crate::store::{agreements, catalog, changes, incidents};

/// A person to be named.
#[derive(Debug, Clone)]
pub struct NameLiaison {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The person.
    pub person: Person,
}

/// What is to change of a person; what is `None` stays.
#[derive(Debug, Clone)]
pub struct UpdateLiaison {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The agreement's etag as the caller read it.
    pub etag: String,
    /// The person.
    pub contact_id: ContactId,
    /// The name.
    pub name: Option<String>,
    /// Whether the person has administrative rights on the product.
    pub administrative_rights: Option<bool>,
}

/// A person whose role ends.
#[derive(Debug, Clone)]
pub struct EndLiaison {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The person.
    pub contact_id: ContactId,
}

/// Another state for an agreement.
#[derive(Debug, Clone)]
pub struct SetAgreementState {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The state wanted.
    pub state: AgreementState,
    /// Why; may be empty.
    pub note: String,
}

/// Enters an agreement.
pub async fn create(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<AgreementTerms>,
) -> Result<Changed<Agreement>, WriteError> {
    let terms = call.command.clone();
    let mut violations = Violations::new();
    // Ordering: the end user's row is locked before its agreements are read, so that two that overlap cannot both be
    // entered at the same time.
    if incidents::account_lock(tx, dialect, &terms.end_user_id).await?.is_none() {
        violations.add("agreement.end_user_id", format!("no licence is known of an end user {}", terms.end_user_id));
    }
    if catalog::tier_fetch(tx, &terms.tier_id).await?.is_none() {
        violations.add("agreement.tier_id", format!("there is no tier {}", terms.tier_id));
    }
    all_known(violations)?;
    let others = agreements::agreement_list_of(tx, &terms.end_user_id).await?;
    check_days(&terms, &others, DayFields { from: Some("agreement.valid_from"), until: "agreement.valid_until" })?;
    let agreement = Agreement {
        id: call.world.id(),
        terms,
        state: AgreementState::Active,
        liaisons: Vec::new(),
        revision: 1,
        created_at: call.now,
    };
    agreements::agreement_insert(tx, &agreement).await?;
    history::write_creation(tx, &Actor::of(call), Subject::Agreement(agreement.id), agreement.fields()).await?;
    changed(tx, agreement).await
}

/// Names a liaison.
pub async fn name_liaison(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<NameLiaison>,
) -> Result<(Changed<Agreement>, Liaison), WriteError> {
    let NameLiaison { agreement_id, person } = &call.command;
    let mut agreement = lock(tx, dialect, *agreement_id).await?;
    if !agreement.has_free_seat() {
        let message = format!("all {} seats for liaisons are taken", agreement.terms.liaison_seats);
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::SeatsExhausted, message }.into());
    }
    let before = agreement.clone();
    let liaison = Liaison { id: call.world.id(), person: person.clone(), named_at: call.now };
    agreements::liaison_insert(tx, &agreement_id.to_string(), &liaison).await?;
    agreement.liaisons.push(liaison.clone());
    if let Some(obstacle) = hindered(tx, &before, &agreement).await? {
        return Err(match obstacle.problem {
            Problem::NamedAlready(_) => Error::already_exists("a pending notice that names", &person.email),
            Problem::SeatsExceeded | Problem::NotNamed(_) | Problem::SuccessorNotNamed(_) => {
                let message = format!("the last seat is promised by the pending notice {}", obstacle.notice);
                Error::Refused { kind: Kind::Refused, reason: Reason::SeatsExhausted, message }
            }
        }
        .into());
    }
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("liaison named", ""), &agreement).await?;
    if let Some(notice) = Notice::owed(call.world.id(), &agreement, &liaison) {
        notices::owe(tx, &call.world, call.now, &notice).await?;
    }
    Ok((changed(tx, agreement).await?, liaison))
}

/// Changes what is known of a liaison.
pub async fn update_liaison(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<UpdateLiaison>,
) -> Result<(Changed<Agreement>, Liaison), WriteError> {
    let UpdateLiaison { agreement_id, etag, contact_id, name, administrative_rights } = call.command.clone();
    let mut agreement = lock(tx, dialect, agreement_id).await?;
    check_etag("agreement", &agreement_id, &etag, agreement.revision)?;
    let liaison = agreement.liaisons.iter_mut().find(|liaison| liaison.id == contact_id);
    let liaison = liaison.ok_or_else(|| Error::not_found("liaison", contact_id))?;
    let person = &mut liaison.person;
    person.name = name.unwrap_or_else(|| person.name.clone());
    person.administrative_rights = administrative_rights.unwrap_or(person.administrative_rights);
    let liaison = liaison.clone();
    agreements::liaison_update(tx, &liaison).await?;
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("liaison updated", ""), &agreement).await?;
    Ok((changed(tx, agreement).await?, liaison))
}

/// Ends a liaison's role at once.
pub async fn end_liaison(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<EndLiaison>,
) -> Result<Changed<Agreement>, WriteError> {
    let EndLiaison { agreement_id, contact_id } = &call.command;
    let mut agreement = lock(tx, dialect, *agreement_id).await?;
    if !agreements::liaison_end(tx, &agreement_id.to_string(), *contact_id, call.now).await? {
        return Err(Error::not_found("liaison", contact_id).into());
    }
    agreement.liaisons.retain(|liaison| liaison.id != *contact_id);
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("liaison ended", ""), &agreement).await?;
    changed(tx, agreement).await
}

/// Suspends or resumes an agreement.
pub async fn set_state(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SetAgreementState>,
) -> Result<Changed<Agreement>, WriteError> {
    let SetAgreementState { agreement_id, etag, state, note } = &call.command;
    let mut agreement = lock(tx, dialect, *agreement_id).await?;
    check_etag("agreement", agreement_id, etag, agreement.revision)?;
    if agreement.state == *state {
        let step = match state {
            AgreementState::Active => "be resumed",
            AgreementState::Suspended => "be suspended",
        };
        let id = agreement_id.to_string();
        return Err(Error::StateConflict { what: "agreement", id, state: state.as_str(), step }.into());
    }
    agreement.state = *state;
    agreement.revision += 1;
    let what = match state {
        AgreementState::Active => "resumed",
        AgreementState::Suspended => "suspended",
    };
    history::write_agreement(tx, &Actor::of(call), (what, note), &agreement).await?;
    changed(tx, agreement).await
}

/// Stamps what checks know of the end user. Every command that wrote an agreement ends here.
pub(super) async fn changed(tx: &mut AnyConnection, agreement: Agreement) -> Result<Changed<Agreement>, WriteError> {
    let facts_revision = changes::revision_next(tx).await?;
    changes::end_user_stamp(tx, &agreement.terms.end_user_id, facts_revision).await?;
    Ok(Changed { value: agreement, facts_revision })
}

/// Ordering: the end user's row first, as every command that concerns one, then the agreement's; the revision of the facts last.
pub(super) async fn lock(tx: &mut AnyConnection, dialect: Dialect, id: AgreementId) -> Result<Agreement, WriteError> {
    let not_found = || Error::not_found("agreement", id);
    let end_user_id = agreements::agreement_fetch(tx, id).await?.ok_or_else(not_found)?.terms.end_user_id;
    incidents::account_lock(tx, dialect, &end_user_id).await?;
    Ok(agreements::agreement_lock(tx, dialect, id).await?.ok_or_else(|| Error::not_found("agreement", id))?)
}

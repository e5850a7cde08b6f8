//! Asking for online accounts, confirming and ending them.

use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{AgreementId, ContactId, OnlineAccountId};
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::agreements::lock;
use crate::domain::agreement::Agreement;
use crate::domain::online_account::{OnlineAccount, Origin};
use crate::store::licenses::end_user_is_supported_by;
use crate::store::online_accounts::{account_fetch, account_insert, account_update};

/// An account that is asked for.
#[derive(Debug, Clone)]
pub struct RequestAccount {
    /// The agreement by which it is to live.
    pub agreement_id: AgreementId,
    /// The person's name.
    pub name: String,
    /// The person's e-mail address, in lower case.
    pub email: String,
    /// The liaison who refers the person.
    pub referring: ContactId,
    /// Who asks for it.
    pub origin: Origin,
}

/// A liaison's word.
#[derive(Debug, Clone)]
pub struct ConfirmAccount {
    /// The account.
    pub id: OnlineAccountId,
    /// The liaison.
    pub contact_id: ContactId,
}

/// An account that is to end.
#[derive(Debug, Clone)]
pub struct EndAccount {
    /// The account.
    pub id: OnlineAccountId,
    /// Who said so, and why.
    pub note: String,
}

/// An account, and the agreement that tells what it is good for.
pub type AccountOf = (OnlineAccount, Agreement);

/// Asks for an account. `own` is the partner that calls, where one does.
pub async fn request(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<RequestAccount>,
    own: Option<&PartnerId>,
) -> Result<AccountOf, WriteError> {
    let RequestAccount { agreement_id, name, email, referring, origin } = call.command.clone();
    let agreement = lock_seen(tx, dialect, agreement_id, own).await?;
    let agreement = agreement.ok_or_else(|| Error::not_found("agreement", agreement_id))?;
    may_refer(&agreement, referring, call)?;
    let account = OnlineAccount {
        id: call.world.id(),
        agreement_id,
        name,
        email,
        referring,
        origin,
        created_at: call.now,
        confirmed_at: (origin == Origin::Liaison).then_some(call.now),
        ended_at: None,
        end_note: String::new(),
    };
    account_insert(tx, &account).await?;
    Ok((account, agreement))
}

/// Takes the referring liaison's word for an account.
pub async fn confirm(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<ConfirmAccount>,
    own: Option<&PartnerId>,
) -> Result<AccountOf, WriteError> {
    let ConfirmAccount { id, contact_id } = call.command;
    let (mut account, agreement) = lock_account(tx, dialect, id, own).await?;
    if contact_id != account.referring {
        return Err(Error::field("contact_id", "must be the liaison who referred the person").into());
    }
    match (account.ended_at, account.confirmed_at) {
        (Some(_), _) => return Err(conflict(id, "ended", "be confirmed").into()),
        (None, Some(_)) => return Err(conflict(id, "confirmed", "be confirmed again").into()),
        (None, None) => {}
    }
    may_refer(&agreement, contact_id, call)?;
    account.confirmed_at = Some(call.now);
    account_update(tx, &account).await?;
    Ok((account, agreement))
}

/// Ends an account for good.
pub async fn end(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<EndAccount>,
    own: Option<&PartnerId>,
) -> Result<AccountOf, WriteError> {
    let EndAccount { id, note } = call.command.clone();
    let (mut account, agreement) = lock_account(tx, dialect, id, own).await?;
    if account.ended_at.is_some() {
        return Err(conflict(id, "ended", "be ended").into());
    }
    account.ended_at = Some(call.now);
    account.end_note = note;
    account_update(tx, &account).await?;
    Ok((account, agreement))
}

fn conflict(id: OnlineAccountId, state: &'static str, step: &'static str) -> Error {
    Error::StateConflict { what: "online account", id: id.to_string(), state, step }
}

/// Whether a person may refer another one now.
fn may_refer<C>(agreement: &Agreement, contact_id: ContactId, call: &Call<C>) -> Result<(), Error> {
    let refused = |reason, message| Error::Refused { kind: Kind::Refused, reason, message };
    if let Err(why) = agreement.in_force(call.now) {
        return Err(refused(Reason::AgreementNotInForce, format!("the agreement {why}")));
    }
    if !agreement.liaisons.iter().any(|liaison| liaison.id == contact_id) {
        let message = "the referring contact is not a liaison of the agreement now".to_owned();
        return Err(refused(Reason::ContactNotNamed, message));
    }
    Ok(())
}

/// Ordering: the account's agreement is its lock, and that of the end user before it.
async fn lock_account(
    tx: &mut AnyConnection,
    dialect: Dialect,
    id: OnlineAccountId,
    own: Option<&PartnerId>,
) -> Result<AccountOf, WriteError> {
    let not_found = || Error::not_found("online account", id);
    let agreement_id = account_fetch(tx, id).await?.ok_or_else(not_found)?.agreement_id;
    let agreement = lock_seen(tx, dialect, agreement_id, own).await?.ok_or_else(not_found)?;
    // Read again under the lock: it may have changed while this one waited.
    let account = account_fetch(tx, id).await?.ok_or_else(not_found)?;
    Ok((account, agreement))
}

/// Locks an agreement; `None` where it is not the calling partner's to see.
async fn lock_seen(
    tx: &mut AnyConnection,
    dialect: Dialect,
    id: AgreementId,
    own: Option<&PartnerId>,
) -> Result<Option<Agreement>, WriteError> {
    let agreement = lock(tx, dialect, id).await?;
    let is_seen = match own {
        None => true,
        Some(partner) => end_user_is_supported_by(tx, &agreement.terms.end_user_id, partner).await?,
    };
    Ok(is_seen.then_some(agreement))
}

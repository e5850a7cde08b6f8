//! The end of a person's employment: everything that the person has at an end user ends at once.

use sqlx::AnyConnection;
use vouch_core::Error;
use vouch_core::code::EndUserId;
use vouch_core::id::{ContactId, LiaisonNoticeId, OnlineAccountId, SdkUserId};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::agreements::changed;
use super::history::{self, Actor};
use super::licenses::people_changed;
use crate::domain::agreement::{Agreement, Liaison};
use crate::domain::departure::Departure;
use crate::domain::license::License;
use crate::store::{agreements, changes, departures, incidents, liaison_notices, licenses, online_accounts, sdk_users};

/// A person whose employment ended.
#[derive(Debug, Clone)]
pub struct EndEmployment {
    /// The end user.
    pub end_user_id: EndUserId,
    /// The person's e-mail address, in lower case.
    pub email: String,
    /// The SHA-256 digest of the notice.
    pub document_digest: [u8; 32],
}

/// What ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What is on record.
    pub departure: Departure,
    /// Roles of liaison, each with the agreement or licence where it was.
    pub liaisons: Vec<(ContactId, String)>,
    /// Places in licences of development kits.
    pub sdk_users: Vec<SdkUserId>,
    /// Online accounts.
    pub online_accounts: Vec<OnlineAccountId>,
    /// Pending notices that named the person.
    pub notices: Vec<LiaisonNoticeId>,
    /// The revision of the facts with which checks know of it.
    pub facts_revision: i64,
}

/// Ends everything.
pub async fn end(tx: &mut AnyConnection, dialect: Dialect, call: &Call<EndEmployment>) -> Result<Ended, WriteError> {
    let EndEmployment { end_user_id, email, document_digest } = call.command.clone();
    // Ordering: the end user, the agreements, the licences, each kind by id; the revision of the facts last.
    if incidents::account_lock(tx, dialect, &end_user_id).await?.is_none() {
        return Err(Error::not_found("end user", end_user_id).into());
    }
    let mut held = lock_agreements(tx, dialect, &call.command).await?;
    let licensed = lock_licenses(tx, dialect, &call.command).await?;
    let mut licensed: Vec<_> = licensed.into_iter().map(|license| (license.clone(), license)).collect();
    let mut liaisons = Vec::new();
    for agreement in &mut held {
        let gone = take_out(&mut agreement.liaisons, &email);
        liaisons.extend(gone.into_iter().map(|id| (id, agreement.id.to_string())));
        agreement.revision += 1;
    }
    for (_, license) in &mut licensed {
        let gone = take_out(&mut license.liaisons, &email);
        liaisons.extend(gone.into_iter().map(|id| (id, license.id.to_string())));
        license.revision += 1;
    }
    for (contact_id, holder) in &liaisons {
        agreements::liaison_end(tx, holder, *contact_id, call.now).await?;
    }
    let ids: Vec<_> = liaisons.iter().map(|(id, _)| *id).collect();
    let sdk_users = sdk_users::user_end_all(tx, &end_user_id, &email, call.now).await?;
    let online_accounts =
        online_accounts::account_end_all(tx, &end_user_id, &email, "employment ended", call.now).await?;
    let mut notices = Vec::new();
    let pending = liaison_notices::notice_list_pending_of(tx, &end_user_id).await?;
    // One notice may remove whom another one was to name.
    let promised = pending.iter().flat_map(|notice| notice.promised(&email));
    let gone: Vec<_> = ids.into_iter().chain(promised).collect();
    for mut notice in pending {
        if notice.strike(&email, &gone, call.now) {
            liaison_notices::notice_update(tx, &notice).await?;
            notices.push(notice.id);
        }
    }
    if liaisons.is_empty() && sdk_users.is_empty() && online_accounts.is_empty() && notices.is_empty() {
        return Err(Error::not_found("person", email).into());
    }
    let departure = Departure {
        id: call.world.id(),
        end_user_id,
        email,
        document_digest,
        recorded_by: call.caller.subject.clone(),
        recorded_at: call.now,
    };
    departures::departure_insert(tx, &departure).await?;
    write(tx, &Actor::of(call), held, licensed).await?;
    // Whatever it was that ended: partners follow the facts, and end the person's sessions.
    let facts_revision = changes::revision_next(tx).await?;
    changes::end_user_stamp(tx, &departure.end_user_id, facts_revision).await?;
    Ok(Ended { departure, liaisons, sdk_users, online_accounts, notices, facts_revision })
}

/// Writes what names the person no longer.
async fn write(
    tx: &mut AnyConnection,
    actor: &Actor,
    held: Vec<Agreement>,
    licensed: Vec<(License, License)>,
) -> Result<(), WriteError> {
    for agreement in &held {
        history::write_agreement(tx, actor, ("employment ended", ""), agreement).await?;
    }
    for agreement in held {
        changed(tx, agreement).await?;
    }
    for (before, license) in &licensed {
        people_changed(tx, actor, before, license).await?;
    }
    Ok(())
}

async fn lock_agreements(
    tx: &mut AnyConnection,
    dialect: Dialect,
    command: &EndEmployment,
) -> Result<Vec<Agreement>, WriteError> {
    let mut held = Vec::new();
    for agreement in agreements::agreement_list_of(tx, &command.end_user_id).await? {
        if agreement.liaisons.iter().any(|liaison| liaison.person.email == command.email) {
            held.extend(agreements::agreement_lock(tx, dialect, agreement.id).await?);
        }
    }
    Ok(held)
}

async fn lock_licenses(
    tx: &mut AnyConnection,
    dialect: Dialect,
    command: &EndEmployment,
) -> Result<Vec<License>, WriteError> {
    let mut licensed = Vec::new();
    for id in licenses::license_list_naming(tx, &command.end_user_id, &command.email).await? {
        licensed.extend(licenses::license_lock(tx, dialect, id).await?);
    }
    Ok(licensed)
}

/// Takes a person out of a list of people; who it was.
fn take_out(people: &mut Vec<Liaison>, email: &str) -> Vec<ContactId> {
    let gone = people.iter().filter(|one| one.person.email == email).map(|one| one.id).collect();
    people.retain(|one| one.person.email != email);
    gone
}

//! Changing liaisons by a customer's written notice.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::id::{AgreementId, ContactId, LiaisonNoticeId};
use vouch_core::{Error, Kind, Reason, World, dates};
use vouch_host::Call;
use vouch_storage::{Dialect, Store, WriteError};

use super::agreements::{changed, lock};
use super::history::{self, Actor};
use super::notices;
use crate::domain::agreement::{Agreement, Person};
use crate::domain::liaison_notice::course::{Obstacle, new_obstacle, obstacles};
use crate::domain::liaison_notice::{
    Addition, LiaisonNotice, LiaisonNoticeState, Removal, changes_used, contract_year, judge,
};
use crate::domain::notice::Notice;
use crate::store::{agreements, business_calendar, liaison_notices};

/// Who takes over from a removed person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    /// Nobody.
    Nobody,
    /// A person with an id.
    Contact(ContactId),
    /// A person whom the notice adds, by place.
    Addition(usize),
}

/// A notice as it was handed in.
#[derive(Debug, Clone)]
pub struct SubmitNotice {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Who submitted it.
    pub submitted_by: String,
    /// Its first day.
    pub effective_on: Date,
    /// The SHA-256 digest of what was written.
    pub document_digest: [u8; 32],
    /// Who is a liaison no longer, and who takes over from each.
    pub removals: Vec<(ContactId, Successor)>,
    /// Who is one from then on.
    pub additions: Vec<Person>,
}

/// A notice that is taken back.
#[derive(Debug, Clone)]
pub struct WithdrawNotice(pub LiaisonNoticeId);

/// Takes a notice; how many changes of its contract year are used with it.
pub async fn submit(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SubmitNotice>,
) -> Result<(LiaisonNotice, usize), WriteError> {
    let agreement = lock(tx, dialect, call.command.agreement_id).await?;
    let calendar = business_calendar::calendar_fetch(tx).await?;
    let mut others = liaison_notices::notice_list_of(tx, agreement.id).await?;
    let terms = &agreement.terms;
    let days = calendar.in_zone(&terms.zone).map_err(Error::internal)?;
    let effective_at = dates::start_of_day(call.command.effective_on, &terms.zone);
    let SubmitNotice { submitted_by, effective_on, document_digest, removals, additions, .. } = call.command.clone();
    let additions: Vec<_> =
        additions.into_iter().map(|person| Addition { contact_id: call.world.id(), person, struck: false }).collect();
    let successor = |successor| match successor {
        Successor::Nobody => None,
        Successor::Contact(id) => Some(id),
        Successor::Addition(place) => additions.get(place).map(|addition| addition.contact_id),
    };
    let removals = removals.into_iter().map(|(contact_id, by)| {
        let successor = successor(by);
        Removal { contact_id, successor, struck: false }
    });
    let notice = LiaisonNotice {
        id: call.world.id(),
        agreement_id: agreement.id,
        end_user_id: terms.end_user_id.clone(),
        submitted_by,
        effective_on,
        effective_at,
        grace_ends_at: days.grace_ends(effective_at),
        document_digest,
        removals: removals.collect(),
        additions,
        state: LiaisonNoticeState::Pending,
        created_at: call.now,
        ended_at: None,
    };
    let findings = judge(&notice, &agreement, &others, days.earliest_first_day(call.now));
    if findings.blocks() {
        let (reason, message) = (Reason::LiaisonNoticeRefused, "the notice was not taken");
        return Err(Error::Judged { reason, message, findings }.into());
    }
    liaison_notices::notice_insert(tx, &notice).await?;
    others.push(notice.clone());
    let used = changes_used(&others, terms.from, contract_year(terms.from, effective_on));
    Ok((notice, used))
}

/// Takes a pending notice back.
pub async fn withdraw(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<WithdrawNotice>,
) -> Result<LiaisonNotice, WriteError> {
    let WithdrawNotice(id) = call.command;
    let not_found = || Error::not_found("notice", id);
    let agreement_id = liaison_notices::notice_fetch(tx, id).await?.ok_or_else(not_found)?.agreement_id;
    let agreement = lock(tx, dialect, agreement_id).await?;
    // Read again under the lock: it may have taken effect while this one waited.
    let mut notice = liaison_notices::notice_fetch(tx, id).await?.ok_or_else(not_found)?;
    let has_begun = notice.effective_at <= call.now;
    if notice.state != LiaisonNoticeState::Pending || has_begun {
        let state = if notice.state == LiaisonNoticeState::Pending { "in effect" } else { notice.state.as_str() };
        let (what, step) = ("notice", "be withdrawn");
        return Err(Error::StateConflict { what, id: id.to_string(), state, step }.into());
    }
    let pending = pending_of(tx, &agreement).await?;
    let after = obstacles(&agreement, pending.iter().filter(|one| one.id != id));
    if let Some(obstacle) = new_obstacle(&obstacles(&agreement, &pending), &after) {
        let message = format!("the pending notice {} rests on this one", obstacle.notice);
        let reason = Reason::LiaisonNoticeConflict;
        return Err(Error::Refused { kind: Kind::Refused, reason, message }.into());
    }
    notice.state = LiaisonNoticeState::Withdrawn;
    notice.ended_at = Some(call.now);
    liaison_notices::notice_update(tx, &notice).await?;
    Ok(notice)
}

/// What would keep a pending notice from taking effect if an agreement changed so, and does not now.
pub(super) async fn hindered(
    tx: &mut AnyConnection,
    before: &Agreement,
    after: &Agreement,
) -> Result<Option<Obstacle>, WriteError> {
    let pending = pending_of(tx, after).await?;
    Ok(new_obstacle(&obstacles(before, &pending), &obstacles(after, &pending)))
}

async fn pending_of(tx: &mut AnyConnection, agreement: &Agreement) -> Result<Vec<LiaisonNotice>, WriteError> {
    let mut pending = liaison_notices::notice_list_pending_of(tx, &agreement.terms.end_user_id).await?;
    pending.retain(|notice| notice.agreement_id == agreement.id);
    Ok(pending)
}

/// How many notices take effect in one go.
const IN_ONE_GO: i64 = 100;

/// Carries out the notices whose day has begun, each as one. Returns how many there were. Several replicas may do so at a time, and
/// whoever was away for days catches up.
pub async fn apply_due(store: &Store, world: &World) -> Result<usize, Error> {
    let now = world.now();
    let mut snapshot = store.snapshot().await?;
    let due = liaison_notices::notice_list_due(&mut snapshot, now, IN_ONE_GO).await?;
    drop(snapshot);
    let dialect = store.dialect();
    for id in &due {
        let applied = store.write(|mut tx| async move {
            apply(&mut tx, dialect, world, now, *id).await?;
            Ok::<_, WriteError>((tx, ()))
        });
        // One that cannot take effect must not keep the others.
        if let Err(error) = applied.await {
            tracing::error!(%error, liaison_notice.id = %id, "a notice of a change of liaisons could not take effect");
        }
    }
    Ok(due.len())
}

async fn apply(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    now: Timestamp,
    id: LiaisonNoticeId,
) -> Result<(), WriteError> {
    let not_found = || Error::not_found("notice", id);
    let agreement_id = liaison_notices::notice_fetch(tx, id).await?.ok_or_else(not_found)?.agreement_id;
    let mut agreement = lock(tx, dialect, agreement_id).await?;
    // Read again under the lock: another replica may have carried it out.
    let mut notice = liaison_notices::notice_fetch(tx, id).await?.ok_or_else(not_found)?;
    if notice.state != LiaisonNoticeState::Pending {
        return Ok(());
    }
    let done = notice.apply(&mut agreement, now);
    let holder = agreement_id.to_string();
    for contact_id in &done.ended {
        agreements::liaison_end(tx, &holder, *contact_id, now).await?;
    }
    for liaison in &done.named {
        agreements::liaison_insert(tx, &holder, liaison).await?;
        if let Some(letter) = Notice::owed(world.id(), &agreement, liaison) {
            notices::owe(tx, world, now, &letter).await?;
        }
    }
    liaison_notices::notice_update(tx, &notice).await?;
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::service(now), ("liaisons changed by notice", &id.to_string()), &agreement)
        .await?;
    changed(tx, agreement).await?;
    tracing::info!(
        liaison_notice.id = %id,
        agreement.id = %agreement_id,
        ended = done.ended.len(),
        named = done.named.len(),
        "a notice of a change of liaisons took effect"
    );
    Ok(())
}

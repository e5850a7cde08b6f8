//! Prepaid incidents: granting, reserving, settling. Every movement changes an account and is a line of the ledger.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{EscalationId, HoldId};
use vouch_core::{Error, World};
use vouch_host::Call;
use vouch_storage::{Dialect, Store, StoreError, WriteError};

use super::Changed;
use crate::domain::incident::{Account, Hold, HoldState, LedgerEntry, Movement, Settlement, to_reserve};
use crate::store::{changes, incidents};

/// A pack of incidents to be added.
#[derive(Debug, Clone)]
pub struct GrantIncidents {
    /// The end user.
    pub end_user_id: EndUserId,
    /// How many.
    pub units: i64,
    /// The order that bought them.
    pub order_reference: String,
}

/// A hold to be settled.
#[derive(Debug, Clone)]
pub struct SettleHold {
    /// The hold.
    pub hold_id: HoldId,
    /// What to do with it.
    pub settlement: Settlement,
}

/// Adds a pack to an account.
pub async fn grant(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<GrantIncidents>,
) -> Result<Changed<Account>, WriteError> {
    let GrantIncidents { end_user_id, units, order_reference } = &call.command;
    let unknown = || Error::field("end_user_id", format!("no licence is known of an end user {end_user_id}"));
    let account = incidents::account_lock(tx, dialect, end_user_id).await?.ok_or_else(unknown)?;
    let entry = entry(&call.world, Movement::Grant, *units, order_reference.clone(), call.now);
    book(tx, end_user_id, account, &entry).await
}

/// What is needed to set incidents aside.
#[derive(Debug, Clone)]
pub struct Reservation<'a> {
    /// The partner whose escalation it is.
    pub partner_id: &'a PartnerId,
    /// The escalation.
    pub escalation_id: EscalationId,
    /// The end user whose account it is.
    pub end_user_id: &'a EndUserId,
    /// How many the tier asks for.
    pub units: u32,
    /// Whether it may do with none: a site is down.
    pub waivable: bool,
    /// Until when the proof that comes with it lives.
    pub proof_expires_at: Timestamp,
}

/// Sets incidents aside for an escalation: the one hold that it ever has, given back when it is asked for again, and filled up
/// when it has less than is asked for now. `None` when the account does not have as many.
pub async fn reserve(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    now: Timestamp,
    reservation: &Reservation<'_>,
) -> Result<Option<Hold>, WriteError> {
    // Ordering: the account's row is locked before the hold is looked for, so that two requests for one escalation of one
    // end user see one another; those of two end users meet at the hold's own uniqueness.
    let account = incidents::account_lock(tx, dialect, reservation.end_user_id).await?.unwrap_or_default();
    let found = incidents::hold_fetch_of(tx, reservation.partner_id, reservation.escalation_id).await?;
    if found.as_ref().is_some_and(|hold| hold.end_user_id != *reservation.end_user_id) {
        return Err(Error::StateConflict {
            what: "escalation",
            id: reservation.escalation_id.to_string(),
            state: "another end user's",
            step: "be proven for this one",
        }
        .into());
    }
    let held = found.as_ref().map(|hold| (hold.state, hold.units));
    let Some(missing) = to_reserve(held, reservation.units, reservation.waivable, account) else {
        return Ok(None);
    };
    let hold = match found {
        None => {
            let hold = Hold {
                id: world.id(),
                partner_id: reservation.partner_id.clone(),
                escalation_id: reservation.escalation_id,
                end_user_id: reservation.end_user_id.clone(),
                units: missing,
                state: HoldState::Reserved,
            };
            if !incidents::hold_insert(tx, &hold, reservation.proof_expires_at).await? {
                return Err(WriteError::Store(StoreError::lost_race()));
            }
            hold
        }
        Some(mut hold) => {
            match hold.state {
                HoldState::Released => (hold.units, hold.state) = (missing, HoldState::Reserved),
                // What is captured stays captured, and what it lacks is captured with it.
                HoldState::Reserved | HoldState::Captured => hold.units += missing,
            }
            incidents::hold_update(tx, &hold).await?;
            incidents::hold_renew(tx, hold.id, reservation.proof_expires_at).await?;
            hold
        }
    };
    if missing > 0 {
        let movement = if hold.state == HoldState::Captured { Movement::CaptureAnew } else { Movement::Reserve };
        let entry = entry(world, movement, i64::from(missing), hold.escalation_id.to_string(), now);
        book(tx, reservation.end_user_id, account, &entry).await?;
    }
    Ok(Some(hold))
}

/// Settles a hold.
pub async fn settle(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    now: Timestamp,
    command: &SettleHold,
) -> Result<Hold, WriteError> {
    let not_found = || Error::not_found("hold", command.hold_id);
    let end_user_id = incidents::hold_fetch(tx, command.hold_id).await?.ok_or_else(not_found)?.end_user_id;
    let account = incidents::account_lock(tx, dialect, &end_user_id).await?.unwrap_or_default();
    // Read again under the lock: its state may have changed while this one waited.
    let mut hold = incidents::hold_fetch(tx, command.hold_id).await?.ok_or_else(not_found)?;
    let settled = hold.settle(command.settlement, account);
    if let Some(movement) = settled.movement {
        let entry = entry(world, movement, i64::from(hold.units), hold.escalation_id.to_string(), now);
        book(tx, &end_user_id, account, &entry).await?;
        if movement == Movement::VendorBears {
            tracing::warn!(hold.id = %hold.id, "an incident was captured with none left and is borne by the vendor");
        }
    }
    if hold.state != settled.state {
        hold.state = settled.state;
        incidents::hold_update(tx, &hold).await?;
    }
    Ok(hold)
}

/// How long after the end of its last proof a hold that nobody settled lapses.
pub const LAPSE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many holds lapse in one go.
const IN_ONE_GO: i64 = 100;

/// Gives back what nobody settled: an escalation that was proven and never became a case. Returns how many lapsed. A capture after
/// that takes the units anew.
pub async fn lapse(store: &Store, world: &World) -> Result<usize, Error> {
    let now = world.now();
    let mut snapshot = store.snapshot().await?;
    let unsettled = incidents::hold_list_unsettled(&mut snapshot, now - LAPSE, IN_ONE_GO).await?;
    drop(snapshot);
    let dialect = store.dialect();
    for hold_id in &unsettled {
        let command = &SettleHold { hold_id: *hold_id, settlement: Settlement::Release };
        store
            .write(|mut tx| async move {
                settle(&mut tx, dialect, world, now, command).await?;
                Ok::<_, WriteError>((tx, ()))
            })
            .await?;
    }
    Ok(unsettled.len())
}

fn entry(world: &World, movement: Movement, units: i64, reference: String, now: Timestamp) -> LedgerEntry {
    LedgerEntry { id: world.id(), movement, units, reference, booked_at: now }
}

/// Writes a movement. Checks know whether an incident is left: only the first and the last one are news to them.
async fn book(
    tx: &mut AnyConnection,
    end_user_id: &EndUserId,
    before: Account,
    entry: &LedgerEntry,
) -> Result<Changed<Account>, WriteError> {
    let account = before
        .after(entry.movement, entry.units)
        .ok_or_else(|| Error::internal("a movement would take an account below zero"))?;
    incidents::movement_book(tx, end_user_id, account, entry).await?;
    let is_news = (before.available > 0) != (account.available > 0);
    let facts_revision = if is_news { changes::revision_next(tx).await? } else { 0 };
    if is_news {
        changes::end_user_stamp(tx, end_user_id, facts_revision).await?;
    }
    Ok(Changed { value: account, facts_revision })
}

//! Incidents for escalations: set aside with a proof, settled by the vendor.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::Error;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{EscalationId, HoldId};
use vouch_storage::{StoreError, WriteError};

pub use super::purse::Doing;
use super::purse::{as_of, close, meet, open, open_locked};
use crate::domain::incident::{
    Hold, HoldState, NamedCharge, Needed, OnRecord, Outlook, Purpose, Purse, Settlement, Work, outlook, to_reserve,
};
use crate::store::incidents;

/// How long after the end of its last proof a hold that nobody settled lapses.
pub const LAPSE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A hold to be settled.
#[derive(Debug, Clone)]
pub struct SettleHold {
    /// The hold.
    pub hold_id: HoldId,
    /// What to do with it.
    pub settlement: Settlement,
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
    /// Whether a site is down: what is not there is owed then.
    pub is_down: bool,
    /// The reservation with which the ticket was charged already.
    pub charge: Option<HoldId>,
}

/// Sets incidents aside for an escalation, until its proof is over and long enough after that: the one hold that it ever has, given back
/// when it is asked for again, and filled up when it has less than is asked for now. `None` when the account does not have as many.
pub async fn reserve(
    tx: &mut AnyConnection,
    doing: Doing<'_>,
    reservation: &Reservation<'_>,
    proof_expires_at: Timestamp,
) -> Result<Option<Hold>, WriteError> {
    let Reservation { partner_id, escalation_id, end_user_id, units, is_down, .. } = *reservation;
    // Ordering: the account's row is locked before the hold and the charge are looked for, so that two requests for one escalation, or for
    // one charge, of one end user see one another; those of two end users meet at the hold's own uniqueness.
    let state = incidents::account_lock(tx, doing.dialect, end_user_id).await?.unwrap_or_default();
    let record = on_record(tx, doing.now, reservation).await?;
    let rest = record.rest(partner_id, end_user_id)?;
    let (found, units) = (record.hold, rest.units(units));
    let asks_for_nothing = to_reserve(found.as_ref(), units, is_down, state.balance) == Some(Needed::default());
    // A renewal has what it needs: its packs need not be read.
    let mut purse = if asks_for_nothing && !rest.is_new && !state.is_due(doing.now) {
        Purse::new(state, Vec::new())
    } else {
        open_locked(tx, doing.now, end_user_id, state).await?
    };
    let Some(needed) = to_reserve(found.as_ref(), units, is_down, purse.balance()) else { return Ok(None) };
    let (is_new, lapses_at) = (found.is_none(), proof_expires_at + LAPSE);
    let fresh = || {
        let (partner_id, end_user_id) = (partner_id.clone(), end_user_id.clone());
        let (purpose, reference) = (Purpose::Escalation, escalation_id.to_string());
        let work = Work { partner_id, purpose, reference, description: String::new(), end_user_id };
        Hold::of(doing.world.id(), work, lapses_at)
    };
    let mut hold = Hold { lapses_at, ..found.unwrap_or_else(fresh) };
    if let (Some(charge), true) = (rest.charge, rest.is_new) {
        meet(tx, &mut purse, &hold.shares).await?;
        hold.rest_on(charge, &mut purse, doing.now)?;
    }
    hold.fill(&mut purse, needed)?;
    if !is_new {
        incidents::hold_update(tx, &hold).await?;
    } else if !incidents::hold_insert(tx, &hold).await? {
        return Err(WriteError::Store(StoreError::lost_race()));
    }
    close(tx, doing, end_user_id, &purse).await?;
    Ok(Some(hold))
}

/// What setting incidents aside would come to now. Writes nothing.
pub async fn foresee(
    connection: &mut AnyConnection,
    now: Timestamp,
    reservation: &Reservation<'_>,
) -> Result<Outlook, Error> {
    let Reservation { partner_id, end_user_id, units, is_down, .. } = *reservation;
    let record = on_record(connection, now, reservation).await?;
    let rest = record.rest(partner_id, end_user_id)?;
    let balance = as_of(connection, end_user_id, now).await?.map(|purse| purse.balance()).unwrap_or_default();
    Ok(outlook(record.hold.as_ref(), rest.units(units), is_down, balance))
}

/// The hold of an escalation, and the charge that is named, where that is not known from the hold.
async fn on_record(
    connection: &mut AnyConnection,
    now: Timestamp,
    reservation: &Reservation<'_>,
) -> Result<OnRecord, StoreError> {
    let reference = reservation.escalation_id.to_string();
    let hold = incidents::hold_fetch_of(connection, reservation.partner_id, &reference).await?;
    let charge = hold.as_ref().and_then(|hold| hold.charge);
    let is_passed_on = match (&hold, charge) {
        (Some(hold), Some(charge)) if hold.state == HoldState::Released => {
            incidents::charge_is_taken(connection, charge, Some(hold.id), now).await?
        }
        _ => false,
    };
    let named = match reservation.charge {
        None => None,
        Some(id) if charge.is_some() => Some(NamedCharge { id, hold: None, is_taken: true }),
        Some(id) => {
            let is_taken = incidents::charge_is_taken(connection, id, None, now).await?;
            Some(NamedCharge { id, hold: incidents::hold_fetch(connection, id).await?, is_taken })
        }
    };
    Ok(OnRecord { hold, named, is_passed_on })
}

/// Settles the hold of an escalation.
pub async fn settle(tx: &mut AnyConnection, doing: Doing<'_>, command: &SettleHold) -> Result<Hold, WriteError> {
    let is_of_an_escalation = |hold: &Hold| match hold.purpose {
        Purpose::Escalation => Ok(()),
        Purpose::TechnicalSupport | Purpose::Appointment | Purpose::ProfessionalService => {
            Err(Error::not_found("hold", hold.id))
        }
    };
    settle_if(tx, doing, ("hold", command), is_of_an_escalation).await.map(|(hold, _)| hold)
}

/// Settles a hold that is what it has to be, and tells the revision with which checks know of it.
pub(super) async fn settle_if(
    tx: &mut AnyConnection,
    doing: Doing<'_>,
    (what, command): (&'static str, &SettleHold),
    is_right: impl Fn(&Hold) -> Result<(), Error>,
) -> Result<(Hold, i64), WriteError> {
    let not_found = || Error::not_found(what, command.hold_id);
    let found = incidents::hold_fetch(tx, command.hold_id).await?.ok_or_else(not_found)?;
    // Before anything is locked: what is somebody else's is not there.
    is_right(&found)?;
    let end_user_id = found.end_user_id;
    let mut purse = open(tx, doing, &end_user_id).await?.ok_or_else(not_found)?;
    // Read again under the lock: its state may have changed while this one waited.
    let before = incidents::hold_fetch(tx, command.hold_id).await?.ok_or_else(not_found)?;
    is_right(&before)?;
    let mut hold = before.clone();
    meet(tx, &mut purse, &hold.shares).await?;
    hold.settle(command.settlement, &mut purse, doing.now)?;
    if hold != before {
        incidents::hold_update(tx, &hold).await?;
    }
    if hold.borne > before.borne {
        tracing::warn!(hold.id = %hold.id, "an incident was captured with none left and is borne by the vendor");
    }
    let facts_revision = close(tx, doing, &end_user_id, &purse).await?;
    Ok((hold, facts_revision))
}

//! Incidents for escalations: set aside with a proof, settled by the vendor.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{EscalationId, HoldId};
use vouch_core::{Error, Kind, Reason};
use vouch_storage::{StoreError, WriteError};

pub use super::purse::Doing;
use super::purse::{close, meet, open, open_locked};
use crate::domain::incident::{Hold, HoldState, Needed, Purpose, Purse, Settlement, to_reserve};
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
    /// Until when the proof that comes with it lives.
    pub proof_expires_at: Timestamp,
}

/// Sets incidents aside for an escalation: the one hold that it ever has, given back when it is asked for again, and
/// filled up when it has less than is asked for now. `None` when the account does not have as many.
pub async fn reserve(
    tx: &mut AnyConnection,
    doing: Doing<'_>,
    reservation: &Reservation<'_>,
) -> Result<Option<Hold>, WriteError> {
    let Reservation { partner_id, escalation_id, end_user_id, is_down, proof_expires_at, .. } = *reservation;
    // Ordering: the account's row is locked before the hold is looked for, so that two requests for one escalation of
    // one end user see one another; those of two end users meet at the hold's own uniqueness.
    let state = incidents::account_lock(tx, doing.dialect, end_user_id).await?.unwrap_or_default();
    let reference = escalation_id.to_string();
    let found = incidents::hold_fetch_of(tx, partner_id, &reference).await?;
    if found.as_ref().is_some_and(|hold| hold.end_user_id != *end_user_id) {
        let state = "another end user's";
        return Err(
            Error::StateConflict { what: "escalation", id: reference, state, step: "be proven for this one" }.into()
        );
    }
    // A renewal that does not name the charge again rests on it all the same.
    let charge = found.as_ref().and_then(|hold| hold.charge).or(reservation.charge);
    let is_carried_anew = charge.is_some() && found.as_ref().is_none_or(|hold| hold.charge != charge);
    if let (Some(charge), true) = (charge, is_carried_anew) {
        check_charge(tx, partner_id, end_user_id, charge).await?;
    }
    let units = if charge.is_some() { 0 } else { reservation.units };
    let asks_for_nothing = to_reserve(found.as_ref(), units, is_down, state.balance) == Some(Needed::default());
    // A renewal has what it needs: its packs need not be read.
    let mut purse = if asks_for_nothing && !is_carried_anew && !state.is_due(doing.now) {
        Purse::new(state, Vec::new())
    } else {
        open_locked(tx, doing.now, end_user_id, state).await?
    };
    let Some(needed) = to_reserve(found.as_ref(), units, is_down, purse.balance()) else { return Ok(None) };
    let (is_new, lapses_at) = (found.is_none(), proof_expires_at + LAPSE);
    let fresh = || Hold {
        id: doing.world.id(),
        partner_id: partner_id.clone(),
        purpose: Purpose::Escalation,
        reference,
        description: String::new(),
        end_user_id: end_user_id.clone(),
        units: 0,
        owed: 0,
        borne: 0,
        reversed: 0,
        shares: Vec::new(),
        state: HoldState::Reserved,
        minutes: None,
        charge: None,
        lapses_at,
    };
    let mut hold = Hold { lapses_at, ..found.unwrap_or_else(fresh) };
    if let (Some(charge), true) = (charge, is_carried_anew) {
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

/// Refuses a charge that cannot carry an escalation of this end user.
async fn check_charge(
    tx: &mut AnyConnection,
    partner_id: &PartnerId,
    end_user_id: &EndUserId,
    charge: HoldId,
) -> Result<(), WriteError> {
    let is_theirs = |hold: &Hold| hold.partner_id == *partner_id && hold.end_user_id == *end_user_id;
    let found = incidents::hold_fetch(tx, charge).await?.filter(is_theirs);
    // Under the lock of the end user's row, whose both holds are: no other escalation is taken on at the same time.
    let problem = match found {
        None => "is not known",
        Some(hold) if !hold.is_charged_ticket() => "is no captured charge of a ticket",
        Some(_) if incidents::hold_fetch_carried(tx, charge).await?.is_some() => "carries another escalation",
        Some(_) => return Ok(()),
    };
    let (kind, reason) = (Kind::Refused, Reason::ChargeNotApplicable);
    Err(Error::Refused { kind, reason, message: format!("the reservation {charge} {problem}") }.into())
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

//! Reversing charges: what was spent goes back, with by whom and why.

use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use vouch_core::code::EndUserId;
use vouch_core::id::HoldId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::purse::{Doing, close, meet, open};
use crate::commands::Changed;
use crate::domain::incident::{AccountState, Pack, Reversal};
use crate::store::incidents;

/// A charge to be reversed.
#[derive(Debug, Clone)]
pub struct ReverseCharge {
    /// The hold that was captured.
    pub hold_id: HoldId,
    /// How many units; `None` for all that can be.
    pub units: Option<u32>,
    /// Why.
    pub note: String,
}

/// What was reversed.
#[derive(Debug, Clone)]
pub struct Reversed {
    /// The end user.
    pub end_user_id: EndUserId,
    /// Its account.
    pub account: AccountState,
    /// How many units were given back.
    pub units: u32,
}

/// Gives back what was spent, never more than that.
pub async fn reverse(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<ReverseCharge>,
) -> Result<Changed<Reversed>, WriteError> {
    let ReverseCharge { hold_id, units, note } = call.command.clone();
    let doing = Doing::of(call, dialect);
    let not_found = || Error::not_found("hold", hold_id);
    let end_user_id = incidents::hold_fetch(tx, hold_id).await?.ok_or_else(not_found)?.end_user_id;
    let mut purse = open(tx, doing, &end_user_id).await?.ok_or_else(not_found)?;
    // Read again under the lock, as when it is settled.
    let mut hold = incidents::hold_fetch(tx, hold_id).await?.ok_or_else(not_found)?;
    let (most, units) = (hold.reversible(), units.unwrap_or_else(|| hold.reversible()));
    if units == 0 || units > most {
        let message = format!("{most} incidents of the charge can be given back");
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::ReversalExceedsCharge, message }.into());
    }
    meet(tx, &mut purse, &hold.shares).await?;
    let fresh = Pack {
        id: doing.world.id(),
        units: 0,
        units_left: 0,
        order_reference: format!("reversal of {hold_id}"),
        granted_at: doing.now,
        expires_on: None,
        zone: TimeZone::UTC,
    };
    let reverses = incidents::charge_entry_fetch(tx, hold_id).await?;
    hold.reverse(units, &mut purse, Reversal { note, reverses, fresh, now: doing.now })?;
    incidents::hold_update(tx, &hold).await?;
    let facts_revision = close(tx, doing, &end_user_id, &purse).await?;
    Ok(Changed { value: Reversed { end_user_id, account: purse.state().clone(), units }, facts_revision })
}

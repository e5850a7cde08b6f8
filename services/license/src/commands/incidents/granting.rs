//! Granting packs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use vouch_core::code::EndUserId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::purse::{Doing, close, open};
use crate::commands::Changed;
use crate::domain::incident::{AccountState, Pack};
use crate::store::incidents;

/// A pack of incidents to be added.
#[derive(Debug, Clone)]
pub struct GrantIncidents {
    /// The end user.
    pub end_user_id: EndUserId,
    /// How many.
    pub units: u32,
    /// The order that bought them.
    pub order_reference: String,
    /// Their last day.
    pub expires_on: Option<Date>,
    /// The zone of that day.
    pub zone: TimeZone,
}

/// What was added.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The pack.
    pub pack: Pack,
    /// The account.
    pub account: AccountState,
}

/// Adds a pack to an account, and pays what is owed from it, oldest hold first.
pub async fn grant(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<GrantIncidents>,
) -> Result<Changed<Granted>, WriteError> {
    let GrantIncidents { end_user_id, units, order_reference, expires_on, zone } = call.command.clone();
    let doing = Doing::of(call, dialect);
    let unknown = || Error::field("end_user_id", format!("no licence is known of an end user {end_user_id}"));
    let mut purse = open(tx, doing, &end_user_id).await?.ok_or_else(unknown)?;
    if let Some(pack) = incidents::pack_fetch_by_order(tx, &end_user_id, &order_reference).await? {
        if (pack.units, pack.expires_on, pack.zone.iana_name()) != (units, expires_on, zone.iana_name()) {
            let message = format!("the order {order_reference} was used before for another pack");
            let (kind, reason) = (Kind::Refused, Reason::OrderReferenceReused);
            return Err(Error::Refused { kind, reason, message }.into());
        }
        let account = purse.state().clone();
        return Ok(Changed { value: Granted { pack, account }, facts_revision: 0 });
    }
    let pack = Pack {
        id: doing.world.id(),
        units,
        units_left: units,
        order_reference,
        granted_at: doing.now,
        expires_on,
        zone,
    };
    if pack.has_ended(doing.now) {
        return Err(Error::field("expires_on", "must not be over").into());
    }
    let id = pack.id;
    purse.grant(pack)?;
    if purse.balance().owed > 0 {
        for mut hold in incidents::hold_list_owing(tx, &end_user_id, units).await? {
            if !hold.pay_from(&mut purse, id)? {
                break;
            }
            incidents::hold_update(tx, &hold).await?;
        }
    }
    let facts_revision = close(tx, doing, &end_user_id, &purse).await?;
    let pack = purse.pack(id).cloned().ok_or_else(|| Error::internal("a pack that came in is not there"))?;
    Ok(Changed { value: Granted { pack, account: purse.state().clone() }, facts_revision })
}

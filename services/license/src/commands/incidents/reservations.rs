//! Incidents that a partner sets aside for its own work, and settles itself.

use jiff::SignedDuration;
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::HoldId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, StoreError, WriteError};

use super::escalations::{SettleHold, settle_if};
use super::purse::{Doing, close, open};
use crate::commands::Changed;
use crate::domain::incident::{Hold, HoldState, Needed, Purpose, Settlement, Work};
use crate::domain::partner::Standing;
use crate::store::licenses::end_user_is_supported_by;
use crate::store::{incidents, partners};

/// After how long a reservation that nobody settled lapses.
pub const LAPSE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Work for which incidents are to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveIncidents {
    /// The end user.
    pub end_user_id: EndUserId,
    /// The partner's own name for the work.
    pub reference: String,
    /// What for.
    pub purpose: Purpose,
    /// How many.
    pub units: u32,
    /// What a professional service is.
    pub description: String,
}

/// A reservation to be settled.
#[derive(Debug, Clone)]
pub struct SettleReservation {
    /// The reservation.
    pub hold_id: HoldId,
    /// What to do with it.
    pub settlement: Settlement,
}

/// Sets incidents aside; what was set aside under the reference before is given as it is now.
pub async fn reserve(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<ReserveIncidents>,
    partner_id: &PartnerId,
) -> Result<Changed<Hold>, WriteError> {
    let ReserveIncidents { end_user_id, reference, purpose, units, description } = &call.command;
    let doing = Doing::of(call, dialect);
    let not_found = || Error::not_found("end user", end_user_id);
    let mut purse = open(tx, doing, end_user_id).await?.ok_or_else(not_found)?;
    if !end_user_is_supported_by(tx, end_user_id, partner_id).await? {
        return Err(not_found().into());
    }
    if let Some(hold) = incidents::hold_fetch_of(tx, partner_id, reference).await? {
        let is_same = hold.end_user_id == *end_user_id
            && hold.purpose == *purpose
            && hold.description == *description
            && (hold.purpose != Purpose::ProfessionalService || hold.asked() == *units);
        let message = format!("the reference {reference} names another reservation");
        return if is_same {
            let facts_revision = close(tx, doing, end_user_id, &purse).await?;
            Ok(Changed { value: hold, facts_revision })
        } else {
            Err(refusal(Reason::ReservationReferenceReused, message))
        };
    }
    let partner = partners::partner_fetch(tx, partner_id).await?;
    if partner.is_none_or(|partner| partner.standing == Standing::Suspended) {
        return Err(refusal(Reason::PartnerSuspended, "the vendor has suspended the partner".into()));
    }
    if purse.balance().payable(*units) < *units {
        let message = format!("{units} incidents are needed, {} are left", purse.balance().available);
        return Err(refusal(Reason::IncidentsExhausted, message));
    }
    let work = Work {
        partner_id: partner_id.clone(),
        purpose: *purpose,
        reference: reference.clone(),
        description: description.clone(),
        end_user_id: end_user_id.clone(),
    };
    let mut hold = Hold::of(doing.world.id(), work, doing.now + LAPSE);
    hold.fill(&mut purse, Needed { take: *units, owe: 0 })?;
    if !incidents::hold_insert(tx, &hold).await? {
        return Err(WriteError::Store(StoreError::lost_race()));
    }
    let facts_revision = close(tx, doing, end_user_id, &purse).await?;
    Ok(Changed { value: hold, facts_revision })
}

/// Settles a reservation of the partner's own.
pub async fn settle(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SettleReservation>,
    partner_id: &PartnerId,
) -> Result<Changed<Hold>, WriteError> {
    let SettleReservation { hold_id, settlement } = call.command;
    let is_right = |hold: &Hold| {
        if hold.partner_id != *partner_id || hold.purpose == Purpose::Escalation {
            return Err(Error::not_found("reservation", hold_id));
        }
        let Settlement::Capture { minutes } = settlement else { return Ok(()) };
        match (hold.purpose, minutes) {
            (Purpose::Appointment, None) => Err(Error::field("appointment_minutes", "is required for an appointment")),
            (Purpose::Appointment, Some(_)) if hold.state == HoldState::Captured && hold.minutes != minutes => {
                let message = "the appointment was captured for another number of minutes".to_owned();
                Err(Error::Refused { kind: Kind::Refused, reason: Reason::ReservationSettled, message })
            }
            (Purpose::Appointment, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(Error::field("appointment_minutes", "is for an appointment only")),
        }
    };
    let command = SettleHold { hold_id, settlement };
    let (hold, facts_revision) = settle_if(tx, Doing::of(call, dialect), ("reservation", &command), is_right).await?;
    Ok(Changed { value: hold, facts_revision })
}

fn refusal(reason: Reason, message: String) -> WriteError {
    Error::Refused { kind: Kind::Refused, reason, message }.into()
}

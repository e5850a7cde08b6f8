//! Incidents as the contract's messages.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::EndUserId;

use crate::domain::incident::{AccountState, Hold, HoldState, LedgerEntry, Movement, Pack, Place, Posting, Purpose};

/// An account with the code of the end user whose it is.
pub(super) fn account(end_user_id: &EndUserId, state: &AccountState) -> pb::IncidentAccount {
    let (balance, anniversary) = (state.balance, state.anniversary.as_ref());
    let zone = anniversary.and_then(|anniversary| anniversary.zone.iana_name());
    pb::IncidentAccount {
        end_user_id: end_user_id.to_string(),
        available: balance.available,
        reserved: balance.reserved,
        captured: balance.captured,
        vendor_borne: balance.vendor_borne,
        owed: balance.owed,
        expired: balance.expired,
        rolls_over_on: anniversary.map(|anniversary| anniversary.next_on().to_string()).unwrap_or_default(),
        zone: zone.unwrap_or_default().to_owned(),
    }
}

/// A hold as the contract counts it.
pub(super) fn count(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}

impl From<Hold> for pb::Hold {
    fn from(hold: Hold) -> Self {
        Self {
            hold_id: hold.id.to_string(),
            escalation_id: hold.reference,
            units: count(hold.units + hold.borne),
            state: state(hold.state).into(),
            owed: count(hold.owed),
            reversed: count(hold.reversed),
        }
    }
}

impl From<Hold> for pb::IncidentReservation {
    fn from(hold: Hold) -> Self {
        Self {
            hold_id: hold.id.to_string(),
            end_user_id: hold.end_user_id.to_string(),
            reference: hold.reference,
            purpose: match hold.purpose {
                // An escalation's hold is no reservation: none is ever told.
                Purpose::Escalation => pb::ChargePurpose::Unspecified,
                Purpose::TechnicalSupport => pb::ChargePurpose::TechnicalSupport,
                Purpose::Appointment => pb::ChargePurpose::Appointment,
                Purpose::ProfessionalService => pb::ChargePurpose::ProfessionalService,
            }
            .into(),
            description: hold.description,
            units: count(hold.units + hold.borne),
            owed: count(hold.owed),
            reversed: count(hold.reversed),
            state: state(hold.state).into(),
            appointment_minutes: hold.minutes.map(count).unwrap_or_default(),
            lapse_time: Some(timestamp(hold.lapses_at)),
        }
    }
}

fn state(state: HoldState) -> pb::HoldState {
    match state {
        HoldState::Reserved => pb::HoldState::Reserved,
        HoldState::Captured => pb::HoldState::Captured,
        HoldState::Released => pb::HoldState::Released,
    }
}

impl From<Pack> for pb::IncidentPack {
    fn from(pack: Pack) -> Self {
        Self {
            pack_id: pack.id.to_string(),
            units: pack.units.into(),
            units_left: pack.units_left.into(),
            order_reference: pack.order_reference,
            grant_time: Some(timestamp(pack.granted_at)),
            expires_on: pack.expires_on.map(|day| day.to_string()).unwrap_or_default(),
            zone: pack.zone.iana_name().unwrap_or_default().to_owned(),
        }
    }
}

impl From<LedgerEntry> for pb::LedgerEntry {
    fn from(entry: LedgerEntry) -> Self {
        let (from, to) = entry.movement.ends();
        Self {
            entry_id: entry.id.to_string(),
            movement: movement(entry.movement).into(),
            units: entry.units,
            reference: entry.cause.reference,
            booked_at: Some(timestamp(entry.booked_at)),
            from_account: place(from).into(),
            to_account: place(to).into(),
            postings: entry.postings.into_iter().map(Into::into).collect(),
            hold_id: entry.cause.hold_id.map(|id| id.to_string()).unwrap_or_default(),
            booked_by: entry.booked_by,
            note: entry.cause.note,
            reverses_entry_id: entry.cause.reverses.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl From<Posting> for pb::LedgerPosting {
    fn from(posting: Posting) -> Self {
        Self {
            account: place(posting.place).into(),
            pack_id: posting.pack.map(|id| id.to_string()).unwrap_or_default(),
            units: posting.units,
        }
    }
}

fn movement(movement: Movement) -> pb::LedgerMovement {
    match movement {
        Movement::Grant => pb::LedgerMovement::Grant,
        Movement::Reserve => pb::LedgerMovement::Reserve,
        Movement::Capture => pb::LedgerMovement::Capture,
        Movement::Release => pb::LedgerMovement::Release,
        Movement::CaptureAnew => pb::LedgerMovement::CaptureAnew,
        Movement::VendorBears => pb::LedgerMovement::VendorBears,
        Movement::Expire => pb::LedgerMovement::Expire,
        Movement::NotRolledOver => pb::LedgerMovement::NotRolledOver,
        Movement::Owe => pb::LedgerMovement::Owe,
        Movement::OweCaptured => pb::LedgerMovement::OweCaptured,
        Movement::PayOwed => pb::LedgerMovement::PayOwed,
        Movement::CancelOwed => pb::LedgerMovement::CancelOwed,
        Movement::Reverse => pb::LedgerMovement::Reverse,
        Movement::ReverseOwed => pb::LedgerMovement::ReverseOwed,
        Movement::ReverseVendorBorne => pb::LedgerMovement::ReverseVendorBorne,
    }
}

fn place(place: Place) -> pb::LedgerAccount {
    match place {
        Place::Purchased => pb::LedgerAccount::Purchased,
        Place::Available => pb::LedgerAccount::Available,
        Place::Reserved => pb::LedgerAccount::Reserved,
        Place::Captured => pb::LedgerAccount::Captured,
        Place::Expired => pb::LedgerAccount::Expired,
        Place::Owed => pb::LedgerAccount::Owed,
        Place::VendorBorne => pb::LedgerAccount::VendorBorne,
    }
}

//! The ledger: places, movements between them, and entries that are only ever added.
//!
//! Double entry: a movement takes from one place what it gives to another, so that the sum over all places never
//! changes.

use jiff::Timestamp;
use vouch_core::id::{HoldId, LedgerEntryId, PackId};

use super::pack::Share;

/// An account of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The outside, where packs are bought.
    Purchased,
    /// Free to reserve.
    Available,
    /// Set aside.
    Reserved,
    /// Spent.
    Captured,
    /// Lapsed unused.
    Expired,
    /// To be taken from the next pack.
    Owed,
    /// Borne by the vendor.
    VendorBorne,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 7] = [
        Self::Purchased,
        Self::Available,
        Self::Reserved,
        Self::Captured,
        Self::Expired,
        Self::Owed,
        Self::VendorBorne,
    ];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purchased => "purchased",
            Self::Available => "available",
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Expired => "expired",
            Self::Owed => "owed",
            Self::VendorBorne => "vendor-borne",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.as_str() == text)
    }
}

/// A movement of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// A pack was bought.
    Grant,
    /// Set aside.
    Reserve,
    /// What was set aside is spent.
    Capture,
    /// What was set aside goes back.
    Release,
    /// Spent without having been set aside.
    CaptureAnew,
    /// Spent with nothing left to take: the vendor bears it.
    VendorBears,
    /// The pack has ended.
    Expire,
    /// More was unused at an anniversary than rolls over.
    NotRolledOver,
    /// Set aside with nothing left to take: owed.
    Owe,
    /// Spent with nothing left to take: owed.
    OweCaptured,
    /// What was owed is paid.
    PayOwed,
    /// What was owed need not be paid: its hold was released.
    CancelOwed,
    /// What was spent goes back.
    Reverse,
    /// What was spent and is still owed need not be paid.
    ReverseOwed,
    /// What the vendor bore it bears no longer.
    ReverseVendorBorne,
}

impl Movement {
    /// Every movement.
    pub const ALL: [Self; 15] = [
        Self::Grant,
        Self::Reserve,
        Self::Capture,
        Self::Release,
        Self::CaptureAnew,
        Self::VendorBears,
        Self::Expire,
        Self::NotRolledOver,
        Self::Owe,
        Self::OweCaptured,
        Self::PayOwed,
        Self::CancelOwed,
        Self::Reverse,
        Self::ReverseOwed,
        Self::ReverseVendorBorne,
    ];

    /// From where to where.
    pub fn ends(self) -> (Place, Place) {
        match self {
            Self::Grant => (Place::Purchased, Place::Available),
            Self::Reserve => (Place::Available, Place::Reserved),
            Self::Capture => (Place::Reserved, Place::Captured),
            Self::Release => (Place::Reserved, Place::Available),
            Self::CaptureAnew => (Place::Available, Place::Captured),
            Self::VendorBears => (Place::VendorBorne, Place::Captured),
            Self::Expire | Self::NotRolledOver => (Place::Available, Place::Expired),
            Self::Owe => (Place::Owed, Place::Reserved),
            Self::OweCaptured => (Place::Owed, Place::Captured),
            Self::PayOwed => (Place::Available, Place::Owed),
            Self::CancelOwed => (Place::Reserved, Place::Owed),
            Self::Reverse => (Place::Captured, Place::Available),
            Self::ReverseOwed => (Place::Captured, Place::Owed),
            Self::ReverseVendorBorne => (Place::Captured, Place::VendorBorne),
        }
    }

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Reserve => "reserve",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::CaptureAnew => "capture-anew",
            Self::VendorBears => "vendor-bears",
            Self::Expire => "expire",
            Self::NotRolledOver => "not-rolled-over",
            Self::Owe => "owe",
            Self::OweCaptured => "owe-captured",
            Self::PayOwed => "pay-owed",
            Self::CancelOwed => "cancel-owed",
            Self::Reverse => "reverse",
            Self::ReverseOwed => "reverse-owed",
            Self::ReverseVendorBorne => "reverse-vendor-borne",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|movement| movement.as_str() == text)
    }
}

/// What units are moved for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// A name that people know: of an escalation, a partner's work, an order, an anniversary.
    pub reference: String,
    /// The hold concerned.
    pub hold_id: Option<HoldId>,
    /// Why, in the words of whoever reversed a charge.
    pub note: String,
    /// The entry that a reversal reverses.
    pub reverses: Option<LedgerEntryId>,
}

/// A movement that is to be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// What moves.
    pub movement: Movement,
    /// The units, by the packs whose they are.
    pub shares: Vec<Share>,
    /// Units of no pack: owed, or borne by the vendor.
    pub unpacked: u32,
    /// What for.
    pub cause: Cause,
}

impl Booking {
    /// How many units move.
    pub fn units(&self) -> i64 {
        self.shares.iter().map(|share| i64::from(share.units)).sum::<i64>() + i64::from(self.unpacked)
    }

    /// Its legs: two for each pack, and two for what is of no pack. They add up to zero.
    pub fn postings(&self) -> Vec<Posting> {
        let (from, to) = self.movement.ends();
        let packed = self.shares.iter().map(|share| (Some(share.pack), i64::from(share.units)));
        let unpacked = (self.unpacked > 0).then_some((None, i64::from(self.unpacked)));
        let legs = |(pack, units): (Option<PackId>, i64)| {
            [Posting { place: from, pack, units: -units }, Posting { place: to, pack, units }]
        };
        packed.chain(unpacked).flat_map(legs).collect()
    }
}

/// One leg of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The place.
    pub place: Place,
    /// The pack whose units these are.
    pub pack: Option<PackId>,
    /// What the place gets; below zero, what it gives.
    pub units: i64,
}

/// An entry of the ledger, as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its id.
    pub id: LedgerEntryId,
    /// Its place in the account's ledger, from 1 on.
    pub line: i64,
    /// What moved.
    pub movement: Movement,
    /// How many units.
    pub units: i64,
    /// What for.
    pub cause: Cause,
    /// The subject of the caller whose doing it was; empty where time did it.
    pub booked_by: String,
    /// When it was booked.
    pub booked_at: Timestamp,
    /// Its legs.
    pub postings: Vec<Posting>,
}

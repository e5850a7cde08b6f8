//! An end user's account: its balances, and what time does to them.

use jiff::Timestamp;

use super::ledger::{Movement, Place};
use super::rollover::Anniversary;

/// The balances of an account of prepaid incidents. None is ever below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Free to reserve.
    pub available: i64,
    /// Set aside in holds.
    pub reserved: i64,
    /// Spent.
    pub captured: i64,
    /// Lapsed unused.
    pub expired: i64,
    /// Set aside or spent, and to be taken from the next pack: minus the balance of its place.
    pub owed: i64,
    /// Spent with nothing left to take, and borne by the vendor: minus the balance of its place.
    pub vendor_borne: i64,
}

impl Account {
    /// The account after a movement; `None` when a balance would go below zero.
    pub fn after(self, movement: Movement, units: i64) -> Option<Self> {
        let (from, to) = movement.ends();
        let next = self.with(from, -units).with(to, units);
        let Self { available, reserved, captured, expired, owed, vendor_borne } = next;
        // Invariant: no balance is ever below zero.
        [available, reserved, captured, expired, owed, vendor_borne].iter().all(|balance| *balance >= 0).then_some(next)
    }

    fn with(mut self, place: Place, units: i64) -> Self {
        match place {
            Place::Purchased => {}
            Place::Available => self.available += units,
            Place::Reserved => self.reserved += units,
            Place::Captured => self.captured += units,
            Place::Expired => self.expired += units,
            Place::Owed => self.owed -= units,
            Place::VendorBorne => self.vendor_borne -= units,
        }
        self
    }

    /// How many units can be taken, at most so many.
    pub fn payable(self, wanted: u32) -> u32 {
        u32::try_from(self.available).map_or(wanted, |available| available.min(wanted))
    }
}

/// An account as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Its balances.
    pub balance: Account,
    /// From when its years are counted; `None` before its first pack.
    pub anniversary: Option<Anniversary>,
    /// The earliest instant at which time has something to do to it.
    pub due_at: Option<Timestamp>,
    /// How many entries its ledger has.
    pub lines: i64,
}

impl AccountState {
    /// Whether time has something to do to it.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }
}

//! Packs of incidents, and which of them are spent first.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vouch_core::dates;
use vouch_core::id::PackId;

/// A pack of incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its id.
    pub id: PackId,
    /// How many units it had.
    pub units: u32,
    /// How many are free to reserve.
    pub units_left: u32,
    /// The order that bought it.
    pub order_reference: String,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// Its last day.
    pub expires_on: Option<Date>,
    /// The zone of that day.
    pub zone: TimeZone,
}

/// Units of one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The pack.
    pub pack: PackId,
    /// How many.
    pub units: u32,
}

impl Pack {
    /// When it has ended; `None` for one that does not expire.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_on.map(|day| dates::end_of_day(day, &self.zone))
    }

    /// Whether it has ended.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|expires_at| expires_at <= now)
    }

    /// The place of a pack in the order of spending: what expires first, then what is oldest. The smallest is spent
    /// first.
    pub fn precedence(&self) -> (Timestamp, Timestamp, PackId) {
        (self.expires_at().unwrap_or(Timestamp::MAX), self.granted_at, self.id)
    }

    /// The place of a pack by its age. The smallest is the oldest.
    pub fn age(&self) -> (Timestamp, PackId) {
        (self.granted_at, self.id)
    }
}

//! Anniversaries (H05): at most 15 unused units roll over into the next year of an account.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use vouch_core::dates;

use super::pack::{Pack, Share};

/// How many unused units roll over.
pub const ROLLS_OVER: u32 = 15;

/// From when the years of an account are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anniversary {
    /// When its first pack was granted.
    pub first_granted_at: Timestamp,
    /// The zone that came with that pack.
    pub zone: TimeZone,
    /// How many anniversaries have passed and were applied.
    pub passed: i32,
}

impl Anniversary {
    /// The civil date of the next one that is not applied yet. Counted from the first date each time, so that one of 29
    /// February comes back to it in leap years.
    pub fn next_on(&self) -> Date {
        let first = self.first_granted_at.to_zoned(self.zone.clone()).date();
        first.checked_add((i64::from(self.passed) + 1).years()).unwrap_or(Date::MAX)
    }

    /// When that day begins in the account's zone.
    pub fn next_at(&self) -> Timestamp {
        dates::start_of_day(self.next_on(), &self.zone)
    }
}

/// What lapses of these packs at an anniversary that begins at an instant: all unused units beyond those that roll
/// over, those of the oldest packs first. Packs that were granted from then on belong to the new year.
pub fn lapsing(packs: &[Pack], begins: Timestamp) -> Vec<Share> {
    let mut old: Vec<&Pack> = packs.iter().filter(|pack| pack.granted_at < begins && pack.units_left > 0).collect();
    old.sort_by_key(|pack| pack.age());
    let unused: u64 = old.iter().map(|pack| u64::from(pack.units_left)).sum();
    let mut lapse = unused.saturating_sub(ROLLS_OVER.into());
    let mut shares = Vec::new();
    for pack in old {
        let units = u32::try_from(lapse).map_or(pack.units_left, |lapse| lapse.min(pack.units_left));
        lapse -= u64::from(units);
        if units > 0 {
            shares.push(Share { pack: pack.id, units });
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    //! Proves H05.

    use super::*;

    fn anniversary(first: &str, zone: &str, passed: i32) -> Anniversary {
        Anniversary { first_granted_at: first.parse().unwrap(), zone: dates::zone(zone).unwrap(), passed }
    }

    #[test]
    fn h05_years_are_counted_from_the_civil_date_of_the_first_pack_in_its_zone() {
        let table = [
            ("2026-06-30T12:00:00Z", "America/Denver", 0, "2027-06-30", "2027-06-30T06:00:00Z"),
            ("2026-07-01T03:00:00Z", "America/Denver", 0, "2027-06-30", "2027-06-30T06:00:00Z"),
            ("2026-07-01T03:00:00Z", "UTC", 2, "2029-07-01", "2029-07-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "UTC", 0, "2029-02-28", "2029-02-28T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "UTC", 3, "2032-02-29", "2032-02-29T00:00:00Z"),
        ];
        for (first, zone, passed, on, at) in table {
            let anniversary = anniversary(first, zone, passed);
            assert_eq!((anniversary.next_on().to_string(), anniversary.next_at().to_string()), (on.into(), at.into()));
        }
    }
}

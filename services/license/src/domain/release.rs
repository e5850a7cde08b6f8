//! Which releases a licence may receive.
//!
//! Proves H06, W21.

use jiff::civil::Date;

use super::product::Release;

/// Whether a licence may receive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receivable {
    /// It may.
    Yes,
    /// It came out after the licence's maintenance ended.
    OutOfMaintenance,
    /// It is not out yet, and there is no early access to it.
    NotYet,
    /// The licence is not in force.
    NotLicensed,
}

/// What is known of the licence that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receiver {
    /// Whether it is in force, in grace included.
    pub is_in_force: bool,
    /// The last day of its maintenance.
    pub maintenance_until: Option<Date>,
    /// Whether its tier has early access.
    pub early_access: bool,
}

impl Release {
    /// What is wrong with the order of its dates: the field, and what it must be.
    pub fn disorder(&self) -> Vec<(&'static str, &'static str)> {
        let mut wrong = Vec::new();
        if self.end_of_support_on.is_some_and(|end| end < self.released_on) {
            wrong.push(("end_of_support_on", "must not lie before released_on"));
        }
        if self.early_access_on.is_some_and(|early| early > self.released_on) {
            wrong.push(("early_access_on", "must not lie after released_on"));
        }
        wrong
    }

    /// Whether it came out after this last day of maintenance. A release of that day may be received, one of the next may not (H06).
    pub fn is_after(&self, maintenance_until: Option<Date>) -> bool {
        maintenance_until.is_some_and(|until| self.released_on > until)
    }

    /// Whether it may be had on a day: by everybody, or early.
    pub fn is_available(&self, today: Date, early_access: bool) -> bool {
        let early = self.early_access_on.filter(|_| early_access);
        self.released_on <= today || early.is_some_and(|early| early <= today)
    }

    /// Whether the vendor supports it on a day: the last day of support counts.
    pub fn is_supported(&self, today: Date) -> bool {
        self.end_of_support_on.is_none_or(|last| today <= last)
    }

    /// Whether a licence may receive it on a day.
    pub fn receivable(&self, receiver: Receiver, today: Date) -> Receivable {
        if !receiver.is_in_force {
            Receivable::NotLicensed
        } else if self.is_after(receiver.maintenance_until) {
            Receivable::OutOfMaintenance
        } else if !self.is_available(today, receiver.early_access) {
            Receivable::NotYet
        } else {
            Receivable::Yes
        }
    }
}

#[cfg(test)]
mod tests {
    use vouch_core::dates;

    use super::*;

    #[test]
    fn h06_maintenance_early_access_and_dates_decide_what_is_received() {
        let day = |text: &str| dates::date(text).unwrap();
        let release = |out: &str, early: &str| Release {
            version: "1.0".into(),
            released_on: day(out),
            end_of_support_on: None,
            early_access_on: dates::date(early).ok(),
        };
        let today = day("2026-06-10");
        let receiver = |until: &str, early_access| Receiver {
            is_in_force: true,
            maintenance_until: dates::date(until).ok(),
            early_access,
        };
        let cases = [
            ("out before maintenance ended", release("2026-06-01", ""), receiver("2026-06-30", false), Receivable::Yes),
            ("out on its last day", release("2026-06-09", ""), receiver("2026-06-09", false), Receivable::Yes),
            (
                "out the day after",
                release("2026-06-09", ""),
                receiver("2026-06-08", false),
                Receivable::OutOfMaintenance,
            ),
            ("maintenance without end", release("2026-06-09", ""), receiver("", false), Receivable::Yes),
            ("out tomorrow", release("2026-06-11", ""), receiver("", true), Receivable::NotYet),
            ("early for the tier", release("2026-07-01", "2026-06-10"), receiver("", true), Receivable::Yes),
            ("early for others", release("2026-07-01", "2026-06-10"), receiver("", false), Receivable::NotYet),
            ("early tomorrow", release("2026-07-01", "2026-06-11"), receiver("", true), Receivable::NotYet),
            (
                "early, and out after maintenance",
                release("2026-07-01", "2026-06-10"),
                receiver("2026-06-30", true),
                Receivable::OutOfMaintenance,
            ),
        ];
        for (what, release, receiver, expected) in cases {
            assert_eq!(release.receivable(receiver, today), expected, "{what}");
        }
        let over = Receiver { is_in_force: false, ..receiver("", true) };
        assert_eq!(release("2026-06-01", "").receivable(over, today), Receivable::NotLicensed);
    }

    #[test]
    fn w21_the_last_day_of_support_counts() {
        let day = |text: &str| dates::date(text).unwrap();
        let until = |text| Release {
            version: "1.0".into(),
            released_on: day("2020-01-01"),
            end_of_support_on: dates::date(text).ok(),
            early_access_on: None,
        };
        assert!(until("2026-06-10").is_supported(day("2026-06-10")));
        assert!(!until("2026-06-09").is_supported(day("2026-06-10")));
        assert!(until("").is_supported(day("2026-06-10")));
    }
}

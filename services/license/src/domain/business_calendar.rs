//! The vendor's working days, by which periods of notice are counted.
//!
//! Proves S03, S04.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use vouch_sla::{Calendar, CalendarError, Window};

/// How many business days after the first day of a notice a removed liaison's open work may not be closed.
const GRACE_DAYS: usize = 10;

/// Working days and holidays, without a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessCalendar {
    /// Days of the week, 1 (Monday) to 7 (Sunday); at least one.
    pub weekdays: BTreeSet<i8>,
    /// When business closes, in minutes since midnight: 1 to 24 hours' worth.
    pub closes: i64,
    /// Days without business, with their names.
    pub holidays: BTreeMap<Date, String>,
    /// How often it was changed.
    pub revision: i64,
    /// When it was set last; `None` before it ever was.
    pub changed_at: Option<Timestamp>,
}

impl BusinessCalendar {
    /// The calendar in a zone.
    pub fn in_zone(&self, zone: &TimeZone) -> Result<BusinessDays, CalendarError> {
        // Midnight as the end of a window is the end of its day.
        let (hour, minute) = (i8::try_from(self.closes / 60 % 24), i8::try_from(self.closes % 60));
        let closes = Time::new(hour.unwrap_or(0), minute.unwrap_or(0), 0, 0).unwrap_or(Time::midnight());
        let window = Window { opens: Time::midnight(), closes };
        let days = self.weekdays.iter().filter_map(|day| Weekday::from_monday_one_offset(*day).ok());
        let windows = days.map(|day| (day, window));
        Ok(BusinessDays(Calendar::new(zone.clone(), windows, self.holidays.keys().copied())?))
    }
}

/// Working days in a zone.
#[derive(Debug, Clone)]
pub struct BusinessDays(Calendar);

impl BusinessDays {
    /// The earliest first day of a notice that is given now: one full business day lies between. `None` where no business day
    /// ever comes.
    pub fn earliest_first_day(&self, now: Timestamp) -> Option<Date> {
        let days = self.0.date(now).series(Span::new().days(1)).skip(1);
        // Twenty years without a business day are no calendar.
        let between = days.take(20 * 366).find(|day| self.0.is_business_day(*day))?;
        between.tomorrow().ok()
    }

    /// Until when a removed liaison's open work is not to be closed: close of business on the tenth business day after the first
    /// day of the notice.
    pub fn grace_ends(&self, first_day: Timestamp) -> Timestamp {
        self.0.close_of_business_day_after(first_day, GRACE_DAYS)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use vouch_core::dates;

    use super::*;

    /// The federal holidays of the United States that the examples meet.
    pub(in crate::domain) fn federal() -> BusinessCalendar {
        let holiday = |date, name: &str| (dates::date(date).unwrap(), name.to_owned());
        BusinessCalendar {
            weekdays: (1..=5).collect(),
            closes: 17 * 60,
            holidays: BTreeMap::from([
                holiday("2026-05-25", "Memorial Day"),
                holiday("2026-06-19", "Juneteenth"),
                holiday("2026-07-03", "Independence Day, observed"),
            ]),
            revision: 1,
            changed_at: None,
        }
    }

    fn denver() -> BusinessDays {
        federal().in_zone(&dates::zone("America/Denver").unwrap()).unwrap()
    }

    #[test]
    fn s03_one_full_business_day_lies_between_a_notice_and_its_first_day() {
        let cases = [
            // Friday 16:00 in Denver; Monday is Memorial Day.
            ("2026-05-22T22:00:00Z", "2026-05-27"),
            // Friday 23:30 in Denver, which is Saturday in Greenwich.
            ("2026-05-23T05:30:00Z", "2026-05-27"),
            ("2026-06-08T06:00:00Z", "2026-06-10"),
            ("2026-06-09T05:59:59Z", "2026-06-10"),
            // Thursday: Friday lies between, and Saturday is a day like any other.
            ("2026-06-11T15:00:00Z", "2026-06-13"),
            ("2026-06-13T15:00:00Z", "2026-06-16"),
        ];
        for (now, expected) in cases {
            let earliest = denver().earliest_first_day(now.parse().unwrap());
            assert_eq!(earliest, Some(dates::date(expected).unwrap()), "on {now}");
        }
    }

    #[test]
    fn s04_the_grace_ends_at_close_of_business_on_the_tenth_business_day_after() {
        // Monday 15 June in Denver to Tuesday 30 June, 17:00: Juneteenth does not count.
        let grace_ends = denver().grace_ends("2026-06-15T06:00:00Z".parse().unwrap());
        assert_eq!(grace_ends.to_string(), "2026-06-30T23:00:00Z");
        let late = BusinessCalendar { closes: 24 * 60, ..federal() };
        let late = late.in_zone(&dates::zone("America/Denver").unwrap()).unwrap();
        assert_eq!(late.grace_ends("2026-06-15T06:00:00Z".parse().unwrap()).to_string(), "2026-07-01T06:00:00Z");
    }

    #[test]
    fn a_week_may_have_any_days() {
        let sunday_to_thursday = BusinessCalendar { weekdays: [7, 1, 2, 3, 4].into(), ..federal() };
        let days = sunday_to_thursday.in_zone(&dates::zone("Asia/Riyadh").unwrap()).unwrap();
        // Thursday: Sunday is the next business day.
        let earliest = days.earliest_first_day("2026-06-11T10:00:00Z".parse().unwrap());
        assert_eq!(earliest, Some(dates::date("2026-06-15").unwrap()));
    }
}

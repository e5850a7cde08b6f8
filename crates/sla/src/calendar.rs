//! When a desk is open.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Opening hours within a civil day: from `opens` to `closes`, which is not part of it. Midnight as `closes` is the day's
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// When the desk opens.
    pub opens: Time,
    /// When it closes.
    pub closes: Time,
}

/// Why a calendar cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarError {
    /// No weekday has a window: nothing would ever be due.
    NeverOpen,
    /// A window closes before it opens, or overlaps another one of its day.
    Windows(Weekday),
}

impl std::fmt::Display for CalendarError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NeverOpen => f.write_str("the calendar has no opening hours"),
            Self::Windows(day) => write!(f, "the windows of {day:?} overlap or close before they open"),
        }
    }
}

impl std::error::Error for CalendarError {}

/// Opening hours of a desk: weekly windows in a zone, without the holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    windows: BTreeMap<i8, Vec<Window>>,
    holidays: BTreeSet<Date>,
}

/// No search goes further than this: 20 years of days, more than any list of holidays.
const HORIZON_DAYS: usize = 20 * 366;

impl Calendar {
    /// A calendar of weekly windows. Holidays are whole civil days on which the desk is closed.
    pub fn new(
        zone: TimeZone,
        windows: impl IntoIterator<Item = (Weekday, Window)>,
        holidays: impl IntoIterator<Item = Date>,
    ) -> Result<Self, CalendarError> {
        let mut by_day: BTreeMap<i8, Vec<Window>> = BTreeMap::new();
        for (day, window) in windows {
            by_day.entry(day.to_monday_zero_offset()).or_default().push(window);
        }
        if by_day.is_empty() {
            return Err(CalendarError::NeverOpen);
        }
        for (day, windows) in &mut by_day {
            windows.sort();
            let whole = windows.iter().all(|w| w.opens < w.closes || w.closes == Time::midnight());
            let apart =
                windows.windows(2).all(|two| two[0].closes <= two[1].opens && two[0].closes != Time::midnight());
            if !whole || !apart {
                let day = Weekday::from_monday_zero_offset(*day).unwrap_or(Weekday::Monday);
                return Err(CalendarError::Windows(day));
            }
        }
        Ok(Self { zone, windows: by_day, holidays: holidays.into_iter().collect() })
    }

    /// A calendar that is always open.
    pub fn around_the_clock(zone: TimeZone) -> Self {
        let all_day = Window { opens: Time::midnight(), closes: Time::midnight() };
        let windows = (0..7).map(|day| (day, vec![all_day])).collect();
        Self { zone, windows, holidays: BTreeSet::new() }
    }

    /// The zone in which the windows are meant.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The civil date at an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// Whether a date is a holiday.
    pub fn is_holiday(&self, date: Date) -> bool {
        self.holidays.contains(&date)
    }

    /// Whether the desk opens at all on a date.
    pub fn is_business_day(&self, date: Date) -> bool {
        !self.is_holiday(date) && self.windows.contains_key(&date.weekday().to_monday_zero_offset())
    }

    /// The instants at which the desk is open on a date, as half-open spans.
    pub fn spans_of(&self, date: Date) -> Vec<(Timestamp, Timestamp)> {
        if !self.is_business_day(date) {
            return Vec::new();
        }
        let windows = self.windows.get(&date.weekday().to_monday_zero_offset());
        let instant = |date: Date, time: Time| {
            date.to_datetime(time).to_zoned(self.zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
        };
        windows
            .into_iter()
            .flatten()
            .map(|window| {
                let closes = if window.closes == Time::midnight() {
                    date.tomorrow().map_or(Timestamp::MAX, |next| instant(next, Time::midnight()))
                } else {
                    instant(date, window.closes)
                };
                (instant(date, window.opens), closes)
            })
            // A window that daylight saving swallows whole has no time in it.
            .filter(|(opens, closes)| opens < closes)
            .collect()
    }

    /// The open spans from an instant on, the first one cut to begin there.
    pub fn spans_from(&self, from: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let first = self.date(from);
        first
            .series(jiff::Span::new().days(1))
            .take(HORIZON_DAYS)
            .flat_map(|date| self.spans_of(date))
            .filter(move |(_, closes)| *closes > from)
            .map(move |(opens, closes)| (opens.max(from), closes))
    }

    /// The instant at which an amount of open time is used up.
    pub fn advance(&self, from: Timestamp, amount: SignedDuration) -> Timestamp {
        let mut left = amount;
        if left <= SignedDuration::ZERO {
            return from;
        }
        for (opens, closes) in self.spans_from(from) {
            let length = closes.duration_since(opens);
            if left <= length {
                return opens + left;
            }
            left -= length;
        }
        Timestamp::MAX
    }

    /// How much open time lies between two instants.
    pub fn open_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        self.spans_from(from)
            .take_while(|(opens, _)| *opens < to)
            .map(|(opens, closes)| closes.min(to).duration_since(opens))
            .fold(SignedDuration::ZERO, |sum, length| sum + length)
    }

    /// The close of the `n`th business day after the date of an instant. `n` is at least 1.
    pub fn close_of_business_day_after(&self, at: Timestamp, n: usize) -> Timestamp {
        self.date(at)
            .series(jiff::Span::new().days(1))
            .skip(1)
            .take(HORIZON_DAYS)
            .filter(|date| self.is_business_day(*date))
            .nth(n.saturating_sub(1))
            .and_then(|date| self.spans_of(date).last().map(|(_, closes)| *closes))
            .unwrap_or(Timestamp::MAX)
    }
}

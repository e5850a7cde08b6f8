//! Civil dates in a time zone, as agreements count them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Reads a civil date: `2026-06-30`, from 1970 to 9000.
pub fn date(text: &str) -> Result<Date, String> {
    let wrong = || "must be a date such as 2026-06-30".to_owned();
    if text.len() != 10 {
        return Err(wrong());
    }
    let date: Date = text.parse().map_err(|_| wrong())?;
    if (1970..=9000).contains(&date.year()) { Ok(date) } else { Err("must lie between 1970 and 9000".into()) }
}

/// Reads the name of an IANA time zone: `America/Denver`.
pub fn zone(text: &str) -> Result<TimeZone, String> {
    let wrong = || "must be an IANA time zone such as America/Denver".to_owned();
    if text.is_empty() || text.len() > 64 {
        return Err(wrong());
    }
    TimeZone::get(text).map_err(|_| wrong())
}

/// Reads a time of day as minutes since midnight: `09:00`, up to `24:00`, the day's end.
pub fn time_of_day(text: &str) -> Result<i64, String> {
    let wrong = || "must be a time of day such as 09:00, at most 24:00".to_owned();
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    if text.len() != 5 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return Err(wrong());
    }
    let (hours, minutes): (i64, i64) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    let whole = hours * 60 + minutes;
    if minutes < 60 && whole <= 24 * 60 { Ok(whole) } else { Err(wrong()) }
}

/// The instant at which the civil day begins in the zone.
pub fn start_of_day(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone()).and_then(|at| at.start_of_day()).map_or(Timestamp::MAX, |start| start.timestamp())
}

/// The instant at which the civil day has ended in the zone: "until 30 June" includes that day.
pub fn end_of_day(date: Date, zone: &TimeZone) -> Timestamp {
    date.checked_add(1.day()).map_or(Timestamp::MAX, |next| start_of_day(next, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_30_june_includes_that_day_in_the_agreements_zone() {
        let denver = zone("America/Denver").unwrap();
        assert_eq!(end_of_day(date("2026-06-30").unwrap(), &denver).to_string(), "2026-07-01T06:00:00Z");
    }

    #[test]
    fn a_day_of_the_change_to_daylight_saving_has_23_hours() {
        let denver = zone("America/Denver").unwrap();
        let day = date("2026-03-08").unwrap();
        assert_eq!(
            end_of_day(day, &denver).duration_since(start_of_day(day, &denver)),
            jiff::SignedDuration::from_hours(23)
        );
    }

    #[test]
    fn a_time_of_day_has_two_digits_each_and_ends_at_24() {
        assert_eq!(time_of_day("09:05"), Ok(545));
        assert_eq!(time_of_day("24:00"), Ok(1440));
        for bad in ["", "9:00", "24:01", "09:60", "0900", "09:0a", "+9:00"] {
            assert!(time_of_day(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_whole_dates_and_known_zones_are_read() {
        for bad in ["", "2026-6-30", "2026-02-30", "30.06.2026", "1969-12-31", "2026-06-30T00:00"] {
            assert!(date(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "MT", "America/Nowhere", "../etc/passwd"] {
            assert!(zone(bad).is_err(), "{bad:?}");
        }
    }
}

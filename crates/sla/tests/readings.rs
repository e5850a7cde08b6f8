//! The worked examples of the readings: what the documents' numbers mean.
//!
//! Proves H02, H03, M04, M05, M13, Q08, S04, V05.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use vouch_sla::{Allowance, Calendar, CalendarError, Clock, ClockEvent, SegmentKind, Window};

const WEEKDAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

fn nine_to_five(zone: &str, holidays: &[Date]) -> Calendar {
    let window = Window { opens: time(9, 0, 0, 0), closes: time(17, 0, 0, 0) };
    let zone = TimeZone::get(zone).unwrap();
    Calendar::new(zone, WEEKDAYS.map(|day| (day, window)), holidays.iter().copied()).unwrap()
}

/// Mountain Time with the US federal holidays that the examples meet.
fn denver() -> Calendar {
    let holidays = [date(2026, 5, 25), date(2026, 6, 19), date(2026, 7, 3), date(2026, 11, 26), date(2026, 12, 25)];
    nine_to_five("America/Denver", &holidays)
}

fn berlin() -> Calendar {
    nine_to_five("Europe/Berlin", &[date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1)])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn clock(start: &str, allowance: Allowance, events: Vec<ClockEvent>) -> Clock {
    Clock { started_at: at(start), allowance, events }
}

#[test]
fn m04_m05_standard_counts_coverage_hours_and_premium_counts_all() {
    let next_day = Allowance::BusinessDays(1);
    let cases = [
        (
            "S1 Std over the change of clocks",
            "2026-03-06T15:30-07:00",
            Allowance::Coverage(hours(4)),
            "2026-03-09T17:30Z",
        ),
        ("S2 Std over Thanksgiving", "2026-11-25T13:00-07:00", Allowance::Coverage(hours(8)), "2026-11-27T20:00Z"),
        ("S2 Std within a day", "2026-06-08T09:00-06:00", Allowance::Coverage(hours(8)), "2026-06-08T17:00-06:00"),
        ("S3 Prem over the change of clocks", "2026-03-08T07:30Z", Allowance::Elapsed(hours(4)), "2026-03-08T11:30Z"),
        ("S1 Prem at Christmas", "2026-12-25T23:40-07:00", Allowance::Elapsed(hours(1)), "2026-12-26T00:40-07:00"),
        ("S3 Std, Friday before closing", "2026-03-06T16:59-07:00", next_day, "2026-03-09T23:00Z"),
        ("S3 Std, Friday at closing", "2026-03-06T17:00-07:00", next_day, "2026-03-09T23:00Z"),
        ("S3 Std, Saturday", "2026-03-07T11:00-07:00", next_day, "2026-03-09T23:00Z"),
        ("S3 Std before Memorial Day", "2026-05-22T10:00-06:00", next_day, "2026-05-26T17:00-06:00"),
        ("refused, then accepted", "2026-06-10T11:45-06:00", Allowance::Coverage(hours(4)), "2026-06-10T15:45-06:00"),
    ];
    for (what, start, allowance, due) in cases {
        assert_eq!(clock(start, allowance, vec![]).due(&denver()), Some(at(due)), "{what}");
    }
}

#[test]
fn q08_two_business_days_are_the_answerers() {
    let asked = at("2026-04-30T15:30-06:00");
    assert_eq!(berlin().close_of_business_day_after(asked, 2), at("2026-05-05T17:00+02:00"));
    let gulf = [Weekday::Sunday, Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday];
    let window = Window { opens: time(9, 0, 0, 0), closes: time(17, 0, 0, 0) };
    let riyadh = Calendar::new(TimeZone::get("Asia/Riyadh").unwrap(), gulf.map(|day| (day, window)), []).unwrap();
    let thursday = at("2026-06-11T12:00+03:00");
    assert_eq!(riyadh.close_of_business_day_after(thursday, 1), at("2026-06-14T17:00+03:00"), "Sunday is a workday");
}

#[test]
fn h02_a_technician_answers_within_business_hours_and_an_appointment_starts_within_business_days() {
    let friday = at("2026-06-12T16:30+02:00");
    assert_eq!(berlin().advance(friday, hours(1)), at("2026-06-15T09:30+02:00"));
    assert_eq!(berlin().advance(friday, hours(2)), at("2026-06-15T10:30+02:00"));
    let asked = at("2026-04-02T10:00+02:00");
    assert_eq!(berlin().close_of_business_day_after(asked, 2), at("2026-04-08T17:00+02:00"), "over Easter");
}

#[test]
fn s04_ten_business_days_of_grace_leave_out_juneteenth() {
    let effective = at("2026-06-15T00:00-06:00");
    assert_eq!(denver().close_of_business_day_after(effective, 10), at("2026-06-30T17:00-06:00"));
}

#[test]
fn v05_a_pause_stops_the_clock_and_explains_itself() {
    let asked = at("2026-06-08T12:00-06:00");
    let answered = at("2026-06-09T08:00-06:00");
    let pause = ClockEvent::Paused { at: asked, waiting_for: "partner".into() };
    let allowance = Allowance::Coverage(hours(8));
    let start = "2026-06-08T10:00-06:00";

    let waiting = clock(start, allowance, vec![pause.clone()]);
    assert_eq!(waiting.due(&denver()), None, "nothing is due while the partner has to act");
    let resumed = clock(start, allowance, vec![pause, ClockEvent::Resumed { at: answered }]);
    assert_eq!(resumed.due(&denver()), Some(at("2026-06-09T21:00Z")));

    let told: Vec<_> = resumed
        .explain(&denver(), at("2026-06-09T15:00-06:00"))
        .into_iter()
        .map(|segment| (segment.kind, segment.to.duration_since(segment.from)))
        .collect();
    let expected = [
        (SegmentKind::Ran, hours(2)),
        (SegmentKind::Paused { waiting_for: "partner".into() }, hours(20)),
        (SegmentKind::OutsideCoverage, hours(1)),
        (SegmentKind::Ran, hours(6)),
    ];
    assert_eq!(told, expected);
}

#[test]
fn m13_raising_counts_from_the_change_and_never_later_than_before() {
    let start = "2026-06-08T10:00-06:00";
    let raised = |when: &str| {
        let event = ClockEvent::Raised { at: at(when), allowance: Allowance::Coverage(hours(4)) };
        clock(start, Allowance::BusinessDays(1), vec![event]).due(&denver())
    };
    assert_eq!(raised("2026-06-08T11:20-06:00"), Some(at("2026-06-08T15:20-06:00")));
    assert_eq!(raised("2026-06-09T14:00-06:00"), Some(at("2026-06-09T17:00-06:00")));
}

#[test]
fn m13_lowering_counts_from_the_start() {
    let event = ClockEvent::Lowered { at: at("2026-06-08T11:20-06:00"), allowance: Allowance::BusinessDays(1) };
    let lowered = clock("2026-06-08T10:00-06:00", Allowance::Coverage(hours(4)), vec![event]);
    assert_eq!(lowered.due(&denver()), Some(at("2026-06-09T17:00-06:00")));
}

#[test]
fn h03_site_down_is_answered_within_15_minutes_at_any_hour() {
    let start = "2026-06-13T02:10-06:00";
    let down = clock(start, Allowance::Elapsed(SignedDuration::from_mins(15)), vec![]);
    assert_eq!(down.due(&denver()), Some(at("2026-06-13T02:25-06:00")));
    let event = ClockEvent::Lowered { at: at(start), allowance: Allowance::Coverage(hours(4)) };
    let downgraded = Clock { events: vec![event], ..down };
    assert_eq!(downgraded.due(&denver()), Some(at("2026-06-15T13:00-06:00")));
}

#[test]
fn a_calendar_that_never_opens_or_overlaps_is_refused() {
    let zone = TimeZone::UTC;
    assert_eq!(Calendar::new(zone.clone(), [], []), Err(CalendarError::NeverOpen));
    let window = |opens: i8, closes: i8| Window { opens: time(opens, 0, 0, 0), closes: time(closes, 0, 0, 0) };
    for windows in [vec![window(17, 9)], vec![window(9, 13), window(12, 17)], vec![window(9, 0), window(10, 11)]] {
        let windows = windows.into_iter().map(|window| (Weekday::Monday, window));
        assert_eq!(Calendar::new(zone.clone(), windows, []), Err(CalendarError::Windows(Weekday::Monday)));
    }
}

fn instant() -> impl Strategy<Value = Timestamp> {
    // Three years of seconds, over every change of the clocks in them.
    (1_767_225_600_i64..1_861_920_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn m05_severity_3_is_never_due_before_severity_2(start in instant()) {
        let two = Allowance::Coverage(hours(8)).due(&denver(), start);
        let three = Allowance::BusinessDays(1).due(&denver(), start);
        prop_assert!(three >= two, "{start}: {three} before {two}");
    }

    #[test]
    fn advancing_and_measuring_are_each_others_inverse(start in instant(), minutes in 1_i64..5_000) {
        let amount = SignedDuration::from_mins(minutes);
        let due = denver().advance(start, amount);
        prop_assert_eq!(denver().open_between(start, due), amount);
        let just_before = due - SignedDuration::from_secs(1);
        prop_assert!(denver().open_between(start, just_before) < amount, "due is the earliest such instant");
    }

    #[test]
    fn v05_segments_add_up_exactly(start in instant(), pause in 0_i64..200_000, length in 0_i64..200_000, rest in 0_i64..400_000) {
        let paused_at = start + SignedDuration::from_secs(pause);
        let resumed_at = paused_at + SignedDuration::from_secs(length);
        let events = vec![
            ClockEvent::Paused { at: paused_at, waiting_for: "partner".into() },
            ClockEvent::Resumed { at: resumed_at },
        ];
        let clock = Clock { started_at: start, allowance: Allowance::Coverage(hours(8)), events };
        let until = resumed_at + SignedDuration::from_secs(rest);
        let segments = clock.explain(&denver(), until);
        let mut end = start;
        for segment in &segments {
            prop_assert_eq!(segment.from, end);
            prop_assert!(segment.from < segment.to);
            end = segment.to;
        }
        prop_assert!(end == until || segments.is_empty() && start == until);
        let ran = segments.iter().filter(|segment| segment.kind == SegmentKind::Ran)
            .fold(SignedDuration::ZERO, |sum, segment| sum + segment.to.duration_since(segment.from));
        let open = denver().open_between(start, paused_at) + denver().open_between(resumed_at, until);
        prop_assert_eq!(ran, open);
    }
}

//! Clocks: when something is due, and why.
//!
//! A clock is a fold over its events. Nothing is ever added to a stored counter, so that nothing can be forgotten in one.

use jiff::{SignedDuration, Timestamp};

use crate::Calendar;

/// How much time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// Time in coverage hours.
    Coverage(SignedDuration),
    /// Time that passes at any hour.
    Elapsed(SignedDuration),
    /// Until the close of the nth business day after the date of the start.
    BusinessDays(usize),
}

impl Allowance {
    /// When it is used up, with nothing in between.
    pub fn due(self, calendar: &Calendar, start: Timestamp) -> Timestamp {
        match self {
            Self::Coverage(amount) => calendar.advance(start, amount),
            Self::Elapsed(amount) => start + amount,
            Self::BusinessDays(n) => calendar.close_of_business_day_after(start, n),
        }
    }
}

/// What happens to a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockEvent {
    /// It stops: somebody else has to act.
    Paused {
        /// When.
        at: Timestamp,
        /// For whom it waits.
        waiting_for: String,
    },
    /// It runs again.
    Resumed {
        /// When.
        at: Timestamp,
    },
    /// The severity was raised: the new allowance counts from now, and is never due later than the old one was.
    Raised {
        /// When.
        at: Timestamp,
        /// The allowance of the new severity.
        allowance: Allowance,
    },
    /// The severity was lowered: the new allowance counts from the start.
    Lowered {
        /// When.
        at: Timestamp,
        /// The allowance of the new severity.
        allowance: Allowance,
    },
}

impl ClockEvent {
    fn at(&self) -> Timestamp {
        match self {
            Self::Paused { at, .. } | Self::Resumed { at } | Self::Raised { at, .. } | Self::Lowered { at, .. } => *at,
        }
    }
}

/// A clock: its start, its allowance, and what happened to it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// When it started.
    pub started_at: Timestamp,
    /// The allowance at the start.
    pub allowance: Allowance,
    /// What happened, in order of time.
    pub events: Vec<ClockEvent>,
}

/// A piece of a clock's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// What the clock did.
    pub kind: SegmentKind,
}

/// What a clock did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentKind {
    /// It ran.
    Ran,
    /// It stood still, waiting for somebody.
    Paused {
        /// For whom.
        waiting_for: String,
    },
    /// It stood still: the desk was closed.
    OutsideCoverage,
    /// It stood still: a holiday.
    Holiday,
}

impl Clock {
    /// When it is due; `None` while it is paused.
    pub fn due(&self, calendar: &Calendar) -> Option<Timestamp> {
        let mut base = self.started_at;
        let mut allowance = self.allowance;
        let mut limit = Timestamp::MAX;
        for (index, event) in self.events.iter().enumerate() {
            match event {
                ClockEvent::Raised { at, allowance: raised } => {
                    // What was due before the change bounds what is due after it.
                    let before = due_with_pauses(calendar, base, allowance, &self.events[..index]);
                    limit = limit.min(before.unwrap_or(Timestamp::MAX));
                    (base, allowance) = (*at, *raised);
                }
                ClockEvent::Lowered { allowance: lowered, .. } => {
                    (base, allowance, limit) = (self.started_at, *lowered, Timestamp::MAX);
                }
                ClockEvent::Paused { .. } | ClockEvent::Resumed { .. } => {}
            }
        }
        due_with_pauses(calendar, base, allowance, &self.events).map(|due| due.min(limit))
    }

    /// What the clock did from its start until an instant: segments that follow one another without a gap.
    pub fn explain(&self, calendar: &Calendar, until: Timestamp) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut at = self.started_at;
        for (paused_at, resumed_at, waiting_for) in pauses(&self.events, until) {
            self.run(calendar, at, paused_at, &mut segments);
            if paused_at < resumed_at {
                let kind = SegmentKind::Paused { waiting_for: waiting_for.to_owned() };
                segments.push(Segment { from: paused_at, to: resumed_at, kind });
            }
            at = resumed_at;
        }
        self.run(calendar, at, until, &mut segments);
        segments
    }

    /// Splits a stretch without pauses into running and closed time.
    fn run(&self, calendar: &Calendar, from: Timestamp, to: Timestamp, segments: &mut Vec<Segment>) {
        let mut push = |from, to, kind| {
            if from < to {
                segments.push(Segment { from, to, kind });
            }
        };
        if matches!(self.allowance, Allowance::Elapsed(_)) {
            return push(from, to, SegmentKind::Ran);
        }
        let mut at = from;
        for (opens, closes) in calendar.spans_from(from).take_while(|(opens, _)| *opens < to) {
            closed(calendar, at, opens, &mut push);
            push(opens, closes.min(to), SegmentKind::Ran);
            at = closes.min(to);
        }
        closed(calendar, at, to, &mut push);
    }
}

/// A closed stretch, its holidays told apart day by day.
fn closed(
    calendar: &Calendar,
    from: Timestamp,
    to: Timestamp,
    push: &mut impl FnMut(Timestamp, Timestamp, SegmentKind),
) {
    let mut at = from;
    while at < to {
        let date = calendar.date(at);
        let midnight = date
            .tomorrow()
            .ok()
            .and_then(|next| next.to_zoned(calendar.zone().clone()).ok())
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp());
        let end = midnight.min(to);
        let kind = if calendar.is_holiday(date) { SegmentKind::Holiday } else { SegmentKind::OutsideCoverage };
        push(at, end, kind);
        at = end;
    }
}

/// When an allowance that counts from `base` is used up, the pauses left out. `None` while paused.
fn due_with_pauses(
    calendar: &Calendar,
    base: Timestamp,
    allowance: Allowance,
    events: &[ClockEvent],
) -> Option<Timestamp> {
    // An allowance of business days is so much coverage time, measured once at its base.
    let elapsed = matches!(allowance, Allowance::Elapsed(_));
    let mut left = match allowance {
        Allowance::Coverage(amount) | Allowance::Elapsed(amount) => amount,
        Allowance::BusinessDays(_) => calendar.open_between(base, allowance.due(calendar, base)),
    };
    let advance = |from: Timestamp, amount| {
        if elapsed { from + amount } else { calendar.advance(from, amount) }
    };
    let used = |from: Timestamp, to: Timestamp| {
        if elapsed { to.duration_since(from) } else { calendar.open_between(from, to) }
    };
    let mut at = base;
    for (paused_at, resumed_at, _) in pauses(events, Timestamp::MAX) {
        if resumed_at <= base {
            continue;
        }
        let paused_at = paused_at.max(base);
        let due = advance(at, left);
        if due <= paused_at {
            return Some(due);
        }
        left -= used(at, paused_at);
        if resumed_at == Timestamp::MAX {
            return None;
        }
        at = resumed_at;
    }
    Some(advance(at, left))
}

/// The pauses among events: from when to when, and for whom. One that has not ended ends at `until`.
fn pauses(events: &[ClockEvent], until: Timestamp) -> Vec<(Timestamp, Timestamp, &str)> {
    let mut found: Vec<(Timestamp, Timestamp, &str)> = Vec::new();
    let mut open: Option<(Timestamp, &str)> = None;
    for event in events.iter().filter(|event| event.at() < until) {
        match event {
            ClockEvent::Paused { at, waiting_for } => {
                open.get_or_insert((*at, waiting_for));
            }
            ClockEvent::Resumed { at } => {
                found.extend(open.take().map(|(from, waiting_for)| (from, *at, waiting_for)));
            }
            ClockEvent::Raised { .. } | ClockEvent::Lowered { .. } => {}
        }
    }
    found.extend(open.map(|(from, waiting_for)| (from, until, waiting_for)));
    found
}

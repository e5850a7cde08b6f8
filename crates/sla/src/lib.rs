//! Calendars, coverage and clocks: pure arithmetic on time.
//!
//! Read in this order: [`Calendar`] (when a desk is open, in civil time of its zone), [`Allowance`] (how much time there is),
//! [`Clock`] (a fold over events: when something is due, and why).
//!
//! Windows are half-open. What is due is due at the earliest instant at which its allowance is used up: at 17:00, not at
//! 09:00 of the next day. Daylight saving is the calendar's business and nobody else's.
//!
//! This crate knows no case, no tier and no system clock.

mod calendar;
mod clock;

pub use calendar::{Calendar, CalendarError, Window};
pub use clock::{Allowance, Clock, ClockEvent, Segment, SegmentKind};

//! What every domain of Vouch needs, and no transport or database.
//!
//! Read in this order: [`World`] (the clock and the entropy that come in as parameters), [`id`] and [`code`] (how things
//! are named), [`text`] and [`Violations`] (how input becomes values), [`Finding`] (what a judgement found), [`StepMarks`] (what a step
//! asks for), [`escalation`] (what a front line hands over), [`Error`] (how a service says no).
//!
//! This crate does not know gRPC, SQL, or any rule of support: it is the ground that the rules stand on.

pub mod code;
pub mod dates;
mod error;
pub mod escalation;
mod finding;
pub mod id;
mod reason;
pub mod short_number;
mod step;
mod support;
pub mod text;
mod violations;
mod world;

pub use error::{Error, Kind};
pub use finding::{CureBy, Finding, Findings, Weight};
pub use reason::Reason;
pub use step::{StepMark, StepMarks};
pub use support::{Channel, Severity};
pub use violations::{Violation, Violations};
pub use world::{Clock, Entropy, SystemClock, SystemEntropy, World};

#[cfg(any(test, feature = "testing"))]
pub use world::testing;

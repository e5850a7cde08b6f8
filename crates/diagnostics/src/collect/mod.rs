//! Collecting from the host on which this program runs, by a profile.
//!
//! A [`Profile`] says what is read: files, commands, and probes of this program. A [`Plan`] is the profile on this host: what
//! of it is there. It is shown to a person before anything is read; then it is the evidence that is sealed.

mod command;
mod host;
mod plan;
mod probes;
mod profile;

pub use host::learn_host;
pub use plan::{Plan, Planned};
pub use profile::{Collector, Probe, Profile, ProfileError};

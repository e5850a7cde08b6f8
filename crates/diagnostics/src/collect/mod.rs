//! Collecting from the host on which this program runs, by a profile.
//!
//! A [`Profile`](crate::profile::Profile) says what is read: files, commands, folders, probes of this program, a PostgreSQL server (with the
//! feature `postgresql`), endpoints, questions to a person, archives of other tools. A [`Plan`] is the profile on this host: what of it is there. It is shown to a person before
//! anything is read; then it is the evidence that is sealed. What fails becomes an entry with its reason.

mod command;
mod endpoints;
mod files;
mod folders;
mod host;
mod plan;
#[cfg(feature = "postgresql")]
mod postgresql;
mod probes;
mod tls;

pub use host::learn_host;
pub use plan::{Plan, Planned};

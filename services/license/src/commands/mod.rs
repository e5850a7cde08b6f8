//! What the service does: each command locks what it needs, asks the domain, and writes what it says.

pub mod agreements;
pub mod business_calendar;
pub mod catalog;
pub mod employment;
pub mod facts;
pub mod history;
pub mod import;
pub mod incidents;
pub mod liaison_notices;
pub mod licenses;
pub mod notices;
pub mod online_accounts;
pub mod orders;
pub mod partners;
pub mod past;
pub mod proofs;
pub mod resale;
pub mod sdk_users;
pub mod terms;

use vouch_core::{Error, Violations};

/// What a command changed, and the revision of the facts with which checks know of it.
#[derive(Debug, Clone)]
pub struct Changed<T> {
    /// What it changed, as it is now.
    pub value: T,
    /// The revision.
    pub facts_revision: i64,
}

/// Refuses when something is wrong with what a command refers to.
fn all_known(violations: Violations) -> Result<(), Error> {
    violations.finish(Some(())).map_err(Error::from)
}

/// The etag of a revision.
pub fn etag(revision: i64) -> String {
    format!("v{revision}")
}

/// Refuses when the etag is not the one of this revision.
fn check_etag(what: &'static str, id: &dyn std::fmt::Display, etag_sent: &str, revision: i64) -> Result<(), Error> {
    if etag_sent == etag(revision) { Ok(()) } else { Err(Error::EtagMismatch { what, id: id.to_string() }) }
}

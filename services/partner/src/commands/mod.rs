//! What the service does: each command locks what it needs, asks the domain, and writes what it says.

pub mod charges;
pub mod collections;
pub mod pseudonyms;
pub mod successions;
pub mod tickets;

//! The licence service over real sockets, on both engines.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod agreements;
mod business_calendar;
mod catalog;
mod checks;
mod directory;
mod employment;
mod entitlement;
mod hostile;
mod incidents;
mod keys;
mod liaison_notices;
mod licenses;
mod life;
mod mail_server;
mod notices;
mod online_accounts;
mod proofs;
mod registry;
mod schema;
mod sdk_users;
mod successors;
mod support;
mod terms;
mod watch;

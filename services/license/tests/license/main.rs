//! The licence service over real sockets, on both engines.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod agreements;
mod business_calendar;
mod catalog;
mod changes;
mod checks;
mod directory;
mod employment;
mod entitlement;
mod hostile;
mod import;
mod incidents;
mod keys;
mod liaison_notices;
mod license_files;
mod licenses;
mod life;
mod mail_server;
mod names;
mod notices;
mod online_accounts;
mod orders;
mod proofs;
mod references;
mod registry;
mod releases;
mod resale;
mod schema;
mod sdk_users;
mod statements;
mod successors;
mod support;
mod terms;
mod transfers;
mod watch;
mod written_once;

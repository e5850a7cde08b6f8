//! The licence service over real sockets, on both engines.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod agreements;
mod catalog;
mod changes;
mod checks;
mod directory;
mod entitlement;
mod hostile;
mod import;
mod incidents;
mod keys;
mod license_files;
mod licenses;
mod life;
mod mail_server;
mod notices;
mod orders;
mod proofs;
mod registry;
mod releases;
mod schema;
mod support;
mod transfers;
mod watch;

//! SQL on two engines: SQLite embedded, and PostgreSQL when users outgrow one machine.
//!
//! Read in this order: [`StoreConfig`] (which database), [`Store`] (pools and transactions), [`Dialect`] (the few things
//! in which the engines differ), [`StoreError`] (what can go wrong), [`results`] (a repeated mutation returns its first
//! result), [`many`] (many rows in one statement), [`outbox`] (what is to be sent elsewhere), [`blobs`] (content in parts), [`analyses`] (what was
//! found in bundles), [`signing_keys`] and [`Secrets`] (what must not lie in the open).
//!
//! One SQL text serves both engines, inside a portable subset: columns are TEXT, BIGINT (instants are microseconds UTC),
//! SMALLINT (flags are 0 or 1) and bytes; placeholders are `$n`; no BOOLEAN, no bare EXISTS or comparison in a result,
//! sums are cast to BIGINT.
//!
//! This crate knows no service's tables but the ones that every service has, and the one that those with bundles have.

pub mod analyses;
pub mod blobs;
mod config;
mod dialect;
mod epoch;
mod error;
pub mod many;
mod migrations;
pub mod outbox;
pub mod results;
pub mod row;
mod secrets;
pub mod signing_keys;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use config::StoreConfig;
pub use dialect::{Dialect, Engine};
pub use epoch::epoch;
pub use error::StoreError;
pub use migrations::{Migrations, Step};
pub use secrets::{Secrets, SecretsError};
pub use store::{Snapshot, Store, Tx, WriteError};

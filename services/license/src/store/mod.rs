//! The licence service's tables: the only place with SQL.
//!
//! Functions are named noun first. Those that write take a connection inside a transaction of the caller's; those that
//! read take any connection.

pub mod agreements;
pub mod business_calendar;
pub mod catalog;
pub mod changes;
pub mod departures;
pub mod facts;
pub mod incidents;
pub mod liaison_notices;
pub mod licenses;
pub mod notices;
pub mod online_accounts;
pub mod packed;
pub mod partners;
pub mod proofs;
pub mod rights;
pub mod sdk_users;
pub mod seat_grants;
mod translate;

use sqlx::migrate::Migrator;
use vouch_storage::Migrations;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(&SQLITE, &POSTGRES);

/// The words of a list, as one column keeps them.
fn join<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// Reads a list of words back.
fn split<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split_whitespace().map(|word| parse(word).ok_or_else(|| "a word is unknown".to_owned())).collect()
}

//! The partner service's tables: the only place with SQL.

pub mod customers;
pub mod history;
pub mod notes;
pub mod tickets;

use sqlx::migrate::Migrator;
use vouch_storage::Migrations;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(&SQLITE, &POSTGRES);

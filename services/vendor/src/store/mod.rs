//! The vendor service's tables: the only place with SQL.

pub mod articles;
pub mod bundles;
pub mod cases;
pub mod escalations;
pub mod history;
pub mod policies;

use sqlx::migrate::Migrator;
use vouch_storage::Migrations;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(&SQLITE, &POSTGRES);

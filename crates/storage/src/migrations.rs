//! Bringing a schema up to date.

use std::borrow::Cow;

use sqlx::migrate::{Migration, Migrator};

use crate::Engine;

static SHARED_SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static SHARED_POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The migrations of one service: the tables that every service has, then its own.
///
/// Shared migrations are numbered below 1000, a service's own from 1000 on, so that the two lists never meet.
#[derive(Debug)]
pub struct Migrations {
    sqlite: &'static Migrator,
    postgres: &'static Migrator,
}

impl Migrations {
    /// The migrations of a service, for each engine.
    pub const fn new(sqlite: &'static Migrator, postgres: &'static Migrator) -> Self {
        Self { sqlite, postgres }
    }

    pub(crate) fn for_engine(&self, engine: Engine) -> Migrator {
        let (shared, own) = match engine {
            Engine::Sqlite => (&SHARED_SQLITE, self.sqlite),
            Engine::Postgres => (&SHARED_POSTGRES, self.postgres),
        };
        let mut all: Vec<Migration> = shared.iter().chain(own.iter()).cloned().collect();
        all.sort_by_key(|migration| migration.version);
        Migrator { migrations: Cow::Owned(all), ..Migrator::DEFAULT }
    }
}

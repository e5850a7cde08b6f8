//! Bringing a schema up to date.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Engine;

/// A step of a schema: its number, its name, its SQL.
///
/// Steps are listed by hand: the macro that reads a folder would build the drivers of both engines a second time, for the compiler
/// itself. `tests/house` holds lists and folders together.
pub type Step = (i64, &'static str, &'static str);

const SHARED_SQLITE: &[Step] = &[
    (1, "shared", include_str!("../migrations/sqlite/0001_shared.sql")),
    (2, "blobs", include_str!("../migrations/sqlite/0002_blobs.sql")),
    (3, "outbox", include_str!("../migrations/sqlite/0003_outbox.sql")),
    (4, "blob_leases", include_str!("../migrations/sqlite/0004_blob_leases.sql")),
    (5, "packs", include_str!("../migrations/sqlite/0005_packs.sql")),
];
const SHARED_POSTGRES: &[Step] = &[
    (1, "shared", include_str!("../migrations/postgres/0001_shared.sql")),
    (2, "blobs", include_str!("../migrations/postgres/0002_blobs.sql")),
    (3, "outbox", include_str!("../migrations/postgres/0003_outbox.sql")),
    (4, "blob_leases", include_str!("../migrations/postgres/0004_blob_leases.sql")),
    (5, "packs", include_str!("../migrations/postgres/0005_packs.sql")),
];

/// The migrations of one service: the tables that every service has, then its own.
///
/// Shared migrations are numbered below 1000, a service's own from 1000 on, so that the two lists never meet.
#[derive(Debug)]
pub struct Migrations {
    sqlite: &'static [Step],
    postgres: &'static [Step],
}

impl Migrations {
    /// The migrations of a service, for each engine.
    pub const fn new(sqlite: &'static [Step], postgres: &'static [Step]) -> Self {
        Self { sqlite, postgres }
    }

    pub(crate) fn for_engine(&self, engine: Engine) -> Migrator {
        let (shared, own) = match engine {
            Engine::Sqlite => (SHARED_SQLITE, self.sqlite),
            Engine::Postgres => (SHARED_POSTGRES, self.postgres),
        };
        let migration = |(version, name, sql): &Step| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        Migrator::with_migrations(shared.iter().chain(own).map(migration).collect())
    }
}

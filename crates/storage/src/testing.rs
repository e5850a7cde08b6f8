//! Fresh databases for tests, on both engines.
//!
//! SQLite's live in a temporary folder. PostgreSQL's live in a throw-away cluster that a test process starts when it first
//! needs one, also when it runs as root; a small watcher stops the cluster and removes it when the process ends, however
//! it ends.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sqlx::Row;

use crate::{Engine, Migrations, Store, StoreConfig};

#[cfg(has_postgres)]
mod cluster;

/// A fresh, empty database.
#[derive(Debug)]
pub struct Database {
    /// How to open it.
    pub config: StoreConfig,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    /// A fresh database on the given engine.
    pub async fn fresh(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite(),
            Engine::Postgres => Self::postgres().await,
        }
    }

    /// Opens it with a service's migrations.
    pub async fn open(&self, migrations: &Migrations) -> Store {
        Store::open(&self.config, migrations).await.expect("a fresh database opens")
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path: PathBuf = folder.path().join("test.db");
        Self { config: StoreConfig::Sqlite { path, readers: 4 }, _folder: Some(folder) }
    }

    #[cfg(has_postgres)]
    async fn postgres() -> Self {
        let url = cluster::create_database().await;
        Self { config: StoreConfig::Postgres { url, connections: 8 }, _folder: None }
    }

    #[cfg(not(has_postgres))]
    #[expect(clippy::unused_async, reason = "the other side of the cfg waits")]
    async fn postgres() -> Self {
        panic!("PostgreSQL's server binaries are not on this machine");
    }
}

/// Lets PostgreSQL's cluster commit as one in production does: for measurements, before the first database.
#[cfg(has_postgres)]
pub fn commit_for_good() {
    cluster::commit_for_good();
}

/// The same on a machine without PostgreSQL's server binaries: nothing.
#[cfg(not(has_postgres))]
pub fn commit_for_good() {}

/// The address of fresh PostgreSQL databases, one for each of these names, with `{service}` where the name belongs: for programs
/// that are started as processes. `None` without PostgreSQL's server binaries.
#[cfg(has_postgres)]
pub async fn postgres_group(names: &[&str]) -> Option<String> {
    Some(cluster::create_group(names).await)
}

/// The same on a machine without PostgreSQL's server binaries.
#[cfg(not(has_postgres))]
#[expect(clippy::unused_async, reason = "the other side of the cfg waits")]
pub async fn postgres_group(_names: &[&str]) -> Option<String> {
    None
}

/// The tables of a schema, each with its columns: name, type, and whether a value is required.
pub type Schema = BTreeMap<String, BTreeSet<(String, String, bool)>>;

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, p.name AS column_name, p.type AS type, \
                              CAST(p.\"notnull\" AS BIGINT) AS required \
                              FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT AS type, \
                                CAST(CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END AS BIGINT) AS required \
                                FROM information_schema.columns WHERE table_schema = 'public'";

/// The schema that migrations make on every engine of this machine, for a test to compare.
pub async fn schemas(migrations: &Migrations) -> Vec<Schema> {
    let mut schemas = Vec::new();
    for engine in ENGINES {
        let store = Database::fresh(*engine).await;
        let store = store.open(migrations).await;
        let sql = match engine {
            Engine::Sqlite => SQLITE_COLUMNS,
            Engine::Postgres => POSTGRES_COLUMNS,
        };
        let mut schema = Schema::new();
        for row in sqlx::query(sql).fetch_all(store.reader()).await.expect("a schema is read") {
            let table: String = row.get("table_name");
            if table.starts_with("sqlite_") || table == "_sqlx_migrations" {
                continue;
            }
            let kind: String = row.get("type");
            let kind = kind.to_uppercase().replace("BLOB", "BYTEA");
            let column = (row.get("column_name"), kind, row.get::<i64, _>("required") == 1);
            schema.entry(table).or_default().insert(column);
        }
        schemas.push(schema);
    }
    schemas
}

/// The engines that can be tested on this machine.
pub const ENGINES: &[Engine] = if cfg!(has_postgres) { &[Engine::Sqlite, Engine::Postgres] } else { &[Engine::Sqlite] };

/// Declares tests that run once on each engine, with a fresh database. Without PostgreSQL's server binaries its half is
/// counted as ignored, with the reason in its line. A macro, because a function cannot declare tests.
///
/// ```text
/// vouch_storage::on_both_engines! {
///     async fn a_row_is_read_back(database: Database) { … }
/// }
/// ```
#[cfg(has_postgres)]
#[macro_export]
macro_rules! on_both_engines {
    ($(async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn body($database: $crate::testing::Database) $body

            #[tokio::test]
            async fn on_sqlite() {
                body($crate::testing::Database::fresh($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                body($crate::testing::Database::fresh($crate::Engine::Postgres).await).await;
            }
        }
    )*};
}

/// Declares tests that run once on each engine; on this machine PostgreSQL's half is ignored.
#[cfg(not(has_postgres))]
#[macro_export]
macro_rules! on_both_engines {
    ($(async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn body($database: $crate::testing::Database) $body

            #[tokio::test]
            async fn on_sqlite() {
                body($crate::testing::Database::fresh($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            #[ignore = "PostgreSQL's server binaries are not on this machine"]
            async fn on_postgres() {
                body($crate::testing::Database::fresh($crate::Engine::Postgres).await).await;
            }
        }
    )*};
}

//! Pools and transactions.

use std::fs::{File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::MaybePoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Row, SqlSafeStr as _, Transaction};
use vouch_core::Error;

use crate::{Dialect, Engine, Migrations, StoreConfig, StoreError};

/// A transaction that writes. Dropping it rolls it back: on PostgreSQL when its connection is given back, a moment later, and what it locked
/// is locked until then.
pub type Tx = Transaction<'static, Any>;

/// A transaction that reads one state of the database.
pub type Snapshot = Transaction<'static, Any>;

/// How long a caller waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for its write lock. Only this process writes, so a longer wait is a fault.
const BUSY_TIMEOUT_MS: i64 = 5_000;
/// How often a transaction that lost against another one starts over.
const ATTEMPTS: u32 = 8;

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    dialect: Dialect,
    writer: AnyPool,
    readers: AnyPool,
    /// Held for as long as the store is open: one process per SQLite file.
    _lock: Option<Arc<File>>,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(config: &StoreConfig, migrations: &Migrations) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = match config {
            StoreConfig::Sqlite { path, readers } => Self::open_sqlite(path, *readers).await?,
            StoreConfig::Postgres { url, connections } => Self::open_postgres(url, *connections).await?,
        };
        migrations.for_engine(config.engine()).run(&store.writer).await?;
        Ok(store)
    }

    async fn open_sqlite(path: &Path, readers: u32) -> Result<Self, StoreError> {
        let lock = lock_file(path)?;
        let options = connect_options(&format!("sqlite://{}?mode=rwc", path.display()))?;
        let writer = sqlite_pool(1, WRITERS_PRAGMAS).connect_with(options.clone()).await?;
        verify_pragmas(&writer).await?;
        let readers = sqlite_pool(readers, &[]).connect_with(options).await?;
        verify_pragmas(&readers).await?;
        Ok(Self { dialect: Dialect(Engine::Sqlite), writer, readers, _lock: Some(Arc::new(lock)) })
    }

    async fn open_postgres(url: &str, connections: u32) -> Result<Self, StoreError> {
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(connect_options(url)?)
            .await?;
        Ok(Self { dialect: Dialect(Engine::Postgres), writer: pool.clone(), readers: pool, _lock: None })
    }

    /// What has to be said differently to this engine.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The connections that read.
    pub fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        begin_with(&self.writer, self.dialect.begin_write()).await
    }

    /// Begins a transaction in which several queries read the same state.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        begin_with(&self.readers, self.dialect.begin_snapshot()).await
    }

    /// Asks the database for a sign of life, reading and writing side.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // One after the other: on PostgreSQL they are of one pool, which may have a single connection.
        self.readers.acquire().await?.ping().await?;
        Ok(self.writer.acquire().await?.ping().await?)
    }

    /// Runs a transaction and commits it. When it loses against another one it starts over from the beginning, at most
    /// eight times; nothing else is tried again.
    ///
    /// `work` gets a fresh transaction each time and gives it back with its result; an error rolls it back.
    pub async fn write<T, F, Fut>(&self, work: F) -> Result<T, Error>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<(Tx, T), WriteError>>,
    {
        let mut attempt = 1;
        loop {
            let outcome = match self.begin().await {
                Ok(tx) => match work(tx).await {
                    Ok((tx, value)) => {
                        tx.commit().await.map(|()| value).map_err(|error| WriteError::Store(error.into()))
                    }
                    Err(error) => Err(error),
                },
                Err(error) => Err(WriteError::Store(error)),
            };
            match outcome {
                Err(WriteError::Store(error)) if error.is_conflict() && attempt < ATTEMPTS => {
                    tracing::debug!(attempt, "a transaction lost against another one and starts over");
                    attempt += 1;
                }
                Ok(value) => return Ok(value),
                Err(WriteError::Store(error)) => return Err(error.into()),
                Err(WriteError::Refused(error)) => return Err(error),
            }
        }
    }

    /// Runs a transaction and rolls it back: tells what would come of it. It starts over as a writing one does.
    pub async fn rehearse<T, F, Fut>(&self, work: F) -> Result<T, Error>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<(Tx, T), WriteError>>,
    {
        let mut attempt = 1;
        loop {
            match work(self.begin().await?).await {
                Ok((tx, value)) => {
                    tx.rollback().await.map_err(StoreError::from)?;
                    return Ok(value);
                }
                Err(WriteError::Store(error)) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
                Err(WriteError::Store(error)) => return Err(error.into()),
                Err(WriteError::Refused(error)) => return Err(error),
            }
        }
    }

    /// Closes the pools: waits for running transactions, flushes, gives the file free.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Why the work inside a transaction ended without a result.
#[derive(Debug)]
pub enum WriteError {
    /// The database failed; a conflict is tried again.
    Store(StoreError),
    /// The command was refused.
    Refused(Error),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Begins a transaction, wherever its caller is: one that is given up (a call that is cancelled, a time that is up) while its `BEGIN` is
/// on the way is not rolled back by sqlx 0.9.0 on PostgreSQL, and whoever got that connection next would be within it. A task of its own
/// hears the answer, and rolls back what nobody takes. Its caller waits for the connection itself: whoever is given up before there is one
/// keeps no place among those who wait.
async fn begin_with(pool: &AnyPool, statement: &'static str) -> Result<Tx, StoreError> {
    let connection = MaybePoolConnection::PoolConnection(pool.acquire().await?);
    let begun = tokio::spawn(Tx::begin(connection, Some(statement.into_sql_str()))).await;
    Ok(begun.map_err(|_| sqlx::Error::WorkerCrashed)??)
}

fn connect_options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    // sqlx's own message would repeat the address, and with it a password.
    url.parse().map_err(|_| StoreError::Setup("the store's address cannot be read".into()))
}

/// For many rows at once: their digests lie in no order, and the pages of an index should not be read and written again for each of them.
const WRITERS_PRAGMAS: &[&str] = &["PRAGMA cache_size = -65536", "PRAGMA wal_autocheckpoint = 8000"];

fn sqlite_pool(connections: u32, further: &'static [&'static str]) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection of an embedded database does not age.
        .max_lifetime(None)
        .idle_timeout(None)
        .after_connect(move |connection, _| Box::pin(set_pragmas(connection, further)))
}

async fn set_pragmas(connection: &mut AnyConnection, further: &'static [&'static str]) -> Result<(), sqlx::Error> {
    let all = [
        "PRAGMA journal_mode = WAL",
        // An acknowledged write survives power loss: WAL with NORMAL would not promise that.
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA busy_timeout = 5000",
    ];
    for pragma in all.iter().chain(further).copied() {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads the settings back: SQLite ignores what it cannot do without a word.
async fn verify_pragmas(pool: &AnyPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    let foreign_keys: i64 = sqlx::query("PRAGMA foreign_keys").fetch_one(&mut *connection).await?.try_get(0)?;
    let busy: i64 = sqlx::query("PRAGMA busy_timeout").fetch_one(&mut *connection).await?.try_get(0)?;
    if (journal.as_str(), synchronous, foreign_keys, busy) == ("wal", 2, 1, BUSY_TIMEOUT_MS) {
        return Ok(());
    }
    Err(StoreError::Setup(format!(
        "SQLite did not take its settings: journal_mode {journal}, synchronous {synchronous}, foreign_keys \
         {foreign_keys}, busy_timeout {busy}; is the file on a network drive?"
    )))
}

fn lock_file(path: &Path) -> Result<File, StoreError> {
    let lock_path = PathBuf::from(format!("{}.lock", path.display()));
    let setup = |error: std::io::Error| StoreError::Setup(format!("{} cannot be opened: {error}", lock_path.display()));
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(setup)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Setup(format!(
            "{} is in use by another process; one process holds a SQLite file, PostgreSQL serves several",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(setup(error)),
    }
}

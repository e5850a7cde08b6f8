//! What can go wrong with a database, in the few kinds that callers tell apart.

use vouch_core::Error;

/// A failure of the store. Its text is for the log; callers of a service are told [`vouch_core::Error`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule was violated. PostgreSQL names the constraint, SQLite the columns.
    #[error("uniqueness violated: {0}")]
    Unique(String),
    /// The transaction lost against another one and may be tried again: 40001, 40P01 or BUSY.
    #[error("the transaction lost against another one")]
    Conflict(#[source] sqlx::Error),
    /// The database does not answer, or not in time.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The service and its database do not understand each other.
    #[error("the database refused")]
    Internal(#[source] sqlx::Error),
    /// A stored value is not what its column promises.
    #[error("column {column} holds what it should not: {problem}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong, without the value.
        problem: String,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database is not set up as the service needs it.
    #[error("{0}")]
    Setup(String),
}

impl StoreError {
    /// Another transaction was faster: to be tried again from the beginning.
    pub fn lost_race() -> Self {
        Self::Conflict(sqlx::Error::Protocol("another transaction was faster".into()))
    }

    /// True for the failures that a whole transaction may answer by starting over.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// True when this uniqueness rule was violated: its name on PostgreSQL, its columns as SQLite lists them.
    pub fn violates(&self, postgres: &str, sqlite: &str) -> bool {
        matches!(self, Self::Unique(named) if named == postgres || named == sqlite)
    }

    fn from_database(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return Self::Internal(error);
        };
        if database.is_unique_violation() {
            let named = database.constraint().map_or_else(
                || database.message().trim_start_matches("UNIQUE constraint failed: ").to_owned(),
                str::to_owned,
            );
            return Self::Unique(named);
        }
        match database.code().as_deref() {
            // Serialization failure and deadlock (PostgreSQL); SQLITE_BUSY, its snapshot form, and SQLITE_LOCKED.
            Some("40001" | "40P01" | "5" | "517" | "6") => Self::Conflict(error),
            // The server is starting, stopping, or full.
            Some("57P01" | "57P02" | "57P03" | "53300") => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(_) => Self::from_database(error),
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

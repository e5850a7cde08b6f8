//! The few things in which the engines differ.

use sqlx::AnyConnection;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, embedded: one writer, many readers, one process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What has to be said differently to each engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect(pub Engine);

impl Dialect {
    /// The one that a connection understands.
    pub fn of(connection: &AnyConnection) -> Self {
        Self(if connection.backend_name() == "SQLite" { Engine::Sqlite } else { Engine::Postgres })
    }

    /// Begins a transaction that writes. SQLite takes its write lock at once, so that a transaction never finds out at its
    /// first write that it lost.
    pub fn begin_write(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that reads one state of the database, over several queries.
    pub fn begin_snapshot(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// What follows a SELECT that locks the rows it reads. On SQLite the transaction itself is the lock.
    pub fn for_update(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE",
        }
    }

    /// What follows a SELECT that takes rows nobody else holds, and passes over the others.
    pub fn claim(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// What follows a SELECT of rows that must not change until the transaction ends.
    pub fn for_share(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR SHARE",
        }
    }

    /// What follows a SELECT of rows that others will refer to: they must not go, and may change.
    pub fn for_key_share(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR KEY SHARE",
        }
    }

    /// In what order a whole table is read fastest: SQLite's in the order in which it lies, which its primary key of text is not.
    pub fn place(self, primary_key: &'static str) -> &'static str {
        match self.0 {
            Engine::Sqlite => "rowid",
            Engine::Postgres => primary_key,
        }
    }

    /// An aggregate: the bytes of a column of many rows as one text, hexadecimal, joined by blanks.
    pub fn hex_list(self, column: &str) -> String {
        match self.0 {
            Engine::Sqlite => format!("group_concat(hex({column}), ' ')"),
            Engine::Postgres => format!("string_agg(encode({column}, 'hex'), ' ')"),
        }
    }
}

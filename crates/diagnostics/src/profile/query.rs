//! What PostgreSQL is asked, by name.

/// A query that this program brings along. A profile cannot write one of its own: whoever runs it may be allowed everything, and a function or a view
/// that somebody else made would be, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// The version, and since when the server runs.
    Version,
    /// Every setting, with where it comes from.
    Settings,
    /// Sessions and what they wait for, without the texts of queries.
    Activity,
    /// Locks, counted.
    Locks,
    /// Databases: sizes, age of transactions.
    Databases,
    /// Tables of one database: sizes, dead rows, when they were cleaned.
    Tables,
    /// Extensions of one database.
    Extensions,
    /// Standbys and how far they are behind.
    Replication,
    /// What this server receives as a standby.
    Standby,
    /// Replication slots and what they keep.
    Slots,
    /// Transactions that were prepared.
    Prepared,
    /// Whether the write-ahead log is archived.
    Archiver,
}

impl Query {
    /// Every query.
    pub const ALL: [Self; 12] = [
        Self::Version,
        Self::Settings,
        Self::Activity,
        Self::Locks,
        Self::Databases,
        Self::Tables,
        Self::Extensions,
        Self::Replication,
        Self::Standby,
        Self::Slots,
        Self::Prepared,
        Self::Archiver,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Settings => "settings",
            Self::Activity => "activity",
            Self::Locks => "locks",
            Self::Databases => "databases",
            Self::Tables => "tables",
            Self::Extensions => "extensions",
            Self::Replication => "replication",
            Self::Standby => "standby",
            Self::Slots => "slots",
            Self::Prepared => "prepared",
            Self::Archiver => "archiver",
        }
    }

    /// What it asks for, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Version => "the version of PostgreSQL",
            Self::Settings => "every setting with its source",
            Self::Activity => "sessions without the texts of queries",
            Self::Locks => "numbers of locks",
            Self::Databases => "databases with their sizes",
            Self::Tables => "tables with their sizes and dead rows",
            Self::Extensions => "extensions with their versions",
            Self::Replication => "standbys and how far they are behind",
            Self::Standby => "what this server receives as a standby",
            Self::Slots => "replication slots and what they keep",
            Self::Prepared => "transactions that were prepared",
            Self::Archiver => "the state of the archiver",
        }
    }
}

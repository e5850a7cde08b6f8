//! PostgreSQL, asked over one connection: settings, activity, replication, and no row of anybody's table.
//!
//! Who connects, and where to, is said by the environment of the one who runs this, by a service file ([`service`]) and by a password file
//! ([`passwords`]), as every program with `libpq` reads them ([`address`]): nothing of it stands in a profile, on a command line or in a bundle.
//! Where several servers are named, the first that will do is asked ([`connect`], [`session`]). What may be asked are the
//! statements that this program brings along (`*.sql`), each in a transaction that can only read, with limits of its time on both sides
//! ([`server`], [`answer`]). An answer is JSON, a line for each row.

mod address;
mod answer;
mod connect;
mod passwords;
mod server;
mod service;
mod session;

pub(super) use self::server::Server;

use crate::profile::Query;

/// The statement of a query: it has one column, and that is JSON.
fn statement(query: Query) -> &'static str {
    match query {
        Query::Version => include_str!("version.sql"),
        Query::Settings => include_str!("settings.sql"),
        Query::Activity => include_str!("activity.sql"),
        Query::Locks => include_str!("locks.sql"),
        Query::Databases => include_str!("databases.sql"),
        Query::Tables => include_str!("tables.sql"),
        Query::Extensions => include_str!("extensions.sql"),
        Query::Replication => include_str!("replication.sql"),
        Query::Standby => include_str!("standby.sql"),
        Query::Slots => include_str!("slots.sql"),
        Query::Prepared => include_str!("prepared.sql"),
        Query::Archiver => include_str!("archiver.sql"),
    }
}

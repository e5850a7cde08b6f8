//! What is to be sent to others, services or people: durable, in order within a lane, tried again with growing pauses, parked at last.
//!
//! An entry is written in the transaction that decided to send it, and goes in the transaction that takes the answer in. In
//! between it is leased to whoever sends it; when that one dies, the lease ends and another one sends it again, under the same
//! id, so that the receiver can tell.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::id::OutboxId;
use vouch_core::{Error, World};

use crate::{Engine, Store, StoreError, WriteError, row};

/// How long an entry is leased: longer than the longest sending without a renewal.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// A lease that ends so soon is given up where it cannot be renewed.
const NEARLY_OVER: SignedDuration = SignedDuration::from_secs(15);
/// How often an entry is tried before it is parked: with the pauses of [`pause`], for about a day.
pub const ATTEMPTS: u32 = 300;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id: also the request id under which it is sent.
    pub id: OutboxId,
    /// Entries of one lane are sent one after another.
    pub lane: String,
    /// What the payload is.
    pub kind: String,
    /// What to send.
    pub payload: Vec<u8>,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// What waits in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many entries.
    pub entries: u32,
    /// How many of them are parked.
    pub parked: u32,
}

/// Adds an entry behind those of its lane, to be sent from `due` on.
///
/// Invariant: the caller holds the lock of the row that stands for the lane, so that no two entries take one place.
pub async fn enqueue(
    connection: &mut AnyConnection,
    id: OutboxId,
    lane: &str,
    kind: &str,
    payload: &[u8],
    now: Timestamp,
    due: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO outbox (entry_id, lane, position, kind, payload, attempts, due_at, parked, created_at)
         VALUES ($1, $2, (SELECT COALESCE(MAX(position), 0) + 1 FROM outbox WHERE lane = $2), $3, $4, 0, $6, 0, $5)",
    )
    .bind(id.to_string())
    .bind(lane)
    .bind(kind)
    .bind(payload)
    .bind(now.as_microsecond())
    .bind(due.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Leases the next entry that is due: the first of its lane, not parked, not leased.
pub async fn claim(store: &Store, now: Timestamp) -> Result<Option<Entry>, Error> {
    // Ordering: looked for among the readers first, so that an empty outbox costs no write.
    let due = "SELECT entry_id FROM outbox o WHERE parked = 0 AND due_at <= $1
                 AND (leased_until IS NULL OR leased_until <= $1)
                 AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.lane = o.lane AND e.position < o.position)
               ORDER BY due_at, entry_id LIMIT 1";
    let micros = now.as_microsecond();
    if sqlx::query(due).bind(micros).fetch_optional(store.reader()).await.map_err(StoreError::from)?.is_none() {
        return Ok(None);
    }
    let skip = match store.dialect().0 {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let sql = &format!(
        "UPDATE outbox SET leased_until = $2, attempts = attempts + 1 WHERE entry_id = ({due}{skip})
         RETURNING entry_id, lane, kind, payload, attempts"
    );
    store
        .write(|mut tx| async move {
            // The text is a constant and one of two endings.
            let found = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()))
                .bind(micros)
                .bind((now + LEASE).as_microsecond())
                .fetch_optional(&mut *tx)
                .await?;
            let entry = found.as_ref().map(read_entry).transpose()?;
            Ok((tx, entry))
        })
        .await
}

/// Tries what was parked once more: for entries that should leave one day whatever happens.
pub async fn unpark(store: &Store) -> Result<(), Error> {
    store
        .write(|mut tx| async move {
            sqlx::query("UPDATE outbox SET parked = 0 WHERE parked = 1").execute(&mut *tx).await?;
            Ok((tx, ()))
        })
        .await
}

/// Takes an entry out, in the transaction that takes the answer in. False when another one did before: then the answer was
/// taken in already.
pub async fn finish(connection: &mut AnyConnection, id: OutboxId) -> Result<bool, WriteError> {
    let gone = sqlx::query("DELETE FROM outbox WHERE entry_id = $1").bind(id.to_string()).execute(connection).await?;
    Ok(gone.rows_affected() == 1)
}

/// Takes every entry of a lane out. The answer to one that is on its way is not taken in any more.
pub async fn clear(connection: &mut AnyConnection, lane: &str) -> Result<(), WriteError> {
    sqlx::query("DELETE FROM outbox WHERE lane = $1").bind(lane).execute(connection).await?;
    Ok(())
}

/// Keeps a lease for longer: the sending goes on. False when it is another one's by now, or the entry is gone.
pub async fn renew(store: &Store, entry: &Entry, now: Timestamp) -> Result<bool, Error> {
    let (id, until) = (&entry.id.to_string(), (now + LEASE).as_microsecond());
    store
        .write(|mut tx| async move {
            let renewed = sqlx::query("UPDATE outbox SET leased_until = $2 WHERE entry_id = $1 AND attempts = $3")
                .bind(id)
                .bind(until)
                .bind(i64::from(entry.attempts))
                .execute(&mut *tx)
                .await?;
            Ok((tx, renewed.rows_affected() == 1))
        })
        .await
}

/// Does what may outlast a lease, and keeps that meanwhile, each time that a pause is over. A renewal that fails is tried again after the
/// next pause, until the lease is nearly over. `None` where the entry is another one's by now, or gone: what is left of the work is
/// nobody's wish, and is given up.
pub async fn under_lease<T, P: Future<Output = ()>>(
    store: &Store,
    entry: &Entry,
    world: &World,
    pause: impl Fn() -> P,
    work: impl Future<Output = T>,
) -> Result<Option<T>, Error> {
    let keeping = async {
        let mut until = world.now() + LEASE;
        loop {
            pause().await;
            let now = world.now();
            match renew(store, entry, now).await {
                Ok(true) => until = now + LEASE,
                Ok(false) => return Ok(()),
                Err(error) if now + NEARLY_OVER < until => {
                    tracing::warn!(entry = %entry.id, error = ?error, "a lease could not be renewed; it is tried again");
                }
                Err(error) => return Err(error),
            }
        }
    };
    // Both go on at once: the work may hold for a moment what the lease is waited for with, its row or the only connection that writes. Work
    // that is done is done, whatever became of the lease.
    tokio::select! {
        biased;
        done = work => Ok(Some(done)),
        lost = keeping => lost.map(|()| None),
    }
}

/// Gives an entry back after a failure: to be tried again after a pause, or parked after too many attempts. The problem is for
/// the operator. Returns whether it was parked.
pub async fn give_back(store: &Store, entry: &Entry, problem: &str, world: &World) -> Result<bool, Error> {
    let parked = entry.attempts >= ATTEMPTS;
    let jitter = u16::from_be_bytes(world.random::<2>());
    let due = world.now() + SignedDuration::try_from(pause(entry.attempts, jitter)).unwrap_or(LEASE);
    let (id, problem) = (&entry.id.to_string(), &problem.chars().take(500).collect::<String>());
    store
        .write(|mut tx| async move {
            sqlx::query(
                "UPDATE outbox SET leased_until = NULL, due_at = $2, parked = $3, problem = $4
                 WHERE entry_id = $1 AND attempts = $5",
            )
            .bind(id)
            .bind(due.as_microsecond())
            .bind(i64::from(parked))
            .bind(problem)
            .bind(i64::from(entry.attempts))
            .execute(&mut *tx)
            .await?;
            Ok((tx, ()))
        })
        .await?;
    Ok(parked)
}

/// What a start of the service does: what was parked is tried once more, as whoever starts it expects, and the leases of a process
/// that died end, where only one process can have been. Replicas on PostgreSQL wait for a lease's end instead.
pub async fn recover(store: &Store) -> Result<(), Error> {
    let is_alone = store.dialect().0 == Engine::Sqlite;
    store
        .write(|mut tx| async move {
            sqlx::query("UPDATE outbox SET parked = 0 WHERE parked = 1").execute(&mut *tx).await?;
            if is_alone {
                sqlx::query("UPDATE outbox SET leased_until = NULL WHERE leased_until IS NOT NULL")
                    .execute(&mut *tx)
                    .await?;
            }
            Ok((tx, ()))
        })
        .await
}

/// What waits in a lane.
pub async fn waiting(connection: &mut AnyConnection, lane: &str) -> Result<Waiting, StoreError> {
    let found = sqlx::query(
        "SELECT COUNT(*) AS entries, CAST(COALESCE(SUM(parked), 0) AS BIGINT) AS parked FROM outbox WHERE lane = $1",
    )
    .bind(lane)
    .fetch_one(connection)
    .await?;
    Ok(Waiting { entries: row::number(&found, "entries")?, parked: row::number(&found, "parked")? })
}

/// The pause after an attempt: 100 ms, doubled each time up to 5 minutes, of which a random half (`jitter`, any number) is
/// left out, so that those who failed together do not come back together.
pub fn pause(attempt: u32, jitter: u16) -> Duration {
    let full = Duration::from_millis(50).saturating_mul(1 << attempt.clamp(1, 13)).min(Duration::from_mins(5));
    full / 2 + full.mul_f64(f64::from(jitter) / f64::from(u16::MAX) / 2.0)
}

fn read_entry(found: &AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: row::id(found, "entry_id")?,
        lane: row::text(found, "lane")?,
        kind: row::text(found, "kind")?,
        payload: row::bytes(found, "payload")?,
        attempts: row::number(found, "attempts")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_minutes_and_differ_between_those_who_failed_together() {
        assert!(pause(1, 0) >= Duration::from_millis(50) && pause(1, u16::MAX) <= Duration::from_millis(100));
        assert!((1..40).all(|attempt| pause(attempt, 500) <= pause(attempt + 1, 500)));
        assert!(pause(ATTEMPTS, u16::MAX) <= Duration::from_mins(5));
        assert!(pause(5, 0) < pause(5, u16::MAX));
    }
}

//! The joint history of cases, the partners' feeds, and the vendor's own notes.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_core::id::{CaseId, NoteId};
use vouch_proof::history::{GENESIS, extend};
use vouch_storage::{Dialect, StoreError, WriteError, row};

/// An event of a case, as it lies in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The case.
    pub case_id: CaseId,
    /// Its place in the case's history.
    pub sequence: i64,
    /// The full name of the payload's message.
    pub type_name: String,
    /// The payload, encoded.
    pub payload: Vec<u8>,
    /// What keeps it from being guessed.
    pub salt: Vec<u8>,
    /// The hash of both.
    pub content_hash: [u8; 32],
    /// The hash of the event before.
    pub previous_hash: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
    /// Who did it.
    pub actor: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The partner's own id of what it contributed.
    pub origin: String,
}

/// A place in a partner's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedPlace {
    /// How many events come before it, itself included.
    pub sequence: i64,
    /// The hash over all of them.
    pub hash: [u8; 32],
}

impl FeedPlace {
    /// The beginning.
    pub const START: Self = Self { sequence: 0, hash: GENESIS };
}

/// Appends an event to its case's history and to its partner's feed.
///
/// Ordering: the last thing that a transaction does. The feed's row stays locked until the commit, so that the order of the feed
/// is the order of commitment, and nobody waits for it longer than a commit takes.
pub async fn event_append(
    connection: &mut AnyConnection,
    dialect: Dialect,
    partner_id: &PartnerId,
    event: &StoredEvent,
) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO feeds (partner_id, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING")
        .bind(partner_id.as_str())
        .bind(GENESIS.as_slice())
        .execute(&mut *connection)
        .await?;
    let sql = format!("SELECT sequence, hash FROM feeds WHERE partner_id = $1{}", dialect.for_update());
    // The text is a constant and a suffix of the dialect's.
    let head = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(partner_id.as_str()).fetch_one(&mut *connection).await?;
    let (sequence, head) = (row::integer(&head, "sequence")? + 1, row::array(&head, "hash")?);
    let feed_hash = extend(&head, &event.hash);
    sqlx::query(
        "INSERT INTO case_events (case_id, sequence, partner_id, feed_sequence, feed_hash, type_name, payload, salt,
             previous_hash, hash, actor, committed_at, origin, content_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(event.case_id.to_string())
    .bind(event.sequence)
    .bind(partner_id.as_str())
    .bind(sequence)
    .bind(feed_hash.as_slice())
    .bind(&event.type_name)
    .bind(event.payload.as_slice())
    .bind(event.salt.as_slice())
    .bind(event.previous_hash.as_slice())
    .bind(event.hash.as_slice())
    .bind(&event.actor)
    .bind(event.committed_at.as_microsecond())
    .bind(&event.origin)
    .bind(event.content_hash.as_slice())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE feeds SET sequence = $2, hash = $3 WHERE partner_id = $1")
        .bind(partner_id.as_str())
        .bind(sequence)
        .bind(feed_hash.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

/// The hash of a partner's feed at a place; `None` where the feed does not reach so far.
pub async fn feed_hash_at(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    sequence: i64,
) -> Result<Option<[u8; 32]>, StoreError> {
    if sequence == 0 {
        return Ok(Some(GENESIS));
    }
    let found = sqlx::query("SELECT feed_hash FROM case_events WHERE partner_id = $1 AND feed_sequence = $2")
        .bind(partner_id.as_str())
        .bind(sequence)
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::array(&found, "feed_hash")).transpose()
}

/// Events of a partner's feed after a place, each with its own place.
pub async fn feed_list(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    after: i64,
    most: i64,
) -> Result<Vec<(FeedPlace, StoredEvent)>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM case_events WHERE partner_id = $1 AND feed_sequence > $2 ORDER BY feed_sequence LIMIT $3",
    )
    .bind(partner_id.as_str())
    .bind(after)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|found| {
            let sequence = row::integer(found, "feed_sequence")?;
            Ok((FeedPlace { sequence, hash: row::array(found, "feed_hash")? }, read_event(found)?))
        })
        .collect()
}

/// The history of a case after an event, at most so many.
pub async fn event_list(
    connection: &mut AnyConnection,
    case_id: CaseId,
    after: i64,
    most: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let rows = sqlx::query("SELECT * FROM case_events WHERE case_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3")
        .bind(case_id.to_string())
        .bind(after)
        .bind(most)
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_event).collect()
}

/// A note of the vendor's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalNote {
    /// Its id.
    pub id: NoteId,
    /// The case.
    pub case_id: CaseId,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
    /// When.
    pub written_at: Timestamp,
}

/// Adds a note of the vendor's own.
pub async fn internal_note_insert(connection: &mut AnyConnection, note: &InternalNote) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO internal_notes (note_id, case_id, author, text, written_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(note.id.to_string())
        .bind(note.case_id.to_string())
        .bind(&note.author)
        .bind(&note.text)
        .bind(note.written_at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// When a note of the vendor's own was written; `None` where the case does not have it.
pub async fn internal_note_written_at(
    connection: &mut AnyConnection,
    case_id: CaseId,
    id: NoteId,
) -> Result<Option<Timestamp>, StoreError> {
    let found = sqlx::query("SELECT written_at FROM internal_notes WHERE case_id = $1 AND note_id = $2")
        .bind(case_id.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::instant(&found, "written_at")).transpose()
}

/// The vendor's own notes on a case, in the order in which they were written: the first ones, or those after one that was written at an instant.
pub async fn internal_note_list(
    connection: &mut AnyConnection,
    case_id: CaseId,
    after: Option<(Timestamp, NoteId)>,
    most: i64,
) -> Result<Vec<InternalNote>, StoreError> {
    let (written_at, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.as_microsecond(), id.to_string()));
    let rows = sqlx::query(
        "SELECT * FROM internal_notes
         WHERE case_id = $1 AND (written_at > $2 OR (written_at = $2 AND note_id > $3))
         ORDER BY written_at, note_id LIMIT $4",
    )
    .bind(case_id.to_string())
    .bind(written_at)
    .bind(id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|found| {
            Ok(InternalNote {
                id: row::id(found, "note_id")?,
                case_id: row::id(found, "case_id")?,
                author: row::text(found, "author")?,
                text: row::text(found, "text")?,
                written_at: row::instant(found, "written_at")?,
            })
        })
        .collect()
}

fn read_event(found: &AnyRow) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        case_id: row::id(found, "case_id")?,
        sequence: row::integer(found, "sequence")?,
        type_name: row::text(found, "type_name")?,
        payload: row::bytes(found, "payload")?,
        salt: row::bytes(found, "salt")?,
        content_hash: row::array(found, "content_hash")?,
        previous_hash: row::array(found, "previous_hash")?,
        hash: row::array(found, "hash")?,
        actor: row::text(found, "actor")?,
        committed_at: row::instant(found, "committed_at")?,
        origin: row::text(found, "origin")?,
    })
}

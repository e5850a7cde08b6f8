//! The ledger: entries with their postings. They are only ever added.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_core::id::{self, HoldId, LedgerEntryId};
use vouch_host::Page;
use vouch_storage::many::{self, Column, Rows};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::incident::{Booking, Cause, LedgerEntry, Movement, Place, Posting};

/// How a movement is booked.
#[derive(Debug, Clone, Copy)]
pub struct Booked<'a> {
    /// The entry's id.
    pub id: LedgerEntryId,
    /// Whose account it is.
    pub end_user_id: &'a EndUserId,
    /// Its place in the account's ledger.
    pub line: i64,
    /// The subject of the caller whose doing it was; empty where time did it.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
}

/// How many incidents an end user had free at an instant.
pub async fn available_at(connection: &mut AnyConnection, id: &EndUserId, at: Timestamp) -> Result<i64, StoreError> {
    let found = sqlx::query(
        "SELECT CAST(COALESCE(SUM(p.units), 0) AS BIGINT) AS units
         FROM incident_entries e JOIN incident_postings p ON p.entry_id = e.entry_id
         WHERE e.end_user_id = $1 AND e.booked_at <= $2 AND p.account = $3",
    )
    .bind(id.as_str())
    .bind(at.as_microsecond())
    .bind(Place::Available.as_str())
    .fetch_one(connection)
    .await?;
    row::integer(&found, "units")
}

/// Adds an entry with its postings.
pub async fn entry_insert(
    connection: &mut AnyConnection,
    booked: Booked<'_>,
    booking: &Booking,
) -> Result<(), WriteError> {
    let (entry_id, cause) = (booked.id.to_string(), &booking.cause);
    sqlx::query(
        "INSERT INTO incident_entries (entry_id, end_user_id, line, movement, units, reference, hold_id, note,
             reverses_entry_id, booked_by, booked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&entry_id)
    .bind(booked.end_user_id.as_str())
    .bind(booked.line)
    .bind(booking.movement.as_str())
    .bind(booking.units())
    .bind(&cause.reference)
    .bind(cause.hold_id.map(|id| id.to_string()))
    .bind(&cause.note)
    .bind(cause.reverses.map(|id| id.to_string()))
    .bind(booked.by)
    .bind(booked.at.as_microsecond())
    .execute(&mut *connection)
    .await?;
    let posting = |(leg, posting): (i64, Posting)| {
        let pack = posting.pack.map(|id| id.to_string());
        [entry_id.as_str().into(), leg.into(), posting.place.as_str().into(), pack.into(), posting.units.into()]
    };
    let rows = Rows::of(Dialect::of(connection), (1..).zip(booking.postings()).map(posting));
    many::insert("incident_postings", &POSTINGS, &[], &rows, "").execute(&mut *connection).await?;
    Ok(())
}

const POSTINGS: [(&str, Column); 5] = [
    ("entry_id", Column::Text),
    ("leg", Column::Whole),
    ("account", Column::Text),
    ("pack_id", Column::Text),
    ("units", Column::Whole),
];

/// The last entry with which units of a hold were captured.
pub async fn charge_entry_fetch(
    connection: &mut AnyConnection,
    hold_id: HoldId,
) -> Result<Option<LedgerEntryId>, StoreError> {
    let found = sqlx::query(
        "SELECT entry_id FROM incident_entries
         WHERE hold_id = $1 AND movement IN ('capture', 'capture-anew', 'vendor-bears', 'owe-captured')
         ORDER BY line DESC LIMIT 1",
    )
    .bind(hold_id.to_string())
    .fetch_optional(connection)
    .await?;
    found.map(|found| row::id(&found, "entry_id")).transpose()
}

/// A page of an account's ledger, oldest first. The page's key is the entry's line.
pub async fn ledger_list(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    page: &Page,
) -> Result<Vec<LedgerEntry>, StoreError> {
    let after: i64 = page.after.parse().unwrap_or_default();
    let rows =
        sqlx::query("SELECT * FROM incident_entries WHERE end_user_id = $1 AND line > $2 ORDER BY line LIMIT $3")
            .bind(end_user_id.as_str())
            .bind(after)
            .bind(page.limit())
            .fetch_all(&mut *connection)
            .await?;
    let legs = sqlx::query(
        "SELECT p.entry_id, p.account, p.pack_id, p.units FROM incident_entries e
         JOIN incident_postings p ON p.entry_id = e.entry_id
         WHERE e.end_user_id = $1 AND e.line > $2 AND e.line <= $3 ORDER BY e.line, p.leg",
    )
    .bind(end_user_id.as_str())
    .bind(after)
    // Lines have no gaps.
    .bind(after.saturating_add(page.limit()))
    .fetch_all(connection)
    .await?;
    let mut postings: HashMap<LedgerEntryId, Vec<Posting>> = HashMap::new();
    for found in &legs {
        postings.entry(row::id(found, "entry_id")?).or_default().push(read_posting(found)?);
    }
    rows.iter().map(|found| read_entry(found, &mut postings)).collect()
}

fn read_entry(found: &AnyRow, postings: &mut HashMap<LedgerEntryId, Vec<Posting>>) -> Result<LedgerEntry, StoreError> {
    let id = row::id(found, "entry_id")?;
    Ok(LedgerEntry {
        id,
        line: row::integer(found, "line")?,
        movement: row::word(found, "movement", Movement::parse)?,
        units: row::integer(found, "units")?,
        cause: Cause {
            reference: row::text(found, "reference")?,
            hold_id: row::optional_parsed(found, "hold_id", id::parse)?,
            note: row::text(found, "note")?,
            reverses: row::optional_parsed(found, "reverses_entry_id", id::parse)?,
        },
        booked_by: row::text(found, "booked_by")?,
        booked_at: row::instant(found, "booked_at")?,
        postings: postings.remove(&id).unwrap_or_default(),
    })
}

fn read_posting(found: &AnyRow) -> Result<Posting, StoreError> {
    Ok(Posting {
        place: row::word(found, "account", Place::parse)?,
        pack: row::optional_parsed(found, "pack_id", id::parse)?,
        units: row::integer(found, "units")?,
    })
}

//! The history of licences, agreements and partners, and what checks knew of them at an instant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::change::{Change, FieldChange};

/// A field before and after, as the column keeps it.
#[derive(Serialize, Deserialize)]
struct StoredField(String, String, String);

/// Adds a change, with what checks knew of the thing before it.
pub async fn change_insert(
    connection: &mut AnyConnection,
    subject_id: &str,
    change: &Change,
    facts_before: Option<Vec<u8>>,
) -> Result<(), WriteError> {
    let stored = |field: &FieldChange| StoredField(field.field.clone(), field.before.clone(), field.after.clone());
    let fields: Vec<_> = change.fields.iter().map(stored).collect();
    let fields = serde_json::to_string(&fields).map_err(|error| corrupt(&error))?;
    sqlx::query(
        "INSERT INTO changes (subject_id, revision, change, changed_at, changed_by, partner_id, note, fields, facts_before)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(subject_id)
    .bind(change.revision)
    .bind(&change.what)
    .bind(change.at.as_microsecond())
    .bind(&change.by)
    .bind(&change.partner)
    .bind(&change.note)
    .bind(fields)
    .bind(facts_before)
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of a thing's changes, by revision; the page continues after a revision.
pub async fn change_list(
    connection: &mut AnyConnection,
    subject_id: &str,
    page: &Page,
) -> Result<Vec<Change>, StoreError> {
    let after: i64 = page.after.parse().unwrap_or_default();
    let rows = sqlx::query("SELECT * FROM changes WHERE subject_id = $1 AND revision > $2 ORDER BY revision LIMIT $3")
        .bind(subject_id)
        .bind(after)
        .bind(page.limit())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_change).collect()
}

/// Every change of a thing.
pub async fn change_all(connection: &mut AnyConnection, subject_id: &str) -> Result<Vec<Change>, StoreError> {
    let all = Page { size: i64::from(i32::MAX), after: String::new() };
    change_list(connection, subject_id, &all).await
}

/// What checks knew of a thing at an instant, where it was changed since; `None` where it is as it was.
pub async fn facts_at(
    connection: &mut AnyConnection,
    subject_id: &str,
    at: Timestamp,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query(
        "SELECT facts_before FROM changes WHERE subject_id = $1 AND changed_at > $2 AND facts_before IS NOT NULL
         ORDER BY revision LIMIT 1",
    )
    .bind(subject_id)
    .bind(at.as_microsecond())
    .fetch_optional(connection)
    .await?;
    found.map(|found| row::bytes(&found, "facts_before")).transpose()
}

/// When the history begins.
pub async fn history_began(connection: &mut AnyConnection) -> Result<Timestamp, StoreError> {
    let found = sqlx::query("SELECT began_at FROM history_began").fetch_one(connection).await?;
    row::instant(&found, "began_at")
}

/// Begins the history, where it has not begun.
pub async fn history_begin(connection: &mut AnyConnection, at: Timestamp) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO history_began (only_row, began_at) VALUES (1, $1) ON CONFLICT (only_row) DO NOTHING")
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

fn read_change(found: &AnyRow) -> Result<Change, StoreError> {
    let fields: Vec<StoredField> =
        serde_json::from_str(&row::text(found, "fields")?).map_err(|error| corrupt(&error))?;
    let read = |StoredField(field, before, after): StoredField| FieldChange { field, before, after };
    Ok(Change {
        revision: row::integer(found, "revision")?,
        what: row::text(found, "change")?,
        at: row::instant(found, "changed_at")?,
        by: row::text(found, "changed_by")?,
        partner: row::text(found, "partner_id")?,
        note: row::text(found, "note")?,
        fields: fields.into_iter().map(read).collect(),
    })
}

fn corrupt(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { column: "changes.fields", problem: error.to_string() }
}

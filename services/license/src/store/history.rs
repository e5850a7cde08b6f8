//! The history of licences, agreements and partners, and what checks knew of them at an instant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_core::id::{AgreementId, LicenseId};
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

/// A thing that has a history.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A licence.
    License(LicenseId),
    /// An agreement.
    Agreement(AgreementId),
    /// A partner.
    Partner(&'a PartnerId),
}

impl Subject<'_> {
    /// Its id.
    pub fn id(self) -> String {
        match self {
            Self::License(id) => id.to_string(),
            Self::Agreement(id) => id.to_string(),
            Self::Partner(id) => id.to_string(),
        }
    }

    /// What the first line of its history tells.
    pub fn beginning(self) -> &'static str {
        match self {
            Self::License(_) | Self::Agreement(_) => "created",
            Self::Partner(_) => "registered",
        }
    }

    /// Where it is kept, and the column of its id.
    fn kept(self) -> (&'static str, &'static str) {
        match self {
            Self::License(_) => ("licenses", "license_id"),
            Self::Agreement(_) => ("agreements", "agreement_id"),
            Self::Partner(_) => ("partners", "partner_id"),
        }
    }
}

/// A page of a thing's history from a revision on, by revision; the page continues after a revision.
///
/// What was imported, or entered before creation was written down, has no line of it: that is told from the thing itself, so that a
/// million licences that never changed cost nothing here.
pub async fn change_list(
    connection: &mut AnyConnection,
    subject: Subject<'_>,
    from_revision: i64,
    page: &Page,
) -> Result<Vec<Change>, StoreError> {
    let after: i64 = page.after.parse().unwrap_or_default();
    let (word, (table, id)) = (subject.beginning(), subject.kept());
    let sql = format!(
        "SELECT revision, change, changed_at, changed_by, partner_id, note, fields FROM changes
         WHERE subject_id = $1 AND revision > $2
         UNION ALL
         SELECT 1, '{word}', t.created_at, '', '', '', '[]' FROM {table} t
         WHERE t.{id} = $1 AND $2 < 1 AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.subject_id = $1 AND c.revision = 1)
         ORDER BY revision LIMIT $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(subject.id())
        .bind(after.max(from_revision - 1))
        .bind(page.limit())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_change).collect()
}

/// The changes of a thing in whose fields a word stands, oldest first: perhaps as a part of another word.
pub async fn change_list_naming(
    connection: &mut AnyConnection,
    subject: Subject<'_>,
    word: &str,
) -> Result<Vec<Change>, StoreError> {
    let rows = sqlx::query("SELECT * FROM changes WHERE subject_id = $1 AND fields LIKE $2 ORDER BY revision")
        .bind(subject.id())
        .bind(format!("%{word}%"))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_change).collect()
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

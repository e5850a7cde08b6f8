//! What became of each escalation.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{self, EscalationId, HoldId};
use vouch_storage::{Dialect, StoreError, WriteError, row};

/// What became of an escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing yet: it is being decided about for the first time.
    New,
    /// It was refused.
    Refused,
    /// It became a case.
    Accepted,
    /// It was withdrawn: a tombstone that refuses late arrivals.
    Withdrawn,
}

impl Status {
    const ALL: [Self; 4] = [Self::New, Self::Refused, Self::Accepted, Self::Withdrawn];

    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An escalation as the vendor knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What became of it.
    pub status: Status,
    /// How often it was refused.
    pub attempts: i64,
    /// The incident that a genuine proof set aside for it.
    pub hold_id: Option<HoldId>,
    /// When that changed.
    pub changed_at: Timestamp,
}

/// The escalation's row, made if it is not there, locked until the transaction ends.
pub async fn escalation_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    partner_id: &PartnerId,
    id: EscalationId,
    now: Timestamp,
) -> Result<Known, WriteError> {
    sqlx::query(
        "INSERT INTO escalations (partner_id, escalation_id, status, attempts, changed_at) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(partner_id.as_str())
    .bind(id.to_string())
    .bind(Status::New.as_str())
    .bind(now.as_microsecond())
    .execute(&mut *connection)
    .await?;
    let known = fetch(connection, dialect.for_update(), partner_id, id).await?;
    Ok(known.ok_or_else(StoreError::lost_race)?)
}

/// The escalation's row.
pub async fn escalation_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: EscalationId,
) -> Result<Option<Known>, StoreError> {
    fetch(connection, "", partner_id, id).await
}

/// Writes what became of an escalation.
pub async fn escalation_update(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: EscalationId,
    known: &Known,
) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE escalations SET status = $3, attempts = $4, changed_at = $5, hold_id = $6
         WHERE partner_id = $1 AND escalation_id = $2",
    )
    .bind(partner_id.as_str())
    .bind(id.to_string())
    .bind(known.status.as_str())
    .bind(known.attempts)
    .bind(known.changed_at.as_microsecond())
    .bind(known.hold_id.map(|id| id.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds a refusal to the decision log.
pub async fn refusal_insert(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: EscalationId,
    attempt: i64,
    decision: &[u8],
    now: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO refusals (partner_id, escalation_id, attempt, decision, decided_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(partner_id.as_str())
    .bind(id.to_string())
    .bind(attempt)
    .bind(decision)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// The last refusal of an escalation.
pub async fn refusal_fetch_last(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: EscalationId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query(
        "SELECT decision FROM refusals WHERE partner_id = $1 AND escalation_id = $2 ORDER BY attempt DESC LIMIT 1",
    )
    .bind(partner_id.as_str())
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    found.map(|found| row::bytes(&found, "decision")).transpose()
}

async fn fetch(
    connection: &mut AnyConnection,
    lock: &'static str,
    partner_id: &PartnerId,
    escalation_id: EscalationId,
) -> Result<Option<Known>, StoreError> {
    let sql = format!(
        "SELECT status, attempts, hold_id, changed_at FROM escalations WHERE partner_id = $1 AND escalation_id = $2{lock}"
    );
    // The text is a constant and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(partner_id.as_str())
        .bind(escalation_id.to_string())
        .fetch_optional(connection)
        .await?;
    let read = |found: sqlx::any::AnyRow| {
        Ok(Known {
            status: row::word(&found, "status", Status::parse)?,
            attempts: row::integer(&found, "attempts")?,
            hold_id: row::optional_parsed(&found, "hold_id", id::parse)?,
            changed_at: row::instant(&found, "changed_at")?,
        })
    };
    found.map(read).transpose()
}

//! Holds: incidents set aside.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{self, HoldId};
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::incident::{Hold, HoldState, Purpose, Share};

/// Adds a hold. False when the partner's reference has one already: another transaction was faster.
pub async fn hold_insert(connection: &mut AnyConnection, hold: &Hold) -> Result<bool, WriteError> {
    let query = sqlx::query(
        "INSERT INTO holds (hold_id, units, owed, borne, reversed, packs, state, minutes, lapses_at,
             charged_hold_id, partner_id, purpose, reference, description, end_user_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (partner_id, reference) DO NOTHING",
    );
    let inserted = bind_changing(query, hold)
        .bind(hold.partner_id.as_str())
        .bind(hold.purpose.as_str())
        .bind(&hold.reference)
        .bind(&hold.description)
        .bind(hold.end_user_id.as_str())
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Writes what a hold has, what became of it, and when it lapses.
pub async fn hold_update(connection: &mut AnyConnection, hold: &Hold) -> Result<(), WriteError> {
    let query = sqlx::query(
        "UPDATE holds SET units = $2, owed = $3, borne = $4, reversed = $5, packs = $6, state = $7, minutes = $8,
             lapses_at = $9, charged_hold_id = $10
         WHERE hold_id = $1",
    );
    bind_changing(query, hold).execute(connection).await?;
    Ok(())
}

/// Holds that are neither captured nor given back although they were to lapse by an instant, at most so many.
pub async fn hold_list_unsettled(
    connection: &mut AnyConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<HoldId>, StoreError> {
    let rows = sqlx::query(
        "SELECT hold_id FROM holds WHERE state = 'reserved' AND lapses_at < $1 ORDER BY lapses_at LIMIT $2",
    )
    .bind(now.as_microsecond())
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::id(found, "hold_id")).collect()
}

/// The holds of an account that owe something, oldest first, at most so many.
pub async fn hold_list_owing(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    most: u32,
) -> Result<Vec<Hold>, StoreError> {
    let rows = sqlx::query("SELECT * FROM holds WHERE end_user_id = $1 AND owed > 0 ORDER BY hold_id LIMIT $2")
        .bind(end_user_id.as_str())
        .bind(i64::from(most))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_hold).collect()
}

/// The hold of a partner's reference: of an escalation, its id.
pub async fn hold_fetch_of(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    reference: &str,
) -> Result<Option<Hold>, StoreError> {
    let found = sqlx::query("SELECT * FROM holds WHERE partner_id = $1 AND reference = $2")
        .bind(partner_id.as_str())
        .bind(reference)
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_hold).transpose()
}

/// Whether a charge carries another escalation than this hold's. One that was taken back frees it, and never lapses; one that lapsed does
/// not, because it may be captured yet.
pub async fn charge_is_taken(
    connection: &mut AnyConnection,
    charge: HoldId,
    by_another_than: Option<HoldId>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "SELECT hold_id FROM holds
         WHERE charged_hold_id = $1 AND hold_id <> $2 AND (state <> 'released' OR lapses_at <= $3) LIMIT 1",
    )
    .bind(charge.to_string())
    .bind(by_another_than.map(|id| id.to_string()).unwrap_or_default())
    .bind(now.as_microsecond());
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// The hold with this id.
pub async fn hold_fetch(connection: &mut AnyConnection, id: HoldId) -> Result<Option<Hold>, StoreError> {
    let found = sqlx::query("SELECT * FROM holds WHERE hold_id = $1").bind(id.to_string());
    found.fetch_optional(connection).await?.as_ref().map(read_hold).transpose()
}

fn bind_changing<'q>(query: Query<'q, Any, AnyArguments>, hold: &Hold) -> Query<'q, Any, AnyArguments> {
    query
        .bind(hold.id.to_string())
        .bind(i64::from(hold.units))
        .bind(i64::from(hold.owed))
        .bind(i64::from(hold.borne))
        .bind(i64::from(hold.reversed))
        .bind(write_shares(&hold.shares))
        .bind(hold.state.as_str())
        .bind(hold.minutes.map(i64::from))
        .bind(hold.lapses_at.as_microsecond())
        .bind(hold.charge.map(|id| id.to_string()))
}

/// Shares as one column keeps them: `pck_…=1 pck_…=2`.
fn write_shares(shares: &[Share]) -> String {
    let words = shares.iter().map(|share| format!("{}={}", share.pack, share.units));
    words.collect::<Vec<_>>().join(" ")
}

fn read_shares(text: &str) -> Result<Vec<Share>, String> {
    let read = |word: &str| {
        let (pack, units) = word.split_once('=').ok_or("a share has no number")?;
        Ok(Share { pack: id::parse(pack)?, units: units.parse().map_err(|_| "a share's number is none")? })
    };
    text.split_whitespace().map(read).collect()
}

fn read_hold(found: &AnyRow) -> Result<Hold, StoreError> {
    let minutes: Option<i64> = sqlx::Row::try_get(found, "minutes")?;
    let out_of_range = |_| StoreError::Corrupt { column: "minutes", problem: "the number is out of range".into() };
    Ok(Hold {
        id: row::id(found, "hold_id")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        purpose: row::word(found, "purpose", Purpose::parse)?,
        reference: row::text(found, "reference")?,
        description: row::text(found, "description")?,
        end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
        units: row::number(found, "units")?,
        owed: row::number(found, "owed")?,
        borne: row::number(found, "borne")?,
        reversed: row::number(found, "reversed")?,
        shares: row::parsed(found, "packs", read_shares)?,
        state: row::word(found, "state", HoldState::parse)?,
        minutes: minutes.map(u32::try_from).transpose().map_err(out_of_range)?,
        charge: row::optional_parsed(found, "charged_hold_id", id::parse)?,
        lapses_at: row::instant(found, "lapses_at")?,
    })
}

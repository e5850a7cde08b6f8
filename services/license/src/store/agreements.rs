//! Agreements, and the people named in agreements and licences.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, TierId};
use vouch_core::dates;
use vouch_core::id::{AgreementId, ContactId};
use vouch_host::Page;
use vouch_storage::many::{self, Column, Rows};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::packed::{named_in, pack_agreement, read_agreement};
use super::translate;
use crate::domain::agreement::{Agreement, AgreementState, AgreementTerms, Liaison, Person, Plan};
use crate::domain::change::Fields;

/// Adds an agreement, without liaisons.
pub async fn agreement_insert(connection: &mut AnyConnection, agreement: &Agreement) -> Result<(), WriteError> {
    let terms = &agreement.terms;
    sqlx::query(
        "INSERT INTO agreements (agreement_id, end_user_id, tier_id, valid_from, valid_until, zone, liaison_seats, state,
             revision, created_at, facts, plan)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(agreement.id.to_string())
    .bind(terms.end_user_id.as_str())
    .bind(terms.tier_id.as_str())
    .bind(terms.from.to_string())
    .bind(terms.until.to_string())
    .bind(terms.zone.iana_name().unwrap_or("UTC"))
    .bind(i64::from(terms.liaison_seats))
    .bind(agreement.state.as_str())
    .bind(agreement.revision)
    .bind(agreement.created_at.as_microsecond())
    .bind(pack_agreement(agreement)?)
    .bind(terms.plan.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what may change of an agreement, and what checks know of it, with the revision that it has now.
pub async fn agreement_update(connection: &mut AnyConnection, agreement: &Agreement) -> Result<(), WriteError> {
    let terms = &agreement.terms;
    sqlx::query(
        "UPDATE agreements SET tier_id = $2, valid_until = $3, liaison_seats = $4, plan = $5, state = $6, revision = $7,
             facts = $8
         WHERE agreement_id = $1",
    )
    .bind(agreement.id.to_string())
    .bind(terms.tier_id.as_str())
    .bind(terms.until.to_string())
    .bind(i64::from(terms.liaison_seats))
    .bind(terms.plan.as_str())
    .bind(agreement.state.as_str())
    .bind(agreement.revision)
    .bind(pack_agreement(agreement)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// An agreement as it was written last, whoever was named or ended since: its fields, and its facts.
pub async fn agreement_kept(connection: &mut AnyConnection, id: AgreementId) -> Result<(Fields, Vec<u8>), StoreError> {
    let found = sqlx::query("SELECT * FROM agreements WHERE agreement_id = $1").bind(id.to_string());
    let found = found.fetch_one(connection).await?;
    let facts = row::bytes(&found, "facts")?;
    let named = named_in(&read_agreement(&facts)?);
    let state = row::word(&found, "state", AgreementState::parse)?;
    Ok((read_terms(&found)?.fields(state, named.into_iter()), facts))
}

/// Packs an agreement's facts where they are not yet.
pub async fn agreement_pack(connection: &mut AnyConnection, agreement: &Agreement) -> Result<(), WriteError> {
    sqlx::query("UPDATE agreements SET facts = $2 WHERE agreement_id = $1 AND facts IS NULL")
        .bind(agreement.id.to_string())
        .bind(pack_agreement(agreement)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Agreements whose facts are not packed yet, their rows locked until the transaction ends.
pub async fn agreement_lock_unpacked(
    connection: &mut AnyConnection,
    dialect: Dialect,
    limit: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let lock = dialect.for_update();
    let sql = format!("SELECT * FROM agreements WHERE facts IS NULL ORDER BY agreement_id LIMIT $1{lock}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *connection).await?;
    let mut agreements = Vec::with_capacity(rows.len());
    for found in rows {
        agreements.extend(with_liaisons(connection, Some(found)).await?);
    }
    Ok(agreements)
}

/// The agreement with this id.
pub async fn agreement_fetch(connection: &mut AnyConnection, id: AgreementId) -> Result<Option<Agreement>, StoreError> {
    let found = sqlx::query("SELECT * FROM agreements WHERE agreement_id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    with_liaisons(connection, found).await
}

/// The same, its row locked until the transaction ends.
pub async fn agreement_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: AgreementId,
) -> Result<Option<Agreement>, StoreError> {
    let sql = format!("SELECT * FROM agreements WHERE agreement_id = $1{}", dialect.for_update());
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(&mut *connection).await?;
    with_liaisons(connection, found).await
}

/// A page of agreements, by id, of one end user or of all.
pub async fn agreement_list(
    connection: &mut AnyConnection,
    end_user_id: Option<&EndUserId>,
    page: &Page,
) -> Result<Vec<Agreement>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM agreements WHERE agreement_id > $1 AND ($2 = '' OR end_user_id = $2)
         ORDER BY agreement_id LIMIT $3",
    )
    .bind(&page.after)
    .bind(end_user_id.map_or("", EndUserId::as_str))
    .bind(page.limit())
    .fetch_all(&mut *connection)
    .await?;
    let mut agreements = Vec::with_capacity(rows.len());
    for found in rows {
        agreements.extend(with_liaisons(connection, Some(found)).await?);
    }
    Ok(agreements)
}

/// Every agreement of an end user.
pub async fn agreement_list_of(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
) -> Result<Vec<Agreement>, StoreError> {
    let all = Page { size: i64::from(i32::MAX), after: String::new() };
    agreement_list(connection, Some(end_user_id), &all).await
}

/// Names a person. The holder is an agreement or a licence.
pub async fn liaison_insert(
    connection: &mut AnyConnection,
    holder_id: &str,
    liaison: &Liaison,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO liaisons (contact_id, holder_id, name, email, administrative_rights, named_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
    )
    .bind(liaison.id.to_string())
    .bind(holder_id)
    .bind(&liaison.person.name)
    .bind(&liaison.person.email)
    .bind(i16::from(liaison.person.administrative_rights))
    .bind(liaison.named_at.as_microsecond())
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &liaison.person.email))?;
    Ok(())
}

/// Writes what may change of a person.
pub async fn liaison_update(connection: &mut AnyConnection, liaison: &Liaison) -> Result<(), WriteError> {
    sqlx::query("UPDATE liaisons SET name = $2, administrative_rights = $3 WHERE contact_id = $1")
        .bind(liaison.id.to_string())
        .bind(&liaison.person.name)
        .bind(i16::from(liaison.person.administrative_rights))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a person's role. False when the person has none there.
pub async fn liaison_end(
    connection: &mut AnyConnection,
    holder_id: &str,
    contact_id: ContactId,
    at: Timestamp,
) -> Result<bool, WriteError> {
    let ended =
        sqlx::query("UPDATE liaisons SET ended_at = $3 WHERE holder_id = $1 AND contact_id = $2 AND ended_at IS NULL")
            .bind(holder_id)
            .bind(contact_id.to_string())
            .bind(at.as_microsecond())
            .execute(connection)
            .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends the roles of everybody named somewhere.
pub async fn liaison_end_all(connection: &mut AnyConnection, holder_id: &str, at: Timestamp) -> Result<(), WriteError> {
    sqlx::query("UPDATE liaisons SET ended_at = $2 WHERE holder_id = $1 AND ended_at IS NULL")
        .bind(holder_id)
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// The people named now, in the order in which they were named.
pub async fn liaison_list(connection: &mut AnyConnection, holder_id: &str) -> Result<Vec<Liaison>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM liaisons WHERE holder_id = $1 AND ended_at IS NULL ORDER BY named_at, contact_id")
            .bind(holder_id)
            .fetch_all(connection)
            .await?;
    rows.iter().map(read_liaison).collect()
}

/// The same for several agreements or licences, by their ids.
pub async fn liaison_list_of_all(
    connection: &mut AnyConnection,
    holder_ids: &[String],
) -> Result<HashMap<String, Vec<Liaison>>, StoreError> {
    if holder_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = Rows::of(Dialect::of(connection), holder_ids.iter().map(|id| [id.as_str().into()]));
    let query = many::select(&[("holder_id", Column::Text)], &ids, |these| {
        format!("SELECT * FROM liaisons WHERE holder_id IN {these} AND ended_at IS NULL ORDER BY named_at, contact_id")
    });
    let mut named: HashMap<String, Vec<Liaison>> = HashMap::new();
    for found in &query.fetch_all(connection).await? {
        named.entry(row::text(found, "holder_id")?).or_default().push(read_liaison(found)?);
    }
    Ok(named)
}

fn read_liaison(found: &AnyRow) -> Result<Liaison, StoreError> {
    Ok(Liaison {
        id: row::id(found, "contact_id")?,
        person: Person {
            name: row::text(found, "name")?,
            email: row::text(found, "email")?,
            administrative_rights: row::flag(found, "administrative_rights")?,
        },
        named_at: row::instant(found, "named_at")?,
    })
}

async fn with_liaisons(connection: &mut AnyConnection, found: Option<AnyRow>) -> Result<Option<Agreement>, StoreError> {
    let Some(found) = found else { return Ok(None) };
    let id: AgreementId = row::id(&found, "agreement_id")?;
    Ok(Some(Agreement {
        id,
        terms: read_terms(&found)?,
        state: row::word(&found, "state", AgreementState::parse)?,
        liaisons: liaison_list(connection, &id.to_string()).await?,
        revision: row::integer(&found, "revision")?,
        created_at: row::instant(&found, "created_at")?,
    }))
}

fn read_terms(found: &AnyRow) -> Result<AgreementTerms, StoreError> {
    Ok(AgreementTerms {
        end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
        tier_id: row::parsed(found, "tier_id", TierId::parse)?,
        from: row::parsed(found, "valid_from", dates::date)?,
        until: row::parsed(found, "valid_until", dates::date)?,
        zone: row::parsed(found, "zone", dates::zone)?,
        liaison_seats: row::number(found, "liaison_seats")?,
        plan: row::word(found, "plan", Plan::parse)?,
    })
}

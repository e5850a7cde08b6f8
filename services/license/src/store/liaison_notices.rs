//! Customers' notices of changes of liaisons.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{AgreementId, LiaisonNoticeId};
use vouch_core::{dates, id};
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::agreement::Person;
use crate::domain::liaison_notice::{Addition, LiaisonNotice, LiaisonNoticeState, Removal};

/// Which notices are wanted.
#[derive(Debug, Clone, Default)]
pub struct NoticeFilter {
    /// Only those of end users whom this partner supports.
    pub partner_id: Option<PartnerId>,
    /// Only those of this end user.
    pub end_user_id: Option<EndUserId>,
    /// Only those of this agreement.
    pub agreement_id: Option<AgreementId>,
}

/// Adds a notice.
pub async fn notice_insert(connection: &mut AnyConnection, notice: &LiaisonNotice) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO liaison_notices (liaison_notice_id, agreement_id, end_user_id, submitted_by, effective_on,
             effective_at, grace_ends_at, document_digest, state, created_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)",
    )
    .bind(notice.id.to_string())
    .bind(notice.agreement_id.to_string())
    .bind(notice.end_user_id.as_str())
    .bind(&notice.submitted_by)
    .bind(notice.effective_on.to_string())
    .bind(notice.effective_at.as_microsecond())
    .bind(notice.grace_ends_at.as_microsecond())
    .bind(notice.document_digest.as_slice())
    .bind(notice.state.as_str())
    .bind(notice.created_at.as_microsecond())
    .execute(&mut *connection)
    .await?;
    for (place, removal) in (0_i64..).zip(&notice.removals) {
        sqlx::query(
            "INSERT INTO liaison_removals (liaison_notice_id, place, contact_id, successor_id, struck)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(notice.id.to_string())
        .bind(place)
        .bind(removal.contact_id.to_string())
        .bind(removal.successor.map(|id| id.to_string()))
        .bind(i16::from(removal.struck))
        .execute(&mut *connection)
        .await?;
    }
    for (place, addition) in (0_i64..).zip(&notice.additions) {
        sqlx::query(
            "INSERT INTO liaison_additions (liaison_notice_id, place, contact_id, name, email, administrative_rights,
                 struck)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(notice.id.to_string())
        .bind(place)
        .bind(addition.contact_id.to_string())
        .bind(&addition.person.name)
        .bind(&addition.person.email)
        .bind(i16::from(addition.person.administrative_rights))
        .bind(i16::from(addition.struck))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes what may change of a notice: its state, who takes over, who is struck.
pub async fn notice_update(connection: &mut AnyConnection, notice: &LiaisonNotice) -> Result<(), WriteError> {
    sqlx::query("UPDATE liaison_notices SET state = $2, ended_at = $3 WHERE liaison_notice_id = $1")
        .bind(notice.id.to_string())
        .bind(notice.state.as_str())
        .bind(notice.ended_at.map(Timestamp::as_microsecond))
        .execute(&mut *connection)
        .await?;
    for (place, removal) in (0_i64..).zip(&notice.removals) {
        sqlx::query(
            "UPDATE liaison_removals SET successor_id = $3, struck = $4 WHERE liaison_notice_id = $1 AND place = $2",
        )
        .bind(notice.id.to_string())
        .bind(place)
        .bind(removal.successor.map(|id| id.to_string()))
        .bind(i16::from(removal.struck))
        .execute(&mut *connection)
        .await?;
    }
    for (place, addition) in (0_i64..).zip(&notice.additions) {
        sqlx::query("UPDATE liaison_additions SET struck = $3 WHERE liaison_notice_id = $1 AND place = $2")
            .bind(notice.id.to_string())
            .bind(place)
            .bind(i16::from(addition.struck))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The notice with this id.
pub async fn notice_fetch(
    connection: &mut AnyConnection,
    id: LiaisonNoticeId,
) -> Result<Option<LiaisonNotice>, StoreError> {
    let found = sqlx::query("SELECT * FROM liaison_notices WHERE liaison_notice_id = $1")
        .bind(id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    Ok(with_people(connection, &found).await?.pop())
}

/// A page of notices, by id.
pub async fn notice_list(
    connection: &mut AnyConnection,
    filter: &NoticeFilter,
    page: &Page,
) -> Result<Vec<LiaisonNotice>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM liaison_notices
         WHERE liaison_notice_id > $1 AND ($2 = '' OR end_user_id = $2) AND ($3 = '' OR agreement_id = $3)
           AND ($4 = '' OR end_user_id IN (
               SELECT l.end_user_id FROM licenses l WHERE l.responsible_partner_id = $4 AND l.state <> 'revoked'))
         ORDER BY liaison_notice_id LIMIT $5",
    )
    .bind(&page.after)
    .bind(filter.end_user_id.as_ref().map_or("", EndUserId::as_str))
    .bind(filter.agreement_id.map(|id| id.to_string()).unwrap_or_default())
    .bind(filter.partner_id.as_ref().map_or("", PartnerId::as_str))
    .bind(page.limit())
    .fetch_all(&mut *connection)
    .await?;
    with_people(connection, &rows).await
}

/// Every notice of an agreement that was not withdrawn.
pub async fn notice_list_of(
    connection: &mut AnyConnection,
    agreement_id: AgreementId,
) -> Result<Vec<LiaisonNotice>, StoreError> {
    let sql = "SELECT * FROM liaison_notices WHERE agreement_id = $1 AND state <> 'withdrawn'";
    let rows = sqlx::query(sql).bind(agreement_id.to_string()).fetch_all(&mut *connection).await?;
    with_people(connection, &rows).await
}

/// The pending notices of an end user's agreements.
pub async fn notice_list_pending_of(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
) -> Result<Vec<LiaisonNotice>, StoreError> {
    let sql = "SELECT * FROM liaison_notices WHERE end_user_id = $1 AND state = 'pending' ORDER BY liaison_notice_id";
    let rows = sqlx::query(sql).bind(end_user_id.as_str()).fetch_all(&mut *connection).await?;
    with_people(connection, &rows).await
}

/// Pending notices whose day has begun, in the order in which they take effect.
pub async fn notice_list_due(
    connection: &mut AnyConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<LiaisonNoticeId>, StoreError> {
    let rows = sqlx::query(
        "SELECT liaison_notice_id FROM liaison_notices WHERE state = 'pending' AND effective_at <= $1
         ORDER BY effective_at, liaison_notice_id LIMIT $2",
    )
    .bind(now.as_microsecond())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::id(found, "liaison_notice_id")).collect()
}

/// The addresses of those whom a notice removes, of their successors and of those whom it adds, by contact id: as they are or were
/// named, or are to be named by it.
pub async fn address_list(
    connection: &mut AnyConnection,
    id: LiaisonNoticeId,
) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = sqlx::query(
        "SELECT contact_id, email FROM liaison_additions WHERE liaison_notice_id = $1
         UNION SELECT contact_id, email FROM liaisons
         WHERE contact_id IN (SELECT contact_id FROM liaison_removals WHERE liaison_notice_id = $1)
            OR contact_id IN (SELECT successor_id FROM liaison_removals WHERE liaison_notice_id = $1)",
    )
    .bind(id.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| Ok((row::text(found, "contact_id")?, row::text(found, "email")?))).collect()
}

async fn with_people(connection: &mut AnyConnection, rows: &[AnyRow]) -> Result<Vec<LiaisonNotice>, StoreError> {
    let mut notices = Vec::with_capacity(rows.len());
    for found in rows {
        let id = row::text(found, "liaison_notice_id")?;
        let removals = sqlx::query("SELECT * FROM liaison_removals WHERE liaison_notice_id = $1 ORDER BY place")
            .bind(&id)
            .fetch_all(&mut *connection)
            .await?;
        let additions = sqlx::query("SELECT * FROM liaison_additions WHERE liaison_notice_id = $1 ORDER BY place")
            .bind(&id)
            .fetch_all(&mut *connection)
            .await?;
        notices.push(LiaisonNotice {
            id: row::id(found, "liaison_notice_id")?,
            agreement_id: row::id(found, "agreement_id")?,
            end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
            submitted_by: row::text(found, "submitted_by")?,
            effective_on: row::parsed(found, "effective_on", dates::date)?,
            effective_at: row::instant(found, "effective_at")?,
            grace_ends_at: row::instant(found, "grace_ends_at")?,
            document_digest: row::array(found, "document_digest")?,
            removals: removals.iter().map(read_removal).collect::<Result<_, _>>()?,
            additions: additions.iter().map(read_addition).collect::<Result<_, _>>()?,
            state: row::word(found, "state", LiaisonNoticeState::parse)?,
            created_at: row::instant(found, "created_at")?,
            ended_at: row::optional_instant(found, "ended_at")?,
        });
    }
    Ok(notices)
}

fn read_removal(found: &AnyRow) -> Result<Removal, StoreError> {
    Ok(Removal {
        contact_id: row::id(found, "contact_id")?,
        successor: row::optional_parsed(found, "successor_id", id::parse)?,
        struck: row::flag(found, "struck")?,
    })
}

fn read_addition(found: &AnyRow) -> Result<Addition, StoreError> {
    Ok(Addition {
        contact_id: row::id(found, "contact_id")?,
        person: Person {
            name: row::text(found, "name")?,
            email: row::text(found, "email")?,
            administrative_rights: row::flag(found, "administrative_rights")?,
        },
        struck: row::flag(found, "struck")?,
    })
}

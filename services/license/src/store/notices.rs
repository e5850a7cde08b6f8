//! Notices of support contacts.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_core::id::{AgreementId, NoticeId};
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use super::{join, split};
use crate::domain::notice::{Notice, NoticeState};

/// Adds a notice.
pub async fn notice_insert(connection: &mut AnyConnection, notice: &Notice) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO support_contact_notices (notice_id, agreement_id, contact_id, due_at, state, partner_ids, problem)
         VALUES ($1, $2, $3, $4, $5, '', $6)",
    )
    .bind(notice.id.to_string())
    .bind(notice.agreement_id.to_string())
    .bind(notice.contact_id.to_string())
    .bind(notice.due_at.as_microsecond())
    .bind(notice.state.as_str())
    .bind(&notice.problem)
    .execute(connection)
    .await?;
    Ok(())
}

/// The notice with this id.
pub async fn notice_fetch(connection: &mut AnyConnection, id: NoticeId) -> Result<Option<Notice>, StoreError> {
    let found = sqlx::query(
        "SELECT n.*, l.email FROM support_contact_notices n JOIN liaisons l ON l.contact_id = n.contact_id
         WHERE n.notice_id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(read_notice).transpose()
}

/// A page of an agreement's notices, by id.
pub async fn notice_list(
    connection: &mut AnyConnection,
    agreement_id: AgreementId,
    page: &Page,
) -> Result<Vec<Notice>, StoreError> {
    let rows = sqlx::query(
        "SELECT n.*, l.email FROM support_contact_notices n JOIN liaisons l ON l.contact_id = n.contact_id
         WHERE n.agreement_id = $1 AND n.notice_id > $2 ORDER BY n.notice_id LIMIT $3",
    )
    .bind(agreement_id.to_string())
    .bind(&page.after)
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_notice).collect()
}

/// Writes what became of a notice.
pub async fn notice_end(
    connection: &mut AnyConnection,
    id: NoticeId,
    state: NoticeState,
    partners: &[PartnerId],
    problem: &str,
    at: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE support_contact_notices SET state = $2, partner_ids = $3, problem = $4, ended_at = $5
         WHERE notice_id = $1 AND state = 'pending'",
    )
    .bind(id.to_string())
    .bind(state.as_str())
    .bind(join(partners.iter().map(PartnerId::as_str)))
    .bind(kept(problem))
    .bind(at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes why a notice could not be sent yet.
pub async fn notice_delay(connection: &mut AnyConnection, id: NoticeId, problem: &str) -> Result<(), WriteError> {
    sqlx::query("UPDATE support_contact_notices SET problem = $2 WHERE notice_id = $1 AND state = 'pending'")
        .bind(id.to_string())
        .bind(kept(problem))
        .execute(connection)
        .await?;
    Ok(())
}

/// As much of a mail server's words as is kept: without control characters, one of which PostgreSQL does not take.
fn kept(problem: &str) -> String {
    problem.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

fn read_notice(found: &AnyRow) -> Result<Notice, StoreError> {
    Ok(Notice {
        id: row::id(found, "notice_id")?,
        agreement_id: row::id(found, "agreement_id")?,
        contact_id: row::id(found, "contact_id")?,
        email: row::text(found, "email")?,
        due_at: row::instant(found, "due_at")?,
        state: row::word(found, "state", NoticeState::parse)?,
        partner_ids: row::parsed(found, "partner_ids", |text| split(text, |word| PartnerId::parse(word).ok()))?,
        problem: row::text(found, "problem")?,
        ended_at: row::optional_instant(found, "ended_at")?,
    })
}

//! Cases.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::id::{self, CaseId, EscalationId};
use vouch_core::{Severity, id::ProofId};
use vouch_host::Page;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::case::{Case, CaseState, FrozenCover, HistoryHead};

/// Adds a case with what was handed over and what was decided, as bytes.
///
/// A number or a proof that another case took meanwhile is a lost race: the transaction starts over and finds out.
pub async fn case_insert(
    connection: &mut AnyConnection,
    case: &Case,
    escalation: &[u8],
    decision: &[u8],
) -> Result<(), WriteError> {
    let cover = &case.cover;
    let inserted = sqlx::query(
        "INSERT INTO cases (case_id, number, partner_id, escalation_id, ticket_number, state, severity, subject,
             product_id, version, end_user_id, contact_id, license_id, license_revision, agreement_id, tier_id,
             coverage, priority, hold_id, proof_id, bundle_id, escalation, decision, receipt, engineer, accepted_at,
             first_response_due, first_response_at, test_case, revision, head_sequence, head_hash, liaison_id,
             liaison_has_rights)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)
         ON CONFLICT DO NOTHING",
    )
    .bind(case.id.to_string())
    .bind(row::as_bigint(case.number)?)
    .bind(case.partner_id.as_str())
    .bind(case.escalation_id.to_string())
    .bind(&case.ticket_number)
    .bind(case.state.as_str())
    .bind(case.severity.as_str())
    .bind(&case.subject)
    .bind(case.product_id.as_str())
    .bind(&case.version)
    .bind(cover.end_user_id.as_str())
    .bind(&cover.contact_id)
    .bind(cover.license_id.to_string())
    .bind(cover.license_revision)
    .bind(cover.agreement_id.map(|id| id.to_string()))
    .bind(&cover.tier_id)
    .bind(&cover.coverage)
    .bind(i64::from(cover.priority))
    .bind(cover.hold_id.to_string())
    .bind(case.proof_id.to_string())
    .bind(case.bundle_id.to_string())
    .bind(escalation)
    .bind(decision)
    .bind(&case.receipt)
    .bind(case.engineer.clone())
    .bind(case.accepted_at.as_microsecond())
    .bind(case.first_response_due.map(jiff::Timestamp::as_microsecond))
    .bind(case.first_response_at.map(jiff::Timestamp::as_microsecond))
    .bind(i16::from(case.test_case))
    .bind(case.revision)
    .bind(case.head.sequence)
    .bind(case.head.hash.as_slice())
    .bind(&case.liaison)
    .bind(i16::from(case.liaison_has_rights))
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 1 { Ok(()) } else { Err(WriteError::Store(StoreError::lost_race())) }
}

/// Writes what events change of a case.
pub async fn case_update(connection: &mut AnyConnection, case: &Case) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE cases SET state = $2, engineer = $3, first_response_at = $4, bundle_id = $5, revision = $6,
             head_sequence = $7, head_hash = $8, liaison_id = $9, liaison_has_rights = $10
         WHERE case_id = $1",
    )
    .bind(case.id.to_string())
    .bind(case.state.as_str())
    .bind(case.engineer.clone())
    .bind(case.first_response_at.map(jiff::Timestamp::as_microsecond))
    .bind(case.bundle_id.to_string())
    .bind(case.revision)
    .bind(case.head.sequence)
    .bind(case.head.hash.as_slice())
    .bind(&case.liaison)
    .bind(i16::from(case.liaison_has_rights))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what was handed over anew.
pub async fn case_hand_over_anew(
    connection: &mut AnyConnection,
    id: CaseId,
    escalation: &[u8],
) -> Result<(), WriteError> {
    sqlx::query("UPDATE cases SET escalation = $2 WHERE case_id = $1")
        .bind(id.to_string())
        .bind(escalation)
        .execute(connection)
        .await?;
    Ok(())
}

/// The case with this id.
pub async fn case_fetch(connection: &mut AnyConnection, id: CaseId) -> Result<Option<Case>, StoreError> {
    one(connection, "SELECT * FROM cases WHERE case_id = $1".into(), &id.to_string()).await
}

/// The case with this short number.
pub async fn case_fetch_by_number(connection: &mut AnyConnection, number: u64) -> Result<Option<Case>, StoreError> {
    let found = sqlx::query("SELECT * FROM cases WHERE number = $1")
        .bind(row::as_bigint(number)?)
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_case).transpose()
}

/// The case with this id, its row locked until the transaction ends.
pub async fn case_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: CaseId,
) -> Result<Option<Case>, StoreError> {
    one(connection, format!("SELECT * FROM cases WHERE case_id = $1{}", dialect.for_update()), &id.to_string()).await
}

/// The case that an escalation opened, with the decision that accepted it.
pub async fn case_fetch_by_escalation(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: EscalationId,
) -> Result<Option<(Case, Vec<u8>)>, StoreError> {
    let found = sqlx::query("SELECT * FROM cases WHERE partner_id = $1 AND escalation_id = $2")
        .bind(partner_id.as_str())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    found.map(|found| Ok((read_case(&found)?, row::bytes(&found, "decision")?))).transpose()
}

/// What was handed over with a case, as it came.
pub async fn case_escalation(connection: &mut AnyConnection, id: CaseId) -> Result<Vec<u8>, StoreError> {
    let found = sqlx::query("SELECT escalation FROM cases WHERE case_id = $1")
        .bind(id.to_string())
        .fetch_one(connection)
        .await?;
    row::bytes(&found, "escalation")
}

/// Whether a proof opened a case.
pub async fn proof_is_used(connection: &mut AnyConnection, id: ProofId) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT case_id FROM cases WHERE proof_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// A page of a partner's cases, by id.
pub async fn case_list(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    page: &Page,
) -> Result<Vec<Case>, StoreError> {
    let rows = sqlx::query("SELECT * FROM cases WHERE partner_id = $1 AND case_id > $2 ORDER BY case_id LIMIT $3")
        .bind(partner_id.as_str())
        .bind(&page.after)
        .bind(page.limit())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_case).collect()
}

/// How cases are ordered at the desk: unanswered ones by when an answer is due, then the others; among equals the higher
/// priority first. A text, so that a page can go on after it.
const DESK_KEY: &str = "CASE WHEN first_response_at IS NULL AND first_response_due IS NOT NULL
        THEN '0' || SUBSTR(CAST(1000000000000000000 + first_response_due AS TEXT), 2) ELSE '1' END
    || '.' || SUBSTR(CAST(1000000 + 1000 - priority AS TEXT), 2) || '.' || case_id";

/// A page of the open cases, those that fall due first at the head; each with its key.
pub async fn case_list_open(connection: &mut AnyConnection, page: &Page) -> Result<Vec<(String, Case)>, StoreError> {
    let sql = format!(
        "SELECT * FROM (SELECT cases.*, {DESK_KEY} AS desk_key FROM cases WHERE state NOT IN ($1, $2)) AS open_cases
         WHERE desk_key > $3 ORDER BY desk_key LIMIT $4"
    );
    // The text is made of constants.
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(CaseState::Closed.as_str())
        .bind(CaseState::Withdrawn.as_str())
        .bind(&page.after)
        .bind(page.limit())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| Ok((row::text(found, "desk_key")?, read_case(found)?))).collect()
}

async fn one(connection: &mut AnyConnection, sql: String, id: &str) -> Result<Option<Case>, StoreError> {
    // The text is one of two constants and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?;
    found.as_ref().map(read_case).transpose()
}

fn read_case(found: &AnyRow) -> Result<Case, StoreError> {
    Ok(Case {
        id: row::id(found, "case_id")?,
        number: row::number(found, "number")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        escalation_id: row::id(found, "escalation_id")?,
        ticket_number: row::text(found, "ticket_number")?,
        state: row::word(found, "state", CaseState::parse)?,
        severity: row::word(found, "severity", Severity::parse)?,
        subject: row::text(found, "subject")?,
        product_id: row::parsed(found, "product_id", ProductId::parse)?,
        version: row::text(found, "version")?,
        cover: FrozenCover {
            end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
            contact_id: row::text(found, "contact_id")?,
            license_id: row::id(found, "license_id")?,
            license_revision: row::integer(found, "license_revision")?,
            agreement_id: row::optional_parsed(found, "agreement_id", id::parse)?,
            tier_id: row::text(found, "tier_id")?,
            coverage: row::text(found, "coverage")?,
            priority: row::number(found, "priority")?,
            hold_id: row::id(found, "hold_id")?,
        },
        proof_id: row::id(found, "proof_id")?,
        bundle_id: row::id(found, "bundle_id")?,
        receipt: row::text(found, "receipt")?,
        liaison: row::text(found, "liaison_id")?,
        liaison_has_rights: row::flag(found, "liaison_has_rights")?,
        engineer: row::optional_text(found, "engineer")?,
        accepted_at: row::instant(found, "accepted_at")?,
        first_response_due: row::optional_instant(found, "first_response_due")?,
        first_response_at: row::optional_instant(found, "first_response_at")?,
        test_case: row::flag(found, "test_case")?,
        revision: row::integer(found, "revision")?,
        head: HistoryHead { sequence: row::integer(found, "head_sequence")?, hash: row::array(found, "head_hash")? },
    })
}

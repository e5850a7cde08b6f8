//! Tickets, and the bundles committed for them.

use jiff::{SignedDuration, Timestamp};
use prost::Message;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_contract::escalation as messages;
use vouch_contract::pb::partner::v1 as pb;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::{self, BundleId, CaseId, EscalationId, TicketId};
use vouch_core::{Channel, Violations};
use vouch_diagnostics::Digest;
use vouch_host::Page;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::ticket::{
    Bundle, CaseRecord, Charge, ChargeState, Closing, Entitlement, EscalationRecord, EscalationStatus, Kept, Ticket,
    TicketState, Viewer, Wanted,
};

/// Adds a ticket. A number that another one took is a lost race: the transaction starts over with another.
pub async fn ticket_insert(connection: &mut AnyConnection, ticket: &Ticket) -> Result<(), WriteError> {
    let inserted = sqlx::query(
        "INSERT INTO tickets (ticket_id, number, partner_id, customer_id, vendor_id, state, channel, contact_email,
             liaison_email, problem, work, entitled, opened_at, test_case, revision, withdrawing, asked, case_number,
             case_state, receipt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, 0, 0, '', '', '')
         ON CONFLICT DO NOTHING",
    )
    .bind(ticket.id.to_string())
    .bind(row::as_bigint(ticket.number)?)
    .bind(ticket.partner_id.as_str())
    .bind(ticket.customer_id.to_string())
    .bind(ticket.vendor_id.as_str())
    .bind(ticket.state.as_str())
    .bind(ticket.channel.as_str())
    .bind(&ticket.contact_email)
    .bind(&ticket.liaison_email)
    .bind(messages::write_problem(ticket.problem.clone()).encode_to_vec())
    .bind(messages::write_work(ticket.work.clone()).encode_to_vec())
    .bind(ticket.opened_at.as_microsecond())
    .bind(i16::from(ticket.test_case))
    .bind(ticket.revision)
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 1 { Ok(()) } else { Err(WriteError::Store(StoreError::lost_race())) }
}

/// Writes a changed ticket over the old one.
pub async fn ticket_update(connection: &mut AnyConnection, ticket: &Ticket) -> Result<(), WriteError> {
    let escalation = ticket.escalation.as_ref();
    let case = ticket.case();
    let (charge, closing) = (ticket.charge.as_ref(), ticket.closing.as_ref());
    let kept = closing.and_then(|closing| closing.kept.as_ref());
    sqlx::query(
        "UPDATE tickets SET state = $2, liaison_email = $3, problem = $4, statement_confirmed_at = $5,
             solution_confirmed_at = $6, work = $7, entitled = $8, entitlement = $9, assignee = $10, revision = $11,
             escalation_id = $12, escalation_status = $13, decision = $14, withdrawing = $15, asked = $16,
             case_id = $17, case_number = $18, case_state = $19, receipt = $20, charge_wanted = $21, charge_state = $22,
             charge_hold_id = $23, charge_units = $24, charge_refusal = $25, turned_over_at = $26, responded_at = $27,
             vendor_responded = $28, closing_notice_id = $29, closing_after = $30, kept_by = $31, kept_at = $32,
             kept_note = $33, liaison_has_rights = $34
         WHERE ticket_id = $1",
    )
    .bind(ticket.id.to_string())
    .bind(ticket.state.as_str())
    .bind(&ticket.liaison_email)
    .bind(messages::write_problem(ticket.problem.clone()).encode_to_vec())
    .bind(ticket.statement_confirmed_at.map(Timestamp::as_microsecond))
    .bind(ticket.solution_confirmed_at.map(Timestamp::as_microsecond))
    .bind(messages::write_work(ticket.work.clone()).encode_to_vec())
    .bind(i16::from(ticket.entitlement.as_ref().is_some_and(|entitlement| entitlement.entitled)))
    .bind(ticket.entitlement.as_ref().map(|entitlement| entitlement.told.clone()))
    .bind(ticket.assignee.clone())
    .bind(ticket.revision)
    .bind(escalation.map(|escalation| escalation.id.to_string()))
    .bind(escalation.map(|escalation| escalation.status.as_str()))
    .bind(escalation.and_then(|escalation| escalation.decision.clone()))
    .bind(i16::from(escalation.is_some_and(|escalation| escalation.withdrawing)))
    .bind(i16::from(escalation.is_some_and(|escalation| escalation.asked)))
    .bind(case.map(|case| case.id.to_string()))
    .bind(case.map_or("", |case| case.number.as_str()))
    .bind(case.map_or("", |case| case.state.as_str()))
    .bind(case.map_or("", |case| case.receipt.as_str()))
    .bind(charge.map(|charge| charge.wanted.as_str()))
    .bind(charge.map(|charge| charge.state.as_str()))
    .bind(charge.and_then(|charge| charge.hold_id).map(|id| id.to_string()))
    .bind(charge.map_or(0, |charge| i64::from(charge.units)))
    .bind(charge.and_then(|charge| charge.refusal.clone()))
    .bind(charge.map(|charge| charge.turned_over_at.as_microsecond()))
    .bind(charge.and_then(|charge| charge.responded_at).map(Timestamp::as_microsecond))
    .bind(i16::from(ticket.vendor_responded))
    .bind(closing.map(|closing| closing.notice_id.to_string()))
    .bind(closing.map(|closing| closing.after.as_microsecond()))
    .bind(kept.map(|kept| kept.by.clone()))
    .bind(kept.map(|kept| kept.at.as_microsecond()))
    .bind(kept.map_or("", |kept| kept.note.as_str()))
    .bind(i16::from(ticket.liaison_has_rights))
    .execute(connection)
    .await?;
    Ok(())
}

/// The ticket with this id, if the viewer may see it.
pub async fn ticket_fetch(
    connection: &mut AnyConnection,
    viewer: &Viewer,
    id: TicketId,
) -> Result<Option<Ticket>, StoreError> {
    let mut rows = select(connection, viewer, "ticket_id = $2", &id.to_string(), 1, "").await?;
    Ok(rows.pop())
}

/// The same, its row locked until the transaction ends.
pub async fn ticket_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    viewer: &Viewer,
    id: TicketId,
) -> Result<Option<Ticket>, StoreError> {
    let mut rows = select(connection, viewer, "ticket_id = $2", &id.to_string(), 1, dialect.for_update()).await?;
    Ok(rows.pop())
}

/// The id of the ticket with this short number.
pub async fn ticket_id_of(connection: &mut AnyConnection, number: u64) -> Result<Option<TicketId>, StoreError> {
    let found = sqlx::query("SELECT ticket_id FROM tickets WHERE number = $1")
        .bind(row::as_bigint(number)?)
        .fetch_optional(connection)
        .await?;
    found.map(|found| row::id(&found, "ticket_id")).transpose()
}

/// A page of tickets that the viewer may see, by id.
pub async fn ticket_list(
    connection: &mut AnyConnection,
    viewer: &Viewer,
    page: &Page,
) -> Result<Vec<Ticket>, StoreError> {
    select(connection, viewer, "ticket_id > $2", &page.after, page.limit(), "").await
}

/// The ticket that an escalation belongs to, locked.
pub async fn ticket_lock_by_escalation(
    connection: &mut AnyConnection,
    dialect: Dialect,
    partner_id: &PartnerId,
    id: EscalationId,
) -> Result<Option<Ticket>, StoreError> {
    let viewer = Viewer::Partner(partner_id.clone());
    let mut rows = select(connection, &viewer, "escalation_id = $2", &id.to_string(), 1, dialect.for_update()).await?;
    Ok(rows.pop())
}

/// The ticket that a case belongs to, locked.
pub async fn ticket_lock_by_case(
    connection: &mut AnyConnection,
    dialect: Dialect,
    partner_id: &PartnerId,
    id: CaseId,
) -> Result<Option<Ticket>, StoreError> {
    let viewer = Viewer::Partner(partner_id.clone());
    let mut rows = select(connection, &viewer, "case_id = $2", &id.to_string(), 1, dialect.for_update()).await?;
    Ok(rows.pop())
}

/// The partner organisation of a ticket: for the senders, who act for all of them.
pub async fn partner_of_ticket(connection: &mut AnyConnection, id: &str) -> Result<Option<PartnerId>, StoreError> {
    let found =
        sqlx::query("SELECT partner_id FROM tickets WHERE ticket_id = $1").bind(id).fetch_optional(connection).await?;
    found.map(|found| row::parsed(&found, "partner_id", PartnerId::parse)).transpose()
}

async fn select(
    connection: &mut AnyConnection,
    viewer: &Viewer,
    condition: &'static str,
    value: &str,
    most: i64,
    lock: &'static str,
) -> Result<Vec<Ticket>, StoreError> {
    let (scope, whose) = match viewer {
        Viewer::Partner(id) => ("partner_id = $1", id.as_str()),
        Viewer::Customer(organisation) => (
            "customer_id IN (SELECT customer_id FROM customers WHERE organisation = $1 AND organisation <> '')",
            organisation.as_str(),
        ),
    };
    let sql = format!("SELECT * FROM tickets WHERE {scope} AND {condition} ORDER BY ticket_id LIMIT $3{lock}");
    // The text is made of constants.
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(whose).bind(value).bind(most).fetch_all(connection).await?;
    rows.iter().map(read_ticket).collect()
}

/// Adds a bundle, unless the ticket has one with this root, which is signed anew; returns the one that is there then. Where its
/// contents were deleted, they are there again.
pub async fn bundle_upsert(connection: &mut AnyConnection, bundle: &Bundle) -> Result<Bundle, WriteError> {
    sqlx::query(
        "INSERT INTO bundles (bundle_id, ticket_id, root, manifest_size, manifest_signature, entries, size_bytes,
             committed_at, collection_ticket_id, retention, region)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (ticket_id, root)
         DO UPDATE SET manifest_signature = excluded.manifest_signature,
             retention = CASE
                 WHEN bundles.content_deleted_at IS NULL AND bundles.retention IS NULL THEN NULL
                 WHEN bundles.content_deleted_at IS NULL AND bundles.retention > excluded.retention
                     THEN bundles.retention
                 ELSE excluded.retention END,
             region = excluded.region, content_deleted_at = NULL, expires_at = NULL",
    )
    .bind(bundle.id.to_string())
    .bind(bundle.ticket_id.to_string())
    .bind(bundle.root.0.as_slice())
    .bind(row::as_bigint(bundle.manifest_size)?)
    .bind(&bundle.manifest_signature)
    .bind(i64::from(bundle.entries))
    .bind(row::as_bigint(bundle.size_bytes)?)
    .bind(bundle.committed_at.as_microsecond())
    .bind(bundle.collection_ticket_id.map(|id| id.to_string()))
    .bind(bundle.retention.map(|retention| i64::try_from(retention.as_micros()).unwrap_or(i64::MAX)))
    .bind(&bundle.region)
    .execute(&mut *connection)
    .await?;
    let found = sqlx::query("SELECT * FROM bundles WHERE ticket_id = $1 AND root = $2")
        .bind(bundle.ticket_id.to_string())
        .bind(bundle.root.0.as_slice())
        .fetch_one(connection)
        .await?;
    Ok(read_bundle(&found)?)
}

/// A bundle of a ticket.
pub async fn bundle_fetch(
    connection: &mut AnyConnection,
    ticket_id: TicketId,
    id: BundleId,
) -> Result<Option<Bundle>, StoreError> {
    let found = sqlx::query("SELECT * FROM bundles WHERE bundle_id = $1 AND ticket_id = $2")
        .bind(id.to_string())
        .bind(ticket_id.to_string())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_bundle).transpose()
}

/// The ids of a ticket's bundles, oldest first.
pub async fn bundle_ids(connection: &mut AnyConnection, ticket_id: TicketId) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT bundle_id FROM bundles WHERE ticket_id = $1 ORDER BY committed_at, bundle_id")
        .bind(ticket_id.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| row::text(found, "bundle_id")).collect()
}

pub(super) fn read_bundle(found: &AnyRow) -> Result<Bundle, StoreError> {
    Ok(Bundle {
        id: row::id(found, "bundle_id")?,
        ticket_id: row::id(found, "ticket_id")?,
        root: Digest(row::array(found, "root")?),
        manifest_size: row::number(found, "manifest_size")?,
        manifest_signature: row::text(found, "manifest_signature")?,
        entries: row::number(found, "entries")?,
        size_bytes: row::number(found, "size_bytes")?,
        committed_at: row::instant(found, "committed_at")?,
        collection_ticket_id: row::optional_parsed(found, "collection_ticket_id", id::parse)?,
        retention: row::optional_integer(found, "retention")?.map(SignedDuration::from_micros),
        region: row::text(found, "region")?,
        expires_at: row::optional_instant(found, "expires_at")?,
        content_deleted_at: row::optional_instant(found, "content_deleted_at")?,
    })
}

pub(super) fn read_ticket(found: &AnyRow) -> Result<Ticket, StoreError> {
    let entitled = row::flag(found, "entitled")?;
    let problem = decode::<pb::Problem>(found, "problem")?;
    let work = decode::<pb::FrontLineWork>(found, "work")?;
    Ok(Ticket {
        id: row::id(found, "ticket_id")?,
        number: row::number(found, "number")?,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        customer_id: row::id(found, "customer_id")?,
        vendor_id: row::parsed(found, "vendor_id", VendorId::parse)?,
        state: row::word(found, "state", TicketState::parse)?,
        channel: row::word(found, "channel", Channel::parse)?,
        contact_email: row::text(found, "contact_email")?,
        liaison_email: row::text(found, "liaison_email")?,
        liaison_has_rights: row::flag(found, "liaison_has_rights")?,
        problem: parsed("problem", |v| messages::read_problem(problem, v))?,
        statement_confirmed_at: row::optional_instant(found, "statement_confirmed_at")?,
        solution_confirmed_at: row::optional_instant(found, "solution_confirmed_at")?,
        work: parsed("work", |v| messages::read_work(work, v))?,
        entitlement: row::optional_bytes(found, "entitlement")?.map(|told| Entitlement { entitled, told }),
        assignee: row::optional_text(found, "assignee")?,
        opened_at: row::instant(found, "opened_at")?,
        test_case: row::flag(found, "test_case")?,
        revision: row::integer(found, "revision")?,
        escalation: read_escalation(found)?,
        charge: read_charge(found)?,
        vendor_responded: row::flag(found, "vendor_responded")?,
        closing: read_closing(found)?,
    })
}

fn read_charge(found: &AnyRow) -> Result<Option<Charge>, StoreError> {
    let Some(turned_over_at) = row::optional_instant(found, "turned_over_at")? else { return Ok(None) };
    Ok(Some(Charge {
        wanted: row::word(found, "charge_wanted", Wanted::parse)?,
        state: row::word(found, "charge_state", ChargeState::parse)?,
        hold_id: row::optional_parsed(found, "charge_hold_id", id::parse)?,
        units: row::number(found, "charge_units")?,
        refusal: row::optional_bytes(found, "charge_refusal")?,
        turned_over_at,
        responded_at: row::optional_instant(found, "responded_at")?,
    }))
}

fn read_closing(found: &AnyRow) -> Result<Option<Closing>, StoreError> {
    let Some(after) = row::optional_instant(found, "closing_after")? else { return Ok(None) };
    let kept = match row::optional_text(found, "kept_by")? {
        None => None,
        Some(by) => {
            let (at, note) = (row::instant(found, "kept_at")?, row::text(found, "kept_note")?);
            Some(Kept { by, at, note })
        }
    };
    Ok(Some(Closing { notice_id: row::id(found, "closing_notice_id")?, after, kept }))
}

fn read_escalation(found: &AnyRow) -> Result<Option<EscalationRecord>, StoreError> {
    let Some(id) = row::optional_parsed(found, "escalation_id", id::parse)? else { return Ok(None) };
    let case = match row::optional_parsed(found, "case_id", id::parse)? {
        None => None,
        Some(id) => Some(CaseRecord {
            id,
            number: row::text(found, "case_number")?,
            state: row::text(found, "case_state")?,
            receipt: row::text(found, "receipt")?,
        }),
    };
    Ok(Some(EscalationRecord {
        id,
        status: row::word(found, "escalation_status", EscalationStatus::parse)?,
        decision: row::optional_bytes(found, "decision")?,
        withdrawing: row::flag(found, "withdrawing")?,
        asked: row::flag(found, "asked")?,
        case,
    }))
}

fn decode<M: Message + Default>(found: &AnyRow, column: &'static str) -> Result<M, StoreError> {
    M::decode(row::bytes(found, column)?.as_slice())
        .map_err(|error| StoreError::Corrupt { column, problem: error.to_string() })
}

/// What was valid when it was written is valid when it is read.
fn parsed<T>(column: &'static str, read: impl FnOnce(&mut Violations) -> Option<T>) -> Result<T, StoreError> {
    let mut violations = Violations::new();
    let value = read(&mut violations);
    violations
        .finish(value)
        .map_err(|problems| StoreError::Corrupt { column, problem: format!("{} bad fields", problems.iter().count()) })
}

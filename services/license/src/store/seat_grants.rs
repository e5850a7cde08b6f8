//! The record of agreements' seats.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::id::AgreementId;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::agreement::SeatGrant;

/// Adds a change of seats.
pub async fn grant_insert(connection: &mut AnyConnection, grant: &SeatGrant) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO seat_grants (seat_grant_id, agreement_id, seats_before, seats_after, note, granted_by, granted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(grant.id.to_string())
    .bind(grant.agreement_id.to_string())
    .bind(i64::from(grant.before))
    .bind(i64::from(grant.after))
    .bind(&grant.note)
    .bind(&grant.granted_by)
    .bind(grant.granted_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of an agreement's changes of seats, by id.
pub async fn grant_list(
    connection: &mut AnyConnection,
    agreement_id: AgreementId,
    page: &Page,
) -> Result<Vec<SeatGrant>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM seat_grants WHERE agreement_id = $1 AND seat_grant_id > $2 ORDER BY seat_grant_id LIMIT $3",
    )
    .bind(agreement_id.to_string())
    .bind(&page.after)
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_grant).collect()
}

fn read_grant(found: &AnyRow) -> Result<SeatGrant, StoreError> {
    Ok(SeatGrant {
        id: row::id(found, "seat_grant_id")?,
        agreement_id: row::id(found, "agreement_id")?,
        before: row::number(found, "seats_before")?,
        after: row::number(found, "seats_after")?,
        note: row::text(found, "note")?,
        granted_by: row::text(found, "granted_by")?,
        granted_at: row::instant(found, "granted_at")?,
    })
}

//! Notices of ended employment.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::departure::Departure;

/// Adds a notice.
pub async fn departure_insert(connection: &mut AnyConnection, departure: &Departure) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO departures (departure_id, end_user_id, email, document_digest, recorded_by, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(departure.id.to_string())
    .bind(departure.end_user_id.as_str())
    .bind(&departure.email)
    .bind(departure.document_digest.as_slice())
    .bind(&departure.recorded_by)
    .bind(departure.recorded_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of an end user's notices, by id.
pub async fn departure_list(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    page: &Page,
) -> Result<Vec<Departure>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM departures WHERE end_user_id = $1 AND departure_id > $2 ORDER BY departure_id LIMIT $3",
    )
    .bind(end_user_id.as_str())
    .bind(&page.after)
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_departure).collect()
}

fn read_departure(found: &AnyRow) -> Result<Departure, StoreError> {
    Ok(Departure {
        id: row::id(found, "departure_id")?,
        end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
        email: row::text(found, "email")?,
        document_digest: row::array(found, "document_digest")?,
        recorded_by: row::text(found, "recorded_by")?,
        recorded_at: row::instant(found, "recorded_at")?,
    })
}

//! Packs of incidents.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_core::dates;
use vouch_core::id::PackId;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::incident::Pack;

/// Adds a pack.
pub async fn pack_insert(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    pack: &Pack,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO incident_packs
             (pack_id, end_user_id, units, units_left, order_reference, granted_at, expires_on, zone)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(pack.id.to_string())
    .bind(end_user_id.as_str())
    .bind(i64::from(pack.units))
    .bind(i64::from(pack.units_left))
    .bind(&pack.order_reference)
    .bind(pack.granted_at.as_microsecond())
    .bind(pack.expires_on.map(|day| day.to_string()))
    .bind(pack.zone.iana_name().unwrap_or("UTC"))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what is left of a pack.
pub async fn pack_update(connection: &mut AnyConnection, pack: &Pack) -> Result<(), WriteError> {
    sqlx::query("UPDATE incident_packs SET units_left = $2 WHERE pack_id = $1")
        .bind(pack.id.to_string())
        .bind(i64::from(pack.units_left))
        .execute(connection)
        .await?;
    Ok(())
}

/// The packs of an account that have units left.
pub async fn pack_list_open(connection: &mut AnyConnection, end_user_id: &EndUserId) -> Result<Vec<Pack>, StoreError> {
    let rows = sqlx::query("SELECT * FROM incident_packs WHERE end_user_id = $1 AND units_left > 0")
        .bind(end_user_id.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_pack).collect()
}

/// The pack that an order bought.
pub async fn pack_fetch_by_order(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    order_reference: &str,
) -> Result<Option<Pack>, StoreError> {
    let sql = "SELECT * FROM incident_packs WHERE end_user_id = $1 AND order_reference = $2 ORDER BY pack_id LIMIT 1";
    let found = sqlx::query(sql).bind(end_user_id.as_str()).bind(order_reference).fetch_optional(connection);
    found.await?.as_ref().map(read_pack).transpose()
}

/// The pack with this id.
pub async fn pack_fetch(connection: &mut AnyConnection, id: PackId) -> Result<Option<Pack>, StoreError> {
    let found = sqlx::query("SELECT * FROM incident_packs WHERE pack_id = $1").bind(id.to_string());
    found.fetch_optional(connection).await?.as_ref().map(read_pack).transpose()
}

/// A page of an account's packs, oldest first.
pub async fn pack_list(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    page: &Page,
) -> Result<Vec<Pack>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM incident_packs WHERE end_user_id = $1 AND pack_id > $2 ORDER BY pack_id LIMIT $3")
            .bind(end_user_id.as_str())
            .bind(&page.after)
            .bind(page.limit())
            .fetch_all(connection)
            .await?;
    rows.iter().map(read_pack).collect()
}

fn read_pack(found: &AnyRow) -> Result<Pack, StoreError> {
    Ok(Pack {
        id: row::id(found, "pack_id")?,
        units: row::number(found, "units")?,
        units_left: row::number(found, "units_left")?,
        order_reference: row::text(found, "order_reference")?,
        granted_at: row::instant(found, "granted_at")?,
        expires_on: row::optional_parsed(found, "expires_on", dates::date)?,
        zone: row::parsed(found, "zone", dates::zone)?,
    })
}

//! Orders that were carried out.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::LicenseId;
use vouch_storage::{StoreError, WriteError, row};

/// An order that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Who sold it.
    pub seller_id: PartnerId,
    /// Its name for it.
    pub reference: String,
    /// What it asked for, as a digest.
    pub content: [u8; 32],
    /// Whether the seller's own systems placed it.
    pub by_seller: bool,
    /// When.
    pub placed_at: Timestamp,
}

/// Adds an order with its licences. False when the seller has one of that name, also when it is entered at this moment.
pub async fn order_insert(
    connection: &mut AnyConnection,
    order: &PlacedOrder,
    licenses: &[LicenseId],
) -> Result<bool, WriteError> {
    let inserted = sqlx::query(
        "INSERT INTO orders (seller_id, order_reference, content, by_seller, placed_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(order.seller_id.as_str())
    .bind(&order.reference)
    .bind(order.content.as_slice())
    .bind(i16::from(order.by_seller))
    .bind(order.placed_at.as_microsecond())
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    for id in licenses {
        sqlx::query("INSERT INTO order_licenses (order_reference, seller_id, license_id) VALUES ($1, $2, $3)")
            .bind(&order.reference)
            .bind(order.seller_id.as_str())
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}

/// What a seller ordered under a reference: its content, and the licences.
pub async fn order_fetch(
    connection: &mut AnyConnection,
    seller_id: &PartnerId,
    reference: &str,
) -> Result<Option<([u8; 32], Vec<LicenseId>)>, StoreError> {
    let rows = sqlx::query(
        "SELECT o.content, l.license_id FROM orders o
         JOIN order_licenses l ON l.order_reference = o.order_reference AND l.seller_id = o.seller_id
         WHERE o.seller_id = $1 AND o.order_reference = $2 ORDER BY l.license_id",
    )
    .bind(seller_id.as_str())
    .bind(reference)
    .fetch_all(connection)
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let content = row::array(first, "content")?;
    let licenses = rows.iter().map(|found| row::id(found, "license_id")).collect::<Result<_, _>>()?;
    Ok(Some((content, licenses)))
}

/// How many orders a seller's own systems placed since an instant.
pub async fn order_count(
    connection: &mut AnyConnection,
    seller_id: &PartnerId,
    since: Timestamp,
) -> Result<u32, StoreError> {
    let found =
        sqlx::query("SELECT COUNT(*) AS placed FROM orders WHERE seller_id = $1 AND placed_at > $2 AND by_seller = 1")
            .bind(seller_id.as_str())
            .bind(since.as_microsecond())
            .fetch_one(connection)
            .await?;
    row::number(&found, "placed")
}

//! What was found in the bundles of tickets.

use sqlx::AnyConnection;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::{BundleId, CustomerId, TicketId};
use vouch_diagnostics::Digest;
use vouch_storage::analyses::{self, Analysis};
use vouch_storage::{StoreError, row};

/// Where a bundle is, and whose product it is about: for who analyses the bundles of all tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundlePlace {
    /// The partner organisation of its ticket.
    pub partner_id: PartnerId,
    /// The end-user organisation of its ticket.
    pub customer_id: CustomerId,
    /// The vendor of its ticket.
    pub vendor_id: VendorId,
    /// The digest of its manifest.
    pub root: Digest,
}

/// Where a bundle is.
pub async fn bundle_place(connection: &mut AnyConnection, id: BundleId) -> Result<Option<BundlePlace>, StoreError> {
    let found = sqlx::query(
        "SELECT t.partner_id, t.customer_id, t.vendor_id, b.root
         FROM bundles b JOIN tickets t ON t.ticket_id = b.ticket_id WHERE b.bundle_id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    found
        .map(|found| {
            Ok(BundlePlace {
                partner_id: row::parsed(&found, "partner_id", PartnerId::parse)?,
                customer_id: row::id(&found, "customer_id")?,
                vendor_id: row::parsed(&found, "vendor_id", VendorId::parse)?,
                root: Digest(row::array(&found, "root")?),
            })
        })
        .transpose()
}

/// What is known of a ticket's bundles, the oldest first.
pub async fn analysis_list(connection: &mut AnyConnection, ticket_id: TicketId) -> Result<Vec<Analysis>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.* FROM bundle_analyses a JOIN bundles b ON b.bundle_id = a.bundle_id
         WHERE b.ticket_id = $1 ORDER BY b.committed_at, b.bundle_id",
    )
    .bind(ticket_id.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(analyses::read).collect()
}

//! Handing a bundle over to a vendor: what is missing there, from where it was cut off, in parts, committed at the end.

use std::sync::Arc;

use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::status::reason_of;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_core::id::CustomerId;
use vouch_host::uploads::{self, Near, Outlet, PART_BYTES, Told};
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::domain::ticket::{Bundle, Ticket};
use crate::links::{Link, within};

/// Whose blobs a ticket's are: content is kept apart by partner organisation and end user.
pub fn owner(ticket: &Ticket) -> String {
    owner_of(&ticket.partner_id, ticket.customer_id)
}

/// The same, for who knows the organisations only.
pub fn owner_of(partner_id: &PartnerId, customer_id: CustomerId) -> String {
    format!("{partner_id}/{customer_id}")
}

/// Hands a bundle over; returns the vendor's id for it.
pub async fn hand_over(
    blobs: &Blobs,
    link: &Link,
    ticket: &Ticket,
    bundle: &Bundle,
) -> Result<Result<String, Status>, Error> {
    let owner = owner(ticket);
    let manifest = BlobRef { sha256: bundle.root.0, size_bytes: bundle.manifest_size };
    let whole = uploads::manifest(blobs, &owner, &manifest).await?;
    let mut named = vec![manifest];
    named.extend(whole.blobs);
    let told: Told = Arc::new(|_, _| ());
    let near = Kept { blobs, owner: &owner };
    match uploads::send(&near, &link.bundles(), &named, &told).await? {
        Ok(()) => {}
        // Somebody else uploads the same content, or it was thrown away: what is missing is asked for again.
        Err(status) if is_beside(&status) => return Ok(Err(Status::unavailable(status.message().to_owned()))),
        Err(status) => return Ok(Err(status)),
    }
    let request = pb::CommitBundleRequest {
        manifest: Some(uploads::write_blob(&manifest)),
        manifest_signature: bundle.manifest_signature.clone(),
    };
    let committed = within(link.bundles().commit_bundle(request)).await;
    Ok(match committed {
        Ok(answer) => Ok(answer.bundle.unwrap_or_default().bundle_id),
        Err(status) if reason_of(&status) == "BUNDLE_INCOMPLETE" => {
            Err(Status::unavailable(status.message().to_owned()))
        }
        Err(status) => Err(status),
    })
}

/// Whether a blob was refused for what lies at the vendor, and not for what it is.
fn is_beside(status: &Status) -> bool {
    matches!(reason_of(status).as_str(), "OFFSET_MISMATCH" | "DIGEST_MISMATCH")
}

/// Blobs that this side took in and verified.
struct Kept<'k> {
    blobs: &'k Blobs,
    owner: &'k str,
}

impl Near for Kept<'_> {
    async fn read(&self, mut outlet: Outlet) -> Result<(), Error> {
        loop {
            let piece = self.blobs.read_range(self.owner, outlet.blob(), outlet.offset(), PART_BYTES).await?;
            let piece = piece.ok_or_else(|| Error::internal("a blob of a committed bundle is not whole"))?;
            // The blob's end, or that of whoever takes it.
            if piece.is_empty() || !outlet.send(piece).await {
                return Ok(());
            }
        }
    }
}

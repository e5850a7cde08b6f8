//! Handing a bundle over to a vendor: what is missing there, from where it was cut off, in parts, committed at the end.

use std::collections::BTreeSet;

use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_core::id::CustomerId;
use vouch_host::uploads;
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::domain::ticket::{Bundle, Ticket};
use crate::links::{Link, within};

/// How many parts of one blob are read ahead of the vendor.
const AHEAD: usize = 2;

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
    for some in named.chunks(uploads::MAX_BLOBS) {
        let request = pb::FindMissingBlobsRequest { blobs: some.iter().map(uploads::write_blob).collect() };
        let missing: BTreeSet<_> = match within(link.bundles().find_missing_blobs(request)).await {
            Ok(answer) => answer.missing.into_iter().map(|blob| blob.sha256.to_vec()).collect(),
            Err(status) => return Ok(Err(status)),
        };
        for blob in some.iter().filter(|blob| missing.contains(blob.sha256.as_slice())) {
            if let Err(status) = send(blobs, link, &owner, blob).await? {
                return Ok(Err(status));
            }
        }
    }
    let request = pb::CommitBundleRequest {
        manifest: Some(uploads::write_blob(&manifest)),
        manifest_signature: bundle.manifest_signature.clone(),
    };
    let committed = within(link.bundles().commit_bundle(request)).await;
    let incomplete = |status: &Status| vouch_contract::status::reason_of(status) == "BUNDLE_INCOMPLETE";
    Ok(match committed {
        Ok(answer) => Ok(answer.bundle.unwrap_or_default().bundle_id),
        Err(status) if incomplete(&status) => Err(Status::unavailable(status.message().to_owned())),
        Err(status) => Err(status),
    })
}

/// Streams one blob, from where the vendor has it.
async fn send(blobs: &Blobs, link: &Link, owner: &str, blob: &BlobRef) -> Result<Result<(), Status>, Error> {
    let named = uploads::write_blob(blob);
    let there = match within(link.bundles().query_blob(pb::QueryBlobRequest { blob: Some(named.clone()) })).await {
        Ok(there) => there,
        Err(status) => return Ok(Err(status)),
    };
    let (sender, receiver) = tokio::sync::mpsc::channel(AHEAD);
    let reading = async {
        let mut offset = u64::try_from(there.committed_bytes).unwrap_or(0);
        let mut first = Some(named);
        loop {
            let part = blobs.read_from(owner, blob, offset).await?;
            let part = part.ok_or_else(|| Error::internal("a blob of a committed bundle is not whole"))?;
            let (is_first, is_end) = (first.is_some(), part.is_empty());
            let message = pb::WriteBlobRequest { blob: first.take(), offset_bytes: uploads::size(offset), part };
            offset += message.part.len() as u64;
            // At the blob's end nothing is sent, but for a first message that asks for what is there to be verified.
            let unheard = (is_first || !is_end) && sender.send(message).await.is_err();
            if unheard || is_end {
                break;
            }
        }
        drop(sender);
        Ok::<(), Error>(())
    };
    let mut client = link.bundles();
    let writing = client.write_blob(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let (read, written) = tokio::join!(reading, writing);
    read?;
    // Somebody else uploads the same content, or it was thrown away: what is missing is asked for again.
    Ok(written.map(|_| ()).map_err(|status| Status::unavailable(status.message().to_owned())))
}

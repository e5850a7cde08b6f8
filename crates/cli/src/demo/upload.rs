//! Diagnostics on their way: to the partner as `vouch bundle upload` does it, and past its service to the vendor.

use std::path::Path;
use std::sync::Arc;

use indicatif::ProgressBar;
use tonic::Status;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_diagnostics::Digest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_host::uploads::write_blob;

use crate::folder::Folder;
use crate::identities::Role;
use crate::output::Problem;
use crate::refusal::{self, Called};
use crate::upload::{self, Committed, Desk, Failed, reference};

/// Uploads a sealed bundle for a ticket, what is missing of it, and commits it.
pub(super) async fn upload(folder: &Folder, ticket_id: &str, sealed: &Path) -> Result<Committed, Problem> {
    let path = sealed.to_owned();
    let opened = tokio::task::spawn_blocking(move || SealedBundle::open(&path)).await;
    let bundle = opened.map_err(|error| Problem::new(error.to_string()))?;
    let bundle = Arc::new(bundle.map_err(|error| Problem::new(format!("{}: {error}", sealed.display())))?);
    let desk = Desk::open(folder, Role::Agent, ticket_id)?;
    upload::upload(&desk, bundle, &ProgressBar::hidden()).await.map_err(|failed| match failed {
        Failed::Read(error) => Problem::new(format!("{} cannot be read any more: {error}", sealed.display())),
        Failed::Refused { status, .. } => told(status),
    })
}

/// Uploads a manifest and commits it for a ticket; its blobs are there.
pub(super) async fn commit(folder: &Folder, ticket_id: &str, manifest: &[u8]) -> Result<Committed, Problem> {
    let desk = Desk::open(folder, Role::Agent, ticket_id)?;
    let named = write_blob(&reference(Digest::of(manifest), manifest.len() as u64));
    write(&desk, ticket_id, named, manifest).await.map_err(told)?;
    desk.commit(manifest).await.map_err(told)
}

/// Writes some content as this blob, in one part.
pub(super) async fn write(
    desk: &Desk<'_>,
    ticket_id: &str,
    blob: vendor::BlobRef,
    content: &[u8],
) -> Result<(), Status> {
    let message = partner::WriteBlobRequest {
        ticket_id: ticket_id.to_owned(),
        blob: Some(blob),
        offset_bytes: 0,
        part: content.to_vec().into(),
    };
    desk.client()?.write_blob(tokio_stream::iter([message])).await.map(|_| ())
}

/// Hands a manifest to the vendor past the partner's service, and commits it; its blobs are there. Returns the vendor's id.
pub(super) async fn commit_at_vendor(folder: &Folder, manifest: &[u8], signature: &str) -> Result<String, Problem> {
    let mut client = BundleServiceClient::new(Role::Partner.channel(folder, "vendor")?);
    let blob = write_blob(&reference(Digest::of(manifest), manifest.len() as u64));
    let message =
        vendor::WriteBlobRequest { blob: Some(blob.clone()), offset_bytes: 0, part: manifest.to_vec().into() };
    client.write_blob(tokio_stream::iter([message])).await.map_err(told)?;
    let request = vendor::CommitBundleRequest { manifest: Some(blob), manifest_signature: signature.to_owned() };
    Ok(client.commit_bundle(request).await.map_err(told)?.into_inner().bundle.unwrap_or_default().bundle_id)
}

fn told(status: Status) -> Problem {
    let problem =
        refusal::problem(&status, &Called::plainly(Role::Agent, "partner.v1.DiagnosticsService/CommitBundle"));
    Problem { what: format!("an upload was refused: {}", problem.what), ..problem }
}

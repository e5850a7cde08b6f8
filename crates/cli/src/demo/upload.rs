//! Diagnostics on their way: to the partner, and past its service to the vendor.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_diagnostics::Digest;
use vouch_diagnostics::sealed::SealedBundle;

use crate::folder::Folder;
use crate::identities::{Bearer, Role};
use crate::output::Problem;

/// How many bytes one message carries.
const PART: usize = 1024 * 1024;
/// How many blobs one question names.
const IN_ONE_QUESTION: usize = 5000;

/// A bundle that was committed for a ticket.
pub(super) struct Committed {
    pub(super) bundle_id: String,
    pub(super) entries: i32,
    pub(super) size_bytes: i64,
    pub(super) manifest_signature: String,
}

/// An agent's way to the partner's diagnostics.
pub(super) fn diagnostics(
    folder: &Folder,
) -> Result<DiagnosticsServiceClient<InterceptedService<Channel, Bearer>>, Problem> {
    let channel = Role::Agent.channel(folder, "partner")?;
    let bearer = Role::Agent.bearer(folder, "partner.vouch")?;
    Ok(DiagnosticsServiceClient::with_interceptor(channel, bearer))
}

/// Uploads a sealed bundle for a ticket, what is missing of it, and commits it.
pub(super) async fn upload(folder: &Folder, ticket_id: &str, sealed: &Path) -> Result<Committed, Problem> {
    let path = sealed.to_owned();
    let opened = tokio::task::spawn_blocking(move || SealedBundle::open(&path)).await;
    let bundle = opened.map_err(|error| Problem::new(error.to_string()))?;
    let bundle = Arc::new(bundle.map_err(|error| Problem::new(format!("{}: {error}", sealed.display())))?);
    let blobs: Vec<_> = bundle.manifest().blobs().into_iter().map(|(digest, size)| reference(digest, size)).collect();
    let mut client = diagnostics(folder)?;
    for some in blobs.chunks(IN_ONE_QUESTION) {
        let request = partner::FindMissingBlobsRequest { ticket_id: ticket_id.to_owned(), blobs: some.to_vec() };
        for blob in client.find_missing_blobs(request).await.map_err(told)?.into_inner().missing {
            let parts = parts(ticket_id, blob, &bundle);
            client.write_blob(parts).await.map_err(told)?;
        }
    }
    commit(folder, ticket_id, bundle.manifest_bytes()).await
}

/// Streams the parts of one blob out of the sealed file.
fn parts(
    ticket_id: &str,
    blob: vendor::BlobRef,
    bundle: &Arc<SealedBundle>,
) -> ReceiverStream<partner::WriteBlobRequest> {
    let (sender, receiver) = mpsc::channel(2);
    let (bundle, ticket_id) = (bundle.clone(), ticket_id.to_owned());
    tokio::task::spawn_blocking(move || {
        let digest = <[u8; 32]>::try_from(blob.sha256.as_ref()).map(Digest).ok()?;
        let mut content = bundle.blob(digest)?;
        let (mut first, mut offset_bytes) = (Some((blob, ticket_id)), 0);
        loop {
            let mut part = Vec::with_capacity(PART);
            // A cut file sends too little, and the receiver tells by the digest.
            content.by_ref().take(PART as u64).read_to_end(&mut part).ok()?;
            if part.is_empty() {
                return Some(());
            }
            let length = i64::try_from(part.len()).unwrap_or(0);
            let (blob, ticket_id) = first.take().unzip();
            let ticket_id = ticket_id.unwrap_or_default();
            let message = partner::WriteBlobRequest { ticket_id, blob, offset_bytes, part: part.into() };
            sender.blocking_send(message).ok()?;
            offset_bytes += length;
        }
    });
    ReceiverStream::new(receiver)
}

/// Uploads a manifest and commits it for a ticket; its blobs are there.
pub(super) async fn commit(folder: &Folder, ticket_id: &str, manifest: &[u8]) -> Result<Committed, Problem> {
    let mut client = diagnostics(folder)?;
    let blob = reference(Digest::of(manifest), manifest.len() as u64);
    let question = partner::FindMissingBlobsRequest { ticket_id: ticket_id.to_owned(), blobs: vec![blob.clone()] };
    if !client.find_missing_blobs(question).await.map_err(told)?.into_inner().missing.is_empty() {
        write(&mut client, ticket_id, blob.clone(), manifest).await.map_err(told)?;
    }
    let request = partner::CommitBundleRequest { ticket_id: ticket_id.to_owned(), manifest: Some(blob) };
    let answer = client.commit_bundle(request).await.map_err(told)?.into_inner();
    let bundle = answer.bundle.unwrap_or_default();
    Ok(Committed {
        bundle_id: bundle.bundle_id,
        entries: bundle.entries,
        size_bytes: bundle.size_bytes,
        manifest_signature: answer.manifest_signature,
    })
}

/// Writes one blob in parts.
pub(super) async fn write(
    client: &mut DiagnosticsServiceClient<InterceptedService<Channel, Bearer>>,
    ticket_id: &str,
    blob: vendor::BlobRef,
    content: &[u8],
) -> Result<(), Status> {
    let mut messages = Vec::new();
    let (mut first, mut offset_bytes) = (Some((blob, ticket_id.to_owned())), 0);
    for part in content.chunks(PART) {
        let (blob, ticket_id) = first.take().unzip();
        let ticket_id = ticket_id.unwrap_or_default();
        messages.push(partner::WriteBlobRequest { ticket_id, blob, offset_bytes, part: part.to_vec().into() });
        offset_bytes += i64::try_from(part.len()).unwrap_or(0);
    }
    client.write_blob(tokio_stream::iter(messages)).await.map(|_| ())
}

/// Hands a manifest to the vendor past the partner's service, and commits it; its blobs are there. Returns the vendor's id.
pub(super) async fn commit_at_vendor(folder: &Folder, manifest: &[u8], signature: &str) -> Result<String, Problem> {
    let mut client = BundleServiceClient::new(Role::Partner.channel(folder, "vendor")?);
    let blob = reference(Digest::of(manifest), manifest.len() as u64);
    let message =
        vendor::WriteBlobRequest { blob: Some(blob.clone()), offset_bytes: 0, part: manifest.to_vec().into() };
    client.write_blob(tokio_stream::iter([message])).await.map_err(told)?;
    let request = vendor::CommitBundleRequest { manifest: Some(blob), manifest_signature: signature.to_owned() };
    Ok(client.commit_bundle(request).await.map_err(told)?.into_inner().bundle.unwrap_or_default().bundle_id)
}

/// A blob by its digest and size.
pub(super) fn reference(digest: Digest, size: u64) -> vendor::BlobRef {
    vendor::BlobRef { sha256: digest.0.to_vec().into(), size_bytes: i64::try_from(size).unwrap_or(i64::MAX) }
}

fn told(status: Status) -> Problem {
    let reason = vouch_contract::status::reason_of(&status);
    Problem::new(format!("an upload was refused: {reason} {}", status.message()))
}

//! `DiagnosticsService`.

use tokio_stream::StreamExt;
use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::diagnostics_service_server::DiagnosticsService;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::id::TicketId;
use vouch_core::{Error, Violations, id};
use vouch_host::Call;
use vouch_host::uploads::{self, Part, Whole};
use vouch_identity::Caller;
use vouch_proof::ManifestSignature;
use vouch_storage::WriteError;
use vouch_storage::blobs::{BlobRef, Progress};

use super::Handlers;
use super::tickets::viewer_of;
use crate::domain::ticket::{Bundle, Ticket};
use crate::store::tickets;
use crate::transfer::owner;

#[tonic::async_trait]
impl DiagnosticsService for Handlers {
    async fn find_missing_blobs(
        &self,
        request: Request<pb::FindMissingBlobsRequest>,
    ) -> Result<Response<pb::FindMissingBlobsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OfTicket<Vec<BlobRef>>>| async move {
                let OfTicket { ticket_id, what } = &call.command;
                let ticket = self.ticket(&call.caller, *ticket_id).await?;
                let missing = self.blobs.missing(&owner(&ticket), what).await?;
                Ok(pb::FindMissingBlobsResponse { missing: missing.iter().map(uploads::write_blob).collect() })
            })
            .await
    }

    async fn write_blob(
        &self,
        request: Request<tonic::Streaming<pb::WriteBlobRequest>>,
    ) -> Result<Response<pb::WriteBlobResponse>, Status> {
        let told = |error: Error| self.rpc.status(&error);
        let caller = vouch_host::caller(&request).map_err(told)?;
        let mut messages = request.into_inner();
        // The first message says for which ticket, and with that whose the content is.
        let first = tokio::time::timeout(uploads::PAUSE, messages.message()).await;
        let late = || Error::Unavailable("an upload began without its first message".into());
        let first = first.map_err(|_| told(late()))??.unwrap_or_default();
        let ticket_id = id::parse(&first.ticket_id).map_err(|problem| told(Error::field("ticket_id", problem)))?;
        let ticket = self.ticket(&caller, ticket_id).await.map_err(told)?;
        let parts = tokio_stream::once(Ok(first)).chain(messages).map(|message| {
            let pb::WriteBlobRequest { blob, offset_bytes, part, .. } = message?;
            Ok(Part { blob, offset_bytes, content: part })
        });
        let progress = uploads::receive(&self.rpc, &self.blobs, &owner(&ticket), parts).await?;
        let Progress { committed_bytes, complete } = progress;
        Ok(Response::new(pb::WriteBlobResponse { committed_bytes: uploads::size(committed_bytes), complete }))
    }

    async fn query_blob(
        &self,
        request: Request<pb::QueryBlobRequest>,
    ) -> Result<Response<pb::QueryBlobResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OfTicket<BlobRef>>| async move {
                let OfTicket { ticket_id, what } = &call.command;
                let ticket = self.ticket(&call.caller, *ticket_id).await?;
                let Progress { committed_bytes, complete } = self.blobs.progress(&owner(&ticket), what).await?;
                Ok(pb::QueryBlobResponse { committed_bytes: uploads::size(committed_bytes), complete })
            })
            .await
    }

    async fn commit_bundle(
        &self,
        request: Request<pb::CommitBundleRequest>,
    ) -> Result<Response<pb::CommitBundleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Commit>| async move {
                let OfTicket { ticket_id, what } = &call.command.0;
                let ticket = self.ticket(&call.caller, *ticket_id).await?;
                let whole = uploads::manifest(&self.blobs, &owner(&ticket), what).await?;
                uploads::check_whole(&self.blobs, &owner(&ticket), &whole).await?;
                uploads::check_packs(&self.blobs, &owner(&ticket), &whole).await?;
                let bundle = self.sign(&call, &ticket, what, &whole)?;
                let bundle = &bundle;
                let kept = self.rpc.store.write(|mut tx| async move {
                    let kept = tickets::bundle_upsert(&mut tx, bundle).await?;
                    Ok::<_, WriteError>((tx, kept))
                });
                let kept = kept.await?;
                let manifest_signature = kept.manifest_signature.clone();
                Ok(pb::CommitBundleResponse { bundle: Some(kept.into()), manifest_signature })
            })
            .await
    }
}

impl Handlers {
    async fn ticket(&self, caller: &Caller, id: TicketId) -> Result<Ticket, Error> {
        let viewer = viewer_of(caller)?;
        let mut snapshot = self.rpc.store.snapshot().await?;
        tickets::ticket_fetch(&mut snapshot, &viewer, id).await?.ok_or_else(|| Error::not_found("ticket", id))
    }

    /// Vouches for what was verified: the partner's signature over the root.
    fn sign<C>(&self, call: &Call<C>, ticket: &Ticket, manifest: &BlobRef, whole: &Whole) -> Result<Bundle, Error> {
        let claims = ManifestSignature {
            iss: ticket.partner_id.to_string(),
            iat: call.now.as_second(),
            root: whole.root.to_string(),
            redaction: whole.manifest.redaction.policy.clone(),
        };
        Ok(Bundle {
            id: call.world.id(),
            ticket_id: ticket.id,
            root: whole.root,
            manifest_size: manifest.size_bytes,
            manifest_signature: self.keys.sign(|key| claims.sign(key))?,
            entries: u32::try_from(whole.manifest.entries.len()).map_err(Error::internal)?,
            size_bytes: whole.blobs.iter().map(|blob| blob.size_bytes).sum(),
            committed_at: call.now,
        })
    }
}

/// Something of a ticket's diagnostics.
#[derive(Debug, Clone)]
struct OfTicket<T> {
    ticket_id: TicketId,
    what: T,
}

/// A bundle to be committed, by its manifest.
#[derive(Debug, Clone)]
struct Commit(OfTicket<BlobRef>);

fn of_ticket<T>(ticket_id: &str, read: impl FnOnce(&mut Violations) -> Option<T>) -> Result<OfTicket<T>, Violations> {
    let mut violations = Violations::new();
    let ticket_id = violations.take("ticket_id", id::parse(ticket_id));
    let what = read(&mut violations);
    violations.finish(ticket_id.zip(what).map(|(ticket_id, what)| OfTicket { ticket_id, what }))
}

impl TryFrom<pb::FindMissingBlobsRequest> for OfTicket<Vec<BlobRef>> {
    type Error = Violations;

    fn try_from(request: pb::FindMissingBlobsRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| Some(uploads::read_many(request.blobs, v)))
    }
}

impl TryFrom<pb::QueryBlobRequest> for OfTicket<BlobRef> {
    type Error = Violations;

    fn try_from(request: pb::QueryBlobRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| v.nested("blob", request.blob, uploads::read_blob))
    }
}

impl TryFrom<pb::CommitBundleRequest> for Commit {
    type Error = Violations;

    fn try_from(request: pb::CommitBundleRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| v.nested("manifest", request.manifest, uploads::read_blob)).map(Self)
    }
}

impl From<Bundle> for vendor::Bundle {
    fn from(bundle: Bundle) -> Self {
        Self {
            bundle_id: bundle.id.to_string(),
            root: bundle.root.0.to_vec().into(),
            committed: true,
            entries: i32::try_from(bundle.entries).unwrap_or(i32::MAX),
            size_bytes: uploads::size(bundle.size_bytes),
            commit_time: Some(timestamp(bundle.committed_at)),
        }
    }
}

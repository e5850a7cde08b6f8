//! `DiagnosticsService`.

use std::collections::BTreeSet;

use tokio_stream::StreamExt;
use tonic::{Code, Request, Response, Status};
use vouch_contract::convert::{duration, timestamp};
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::diagnostics_service_server::DiagnosticsService;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::id::{BundleId, TicketId};
use vouch_core::{Error, Violations, id};
use vouch_diagnostics::pseudonyms::Translation;
use vouch_host::Call;
use vouch_host::uploads::{self, Part, Whole};
use vouch_identity::Caller;
use vouch_proof::ManifestSignature;
use vouch_storage::blobs::{self, BlobRef, Blobs, Progress, Quota};
use vouch_storage::{WriteError, analyses};

use super::Handlers;
use super::collections::Translate;
use super::tickets::viewer_of;
use crate::commands::collections::{self, Issue};
use crate::commands::pseudonyms::{self, Put};
use crate::commands::tickets::lock;
use crate::domain::ticket::{Bundle, Ticket};
use crate::links::{as_error, within};
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
                let ticket = self.open_ticket(&call.caller, *ticket_id).await?;
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
        let ticket = self.open_ticket(&caller, ticket_id).await.map_err(told)?;
        let parts = tokio_stream::once(Ok(first)).chain(messages).map(|message| {
            let pb::WriteBlobRequest { blob, offset_bytes, part, .. } = message?;
            Ok(Part { blob, offset_bytes, content: part })
        });
        let progress = uploads::receive(&self.rpc, &self.counted(&ticket), &owner(&ticket), parts).await?;
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
                let ticket = self.open_ticket(&call.caller, *ticket_id).await?;
                let Progress { committed_bytes, complete } = self.blobs.ask(&owner(&ticket), what).await?;
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
                let ticket = self.open_ticket(&call.caller, *ticket_id).await?;
                let owner = &owner(&ticket);
                let whole = uploads::manifest(&self.blobs, owner, what).await?;
                uploads::check_packs(&self.blobs, owner, &whole).await?;
                let bundle = self.sign(&call, &ticket, what, &whole)?;
                let (bundle, profile) = (&bundle, &whole.manifest.profile);
                let pinned: &BTreeSet<BlobRef> = &whole.blobs.into_iter().chain([*what]).collect();
                let doing = &self.doing(&call)?;
                let kept = self.rpc.store.write(|mut tx| async move {
                    // Ordering: the ticket's row first. It may have been closed while the bundle was verified.
                    lock(&mut tx, doing, bundle.ticket_id).await?.check_takes_diagnostics()?;
                    collections::check(&mut tx, bundle).await?;
                    // Ordering: the bundle's row, then those of its blobs, as whoever gives its contents up takes them.
                    let kept = tickets::bundle_upsert(&mut tx, bundle).await?;
                    blobs::pin(&mut tx, owner, pinned, &kept.id.to_string()).await?;
                    analyses::enter(&mut tx, kept.id, profile, kept.manifest_size, kept.committed_at).await?;
                    Ok::<_, WriteError>((tx, kept))
                });
                let kept = kept.await?;
                let manifest_signature = kept.manifest_signature.clone();
                Ok(pb::CommitBundleResponse { bundle: Some(kept.into()), manifest_signature })
            })
            .await
    }

    async fn list_bundle_reads(
        &self,
        request: Request<pb::ListBundleReadsRequest>,
    ) -> Result<Response<pb::ListBundleReadsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OfTicket<Reads>>| async move {
                let OfTicket { ticket_id, what: Reads { bundle_id, page } } = call.command;
                let ticket = self.ticket(&call.caller, ticket_id).await?;
                let bundle = self.bundle(&ticket, bundle_id).await?;
                let link = self.links.get(&ticket.partner_id, &ticket.vendor_id)?;
                // The vendor has an id of its own for it; the root is the same on both sides.
                let root = bundle.root.0.to_vec().into();
                let question = vendor::ListBundleReadsRequest { bundle_id: String::new(), root, page };
                let (answer, handed_over) = match within(link.bundles().list_bundle_reads(question)).await {
                    Ok(answer) => (answer, true),
                    Err(status) if status.code() == Code::NotFound => {
                        (vendor::ListBundleReadsResponse::default(), false)
                    }
                    Err(status) => return Err(as_error(&status)),
                };
                let vendor::ListBundleReadsResponse { reads, page } = answer;
                let page = Some(page.unwrap_or_default());
                Ok(pb::ListBundleReadsResponse { reads, page, vendor_id: ticket.vendor_id.to_string(), handed_over })
            })
            .await
    }

    async fn query_bundle(
        &self,
        request: Request<pb::QueryBundleRequest>,
    ) -> Result<Response<pb::QueryBundleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OfTicket<BundleId>>| async move {
                let OfTicket { ticket_id, what } = &call.command;
                let ticket = self.ticket(&call.caller, *ticket_id).await?;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let bundle = tickets::bundle_fetch(&mut snapshot, ticket.id, *what).await?;
                let bundle = bundle.ok_or_else(|| Error::not_found("bundle", what))?;
                Ok(pb::QueryBundleResponse { bundle: Some(bundle.into()) })
            })
            .await
    }

    async fn issue_collection_ticket(
        &self,
        request: Request<pb::IssueCollectionTicketRequest>,
    ) -> Result<Response<pb::IssueCollectionTicketResponse>, Status> {
        self.rpc
            .mutate_sealed("DiagnosticsService/IssueCollectionTicket", request, |mut tx, call| async move {
                let call: &Call<Issue> = &call;
                let doing = self.doing(call)?;
                let (secrets, profiles) = (&self.rpc.secrets, &self.profiles);
                let issued = collections::issue(&mut tx, &doing, secrets, profiles, &call.command).await?;
                Ok((tx, issued.into()))
            })
            .await
    }

    async fn put_pseudonyms(
        &self,
        request: Request<pb::PutPseudonymsRequest>,
    ) -> Result<Response<pb::PutPseudonymsResponse>, Status> {
        self.rpc
            .mutate("DiagnosticsService/PutPseudonyms", request, |mut tx, call| async move {
                let call: &Call<Put> = &call;
                let doing = self.doing(call)?;
                let count = pseudonyms::put(&mut tx, &doing, &self.rpc.secrets, &call.command).await?;
                Ok((tx, pb::PutPseudonymsResponse { pseudonyms: i32::try_from(count).unwrap_or(i32::MAX) }))
            })
            .await
    }

    async fn translate_pseudonyms(
        &self,
        request: Request<pb::TranslatePseudonymsRequest>,
    ) -> Result<Response<pb::TranslatePseudonymsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Translate>| async move {
                let Translate(OfTicket { ticket_id, what: text }) = call.command;
                let ticket = self.ticket(&call.caller, ticket_id).await?;
                let (text, replaced) = self.translated(&ticket, move |by| by.translate(&text)).await?;
                let replaced = i32::try_from(replaced).unwrap_or(i32::MAX);
                Ok(pb::TranslatePseudonymsResponse { text, replaced })
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

    /// A ticket for which diagnostics are taken.
    async fn open_ticket(&self, caller: &Caller, id: TicketId) -> Result<Ticket, Error> {
        let ticket = self.ticket(caller, id).await?;
        ticket.check_takes_diagnostics()?;
        Ok(ticket)
    }

    async fn bundle(&self, ticket: &Ticket, id: BundleId) -> Result<Bundle, Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        tickets::bundle_fetch(&mut snapshot, ticket.id, id).await?.ok_or_else(|| Error::not_found("bundle", id))
    }

    /// The blobs, with what is uploaded for a ticket counted on it and on its partner organisation.
    fn counted(&self, ticket: &Ticket) -> Blobs {
        let Ticket { id, partner_id, .. } = ticket;
        let diagnostics = &self.diagnostics;
        let organisation = format!("the partner organisation {partner_id}");
        let cure = "what closed tickets have is given up in time; the operator can allow more";
        let quota = Quota::of(partner_id.as_str(), organisation, diagnostics.bytes_per_organisation, cure);
        let cure = "leave out what the vendor does not ask for; the operator can allow more";
        let (name, whose) = (id.to_string(), format!("ticket {id}"));
        self.blobs.counted_on(quota.and_within(&name, whose, diagnostics.bytes_per_ticket, cure))
    }

    /// What comes of a ticket's texts by its tables. Both take their time, and hold up nobody.
    pub(super) async fn translated<T: Send + 'static>(
        &self,
        ticket: &Ticket,
        translate: impl FnOnce(&Translation) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        let tables = pseudonyms::tables(&mut snapshot, &self.rpc.secrets, ticket).await?;
        drop(snapshot);
        let work = move || tables.translation().map(|translation| translate(&translation));
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
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
            collection_ticket_id: collections::named(whole.manifest.ticket.as_deref())?,
            retention: Some(self.diagnostics.retention()),
            region: self.diagnostics.region.clone(),
            expires_at: None,
            content_deleted_at: None,
        })
    }
}

/// Something of a ticket's diagnostics.
#[derive(Debug, Clone)]
pub(super) struct OfTicket<T> {
    pub(super) ticket_id: TicketId,
    pub(super) what: T,
}

/// A bundle to be committed, by its manifest.
#[derive(Debug, Clone)]
struct Commit(OfTicket<BlobRef>);

/// Who read a bundle: a page of it, as the vendor is asked for it.
#[derive(Debug, Clone)]
struct Reads {
    bundle_id: BundleId,
    page: Option<PageRequest>,
}

pub(super) fn of_ticket<T>(
    ticket_id: &str,
    read: impl FnOnce(&mut Violations) -> Option<T>,
) -> Result<OfTicket<T>, Violations> {
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

impl TryFrom<pb::QueryBundleRequest> for OfTicket<BundleId> {
    type Error = Violations;

    fn try_from(request: pb::QueryBundleRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| v.take("bundle_id", id::parse(&request.bundle_id)))
    }
}

impl TryFrom<pb::CommitBundleRequest> for Commit {
    type Error = Violations;

    fn try_from(request: pb::CommitBundleRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| v.nested("manifest", request.manifest, uploads::read_blob)).map(Self)
    }
}

impl TryFrom<pb::ListBundleReadsRequest> for OfTicket<Reads> {
    type Error = Violations;

    fn try_from(request: pb::ListBundleReadsRequest) -> Result<Self, Violations> {
        of_ticket(&request.ticket_id, |v| {
            let bundle_id = v.take("bundle_id", id::parse(&request.bundle_id))?;
            Some(Reads { bundle_id, page: request.page })
        })
    }
}

impl From<Bundle> for vendor::Bundle {
    fn from(bundle: Bundle) -> Self {
        Self {
            bundle_id: bundle.id.to_string(),
            root: bundle.root.0.to_vec().into(),
            committed: bundle.content_deleted_at.is_none(),
            entries: i32::try_from(bundle.entries).unwrap_or(i32::MAX),
            size_bytes: uploads::size(bundle.size_bytes),
            commit_time: Some(timestamp(bundle.committed_at)),
            retention: bundle.retention.map(duration),
            region: bundle.region,
            expire_time: bundle.expires_at.map(timestamp),
            content_delete_time: bundle.content_deleted_at.map(timestamp),
        }
    }
}

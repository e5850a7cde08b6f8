//! `BundleService`.

use tokio_stream::StreamExt;
use tonic::{Request, Response, Status, Streaming};
use vouch_contract::convert::{duration, timestamp};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_server::BundleService;
use vouch_core::code::PartnerId;
use vouch_core::id::BundleId;
use vouch_core::{Error, Violations, id, text};
use vouch_host::Call;
use vouch_host::uploads::{self, Part};
use vouch_identity::Caller;
use vouch_storage::blobs::{BlobRef, Blobs, Progress, Quota};

use super::Handlers;
use super::bundle_view::READS;
use super::read::One;
use super::read_bundles::{Named, Reads};
use crate::commands::bundles::{self as commands, CommitBundle};
use crate::domain::bundle::Bundle;
use crate::domain::retention::Terms;
use crate::store::bundle_reads::read_list;
use crate::store::bundles::{bundle_fetch, bundle_fetch_by_root};

#[tonic::async_trait]
impl BundleService for Handlers {
    async fn find_missing_blobs(
        &self,
        request: Request<pb::FindMissingBlobsRequest>,
    ) -> Result<Response<pb::FindMissingBlobsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<SomeBlobs>| async move {
                let partner = partner_of(&call.caller)?;
                let missing = self.blobs.missing(partner.as_str(), &call.command.0).await?;
                Ok(pb::FindMissingBlobsResponse { missing: missing.iter().map(uploads::write_blob).collect() })
            })
            .await
    }

    async fn write_blob(
        &self,
        request: Request<Streaming<pb::WriteBlobRequest>>,
    ) -> Result<Response<pb::WriteBlobResponse>, Status> {
        let caller = vouch_host::caller(&request).map_err(|error| self.rpc.status(&error))?;
        let partner = partner_of(&caller).map_err(|error| self.rpc.status(&error))?;
        let parts = request.into_inner().map(|message| {
            let pb::WriteBlobRequest { blob, offset_bytes, part } = message?;
            Ok(Part { blob, offset_bytes, content: part })
        });
        let progress = uploads::receive(&self.rpc, &self.counted(&partner), partner.as_str(), parts).await?;
        let Progress { committed_bytes, complete } = progress;
        Ok(Response::new(pb::WriteBlobResponse { committed_bytes: uploads::size(committed_bytes), complete }))
    }

    async fn query_blob(
        &self,
        request: Request<pb::QueryBlobRequest>,
    ) -> Result<Response<pb::QueryBlobResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneBlob>| async move {
                let partner = partner_of(&call.caller)?;
                let progress = self.blobs.ask(partner.as_str(), &call.command.0).await?;
                let Progress { committed_bytes, complete } = progress;
                Ok(pb::QueryBlobResponse { committed_bytes: uploads::size(committed_bytes), complete })
            })
            .await
    }

    async fn commit_bundle(
        &self,
        request: Request<pb::CommitBundleRequest>,
    ) -> Result<Response<pb::CommitBundleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<CommitBundle>| async move {
                let partner = partner_of(&call.caller)?;
                let keys = self.partners.manifest_keys(&partner);
                let terms = &self.diagnostics.terms();
                let bundle = commands::commit(&self.rpc.store, &self.blobs, &partner, &keys, terms, &call).await?;
                Ok(pb::CommitBundleResponse { bundle: Some(bundle.into()) })
            })
            .await
    }

    async fn list_bundle_reads(
        &self,
        request: Request<pb::ListBundleReadsRequest>,
    ) -> Result<Response<pb::ListBundleReadsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Reads<Named>>| async move {
                let Reads { of, page, before } = &call.command;
                let partner = partner_of(&call.caller)?;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let (bundle, named) = match of {
                    Named::Id(id) => (bundle_fetch(&mut snapshot, &partner, *id).await?, id.to_string()),
                    Named::Root(root) => {
                        (bundle_fetch_by_root(&mut snapshot, &partner, *root).await?, root.to_string())
                    }
                };
                let bundle = bundle.ok_or_else(|| Error::not_found("bundle", named))?;
                let mut found = read_list(&mut snapshot, bundle.id, *before, page.limit()).await?;
                let info = page.cut(&mut found, READS, |read| read.sequence.to_string());
                let reads = found.into_iter().map(Into::into).collect();
                Ok(pb::ListBundleReadsResponse { reads, page: Some(info) })
            })
            .await
    }

    async fn query_bundle(
        &self,
        request: Request<pb::QueryBundleRequest>,
    ) -> Result<Response<pb::QueryBundleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<BundleId>>| async move {
                let (One(id), partner) = (&call.command, partner_of(&call.caller)?);
                let mut snapshot = self.rpc.store.snapshot().await?;
                let bundle = bundle_fetch(&mut snapshot, &partner, *id).await?;
                let bundle = bundle.ok_or_else(|| Error::not_found("bundle", id))?;
                Ok(pb::QueryBundleResponse { bundle: Some(bundle.into()) })
            })
            .await
    }
}

impl Handlers {
    /// The blobs, with what a partner uploads counted on it.
    fn counted(&self, partner: &PartnerId) -> Blobs {
        let cure = "what no case holds is given up in time; the vendor can allow more";
        let allowed = self.diagnostics.allowed_bytes(partner);
        self.blobs.counted_on(Quota::of(partner.as_str(), format!("the partner {partner}"), allowed, cure))
    }
}

/// The partner whose bundles these are.
pub(super) fn partner_of(caller: &Caller) -> Result<PartnerId, Error> {
    caller.partner().ok_or_else(|| Error::internal("a partner's workload came without its partner"))
}

/// One blob.
struct OneBlob(BlobRef);

/// Blobs that are asked for.
struct SomeBlobs(Vec<BlobRef>);

impl TryFrom<pb::FindMissingBlobsRequest> for SomeBlobs {
    type Error = Violations;

    fn try_from(request: pb::FindMissingBlobsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let blobs = uploads::read_many(request.blobs, &mut violations);
        violations.finish(Some(Self(blobs)))
    }
}

impl TryFrom<pb::QueryBlobRequest> for OneBlob {
    type Error = Violations;

    fn try_from(request: pb::QueryBlobRequest) -> Result<Self, Violations> {
        uploads::read_one(request.blob).map(Self)
    }
}

impl TryFrom<pb::QueryBundleRequest> for One<BundleId> {
    type Error = Violations;

    fn try_from(request: pb::QueryBundleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("bundle_id", id::parse(&request.bundle_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::CommitBundleRequest> for CommitBundle {
    type Error = Violations;

    fn try_from(request: pb::CommitBundleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let manifest = violations.nested("manifest", request.manifest, uploads::read_blob);
        let signature = violations.take("manifest_signature", text::line(&request.manifest_signature, 8192));
        let command = manifest.zip(signature);
        violations.finish(command.map(|(manifest, signature)| Self { manifest, signature }))
    }
}

impl From<Terms> for pb::DiagnosticsTerms {
    fn from(terms: Terms) -> Self {
        Self { region: terms.region, retention: Some(duration(terms.retention)) }
    }
}

impl From<Bundle> for pb::Bundle {
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

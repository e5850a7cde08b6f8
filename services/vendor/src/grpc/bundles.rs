//! `BundleService`.

use std::time::Duration;

use tonic::{Request, Response, Status, Streaming};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_server::BundleService;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Violations, text};
use vouch_host::Call;
use vouch_identity::Caller;
use vouch_storage::blobs::{BlobRef, MAX_BLOB_BYTES, Progress};

use super::Handlers;
use crate::commands::bundles::{self as commands, CommitBundle};
use crate::domain::bundle::Bundle;

/// How many blobs one question may name.
const MAX_BLOBS: usize = 5000;
/// How long an upload may pause between two parts.
const PAUSE: Duration = Duration::from_secs(30);

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
                Ok(pb::FindMissingBlobsResponse { missing: missing.into_iter().map(wrap).collect() })
            })
            .await
    }

    async fn write_blob(
        &self,
        request: Request<Streaming<pb::WriteBlobRequest>>,
    ) -> Result<Response<pb::WriteBlobResponse>, Status> {
        let caller = vouch_host::caller(&request).map_err(|error| self.rpc.status(&error))?;
        let mut parts = request.into_inner();
        let progress = self.receive(&caller, &mut parts).await?;
        let Progress { committed_bytes, complete } = progress;
        Ok(Response::new(pb::WriteBlobResponse { committed_bytes: size(committed_bytes), complete }))
    }

    async fn query_blob(
        &self,
        request: Request<pb::QueryBlobRequest>,
    ) -> Result<Response<pb::QueryBlobResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneBlob>| async move {
                let partner = partner_of(&call.caller)?;
                let progress = self.blobs.progress(partner.as_str(), &call.command.0).await?;
                let Progress { committed_bytes, complete } = progress;
                Ok(pb::QueryBlobResponse { committed_bytes: size(committed_bytes), complete })
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
                let bundle = commands::commit(&self.rpc.store, &self.blobs, &partner, &keys, &call).await?;
                Ok(pb::CommitBundleResponse { bundle: Some(bundle.into()) })
            })
            .await
    }
}

impl Handlers {
    /// Takes the parts of one blob as they come. What is committed stays committed when the stream is cut.
    async fn receive(&self, caller: &Caller, parts: &mut Streaming<pb::WriteBlobRequest>) -> Result<Progress, Status> {
        let told = |error: Error| self.rpc.status(&error);
        let partner = partner_of(caller).map_err(told)?;
        let owner = partner.as_str();
        let mut blob: Option<BlobRef> = None;
        let late = || Error::Unavailable("an upload paused too long between two parts".into());
        while let Some(message) = tokio::time::timeout(PAUSE, parts.message()).await.map_err(|_| told(late()))?? {
            let named = match (blob, message.blob) {
                (None, first) => read_first(first).map_err(|violations| told(violations.into()))?,
                (Some(named), None) => named,
                (Some(_), Some(_)) => {
                    return Err(told(Error::field("blob", "is named in the first message only")));
                }
            };
            blob = Some(named);
            let offset = u64::try_from(message.offset_bytes)
                .map_err(|_| told(Error::field("offset_bytes", "must not be negative")))?;
            // Without a part, a first message asks for what is committed to be verified: the answer to a cut in the last moment.
            if !message.part.is_empty() {
                self.blobs.append(owner, &named, offset, message.part).await.map_err(told)?;
            }
        }
        let blob = blob.ok_or_else(|| told(Error::field("blob", "is required in the first message")))?;
        self.blobs.verify(owner, &blob).await.map_err(told)
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

fn read_first(blob: Option<pb::BlobRef>) -> Result<BlobRef, Violations> {
    let mut violations = Violations::new();
    let blob = violations.nested("blob", blob, read_blob);
    violations.finish(blob)
}

fn read_blob(blob: pb::BlobRef, v: &mut Violations) -> Option<BlobRef> {
    let sha256 = <[u8; 32]>::try_from(blob.sha256.as_ref()).map_err(|_| "must be a SHA-256 digest of 32 bytes");
    let sha256 = v.take("sha256", sha256);
    let size_bytes = u64::try_from(blob.size_bytes).ok().filter(|size| (1..=MAX_BLOB_BYTES).contains(size));
    let size_bytes = v.take("size_bytes", size_bytes.ok_or("must be 1 byte to 64 GiB"));
    Some(BlobRef { sha256: sha256?, size_bytes: size_bytes? })
}

impl TryFrom<pb::FindMissingBlobsRequest> for SomeBlobs {
    type Error = Violations;

    fn try_from(request: pb::FindMissingBlobsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if request.blobs.len() > MAX_BLOBS {
            violations.add("blobs", format!("must be at most {MAX_BLOBS}"));
            return Err(violations);
        }
        let mut blobs = Vec::new();
        for (index, blob) in request.blobs.into_iter().enumerate() {
            blobs.extend(violations.nested(&format!("blobs[{index}]"), Some(blob), read_blob));
        }
        violations.finish(Some(Self(blobs)))
    }
}

impl TryFrom<pb::QueryBlobRequest> for OneBlob {
    type Error = Violations;

    fn try_from(request: pb::QueryBlobRequest) -> Result<Self, Violations> {
        read_first(request.blob).map(Self)
    }
}

impl TryFrom<pb::CommitBundleRequest> for CommitBundle {
    type Error = Violations;

    fn try_from(request: pb::CommitBundleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let manifest = violations.nested("manifest", request.manifest, read_blob);
        let signature = violations.take("manifest_signature", text::line(&request.manifest_signature, 8192));
        let command = manifest.zip(signature);
        violations.finish(command.map(|(manifest, signature)| Self { manifest, signature }))
    }
}

fn wrap(blob: BlobRef) -> pb::BlobRef {
    pb::BlobRef { sha256: blob.sha256.to_vec().into(), size_bytes: size(blob.size_bytes) }
}

fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl From<Bundle> for pb::Bundle {
    fn from(bundle: Bundle) -> Self {
        Self {
            bundle_id: bundle.id.to_string(),
            root: bundle.root.0.to_vec().into(),
            committed: true,
            entries: i32::try_from(bundle.entries).unwrap_or(i32::MAX),
            size_bytes: size(bundle.size_bytes),
            commit_time: Some(timestamp(bundle.committed_at)),
        }
    }
}

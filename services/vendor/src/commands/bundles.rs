//! Committing bundles.

use vouch_core::code::PartnerId;
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::Manifest;
use vouch_host::Call;
use vouch_proof::KeySet;
use vouch_storage::Store;
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::domain::bundle::{Bundle, is_signed_by};
use crate::store::bundles::bundle_upsert;

/// The largest manifest.
const MAX_MANIFEST_BYTES: u64 = 32 * 1024 * 1024;

/// A bundle to be committed.
#[derive(Debug, Clone)]
pub struct CommitBundle {
    /// Its manifest.
    pub manifest: BlobRef,
    /// The partner's signature over the manifest's digest.
    pub signature: String,
}

/// Commits a bundle: its manifest and every blob that it names are there and verified. The same manifest is the same bundle.
pub async fn commit(
    store: &Store,
    blobs: &Blobs,
    partner_id: &PartnerId,
    keys: &KeySet,
    call: &Call<CommitBundle>,
) -> Result<Bundle, Error> {
    let CommitBundle { manifest, signature } = &call.command;
    let owner = partner_id.as_str();
    let bytes = blobs
        .read(owner, manifest, MAX_MANIFEST_BYTES)
        .await?
        .ok_or_else(|| incomplete("the manifest itself is not complete; ask FindMissingBlobs".to_owned()))?;
    let (read, root) =
        Manifest::read(&bytes).map_err(|problem| Error::field("manifest", format!("cannot be taken: {problem}")))?;
    if !is_signed_by(partner_id, keys, signature, &read, root) {
        let message = "the manifest is not signed by the calling partner with a registered key".to_owned();
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::ManifestUnsigned, message });
    }
    let named: Vec<BlobRef> =
        read.blobs().into_iter().map(|(digest, size_bytes)| BlobRef { sha256: digest.0, size_bytes }).collect();
    let missing = blobs.missing(owner, &named).await?;
    if !missing.is_empty() {
        let message = format!("{} of {} blobs are missing; ask FindMissingBlobs which", missing.len(), named.len());
        return Err(incomplete(message));
    }
    let artefacts = read.artefacts();
    let bundle = &Bundle {
        id: call.world.id(),
        partner_id: partner_id.clone(),
        root,
        manifest_signature: signature.clone(),
        redaction: read.redaction.policy,
        collected_at: read.collected_at,
        artefacts,
        entries: u32::try_from(read.entries.len()).map_err(Error::internal)?,
        size_bytes: named.iter().map(|blob| blob.size_bytes).sum(),
        committed_at: call.now,
    };
    store
        .write(|mut tx| async move {
            let kept = bundle_upsert(&mut tx, bundle).await?;
            Ok((tx, kept))
        })
        .await
}

fn incomplete(message: String) -> Error {
    Error::Refused { kind: Kind::Refused, reason: Reason::BundleIncomplete, message }
}

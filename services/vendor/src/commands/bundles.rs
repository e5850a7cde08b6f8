//! Committing bundles.

use std::collections::BTreeSet;

use vouch_core::code::PartnerId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_host::uploads::{self, Whole};
use vouch_proof::KeySet;
use vouch_storage::blobs::{self, BlobRef, Blobs};
use vouch_storage::{Store, analyses};

use crate::domain::bundle::{Bundle, is_signed_by};
use crate::domain::retention::Terms;
use crate::store::bundles::bundle_upsert;

/// A bundle to be committed.
#[derive(Debug, Clone)]
pub struct CommitBundle {
    /// Its manifest.
    pub manifest: BlobRef,
    /// The partner's signature over the manifest's digest.
    pub signature: String,
}

/// Commits a bundle: its manifest and every blob that it names are there and verified, and what lies in packs, too. They are pinned in
/// the transaction that commits it. The same manifest is the same bundle.
pub async fn commit(
    store: &Store,
    blobs: &Blobs,
    partner_id: &PartnerId,
    keys: &KeySet,
    terms: &Terms,
    call: &Call<CommitBundle>,
) -> Result<Bundle, Error> {
    let CommitBundle { manifest, signature } = &call.command;
    let owner = partner_id.as_str();
    let whole = uploads::manifest(blobs, owner, manifest).await?;
    if !is_signed_by(partner_id, keys, signature, &whole.manifest, whole.root) {
        let message = "the manifest is not signed by the calling partner with a registered key".to_owned();
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::ManifestUnsigned, message });
    }
    uploads::check_packs(blobs, owner, &whole).await?;
    let Whole { manifest: read, root, blobs: named } = whole;
    let (artefacts, profile) = (read.artefacts(), &read.profile);
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
        retention: Some(terms.retention),
        region: terms.region.clone(),
        // Until a case holds it.
        expires_at: Some(call.now + terms.lease),
        content_deleted_at: None,
    };
    let pinned: &BTreeSet<BlobRef> = &named.into_iter().chain([*manifest]).collect();
    store
        .write(|mut tx| async move {
            // Ordering: the bundle's row, then those of its blobs, as whoever gives its contents up takes them.
            let kept = bundle_upsert(&mut tx, bundle).await?;
            blobs::pin(&mut tx, owner, pinned, &kept.id.to_string()).await?;
            analyses::enter(&mut tx, kept.id, profile, manifest.size_bytes, call.now).await?;
            Ok((tx, kept))
        })
        .await
}

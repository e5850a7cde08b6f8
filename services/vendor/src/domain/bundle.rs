//! Bundles of diagnostics at the vendor.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use vouch_core::code::PartnerId;
use vouch_core::id::BundleId;
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::{Digest, Manifest};
use vouch_proof::{KeySet, ManifestSignature};

/// A bundle whose every blob is there and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its id.
    pub id: BundleId,
    /// The partner whose it is.
    pub partner_id: PartnerId,
    /// The digest of its manifest.
    pub root: Digest,
    /// The partner's signature over the root.
    pub manifest_signature: String,
    /// The policy under which it was redacted.
    pub redaction: String,
    /// When it was collected.
    pub collected_at: Timestamp,
    /// The artefacts that it has: the collectors that did not fail.
    pub artefacts: BTreeSet<String>,
    /// How many entries it has.
    pub entries: u32,
    /// How many bytes its blobs have.
    pub size_bytes: u64,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// How long its contents are kept after the last case that holds it ended, as promised when it was committed; `None` for one from
    /// before that was promised, which is kept for good.
    pub retention: Option<SignedDuration>,
    /// The region in which they are kept.
    pub region: String,
    /// Until when; `None` while a case that is open holds it.
    pub expires_at: Option<Timestamp>,
    /// When its contents were deleted.
    pub content_deleted_at: Option<Timestamp>,
}

impl Bundle {
    /// Refuses a bundle whose contents were deleted: `BUNDLE_INCOMPLETE`.
    pub fn check_kept(&self) -> Result<(), Error> {
        let Some(at) = self.content_deleted_at else { return Ok(()) };
        let message = format!("the contents of bundle {} were deleted at {at}: upload and commit it again", self.id);
        Err(Error::Refused { kind: Kind::Refused, reason: Reason::BundleIncomplete, message })
    }
}

/// Whether a manifest is signed by this partner: the signature is genuine, and says this partner, this root and this policy.
pub fn is_signed_by(partner: &PartnerId, keys: &KeySet, signature: &str, manifest: &Manifest, root: Digest) -> bool {
    ManifestSignature::verify(signature, keys).is_ok_and(|signed| {
        signed.iss == partner.as_str()
            && signed.root == root.to_string()
            && signed.redaction == manifest.redaction.policy
    })
}

//! What the gate is shown, and what it knows of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_core::Finding;
use vouch_core::code::PartnerId;
use vouch_diagnostics::Digest;
use vouch_proof::{EntitlementProof, VerifyError};

/// What a feed of the licence service says, at an instant, of somebody or something that a proof rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may be relied on.
    Good,
    /// It was suspended, or revoked.
    Revoked,
    /// The feed was too old to tell: the proof alone decides.
    Unknown,
}

/// What was known of revocations at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The partner's standing.
    pub partner: Standing,
    /// What the licence of the proof is: a proof that was issued before it was suspended or revoked counts no more.
    pub license: Standing,
}

impl Revocation {
    /// No feed tells anything.
    pub const UNKNOWN: Self = Self { partner: Standing::Unknown, license: Standing::Unknown };

    /// Whether both feeds could tell.
    pub fn is_checked(self) -> bool {
        self.partner != Standing::Unknown && self.license != Standing::Unknown
    }

    /// The word in receipts.
    pub fn as_str(self) -> &'static str {
        if self.is_checked() { "checked" } else { "unknown" }
    }
}

/// The proof that came along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofEvidence {
    /// None did, and none is needed yet: a preflight asks what else is missing.
    NotAskedFor,
    /// None did.
    Missing,
    /// It is not to be trusted.
    Refused(VerifyError),
    /// It is genuine and in time.
    Genuine {
        /// Its claims.
        claims: Box<EntitlementProof>,
        /// Whether another case was opened with it.
        used: bool,
    },
}

/// The committed bundle that came along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleEvidence {
    /// The digest of its manifest.
    pub root: Digest,
    /// The policy under which it was redacted.
    pub redaction: String,
    /// When it was collected.
    pub collected_at: Timestamp,
    /// The artefacts that it has.
    pub artefacts: BTreeSet<String>,
}

/// Everything that a judgement rests on, beside policy and escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The calling partner.
    pub partner_id: PartnerId,
    /// The exact workload that calls.
    pub holder: String,
    /// The proof.
    pub proof: ProofEvidence,
    /// The bundle: `None` where none was named, or the partner has no such committed one.
    pub bundle: Option<BundleEvidence>,
    /// Whether a bundle was named at all.
    pub bundle_named: bool,
    /// Known problems that were found in the bundle so far: warnings, whose articles the partner should read.
    pub known_problems: Vec<Finding>,
    /// What is known of revocations.
    pub revocation: Revocation,
}

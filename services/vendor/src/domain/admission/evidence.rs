//! What the gate is shown, and what it knows of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_core::code::PartnerId;
use vouch_diagnostics::Digest;
use vouch_proof::{EntitlementProof, VerifyError};

/// What was known of revocations at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The registry's feed was fresh.
    Checked {
        /// Whether the partner may act.
        partner_in_good_standing: bool,
    },
    /// The feed was too old to tell: the proof alone decides.
    Unknown,
}

impl Revocation {
    /// The word in receipts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checked { .. } => "checked",
            Self::Unknown => "unknown",
        }
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
    /// What is known of revocations.
    pub revocation: Revocation,
}

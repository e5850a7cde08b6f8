//! The admission receipt: a vendor vouches that it took a case.

use serde::{Deserialize, Serialize};

use crate::{KeyError, KeySet, SigningKey, VerifyError};

/// The `typ` of an admission receipt.
const TYP: &str = "vouch-receipt+jwt";

/// The claims of an admission receipt. Instants are whole seconds since 1970 UTC. A receipt has no end: it tells what was
/// promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionReceipt {
    /// The vendor service that issued it.
    pub iss: String,
    /// The partner that it is for.
    pub aud: String,
    /// Its own id.
    pub jti: String,
    /// When the case was accepted.
    pub iat: i64,
    /// The escalation.
    pub esc: String,
    /// The case.
    pub case: String,
    /// The case's short number.
    pub number: String,
    /// The `jti` of the proof that opened it.
    pub proof: String,
    /// The digest of the bundle's manifest, in lower-case hexadecimal.
    pub bundle: String,
    /// The severity at which it was accepted.
    pub severity: String,
    /// `checked`, or `unknown` where the feed of revocations was too old to tell.
    pub revocation: String,
    /// What was promised.
    pub promised: Vec<PromisedTime>,
    /// SHA-256 of the decision record, in lower-case hexadecimal.
    pub decision: String,
}

/// A time that was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromisedTime {
    /// What is promised: `first-response`.
    pub target: String,
    /// By when.
    pub due: i64,
}

impl AdmissionReceipt {
    /// Signs the receipt.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        key.sign(TYP, self)
    }

    /// Verifies that a receipt is genuine.
    pub fn verify(signed: &str, keys: &KeySet) -> Result<Self, VerifyError> {
        keys.verify(TYP, signed)
    }
}

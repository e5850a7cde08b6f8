//! The profile signature: a vendor vouches for what it wants to be collected and looked for.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::{KeyError, KeySet, SigningKey, VerifyError};

/// The `typ` of a profile signature.
const TYP: &str = "vouch-profile+jwt";

/// The claims of a profile signature. Instants are whole seconds since 1970 UTC. A signature has no end: a version never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSignature {
    /// The vendor, as in its receipts.
    pub iss: String,
    /// When the profile was published.
    pub iat: i64,
    /// The profile's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The digest of its text, in lower-case hexadecimal.
    pub sha256: String,
}

impl ProfileSignature {
    /// Signs a profile.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        key.sign(TYP, self)
    }

    /// Verifies that a signature is genuine. Whose it is, and of which text, is the reader's to judge.
    pub fn verify(signed: &str, keys: &KeySet) -> Result<Self, VerifyError> {
        keys.verify(TYP, signed)
    }

    /// Whether this is the signature over this text.
    pub fn is_over(&self, text: &[u8]) -> bool {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
        HEXLOWER.encode(digest.as_ref()) == self.sha256
    }
}

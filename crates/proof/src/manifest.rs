//! The manifest signature: a partner vouches for a bundle of diagnostics.

use serde::{Deserialize, Serialize};

use crate::{KeyError, KeySet, SigningKey, VerifyError};

/// The `typ` of a manifest signature.
const TYP: &str = "vouch-manifest+jwt";

/// The claims of a manifest signature. Instants are whole seconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestSignature {
    /// The partner, as the registry names it.
    pub iss: String,
    /// When it verified the bundle.
    pub iat: i64,
    /// The digest of the bundle's manifest, in lower-case hexadecimal.
    pub root: String,
    /// The policy under which the bundle was redacted: name and version.
    pub redaction: String,
}

impl ManifestSignature {
    /// Signs the manifest's root.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        key.sign(TYP, self)
    }

    /// Verifies that a signature is genuine.
    pub fn verify(signed: &str, keys: &KeySet) -> Result<Self, VerifyError> {
        keys.verify(TYP, signed)
    }
}

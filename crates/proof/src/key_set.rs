//! Keys that verify.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;

/// Why a signed text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is not a compact JWS with the claims of its kind.
    #[error("it is malformed")]
    Malformed,
    /// It is a signed text of another kind.
    #[error("it is a signed text of another kind")]
    WrongKind,
    /// It names a key that is not in the set.
    #[error("it is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit: altered, or signed with another key or algorithm.
    #[error("its signature does not fit")]
    BadSignature,
    /// It was issued by somebody else.
    #[error("it was issued by somebody else")]
    WrongIssuer,
    /// It was issued for somebody else.
    #[error("it was issued for somebody else")]
    WrongAudience,
    /// Its time has not begun.
    #[error("its time has not begun")]
    NotYet,
    /// Its time is over, or longer than allowed.
    #[error("its time is over")]
    Expired,
}

/// A set of public keys (RFC 7517), each pinned to its one algorithm.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: BTreeMap<String, (Algorithm, DecodingKey)>,
    jwks: JwkSet,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeySet").field(&self.keys.keys().collect::<Vec<_>>()).finish()
    }
}

/// A signed text longer than this is not read.
const MAX_BYTES: usize = 16 * 1024;
/// A set with more keys than this is not read.
const MAX_KEYS: usize = 32;

impl KeySet {
    /// Reads a JSON Web Key Set. Ed25519 and P-256 keys are taken; one with any other algorithm, a private part, or a
    /// `kid` that is not its own thumbprint makes the set invalid.
    pub fn from_jwks(text: &str) -> Result<Self, String> {
        let raw: serde_json::Value = serde_json::from_str(text).map_err(|_| "must be a JSON Web Key Set".to_owned())?;
        let members = raw.get("keys").and_then(|keys| keys.as_array()).ok_or("must have a list of keys")?;
        if members.len() > MAX_KEYS {
            return Err(format!("must have at most {MAX_KEYS} keys"));
        }
        let private = ["d", "p", "q", "k"];
        if members.iter().any(|key| private.iter().any(|member| key.get(member).is_some())) {
            return Err("must not contain private keys".into());
        }
        let jwks: JwkSet = serde_json::from_value(raw).map_err(|_| "has a malformed key".to_owned())?;
        let mut keys = BTreeMap::new();
        for jwk in &jwks.keys {
            let (kid, algorithm, key) = read_key(jwk)?;
            keys.insert(kid, (algorithm, key));
        }
        Ok(Self { keys, jwks })
    }

    /// The set as JSON.
    pub fn to_jwks(&self) -> String {
        serde_json::to_string(&self.jwks).unwrap_or_default()
    }

    /// True when the set has no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// True when the set has this key.
    pub fn contains(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// Verifies a compact JWS of the given `typ` and returns its claims. Time, issuer and audience are the caller's.
    pub(crate) fn verify<C: DeserializeOwned>(&self, typ: &str, signed: &str) -> Result<C, VerifyError> {
        if signed.len() > MAX_BYTES {
            return Err(VerifyError::Malformed);
        }
        let header = jsonwebtoken::decode_header(signed).map_err(|_| VerifyError::Malformed)?;
        if header.typ.as_deref() != Some(typ) {
            return Err(VerifyError::WrongKind);
        }
        // Nothing here understands an extension, so none may be critical (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(VerifyError::Malformed);
        }
        let kid = header.kid.ok_or(VerifyError::Malformed)?;
        let (algorithm, key) = self.keys.get(&kid).ok_or(VerifyError::UnknownKey)?;
        if header.alg != *algorithm {
            return Err(VerifyError::BadSignature);
        }
        // The library would ask the system's clock; the caller judges the times with its own.
        let mut validation = Validation::new(*algorithm);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<C>(signed, key, &validation).map(|token| token.claims).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => VerifyError::BadSignature,
                _ => VerifyError::Malformed,
            }
        })
    }
}

fn read_key(jwk: &Jwk) -> Result<(String, Algorithm, DecodingKey), String> {
    let algorithm = match (jwk.common.key_algorithm, &jwk.algorithm) {
        (Some(KeyAlgorithm::EdDSA), AlgorithmParameters::OctetKeyPair(_)) => Algorithm::EdDSA,
        (Some(KeyAlgorithm::ES256), AlgorithmParameters::EllipticCurve(_)) => Algorithm::ES256,
        _ => return Err("must name EdDSA or ES256 as the algorithm of each key".into()),
    };
    let malformed = |_| "has a malformed key".to_owned();
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(malformed)?;
    if jwk.common.key_id.as_deref() != Some(thumbprint.as_str()) {
        return Err("must have each key's RFC 7638 SHA-256 thumbprint as its kid".into());
    }
    let key = DecodingKey::from_jwk(jwk).map_err(malformed)?;
    Ok((thumbprint, algorithm, key))
}

//! Keys that sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use vouch_core::World;
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no Ed25519 private key in PKCS #8, version 1.
    #[error("this is no Ed25519 private key")]
    Unreadable,
    /// The library refused to sign.
    #[error("signing failed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// An Ed25519 private key (RFC 8032, RFC 8037).
pub struct SigningKey {
    kid: String,
    encoding: EncodingKey,
    pkcs8: Zeroizing<Vec<u8>>,
    jwk: Jwk,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// Makes a fresh key.
    pub fn generate(world: &World) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(world.random::<32>());
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeyError::Unreadable)?;
        // Version 1, without the public part: the form that the JWS library reads.
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Unreadable)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads a key in PKCS #8, version 1 (DER).
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Unreadable)?;
        let encoding = EncodingKey::from_ed_der(pkcs8);
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA).map_err(|_| KeyError::Unreadable)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::Unreadable)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self { kid, encoding, pkcs8: Zeroizing::new(pkcs8.to_vec()), jwk })
    }

    /// The key's RFC 7638 SHA-256 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key in PKCS #8, to be sealed before it is kept.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key as a JSON Web Key.
    pub fn public_jwk(&self) -> String {
        serde_json::to_string(&self.jwk).unwrap_or_default()
    }

    /// Signs claims as a compact JWS of the given `typ`.
    pub(crate) fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(KeyError::Signing)
    }
}

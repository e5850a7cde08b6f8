//! What must not lie in the open: sealing with the operator's root secret, and keyed digests.
//!
//! From the root secret a key is derived for each purpose (HKDF-SHA-256, RFC 5869), so that no key serves two. Sealing is
//! AES-256-GCM with a random nonce, bound to a context; digests are HMAC-SHA-256.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

/// Why something could not be sealed, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file with the root secret cannot be used.
    #[error("the root secret {path} {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Sealed under another root secret or for another context, or altered.
    #[error("sealed content cannot be opened: another root secret, another context, or altered")]
    Unopenable,
    /// The cipher refused.
    #[error("content cannot be sealed")]
    Unsealable,
}

/// Keys derived from the operator's root secret.
pub struct Secrets {
    sealing: RandomizedNonceKey,
    digesting: hmac::Key,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

const NONCE_BYTES: usize = 12;

impl Secrets {
    /// Derives the keys from a root secret of 32 random bytes.
    pub fn from_root(root: &[u8; 32]) -> Result<Self, SecretsError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vouch root secret 1").extract(root);
        let sealing = derive(&root, b"seal")?;
        let digesting = derive(&root, b"digest")?;
        Ok(Self {
            sealing: RandomizedNonceKey::new(&AES_256_GCM, &*sealing).map_err(|_| SecretsError::Unsealable)?,
            digesting: hmac::Key::new(hmac::HMAC_SHA256, &*digesting),
        })
    }

    /// Reads the root secret from a file of exactly 32 bytes, such as `head -c 32 /dev/urandom` makes.
    pub fn from_file(path: &Path) -> Result<Self, SecretsError> {
        let wrong = |problem: String| SecretsError::File { path: path.display().to_string(), problem };
        let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?);
        let root: &[u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| wrong(format!("must have exactly 32 bytes, and has {}", bytes.len())))?;
        Self::from_root(root)
    }

    /// Encrypts and authenticates; what comes out can be opened in the same context only.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SecretsError> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut sealed)
            .map_err(|_| SecretsError::Unsealable)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(out)
    }

    /// Opens what was sealed in the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SecretsError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES).ok_or(SecretsError::Unopenable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretsError::Unopenable)?;
        let mut body = body.to_vec();
        let plain = self
            .sealing
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut body)
            .map_err(|_| SecretsError::Unopenable)?;
        Ok(plain.to_vec())
    }

    /// What the key of a context's digests is known by, where they are kept elsewhere: it tells nothing of the key.
    pub fn digest_key_id(&self, context: &str) -> String {
        let of_nothing = self.digest(&format!("{context} key id"), b"");
        let (first, _) = of_nothing.split_at(8);
        format!("{:016x}", first.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A keyed digest: the same for the same text, useless without the root secret.
    pub fn digest(&self, context: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.digesting);
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        let mut digest = [0; 32];
        digest.copy_from_slice(mac.sign().as_ref());
        digest
    }
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, SecretsError> {
    let mut key = Zeroizing::new([0; 32]);
    root.expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| SecretsError::Unsealable)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_context_only() {
        let secrets = Secrets::from_root(&[7; 32]).unwrap();
        let sealed = secrets.seal("license", b"key").unwrap();
        assert_eq!(secrets.open("license", &sealed).unwrap(), b"key");
        assert!(secrets.open("vendor", &sealed).is_err());
        assert!(Secrets::from_root(&[8; 32]).unwrap().open("license", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(secrets.open("license", &altered).is_err(), "byte {place}");
        }
        assert!(secrets.open("license", b"short").is_err());
    }

    #[test]
    fn digests_repeat_and_differ_by_context() {
        let secrets = Secrets::from_root(&[7; 32]).unwrap();
        assert_eq!(secrets.digest("a", b"x"), secrets.digest("a", b"x"));
        assert_ne!(secrets.digest("a", b"x"), secrets.digest("b", b"x"));
        assert_ne!(secrets.digest("a", b"x"), Secrets::from_root(&[8; 32]).unwrap().digest("a", b"x"));
    }
}

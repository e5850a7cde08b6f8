//! Which key signs today, and which keys are published.
//!
//! A new key is published before it signs, so that every verifier has it by then; an old one is published until nothing it
//! signed is in use any more.

use jiff::{SignedDuration, Timestamp};

use crate::{KeyError, KeySet, SigningKey};

/// How long two keys are published side by side: longer than a key set is cached and than a proof lives.
pub const ROTATION_OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// A signing key with its times.
#[derive(Debug)]
pub struct RingKey {
    /// The key.
    pub key: SigningKey,
    /// From when on it signs.
    pub active_from: Timestamp,
    /// From when on it is no longer published.
    pub retires_at: Option<Timestamp>,
}

/// The keys of one purpose.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

impl KeyRing {
    /// A ring of these keys.
    pub fn new(mut keys: Vec<RingKey>) -> Self {
        keys.sort_by_key(|ring_key| ring_key.active_from);
        Self { keys }
    }

    /// The key that signs now: the youngest that is active.
    pub fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        self.keys
            .iter()
            .rev()
            .find(|ring_key| ring_key.active_from <= now && ring_key.retires_at.is_none_or(|at| now < at))
            .map(|ring_key| &ring_key.key)
    }

    /// From when on the youngest key signs, or will.
    pub fn youngest(&self) -> Option<Timestamp> {
        self.keys.last().map(|ring_key| ring_key.active_from)
    }

    /// The public keys to publish now: the next, the present, and those before whose signatures may still be in use.
    pub fn published(&self, now: Timestamp) -> Result<KeySet, KeyError> {
        let keys: Vec<String> = self
            .keys
            .iter()
            .filter(|ring_key| ring_key.retires_at.is_none_or(|at| now < at))
            .map(|ring_key| ring_key.key.public_jwk())
            .collect();
        KeySet::from_jwks(&format!(r#"{{"keys":[{}]}}"#, keys.join(","))).map_err(|_| KeyError::Unreadable)
    }
}

//! To whom a table is encrypted, and who opens it: X25519 keys of `age`.

use std::fmt;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PseudonymsError;

/// A partner's public key: `age1…`. It can encrypt, and open nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(String);

/// A partner's private key: `AGE-SECRET-KEY-1…`. It stays where it was made.
pub struct Identity(x25519::Identity);

impl Recipient {
    /// Reads a public key.
    pub fn parse(text: &str) -> Result<Self, PseudonymsError> {
        key(text).map(|_| Self(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, PseudonymsError> {
        age::encrypt(&key(&self.0)?, plain).map_err(|_| PseudonymsError::Unsealable)
    }
}

fn key(text: &str) -> Result<x25519::Recipient, PseudonymsError> {
    text.parse().map_err(|_| PseudonymsError::Key)
}

impl Identity {
    /// Makes a key pair. Its randomness is the operating system's: the crate takes no other.
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Reads a private key.
    pub fn parse(text: &str) -> Result<Self, PseudonymsError> {
        text.parse().map(Self).map_err(|_| PseudonymsError::Key)
    }

    /// The private key as text, for whoever keeps it sealed.
    pub fn expose(&self) -> String {
        self.0.to_string().expose_secret().to_owned()
    }

    /// The public key.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public().to_string())
    }

    pub(super) fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>, PseudonymsError> {
        age::decrypt(&self.0, sealed).map_err(|_| PseudonymsError::Unopenable)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    #[test]
    fn v07_keys_are_read_as_they_were_written_and_a_private_one_is_shown_nowhere() {
        let identity = Identity::generate();
        let again = Identity::parse(&identity.expose()).unwrap();
        assert_eq!(again.recipient(), identity.recipient());
        assert!(identity.expose().starts_with("AGE-SECRET-KEY-1") && format!("{identity:?}") == "Identity(…)");
        let text = identity.recipient().to_string();
        assert!(text.starts_with("age1") && Recipient::parse(&text).unwrap() == identity.recipient());
        for wrong in ["", "age1", &text.to_uppercase()[1..], &text[..60], &identity.expose(), "ssh-ed25519 AAAA"] {
            assert_eq!(Recipient::parse(wrong).unwrap_err(), PseudonymsError::Key, "{wrong}");
        }
    }
}

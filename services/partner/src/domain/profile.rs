//! Profiles of vendors, as they are kept here: nothing is kept, and nothing given out, that is not what the vendor signed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_core::code::{ProductId, ProfileName, VendorId};
use vouch_diagnostics::Digest;
use vouch_proof::{KeySet, ProfileSignature, VerifyError};

/// A version of a vendor's profile, with what vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorProfile {
    /// The vendor.
    pub vendor_id: VendorId,
    /// The profile's name.
    pub name: ProfileName,
    /// Its version.
    pub version: u32,
    /// What it is for, as the vendor told it.
    pub about: String,
    /// The products that it is for, as the vendor told them.
    pub product_ids: BTreeSet<ProductId>,
    /// The text, byte for byte.
    pub content: Vec<u8>,
    /// The digest of the text, as the vendor told it.
    pub digest: Digest,
    /// The vendor's signature.
    pub signature: String,
    /// The vendor's keys with which it was verified.
    pub jwks: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// What is known of a profile that is kept, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The profile's name.
    pub name: ProfileName,
    /// Its version.
    pub version: u32,
    /// The digest of its text.
    pub digest: Digest,
    /// The vendor's signature.
    pub signature: String,
    /// Whether the vendor offered it when it answered last.
    pub listed: bool,
}

/// Why a profile is not what the vendor signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// The keys cannot be read.
    #[error("the vendor's keys cannot be read: {0}")]
    Keys(String),
    /// The signature is none of the vendor's.
    #[error("its signature is not to be trusted: {0}")]
    Signature(#[from] VerifyError),
    /// The signature is somebody else's, or of another profile.
    #[error("its signature is of {0}")]
    Other(String),
    /// The text was changed.
    #[error("its text is not the one that was signed")]
    Text,
}

impl VendorProfile {
    /// `name/version`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Holds everything against the vendor's signature: whose it is, of which profile, of which text.
    pub fn check(&self, issuer: &str) -> Result<(), NotGenuine> {
        let keys = KeySet::from_jwks(&self.jwks).map_err(NotGenuine::Keys)?;
        let signed = ProfileSignature::verify(&self.signature, &keys)?;
        if signed.iss != issuer || signed.name != self.name.as_str() || signed.version != self.version {
            return Err(NotGenuine::Other(format!("{}/{} by {}", signed.name, signed.version, signed.iss)));
        }
        if !signed.is_over(&self.content) || signed.sha256 != self.digest.to_string() {
            return Err(NotGenuine::Text);
        }
        Ok(())
    }
}

impl Kept {
    /// Whether it need not be fetched again: it has this text, and the vendor's present keys verify it.
    pub fn is_good(&self, digest: Digest, keys: &KeySet) -> bool {
        self.digest == digest && ProfileSignature::verify(&self.signature, keys).is_ok()
    }
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use vouch_core::World;
    use vouch_proof::SigningKey;

    use super::*;

    const ISSUER: &str = "vendor.vouch";

    fn jwks(key: &SigningKey) -> String {
        format!(r#"{{"keys":[{}]}}"#, key.public_jwk())
    }

    fn profile(key: &SigningKey) -> VendorProfile {
        let content = b"name = \"atlas-server\"\nversion = 3\n".to_vec();
        let digest = Digest::of(&content);
        let (name, version) = ("atlas-server", 3);
        let signed =
            ProfileSignature { iss: ISSUER.into(), iat: 0, name: name.into(), version, sha256: digest.to_string() };
        VendorProfile {
            vendor_id: VendorId::parse("acme").unwrap(),
            name: ProfileName::parse(name).unwrap(),
            version,
            about: String::new(),
            product_ids: BTreeSet::new(),
            content,
            digest,
            signature: signed.sign(key).unwrap(),
            jwks: jwks(key),
            published_at: Timestamp::UNIX_EPOCH,
            fetched_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn v10_whatever_is_changed_of_a_profile_it_is_not_taken() {
        let key = SigningKey::generate(&World::system()).unwrap();
        let genuine = profile(&key);
        assert_eq!(genuine.check(ISSUER), Ok(()));
        let changed = |change: &dyn Fn(&mut VendorProfile)| {
            let mut profile = genuine.clone();
            change(&mut profile);
            profile.check(ISSUER).unwrap_err()
        };
        assert_eq!(changed(&|one| one.content[8] = b'x'), NotGenuine::Text);
        assert_eq!(changed(&|one| one.digest = Digest::of(b"x")), NotGenuine::Text);
        assert!(matches!(changed(&|one| one.version = 4), NotGenuine::Other(_)));
        assert!(matches!(changed(&|one| one.name = ProfileName::parse("atlas-client").unwrap()), NotGenuine::Other(_)));
        let other = SigningKey::generate(&World::system()).unwrap();
        assert!(matches!(changed(&|one| one.jwks = jwks(&other)), NotGenuine::Signature(VerifyError::UnknownKey)));
        assert!(matches!(changed(&|one| one.signature = "a.b.c".into()), NotGenuine::Signature(_)));
        assert!(matches!(genuine.check("vendor.elsewhere"), Err(NotGenuine::Other(_))));
    }

    #[test]
    fn what_is_kept_is_fetched_again_when_the_vendor_signs_with_another_key() {
        let [key, next] = [(), ()].map(|()| SigningKey::generate(&World::system()).unwrap());
        let VendorProfile { name, version, digest, signature, .. } = profile(&key);
        let kept = Kept { name, version, digest, signature, listed: true };
        let keys = |key| KeySet::from_jwks(&jwks(key)).unwrap();
        assert!(kept.is_good(digest, &keys(&key)));
        assert!(!kept.is_good(digest, &keys(&next)) && !kept.is_good(Digest::of(b"x"), &keys(&key)));
    }
}

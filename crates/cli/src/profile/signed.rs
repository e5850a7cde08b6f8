//! Who vouches for a profile in a file: the vendor's signature that lies beside it, held against the keys that lie there too.

use std::path::{Path, PathBuf};

use vouch_diagnostics::profile::Profile;
use vouch_proof::{KeySet, ProfileSignature};

use crate::output::Problem;

/// Where a profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This program brings it along.
    Program,
    /// A file with the signature of this vendor beside it.
    Signed(String),
    /// A file of somebody's own.
    Nobody,
}

impl Origin {
    /// What a person is told of it.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Program => "part of this program".to_owned(),
            // The keys came the way the file came: they tell that it is whole, and whose it is said to be.
            Self::Signed(issuer) => format!("as {issuer} signed it, by the keys that lie beside it"),
            Self::Nobody => "a file of one's own: no vendor has signed it".to_owned(),
        }
    }

    /// The vendor that signed it, by the keys that lie beside it.
    pub(crate) fn signer(&self) -> Option<&str> {
        match self {
            Self::Signed(issuer) => Some(issuer),
            Self::Program | Self::Nobody => None,
        }
    }
}

/// The files of the signature and of the keys, beside a profile's.
pub(super) fn beside(file: &Path) -> (PathBuf, PathBuf) {
    let with = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    (with(".jws"), with(".keys.json"))
}

/// Where a profile in a file comes from. A signature that does not fit is no reason to take the file for one's own: it is refused.
pub(super) fn origin(file: &Path, text: &str, profile: &Profile) -> Result<Origin, Problem> {
    let (signature, keys) = beside(file);
    if !signature.exists() {
        return Ok(Origin::Nobody);
    }
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Problem::new(format!("{} cannot be read: {error}", path.display())))
    };
    let (signed, jwks) = (read(&signature)?, read(&keys)?);
    verify(text, profile, signed.trim(), &jwks).map(Origin::Signed).map_err(|problem| {
        Problem::new(format!("{} is not what {} says: {problem}", file.display(), signature.display()))
            .next("Fetch the profile again; to use it as one's own, remove the signature.")
    })
}

/// Holds a text against a signature; the vendor that signed it, or why it does not fit.
pub(super) fn verify(text: &str, profile: &Profile, signed: &str, jwks: &str) -> Result<String, String> {
    let keys = KeySet::from_jwks(jwks).map_err(|problem| format!("the key set {problem}"))?;
    let signature = ProfileSignature::verify(signed, &keys).map_err(|problem| problem.to_string())?;
    if signature.name != profile.name || signature.version != profile.version {
        return Err(format!("it is the signature of {}/{}", signature.name, signature.version));
    }
    if !signature.is_over(text.as_bytes()) {
        return Err("the text was changed after it was signed".to_owned());
    }
    Ok(signature.iss)
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use vouch_core::World;
    use vouch_diagnostics::Digest;
    use vouch_proof::SigningKey;

    use super::*;

    const TEXT: &str =
        "name = \"sample\"\nversion = 3\n[[collectors]]\nname = \"os\"\nabout = \"x\"\nfiles = [\"/etc/x\"]\n";

    #[test]
    fn v10_of_a_file_it_is_said_who_signed_it_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sample-3.toml");
        let (signature, keys) = beside(&file);
        let profile = Profile::parse(TEXT).unwrap();
        assert_eq!(origin(&file, TEXT, &profile).unwrap(), Origin::Nobody);
        let key = SigningKey::generate(&World::system()).unwrap();
        let claims = ProfileSignature {
            iss: "vendor.vouch".into(),
            iat: 0,
            name: "sample".into(),
            version: 3,
            sha256: Digest::of(TEXT.as_bytes()).to_string(),
        };
        std::fs::write(&signature, claims.sign(&key).unwrap() + "\n").unwrap();
        assert!(origin(&file, TEXT, &profile).unwrap_err().what.contains("cannot be read"), "without keys");
        std::fs::write(&keys, format!(r#"{{"keys":[{}]}}"#, key.public_jwk())).unwrap();
        assert_eq!(origin(&file, TEXT, &profile).unwrap(), Origin::Signed("vendor.vouch".into()));
        let changed = TEXT.replace("/etc/x", "/etc/shadow");
        let refused = origin(&file, &changed, &Profile::parse(&changed).unwrap()).unwrap_err();
        assert!(refused.what.contains("changed after it was signed"), "{}", refused.what);
        let next = TEXT.replace("version = 3", "version = 4");
        let refused = origin(&file, &next, &Profile::parse(&next).unwrap()).unwrap_err();
        assert!(refused.what.contains("the signature of sample/3"), "{}", refused.what);
    }
}

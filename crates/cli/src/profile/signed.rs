//! Who vouches for a profile in a file: the vendor's signature that lies beside it, held against keys that are named, or against those
//! that lie there too.

use std::path::{Path, PathBuf};

use serde_json::Value;
use vouch_diagnostics::profile::Profile;
use vouch_proof::{KeySet, ProfileSignature};

use crate::output::{self, Problem};
use crate::verify::unwrap_answer;

/// Where a profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This program brings it along.
    Program,
    /// A file with the signature of this vendor beside it, verified with these keys.
    Signed(String, Keys),
    /// A file of somebody's own.
    Nobody,
}

/// Whose word it is that keys are a vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// They were named by the one who runs this.
    Given,
    /// They lie beside the profile, and came the way it came.
    Beside,
}

impl Keys {
    /// For machines.
    fn word(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Beside => "beside",
        }
    }
}

impl Origin {
    /// What a person is told of it: who vouches for what will be collected.
    pub(crate) fn words(&self) -> [String; 2] {
        match self {
            Self::Program => ["not signed: a sample that this program brings along".to_owned(), String::new()],
            Self::Signed(issuer, Keys::Given) => {
                [format!("signed by {}, verified with the keys that you gave", named(issuer)), String::new()]
            }
            // They tell that it is whole, and whose it is said to be.
            Self::Signed(issuer, Keys::Beside) => [
                format!("signed by {}, verified with the keys beside it", named(issuer)),
                "which the partner told, unless others were given to fetch; --keys FILE takes yours".to_owned(),
            ],
            Self::Nobody => ["not signed: a file of one's own".to_owned(), String::new()],
        }
    }

    /// The vendor that signed it, and whose keys say so; for machines.
    pub(crate) fn json(&self) -> [Value; 2] {
        match self {
            Self::Signed(issuer, keys) => [issuer.as_str().into(), keys.word().into()],
            Self::Program | Self::Nobody => [Value::Null, Value::Null],
        }
    }
}

/// A vendor's name as it is told: whoever signs chooses it, and what is no plain word stands in quotation marks, so that it ends where it
/// ends and gives a terminal no orders.
pub(crate) fn named(issuer: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/".contains(&byte);
    if !issuer.is_empty() && issuer.bytes().all(is_plain) { issuer.to_owned() } else { format!("{issuer:?}") }
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

/// Where a profile in a file comes from. A signature that does not fit is no reason to take the file for one's own: it is refused; and so is
/// a file without one, where keys are named to verify it with.
pub(super) fn origin(file: &Path, text: &str, profile: &Profile, given: Option<&Path>) -> Result<Origin, Problem> {
    let (signature, beside) = beside(file);
    if !signature.exists() {
        return given.map_or(Ok(Origin::Nobody), |_| Err(unsigned(&file.display().to_string(), profile)));
    }
    let signed = read(&signature)?;
    let (jwks, keys) = match given {
        Some(given) => (self::keys(given)?, Keys::Given),
        None => (read(&beside)?, Keys::Beside),
    };
    let verified = verify(text, profile, signed.trim(), &jwks);
    verified.map(|issuer| Origin::Signed(issuer, keys)).map_err(|problem| {
        let next = match keys {
            Keys::Given => "Are these the keys of the vendor that published it? Fetch the profile again with them.",
            Keys::Beside => "Fetch the profile again; to use it as one's own, remove the signature.",
        };
        Problem::new(format!("{} is not what {} says: {problem}", file.display(), signature.display())).next(next)
    })
}

/// That nobody has signed a profile which was to be verified.
pub(super) fn unsigned(name: &str, profile: &Profile) -> Problem {
    Problem::new(format!("{name} is not signed, so that no keys can verify it")).next(format!(
        "Fetch it as a vendor published it, or leave --keys out: {} profile fetch {}",
        output::program(),
        profile.title()
    ))
}

/// A vendor's keys in a file: a set of them, or the answer that it came in.
pub(super) fn keys(file: &Path) -> Result<String, Problem> {
    read(file).map(|text| unwrap_answer(&text))
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| Problem::unreadable(path, &error))
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
    fn a_vendors_name_forges_no_other_words() {
        for plain in ["vendor.vouch", "https://vendor.example:7402", "acme"] {
            assert_eq!(named(plain), plain);
        }
        assert_eq!(named("Acme Support"), "\"Acme Support\"");
        let forged = named("vendor.vouch, verified with the keys that you gave\u{1b}[8m\u{9b}2J\"");
        assert!(forged.starts_with('"') && forged.ends_with("\\\"\""), "{forged}");
        assert!(!forged.chars().any(char::is_control), "{forged}");
    }

    /// A profile in a file, signed, with the keys beside it; and other keys.
    fn signed(folder: &Path) -> (PathBuf, PathBuf) {
        let file = folder.join("sample-3.toml");
        let (signature, keys) = beside(&file);
        let [key, other] = [(); 2].map(|()| SigningKey::generate(&World::system()).unwrap());
        let claims = ProfileSignature {
            iss: "vendor.vouch".into(),
            iat: 0,
            name: "sample".into(),
            version: 3,
            sha256: Digest::of(TEXT.as_bytes()).to_string(),
        };
        std::fs::write(&signature, claims.sign(&key).unwrap() + "\n").unwrap();
        std::fs::write(&keys, format!(r#"{{"keys":[{}]}}"#, key.public_jwk())).unwrap();
        let others = folder.join("other.json");
        std::fs::write(&others, format!(r#"{{"keys":[{}]}}"#, other.public_jwk())).unwrap();
        (file, others)
    }

    #[test]
    fn v10_of_a_file_it_is_said_who_signed_it_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.toml");
        let profile = Profile::parse(TEXT).unwrap();
        assert_eq!(origin(&own, TEXT, &profile, None).unwrap(), Origin::Nobody);
        let (file, _) = signed(folder.path());
        let found = origin(&file, TEXT, &profile, None).unwrap();
        assert_eq!(found, Origin::Signed("vendor.vouch".into(), Keys::Beside));
        let changed = TEXT.replace("/etc/x", "/etc/shadow");
        let refused = origin(&file, &changed, &Profile::parse(&changed).unwrap(), None).unwrap_err();
        assert!(refused.what.contains("changed after it was signed"), "{}", refused.what);
        let next = TEXT.replace("version = 3", "version = 4");
        let refused = origin(&file, &next, &Profile::parse(&next).unwrap(), None).unwrap_err();
        assert!(refused.what.contains("the signature of sample/3"), "{}", refused.what);
        std::fs::remove_file(beside(&file).1).unwrap();
        let refused = origin(&file, TEXT, &profile, None).unwrap_err();
        assert!(refused.what.contains("there is no file"), "without keys: {}", refused.what);
    }

    #[test]
    fn v10_keys_that_are_named_are_the_only_ones_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::parse(TEXT).unwrap();
        let (file, others) = signed(folder.path());
        // The answer of `GetKeySet` is taken as it is.
        let (named, beside) = (folder.path().join("vendor.json"), beside(&file).1);
        let jwks = std::fs::read_to_string(&beside).unwrap();
        std::fs::write(&named, serde_json::json!({ "keySet": { "jwks": jwks } }).to_string()).unwrap();
        std::fs::remove_file(&beside).unwrap();
        let found = origin(&file, TEXT, &profile, Some(&named)).unwrap();
        assert_eq!(found, Origin::Signed("vendor.vouch".into(), Keys::Given));
        assert_eq!(found.json().map(|value| value.to_string()), [r#""vendor.vouch""#, r#""given""#]);
        let refused = origin(&file, TEXT, &profile, Some(&others)).unwrap_err();
        assert!(refused.what.contains("unknown key"), "{}", refused.what);
        let own = folder.path().join("own.toml");
        let refused = origin(&own, TEXT, &profile, Some(&named)).unwrap_err();
        assert!(refused.what.contains("own.toml is not signed"), "{}", refused.what);
        assert!(refused.next.unwrap().ends_with("profile fetch sample/3"));
    }

    #[test]
    fn v10_whose_word_it_is_stands_beside_the_name_of_who_signed() {
        let words = |origin: Origin| origin.words().join(" ");
        assert!(words(Origin::Signed("acme".into(), Keys::Given)).contains("verified with the keys that you gave"));
        assert!(words(Origin::Signed("acme".into(), Keys::Beside)).contains("--keys FILE takes yours"));
        assert!([Origin::Program, Origin::Nobody].into_iter().all(|origin| words(origin).starts_with("not signed")));
    }
}

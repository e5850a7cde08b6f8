//! The text that a signature is over: held against the digest that was signed, where it lies beside the signature.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use serde_json::Value;
use vouch_diagnostics::Digest;
use vouch_proof::{ManifestSignature, ProfileSignature};

use crate::output::Problem;
use crate::{bundle, profile};

/// A signature that is over a text of its own, and says nothing of it but the digest.
#[derive(Debug)]
pub(super) enum Over {
    Profile(ProfileSignature),
    Manifest(ManifestSignature),
}

/// What came of holding a text against its signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// This text is what was signed.
    Same(String),
    /// No text lies beside the signature.
    Nothing,
}

impl Compared {
    /// For machines.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Same(_) => "same",
            Self::Nothing => "not_compared",
        }
    }
}

/// A larger text than this was signed by nobody: profiles and manifests are far smaller.
const LARGEST: u64 = 64 * 1024 * 1024;

impl Over {
    /// Holds the text that was named against the signature in a file, or else the one in the answer that the signature came in, or else
    /// the one that lies beside it. One that was changed is a problem.
    pub(super) fn compare(&self, file: &Path, answer: &str, named: Option<&Path>) -> Result<Compared, Problem> {
        let within = if named.is_none() { self.within(answer, file)? } else { None };
        if let Some(content) = within {
            let name = format!("the profile in {}", file.display());
            return self.judge(name, self.is_over(&content), file);
        }
        let beside = || self.beside(file).into_iter().find(|text| text.is_file());
        let Some(text) = named.map(Path::to_owned).or_else(beside) else { return Ok(Compared::Nothing) };
        let is_same = match self {
            // A sealed bundle has its manifest within; a manifest by itself is a JSON object.
            Self::Manifest(signed) if !begins_with(&text, b'{')? => {
                bundle::open(&text)?.root().to_string() == signed.root
            }
            Self::Manifest(_) | Self::Profile(_) => self.is_over(&content(&text)?),
        };
        self.judge(text.display().to_string(), is_same, file)
    }

    /// How a text that was not compared can be.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Profile(_) => "not compared, for there is none beside it: --text FILE names the profile",
            Self::Manifest(_) => {
                "not compared, for there is none beside it: --text FILE names the sealed bundle, or its manifest"
            }
        }
    }

    fn judge(&self, text: String, is_same: bool, file: &Path) -> Result<Compared, Problem> {
        if is_same {
            return Ok(Compared::Same(text));
        }
        let problem = format!(
            "{text} is not what {} says: the signature is genuine, and over another text than this one",
            file.display()
        );
        let next = match self {
            Self::Profile(signed) => format!(
                "It was changed after it was signed, or is another one. Fetch {}/{} again, or name its text: --text FILE.",
                signed.name, signed.version
            ),
            Self::Manifest(_) => {
                "It was changed after it was signed, or is another one. Name the bundle that was signed: --text FILE."
                    .to_owned()
            }
        };
        Err(Problem::new(problem).next(next))
    }

    fn is_over(&self, content: &[u8]) -> bool {
        match self {
            Self::Profile(signed) => signed.is_over(content),
            Self::Manifest(signed) => Digest::of(content).to_string() == signed.root,
        }
    }

    /// The text in an answer that has both; one that cannot be read is not as good as none.
    fn within(&self, answer: &str, file: &Path) -> Result<Option<Vec<u8>>, Problem> {
        let Self::Profile(_) = self else { return Ok(None) };
        let answer: Option<Value> = serde_json::from_str(answer).ok();
        let Some(content) = answer.as_ref().and_then(|answer| answer.pointer("/profile/content")) else {
            return Ok(None);
        };
        let decoded = content.as_str().and_then(|content| BASE64.decode(content.as_bytes()).ok());
        let problem = || {
            Problem::new(format!("the profile in {} cannot be read: its content is no base64", file.display()))
                .next("Ask for the answer again, or name the profile's text: --text FILE.")
        };
        decoded.map(Some).ok_or_else(problem)
    }

    /// Where a text lies beside its signature: under the same name without the ending, or as `profile fetch` calls it.
    fn beside(&self, file: &Path) -> Vec<PathBuf> {
        let same = (file.extension().is_some_and(|ending| ending == "jws")).then(|| file.with_extension(""));
        let fetched = match self {
            Self::Profile(signed) => profile::fetched_file(&format!("{}/{}", signed.name, signed.version)),
            Self::Manifest(_) => None,
        };
        same.into_iter().chain(fetched.map(|name| file.with_file_name(name))).collect()
    }
}

/// Whether a file begins with this byte.
fn begins_with(file: &Path, wanted: u8) -> Result<bool, Problem> {
    let mut first = [0];
    let read = File::open(file).and_then(|mut opened| opened.read(&mut first));
    read.map(|count| count == 1 && first[0] == wanted).map_err(|error| Problem::unreadable(file, &error))
}

/// What is in a file, which is no larger than what can have been signed.
fn content(file: &Path) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut content));
    match read {
        Ok(_) if content.len() as u64 > LARGEST => {
            Err(Problem::new(format!("{} is larger than what is signed", file.display())))
        }
        Ok(_) => Ok(content),
        Err(error) => Err(Problem::unreadable(file, &error)),
    }
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use serde_json::json;

    use super::*;

    const TEXT: &str = "name = \"sample\"\n";

    fn over() -> Over {
        Over::Profile(ProfileSignature {
            iss: "vendor.vouch".into(),
            iat: 0,
            name: "sample".into(),
            version: 3,
            sha256: Digest::of(TEXT.as_bytes()).to_string(),
        })
    }

    #[test]
    fn v10_the_text_beside_a_signature_is_held_against_it_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (text, signature) = (folder.path().join("own.toml"), folder.path().join("own.toml.jws"));
        let compare = || over().compare(&signature, "e.y.J", None);
        assert_eq!(compare().unwrap(), Compared::Nothing);
        std::fs::write(&text, TEXT).unwrap();
        assert_eq!(compare().unwrap(), Compared::Same(text.display().to_string()));
        std::fs::write(&text, "name = \"another\"\n").unwrap();
        let refused = compare().unwrap_err();
        assert!(refused.what.starts_with(&format!("{} is not what", text.display())), "{}", refused.what);
        assert!(refused.next.unwrap().contains("Fetch sample/3 again"));
        // Under the name that it is fetched with, where the signature has one of its own.
        let (fetched, elsewhere) = (folder.path().join("sample-3.toml"), folder.path().join("signature"));
        std::fs::write(&fetched, TEXT).unwrap();
        let found = over().compare(&elsewhere, "e.y.J", None).unwrap();
        assert_eq!(found, Compared::Same(fetched.display().to_string()));
        assert!(over().compare(&elsewhere, "e.y.J", Some(&text)).is_err(), "the text that is named, and no other");
    }

    #[test]
    fn v10_an_answer_with_text_and_signature_is_held_against_itself() {
        let file = Path::new("/nowhere/answer.json");
        let answer = |text: &str| json!({ "profile": { "content": BASE64.encode(text.as_bytes()) } }).to_string();
        let same = over().compare(file, &answer(TEXT), None).unwrap();
        assert_eq!(same, Compared::Same("the profile in /nowhere/answer.json".into()));
        assert!(over().compare(file, &answer("changed"), None).is_err());
        let odd = json!({ "profile": { "content": "no base64!" } }).to_string();
        let refused = over().compare(file, &odd, None).unwrap_err();
        assert!(refused.what.ends_with("its content is no base64"), "it counts as one: {}", refused.what);
        assert_eq!(same.word(), "same");
    }

    #[test]
    fn v10_a_manifest_is_held_against_the_signature_over_its_root() {
        let folder = tempfile::tempdir().unwrap();
        let (text, signature) = (folder.path().join("manifest.json"), folder.path().join("manifest.json.jws"));
        let signed = ManifestSignature {
            iss: "north".into(),
            iat: 0,
            root: Digest::of(b"{}").to_string(),
            redaction: "standard/1".into(),
        };
        let compare = || Over::Manifest(signed.clone()).compare(&signature, "e.y.J", None);
        std::fs::write(&text, "{}").unwrap();
        assert!(matches!(compare(), Ok(Compared::Same(_))));
        std::fs::write(&text, "{ }").unwrap();
        assert!(compare().is_err());
        std::fs::remove_file(&text).unwrap();
        assert_eq!(compare().unwrap(), Compared::Nothing);
        assert_eq!(Compared::Nothing.word(), "not_compared");
        let named = |name: &str| {
            let named = folder.path().join(name);
            Over::Manifest(signed.clone()).compare(&signature, "e.y.J", Some(&named)).unwrap_err().what
        };
        assert!(named("nope").starts_with("there is no file "), "{}", named("nope"));
        std::fs::write(folder.path().join("host.vouch"), "no bundle").unwrap();
        assert!(named("host.vouch").contains("host.vouch is not to be trusted: "), "{}", named("host.vouch"));
        let large = std::fs::File::create(folder.path().join("large")).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        assert!(content(&folder.path().join("large")).unwrap_err().what.ends_with("is larger than what is signed"));
        assert!(Over::Manifest(signed.clone()).hint().contains("--text FILE"));
    }
}

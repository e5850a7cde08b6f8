//! Who read a bundle: what is kept of a reading, and what is not.

use jiff::{SignedDuration, Timestamp};
use vouch_diagnostics::{Entry, Manifest};

/// What one person does with the same thing within so long is one record.
pub const ONE_RECORD: SignedDuration = SignedDuration::from_mins(1);

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// By opaque subject.
    pub subject: String,
    /// The role by which.
    pub role: String,
}

/// What is done with a bundle. It names no content: its texts are those of the bundle's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// What the bundle says of itself is read.
    Opened,
    /// Its entries are listed.
    Listed(Scope),
    /// The content of an entry is read.
    Read {
        /// The entry.
        path: String,
    },
    /// Its contents are searched. What for is not kept: it may name a person.
    Searched(SearchKind, Scope),
}

/// How somebody searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKind {
    /// For a text as it is.
    Text,
    /// For a regular expression.
    Pattern,
}

impl SearchKind {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Pattern => "pattern",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Text, Self::Pattern].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those whose paths begin so.
    pub path_prefix: String,
    /// Those of this collector; empty: of any.
    pub collector: String,
}

impl Scope {
    /// Whether an entry is asked for.
    pub fn has(&self, entry: &Entry) -> bool {
        entry.path.starts_with(&self.path_prefix) && (self.collector.is_empty() || entry.collector == self.collector)
    }

    /// What is kept of it: what the manifest says too. What somebody typed that is not in it is theirs, and no business of a record
    /// that others read.
    #[must_use]
    pub fn kept(&self, manifest: &Manifest) -> Self {
        let of = |known: &dyn Fn(&Entry) -> bool, text: &String| {
            if manifest.entries.iter().any(known) { text.clone() } else { String::new() }
        };
        Self {
            path_prefix: of(&|entry| entry.path.starts_with(&self.path_prefix), &self.path_prefix),
            collector: of(&|entry| entry.collector == self.collector, &self.collector),
        }
    }
}

/// A record of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRead {
    /// Its place among those of the bundle, from 1.
    pub sequence: i64,
    /// Who read.
    pub reader: Reader,
    /// What was done.
    pub reading: Reading,
    /// How often.
    pub times: i64,
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
}

#[cfg(test)]
mod tests {
    //! Proves W23.

    use vouch_diagnostics::{Digest, Masked, Redaction};

    use super::*;

    fn manifest(entries: &[(&str, &str)]) -> Manifest {
        let entry = |(path, collector): &(&str, &str)| Entry {
            path: (*path).into(),
            media_type: "text/plain".into(),
            size_bytes: 0,
            sha256: Digest::of(b""),
            collector: (*collector).into(),
            failed: None,
            packed: None,
            masked: Masked::default(),
        };
        Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            collected_at: Timestamp::UNIX_EPOCH,
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            ticket: None,
            pseudonyms_for: None,
            packs: Vec::new(),
            entries: entries.iter().map(entry).collect(),
        }
    }

    fn scope(path_prefix: &str, collector: &str) -> Scope {
        Scope { path_prefix: path_prefix.into(), collector: collector.into() }
    }

    #[test]
    fn a_scope_has_the_entries_that_fit_both_of_its_parts() {
        let manifest = manifest(&[("etc/a", "os"), ("var/log/a", "logs"), ("var/log/b", "os")]);
        let paths = |scope: Scope| {
            let fitting = manifest.entries.iter().filter(|entry| scope.has(entry));
            fitting.map(|entry| entry.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(paths(Scope::default()).len(), 3);
        assert_eq!(paths(scope("var/log/", "os")), ["var/log/b"]);
        assert!(paths(scope("", "no")).is_empty());
    }

    #[test]
    fn w23_of_what_somebody_asked_for_only_what_the_bundle_says_itself_is_kept() {
        let manifest = manifest(&[("var/log/a", "logs")]);
        assert_eq!(scope("var/l", "logs").kept(&manifest), scope("var/l", "logs"));
        assert_eq!(scope("home/ada.lovelace", "no such").kept(&manifest), Scope::default());
    }
}

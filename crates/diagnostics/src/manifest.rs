//! Manifests: what a bundle says of itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The format's version. A reader takes no other.
const FORMAT: u32 = 1;
/// A larger manifest is not read.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// More entries are not read.
const MAX_ENTRIES: usize = 200_000;

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format's version: 1.
    pub format: u32,
    /// The profile by which it was collected: `name/version`.
    pub profile: String,
    /// When it was collected.
    pub collected_at: Timestamp,
    /// How it was redacted.
    pub redaction: Redaction,
    /// Its entries, by path.
    pub entries: Vec<Entry>,
}

/// How a bundle was redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// The policy: `name/version`.
    pub policy: String,
    /// The digest of the policy.
    pub policy_sha256: Digest,
}

/// An entry of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path within the bundle: relative, with `/`, without `.` and `..`.
    pub path: String,
    /// Its media type: `text/plain`.
    pub media_type: String,
    /// Its size.
    pub size_bytes: u64,
    /// The digest of its content.
    pub sha256: Digest,
    /// The collector that made it, which is also the name of the artefact.
    pub collector: String,
    /// Why there is no content, where the collector failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What was masked in it.
    #[serde(default, skip_serializing_if = "Masked::is_empty")]
    pub masked: Masked,
}

/// How often each rule masked something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(pub BTreeMap<String, u64>);

impl Masked {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a manifest is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is larger than the limit.
    #[error("the manifest is larger than {MAX_BYTES} bytes or has more than {MAX_ENTRIES} entries")]
    TooLarge,
    /// It is not what the format demands.
    #[error("the manifest cannot be read: line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It has another format.
    #[error("the manifest has format {0}, and this program reads format 1")]
    Format(u32),
    /// A path could lead out of the bundle, or is not written in its one way.
    #[error("entry {0} has a path that is not relative and plain")]
    Path(usize),
    /// Two entries share a path, or they are not in order.
    #[error("entry {0} is not after the one before it")]
    Order(usize),
}

impl Manifest {
    /// Reads a manifest and its root. The bytes are what counts: keep them, and never write them anew.
    pub fn read(bytes: &[u8]) -> Result<(Self, Digest), ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Malformed { line: error.line(), column: error.column() })?;
        manifest.check()?;
        Ok((manifest, Digest::of(bytes)))
    }

    /// Writes a manifest, its entries in order, and gives its root.
    pub fn write(mut self) -> Result<(Vec<u8>, Digest), ManifestError> {
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        self.check()?;
        let bytes = serde_json::to_vec(&self).map_err(|_| ManifestError::Malformed { line: 0, column: 0 })?;
        let root = Digest::of(&bytes);
        Ok((bytes, root))
    }

    /// The blobs that it names, each once, with their sizes. An empty entry and a failed one have no content to transfer.
    pub fn blobs(&self) -> BTreeMap<Digest, u64> {
        let with_content = self.entries.iter().filter(|entry| entry.failed.is_none() && entry.size_bytes > 0);
        with_content.map(|entry| (entry.sha256, entry.size_bytes)).collect()
    }

    /// The artefacts that it has, by name. A failed collector is no artefact.
    pub fn artefacts(&self) -> BTreeSet<String> {
        self.entries.iter().filter(|entry| entry.failed.is_none()).map(|entry| entry.collector.clone()).collect()
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.format != FORMAT {
            return Err(ManifestError::Format(self.format));
        }
        if self.entries.len() > MAX_ENTRIES {
            return Err(ManifestError::TooLarge);
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if !is_plain(&entry.path) {
                return Err(ManifestError::Path(index));
            }
            if index > 0 && self.entries[index - 1].path >= entry.path {
                return Err(ManifestError::Order(index));
            }
        }
        Ok(())
    }
}

/// A path that stays within the bundle on every system.
fn is_plain(path: &str) -> bool {
    path.len() <= 4096
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(':'))
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use proptest::prelude::*;

    use super::*;

    fn entry(path: &str, collector: &str) -> Entry {
        Entry {
            path: path.into(),
            media_type: "text/plain".into(),
            size_bytes: 3,
            sha256: Digest::of(b"abc"),
            collector: collector.into(),
            failed: None,
            masked: Masked::default(),
        }
    }

    fn manifest(entries: Vec<Entry>) -> Manifest {
        Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy") },
            entries,
        }
    }

    #[test]
    fn b03_the_root_is_the_digest_of_the_bytes_as_they_are() {
        let (bytes, root) = manifest(vec![entry("b", "os"), entry("a", "logs")]).write().unwrap();
        let (read, again) = Manifest::read(&bytes).unwrap();
        assert_eq!((again, read.entries[0].path.as_str()), (root, "a"));
        let spaced = [bytes.as_slice(), b" "].concat();
        assert_ne!(Manifest::read(&spaced).unwrap().1, root, "one byte more is another bundle");
    }

    #[test]
    fn b03_a_collector_that_failed_is_no_artefact() {
        let failed = Entry { failed: Some("permission denied".into()), ..entry("c", "journal") };
        let manifest = manifest(vec![entry("a", "os"), failed]);
        assert_eq!(manifest.artefacts(), BTreeSet::from(["os".to_owned()]));
    }

    #[test]
    fn a_path_that_leads_out_of_the_bundle_is_refused() {
        for path in ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a\\b", "c:/x", "a\nb", &"x".repeat(4097)] {
            let refused = manifest(vec![entry(path, "os")]).write();
            assert_eq!(refused.unwrap_err(), ManifestError::Path(0), "{path:?}");
        }
    }

    #[test]
    fn entries_are_unique_and_in_order() {
        let twice = manifest(vec![entry("a", "os"), entry("a", "logs")]).write();
        assert_eq!(twice.unwrap_err(), ManifestError::Order(1));
        let bytes = serde_json::to_vec(&manifest(vec![entry("b", "os"), entry("a", "os")])).unwrap();
        assert_eq!(Manifest::read(&bytes).unwrap_err(), ManifestError::Order(1));
    }

    #[test]
    fn another_format_or_an_unknown_field_is_refused() {
        let bytes = serde_json::to_vec(&Manifest { format: 2, ..manifest(vec![]) }).unwrap();
        assert_eq!(Manifest::read(&bytes).unwrap_err(), ManifestError::Format(2));
        let unknown = String::from_utf8(manifest(vec![]).write().unwrap().0).unwrap().replacen('{', r#"{"x":1,"#, 1);
        assert!(matches!(Manifest::read(unknown.as_bytes()), Err(ManifestError::Malformed { line: 1, .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::read(&bytes);
        }
    }
}

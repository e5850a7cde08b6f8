//! Manifests: what a bundle says of itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Coverage, Digest};

/// The format's version. A reader takes no other.
const FORMAT: u32 = 1;
/// A larger manifest is not read.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// More entries are not read.
const MAX_ENTRIES: usize = 200_000;
/// A larger content is not taken.
const MAX_CONTENT_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// A larger pack is not taken.
pub const MAX_PACK_BYTES: u64 = 4 * 1024 * 1024;

/// In a reason, stands before where a link leads.
pub(crate) const LEADS_TO: &str = "; it leads to ";

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format's version: 1.
    pub format: u32,
    /// The profile by which it was collected: `name/version`.
    pub profile: String,
    /// The collection ticket by which it was collected: `col_…`; absent where no partner issued one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// To whose key the table of pseudonyms is encrypted, which lies beside the manifest and stays with the partner: `age1…`;
    /// absent where there is no table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonyms_for: Option<String>,
    /// When it was collected; what somebody had collected already counts from then on.
    pub collected_at: Timestamp,
    /// How it was redacted.
    pub redaction: Redaction,
    /// The packs in which small contents travel: many files as few blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<Pack>,
    /// Its entries, by path.
    pub entries: Vec<Entry>,
}

/// Small contents one behind another, transferred as one blob of at most [`MAX_PACK_BYTES`]. Every byte of it belongs to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// The digest of the pack.
    pub sha256: Digest,
    /// Its size.
    pub size_bytes: u64,
}

/// How a bundle was redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// The policy: `name/version`.
    pub policy: String,
    /// The digest of the policy.
    pub policy_sha256: Digest,
    /// From where names could be learned; absent in a bundle of a program that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
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
    /// Where its content lies in a pack; otherwise it is a blob of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
    /// What was masked in it.
    #[serde(default, skip_serializing_if = "Masked::is_empty")]
    pub masked: Masked,
}

/// A place in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packed {
    /// Which of the manifest's packs, from 0.
    pub pack: u32,
    /// Where in it the content begins.
    pub offset: u64,
}

/// Where an entry's content is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The blob.
    pub blob: Digest,
    /// The blob's size.
    pub blob_bytes: u64,
    /// Where in the blob the content begins.
    pub offset: u64,
    /// The content's size.
    pub size_bytes: u64,
}

/// How often each rule masked something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(pub BTreeMap<String, u64>);

impl Entry {
    /// Why there is no content; the same for all links, wherever they lead.
    pub fn reason(&self) -> Option<&str> {
        let failed = self.failed.as_deref()?;
        Some(failed.split_once(LEADS_TO).map_or(failed, |(reason, _)| reason))
    }
}

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
    /// The collection ticket, or the key of the table of pseudonyms, is no plain name.
    #[error("the manifest's ticket or the key of its pseudonyms is no plain name")]
    Ticket,
    /// A path could lead out of the bundle, or is not written in its one way.
    #[error("entry {0} has a path that is not relative and plain")]
    Path(usize),
    /// Two entries share a path, or they are not in order.
    #[error("entry {0} is not after the one before it")]
    Order(usize),
    /// A pack is empty, too large or there twice, or an entry's place in it is none, or something in it belongs to no entry.
    #[error("pack {0} is empty, too large or there twice, or does not consist of its entries")]
    Pack(usize),
    /// One digest is said to have two sizes, a size is out of bounds, or what is empty has a digest of something.
    #[error("entry {0} is too large, or has a size that its digest cannot have")]
    Size(usize),
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
        self.entries.iter().filter_map(|entry| self.place(entry)).map(|place| (place.blob, place.blob_bytes)).collect()
    }

    /// Where the content of one of its entries is: `None` for an entry that is empty or failed.
    pub fn place(&self, entry: &Entry) -> Option<Place> {
        let size_bytes = entry.size_bytes;
        if entry.failed.is_some() || size_bytes == 0 {
            return None;
        }
        let Some(Packed { pack, offset }) = entry.packed else {
            return Some(Place { blob: entry.sha256, blob_bytes: size_bytes, offset: 0, size_bytes });
        };
        let pack = self.packs.get(usize::try_from(pack).ok()?)?;
        Some(Place { blob: pack.sha256, blob_bytes: pack.size_bytes, offset, size_bytes })
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
        if [&self.ticket, &self.pseudonyms_for].into_iter().flatten().any(|name| !is_name(name)) {
            return Err(ManifestError::Ticket);
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if !is_plain(&entry.path) {
                return Err(ManifestError::Path(index));
            }
            if index > 0 && self.entries[index - 1].path >= entry.path {
                return Err(ManifestError::Order(index));
            }
        }
        self.check_packs()?;
        self.check_sizes()
    }

    /// A digest has one size, or one of two entries would have no content; and what is empty has the digest of nothing.
    fn check_sizes(&self) -> Result<(), ManifestError> {
        let (mut sizes, nothing) = (BTreeMap::new(), Digest::of(b""));
        for (index, entry) in self.entries.iter().enumerate() {
            let is_empty = entry.size_bytes == 0 && entry.failed.is_none();
            if entry.size_bytes > MAX_CONTENT_BYTES || is_empty && entry.sha256 != nothing {
                return Err(ManifestError::Size(index));
            }
            let Some(place) = self.place(entry) else { continue };
            if *sizes.entry(place.blob).or_insert(place.blob_bytes) != place.blob_bytes {
                return Err(ManifestError::Size(index));
            }
        }
        Ok(())
    }

    /// Packs consist of the contents of entries and of nothing else, so that nothing travels which no entry shows. Equal
    /// contents share a place.
    fn check_packs(&self) -> Result<(), ManifestError> {
        let mut places = BTreeMap::new();
        for entry in &self.entries {
            let Some(packed) = entry.packed else { continue };
            let content = (entry.size_bytes, entry.sha256);
            if entry.failed.is_some() || *places.entry(packed).or_insert(content) != content {
                return Err(ManifestError::Pack(usize::try_from(packed.pack).unwrap_or(usize::MAX)));
            }
        }
        let mut places = places.into_iter().peekable();
        let mut digests = BTreeSet::new();
        for (index, pack) in self.packs.iter().enumerate() {
            let mut end = 0;
            while let Some((packed, (size, _))) = places.next_if(|(packed, _)| packed.pack as usize == index) {
                if packed.offset != end || size == 0 {
                    return Err(ManifestError::Pack(index));
                }
                end = end.saturating_add(size);
            }
            // The same pack cut in many ways would have to be read as often.
            let is_new = digests.insert(pack.sha256);
            if end != pack.size_bytes || !(1..=MAX_PACK_BYTES).contains(&end) || !is_new {
                return Err(ManifestError::Pack(index));
            }
        }
        places.next().map_or(Ok(()), |(packed, _)| Err(ManifestError::Pack(packed.pack as usize)))
    }
}

/// A name that can stand anywhere.
fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
            packed: None,
            masked: Masked::default(),
        }
    }

    fn packed(path: &str, pack: u32, offset: u64) -> Entry {
        Entry { packed: Some(Packed { pack, offset }), ..entry(path, "logs") }
    }

    fn pack(size_bytes: u64) -> Pack {
        Pack { sha256: Digest::of(b"pack"), size_bytes }
    }

    fn manifest(entries: Vec<Entry>) -> Manifest {
        Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            ticket: None,
            pseudonyms_for: None,
            collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            packs: Vec::new(),
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
    fn b03_a_manifest_names_its_collection_ticket_plainly_or_none() {
        let named = Manifest { ticket: Some("col_1".into()), pseudonyms_for: Some("age1x".into()), ..manifest(vec![]) };
        let (bytes, _) = named.clone().write().unwrap();
        assert_eq!(Manifest::read(&bytes).unwrap().0, named);
        assert!(!String::from_utf8(manifest(vec![]).write().unwrap().0).unwrap().contains("ticket"));
        for name in ["", "../x", "a b", &"x".repeat(101)] {
            let refused = Manifest { ticket: Some(name.into()), ..manifest(vec![]) }.write();
            assert_eq!(refused.unwrap_err(), ManifestError::Ticket, "{name:?}");
        }
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
    fn small_contents_are_read_from_their_pack_and_equal_ones_share_a_place() {
        let entries = vec![packed("a", 0, 0), packed("b", 0, 3), packed("c", 0, 3), entry("d", "os")];
        let manifest = Manifest { packs: vec![pack(6)], ..manifest(entries) };
        let (manifest, _) = Manifest::read(&manifest.write().unwrap().0).unwrap();
        let place = Place { blob: Digest::of(b"pack"), blob_bytes: 6, offset: 3, size_bytes: 3 };
        assert_eq!(manifest.place(&manifest.entries[2]), Some(place));
        assert_eq!(manifest.blobs(), BTreeMap::from([(Digest::of(b"pack"), 6), (Digest::of(b"abc"), 3)]));
    }

    #[test]
    fn nothing_in_a_pack_belongs_to_no_entry_and_no_entry_reaches_beyond_its_pack() {
        let other = Entry { sha256: Digest::of(b"xyz"), ..packed("b", 0, 0) };
        let failed = Entry { failed: Some("gone".into()), ..packed("a", 0, 0) };
        let table = [
            (vec![pack(4)], vec![packed("a", 0, 0)], 0),
            (vec![pack(3)], vec![packed("a", 0, 1)], 0),
            (vec![pack(6)], vec![packed("a", 0, 0), packed("b", 0, 2)], 0),
            (vec![pack(3)], vec![packed("a", 0, 0), packed("b", 1, 0)], 1),
            (vec![pack(3)], vec![packed("a", 0, 0), other], 0),
            (vec![pack(3)], vec![failed], 0),
            (vec![pack(3), pack(0)], vec![packed("a", 0, 0)], 1),
            (vec![pack(3), pack(3)], vec![packed("a", 0, 0), packed("b", 1, 0)], 1),
            (vec![pack(MAX_PACK_BYTES + 1)], vec![Entry { size_bytes: MAX_PACK_BYTES + 1, ..packed("a", 0, 0) }], 0),
            (
                vec![pack(u64::MAX)],
                vec![Entry { size_bytes: u64::MAX, ..packed("a", 0, 0) }, packed("b", 0, u64::MAX)],
                0,
            ),
        ];
        for (row, (packs, entries, index)) in table.into_iter().enumerate() {
            let refused = Manifest { packs, ..manifest(entries) }.write();
            assert_eq!(refused.unwrap_err(), ManifestError::Pack(index), "row {row}");
        }
    }

    #[test]
    fn a_digest_has_one_size() {
        let other = Entry { size_bytes: 4, ..entry("b", "os") };
        let refused = manifest(vec![entry("a", "os"), other]).write();
        assert_eq!(refused.unwrap_err(), ManifestError::Size(1));
    }

    #[test]
    fn what_is_empty_has_the_digest_of_nothing_and_nothing_is_larger_than_a_blob_may_be() {
        for (size_bytes, sha256) in [(0, Digest::of(b"abc")), (MAX_CONTENT_BYTES + 1, Digest::of(b"abc"))] {
            let refused = manifest(vec![Entry { size_bytes, sha256, ..entry("a", "os") }]).write();
            assert_eq!(refused.unwrap_err(), ManifestError::Size(0), "{size_bytes}");
        }
        let empty = Entry { size_bytes: 0, sha256: Digest::of(b""), ..entry("a", "os") };
        assert!(manifest(vec![empty]).write().is_ok());
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

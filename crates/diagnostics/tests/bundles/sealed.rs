//! Sealed files: what is not whole is not believed.
//!
//! Proves B03.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use vouch_diagnostics::archive::Limits;
use vouch_diagnostics::sealed::{SealedBundle, SealedError};
use vouch_diagnostics::{CollectError, Digest, MAX_PACK_BYTES, Manifest};

use super::packed::gzip;
use super::{seal_archive, tar, texts};

/// A content that is a blob of its own.
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| b"one\n".repeat(1 << 18));
/// A sealed file with a blob and a pack.
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 6] = [
        ("a.txt", &LARGE),
        ("b.txt", b"two\n"),
        ("c.txt", &LARGE),
        ("d.txt", b"four\n"),
        ("e.txt", b"two\n"),
        ("empty", b""),
    ];
    drop(seal_archive(folder.path(), &tar(&files), Limits::default()).unwrap());
    std::fs::read(folder.path().join("out.vouch")).unwrap()
});

fn sealed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.vouch");
    std::fs::write(&path, &*SEALED).unwrap();
    (folder, path)
}

/// The entries of a sealed file: the manifest, the blobs by their digests, the root.
fn entries() -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(Cursor::new(&*SEALED));
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.path().unwrap().display().to_string(), bytes));
    }
    entries
}

/// The entries of a sealed file, changed and put together again.
fn rebuilt(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Result<SealedBundle, SealedError> {
    let mut entries = entries();
    change(&mut entries);
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.vouch");
    std::fs::write(&path, tar(&entries)).unwrap();
    SealedBundle::open(&path)
}

/// The same with another manifest, for which somebody made the root anew.
fn forged(change: impl FnOnce(&mut Manifest, &mut Vec<(String, Vec<u8>)>)) -> Result<SealedBundle, SealedError> {
    rebuilt(|entries| {
        let (mut manifest, _) = Manifest::read(&entries[0].1).unwrap();
        change(&mut manifest, entries);
        let (bytes, root) = manifest.write().unwrap();
        entries[0].1 = bytes;
        entries.last_mut().unwrap().1 = root.to_string().into_bytes();
    })
}

/// Packs some bytes as the one pack of the sealed file.
fn repack(manifest: &mut Manifest, entries: &mut [(String, Vec<u8>)], pack: &[u8]) {
    let old = format!("blobs/{}.gz", manifest.packs[0].sha256);
    manifest.packs[0].sha256 = Digest::of(pack);
    let blob = entries.iter_mut().find(|(name, _)| *name == old).unwrap();
    *blob = (format!("blobs/{}.gz", Digest::of(pack)), gzip(pack));
    entries[1..3].sort();
}

#[test]
fn b03_a_sealed_file_holds_its_manifest_and_each_blob_once() {
    let (_folder, path) = sealed();
    let bundle = SealedBundle::open(&path).unwrap();
    assert_eq!(bundle.manifest().entries.len(), 6);
    let mut sizes: Vec<_> = bundle.blobs().map(|blob| blob.size_bytes()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [9, 1 << 20], "the same content is there once, small ones in a pack, and nothing is no content");
    let texts = texts(&bundle);
    assert_eq!(["b.txt", "d.txt", "e.txt", "empty"].map(|path| texts[path].as_str()), ["two\n", "four\n", "two\n", ""]);
    assert!(texts["a.txt"].as_bytes() == *LARGE && texts["c.txt"] == texts["a.txt"]);
    assert_eq!(Digest::of(bundle.manifest_bytes()), bundle.root());
    assert!(rebuilt(|_| {}).is_ok());
}

#[test]
fn b03_a_sealed_file_that_was_changed_is_refused() {
    for at in [1, 2] {
        assert!(matches!(
            rebuilt(|entries| {
                entries.remove(at);
            })
            .unwrap_err(),
            SealedError::Missing(_)
        ));
    }
    assert!(matches!(
        rebuilt(|entries| {
            entries.pop();
        })
        .unwrap_err(),
        SealedError::Malformed
    ));
    assert!(matches!(
        rebuilt(|entries| {
            entries.truncate(2);
        })
        .unwrap_err(),
        SealedError::Missing(_)
    ));
    assert!(
        matches!(rebuilt(|entries| entries.push(("x".into(), vec![1]))).unwrap_err(), SealedError::Extra(name) if name == "x")
    );
    assert!(matches!(rebuilt(|entries| entries.insert(1, ("x".into(), vec![1]))).unwrap_err(), SealedError::Extra(_)));
    assert!(matches!(
        rebuilt(|entries| {
            let twice = entries[1].clone();
            entries.insert(1, twice);
        })
        .unwrap_err(),
        SealedError::Extra(_)
    ));
    assert!(matches!(rebuilt(|entries| entries.swap(1, 2)).unwrap_err(), SealedError::Missing(_)));
    let swapped = rebuilt(|entries| entries[1].1 = entries[2].1.clone());
    assert!(matches!(swapped.unwrap_err(), SealedError::Mismatch(_) | SealedError::Content(_)));
    assert!(matches!(rebuilt(|entries| entries[1].1.push(0)).unwrap_err(), SealedError::Mismatch(_)));
    assert!(matches!(
        rebuilt(|entries| {
            entries.remove(0);
        })
        .unwrap_err(),
        SealedError::Malformed
    ));
    assert!(matches!(rebuilt(|entries| entries[0].1[0] = b'x').unwrap_err(), SealedError::Manifest(_)));
}

#[test]
fn b03_what_lies_in_a_pack_is_what_every_entry_says_of_it() {
    assert!(forged(|_, _| {}).is_ok());
    let lied = forged(|manifest, _| manifest.entries[3].sha256 = Digest::of(b"five\n"));
    assert!(matches!(lied.unwrap_err(), SealedError::Content(path) if path == "d.txt"), "the entry lies");
    let lied = forged(|manifest, entries| repack(manifest, entries, b"two\nfive\n"));
    assert!(matches!(lied.unwrap_err(), SealedError::Content(path) if path == "d.txt"), "the pack lies");
    let lied = forged(|manifest, entries| repack(manifest, entries, b"two\nfour\nmore\n"));
    assert!(matches!(lied.unwrap_err(), SealedError::Mismatch(_)), "something lies behind");
    let damaged = rebuilt(|entries| {
        let pack = entries[1..3].iter_mut().min_by_key(|(_, bytes)| bytes.len()).unwrap();
        pack.1 = gzip(b"tow\nfour\n");
    });
    assert!(
        matches!(damaged.unwrap_err(), SealedError::Content(path) if path == "b.txt"),
        "damage is told by its entry"
    );
}

#[test]
fn b03_five_thousand_small_files_are_a_few_blobs_and_each_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let text = |number: usize| format!("{number} {}\n", "small ".repeat(number % 301));
    let files: Vec<(String, String)> =
        (0..5000).map(|number| (format!("logs/{number:04}.log"), text(number))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
    let bundle = seal_archive(folder.path(), &tar(&files), Limits::default()).unwrap();
    let size: u64 = bundle.manifest().entries.iter().map(|entry| entry.size_bytes).sum();
    let blobs: BTreeSet<_> = bundle.blobs().map(|blob| (blob.digest(), blob.size_bytes())).collect();
    assert_eq!(blobs.len() as u64, size.div_ceil(MAX_PACK_BYTES), "{size} bytes in {} blobs", blobs.len());
    assert!(blobs.iter().all(|(_, size)| *size <= MAX_PACK_BYTES));
    assert_eq!(bundle.manifest().packs.len(), blobs.len());
    let texts = texts(&bundle);
    assert_eq!(texts.len(), 5000);
    assert!((0..5000).all(|number| texts[&format!("logs/{number:04}.log")] == text(number)));
}

#[test]
fn b03_a_manifest_that_reads_well_but_is_not_the_sealed_one_is_refused() {
    let changed = rebuilt(|entries| {
        let manifest = String::from_utf8(entries[0].1.clone()).unwrap();
        assert!(manifest.contains("a.txt"));
        entries[0].1 = manifest.replace("a.txt", "0.txt").into_bytes();
    });
    assert!(matches!(changed.unwrap_err(), SealedError::Root(_)));
    for root in ["", "x", &"0".repeat(64)] {
        let changed = rebuilt(|entries| entries.last_mut().unwrap().1 = root.into());
        assert!(matches!(changed.unwrap_err(), SealedError::Root(_)), "{root}");
    }
    let twice = rebuilt(|entries| entries.push(entries.last().unwrap().clone()));
    assert!(matches!(twice.unwrap_err(), SealedError::Extra(name) if name == "root"));
}

#[test]
fn b03_a_sealed_file_that_is_cut_off_or_has_something_behind_it_is_refused() {
    let (_folder, path) = sealed();
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(SealedBundle::open(&path).is_err(), "{length} of {}", whole.len());
    }
    std::fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(matches!(SealedBundle::open(&path).unwrap_err(), SealedError::Malformed));
}

#[test]
fn a_file_that_is_there_already_is_never_written_over() {
    let (folder, path) = sealed();
    let archive = folder.path().join("in.tar");
    std::fs::write(&archive, tar(&[("a.txt", b"one\n")])).unwrap();
    let mut evidence = vouch_diagnostics::archive::ArchiveEvidence::open(&archive, Limits::default()).unwrap();
    let learner =
        vouch_diagnostics::redaction::Learner::new(vouch_diagnostics::redaction::Policy::standard().unwrap()).unwrap();
    let refused =
        vouch_diagnostics::seal(&mut evidence, learner, &[7; 32], jiff::Timestamp::UNIX_EPOCH, &path, &mut |_| {});
    assert!(matches!(refused.unwrap_err(), CollectError::Sealed(SealedError::Exists(there)) if there == path));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing is left beside it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_damage_is_refused_without_a_panic(at in 0usize..5000, byte in any::<u8>()) {
        let (_folder, path) = sealed();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at % bytes.len();
        let same = bytes[at] == byte;
        bytes[at] = byte;
        std::fs::write(&path, &bytes).unwrap();
        // Some bytes of tar mean nothing; whatever opens has whole contents.
        if let Ok(bundle) = SealedBundle::open(&path) {
            prop_assert_eq!(bundle.blobs().count(), 2);
        } else {
            prop_assert!(!same);
        }
    }
}

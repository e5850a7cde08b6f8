//! Sealed files: what is not whole is not believed.
//!
//! Proves B03.

use std::io::{Cursor, Read as _};
use std::path::PathBuf;

use proptest::prelude::*;
use vouch_diagnostics::CollectError;
use vouch_diagnostics::archive::Limits;
use vouch_diagnostics::sealed::{SealedBundle, SealedError};

use super::{seal_archive, tar, texts};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one\n"), ("b.txt", b"two\n"), ("c.txt", b"one\n"), ("empty", b"")];

fn sealed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    drop(seal_archive(folder.path(), &tar(FILES), Limits::default()).unwrap());
    let path = folder.path().join("out.vouch");
    (folder, path)
}

/// The entries of a sealed file, changed and put together again.
fn rebuilt(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Result<SealedBundle, SealedError> {
    let (_folder, path) = sealed();
    let mut archive = tar::Archive::new(Cursor::new(std::fs::read(&path).unwrap()));
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.path().unwrap().display().to_string(), bytes));
    }
    change(&mut entries);
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    std::fs::write(&path, tar(&entries)).unwrap();
    SealedBundle::open(&path)
}

#[test]
fn b03_a_sealed_file_holds_its_manifest_and_each_blob_once() {
    let (_folder, path) = sealed();
    let bundle = SealedBundle::open(&path).unwrap();
    assert_eq!(bundle.manifest().entries.len(), 4);
    let blobs: Vec<_> = bundle.blobs().collect();
    assert_eq!(blobs.len(), 2, "the same content is there once, and nothing is no content");
    assert!(blobs.iter().all(|blob| blob.size_bytes() == 4));
    assert_eq!(texts(&bundle)["c.txt"], "one\n");
    assert_eq!(vouch_diagnostics::Digest::of(bundle.manifest_bytes()), bundle.root());
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
    assert!(matches!(rebuilt(|entries| entries[1].1 = entries[2].1.clone()).unwrap_err(), SealedError::Mismatch(_)));
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

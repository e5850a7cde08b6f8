//! Collection tickets: the table of pseudonyms lies beside the manifest, for the partner alone.
//!
//! Proves B03, V07, W10.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::pseudonyms::{Identity, PseudonymTable, PseudonymsError, Translation};
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::request::{CollectionRequest, PseudonymKey};
use vouch_diagnostics::sealed::{SealedBundle, SealedError};
use vouch_diagnostics::{Manifest, Order, seal_if};

use super::{tar, texts};

const LOG: &str = "peer 10.88.77.66 of finch@birds.example\nagain 10.88.77.66 password=tweet-tweet-1\n";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nrobin:x:1000:1000::/home/robin:/bin/sh\n";
/// What the table tells, and nothing else of the file does.
const ORIGINALS: [&str; 3] = ["10.88.77.66", "finch@birds.example", "robin"];

fn request(key: u8, partner: &Identity) -> CollectionRequest {
    CollectionRequest::new("tkt_1", "archive/1", PseudonymKey([key; 32])).issued("col_1", partner.recipient())
}

/// Takes an archive of these files in, by a request.
fn collected(folder: &Path, request: &CollectionRequest, files: &[(&str, &[u8])]) -> (PathBuf, SealedBundle) {
    let (input, output) = (folder.join("in.tar"), folder.join("out.vouch"));
    let _ = std::fs::remove_file(&output);
    std::fs::write(&input, tar(files)).unwrap();
    let mut evidence = ArchiveEvidence::open(&input, Limits::default()).unwrap();
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let order = Order {
        pseudonym_key: &request.pseudonym_key,
        ticket: request.id.as_deref(),
        recipient: request.recipient.as_ref(),
    };
    let bundle = seal_if(&mut evidence, learner, order, now, &output, &mut |_| {}, &mut |_| true).unwrap();
    (output, bundle)
}

fn files() -> [(&'static str, &'static [u8]); 3] {
    [("home/robin/app.log", LOG.as_bytes()), ("etc/passwd", PASSWD.as_bytes()), ("net.log", b"via 10.88.77.66\n")]
}

/// The entries of a sealed file as they lie in it.
fn parts(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(Cursor::new(std::fs::read(path).unwrap()));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry: tar::Entry<'_, Cursor<Vec<u8>>> = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// The same file with its entries changed.
fn rebuilt(path: &Path, change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Result<SealedBundle, SealedError> {
    let mut entries = parts(path);
    change(&mut entries);
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let changed = path.with_extension("changed");
    std::fs::write(&changed, tar(&entries)).unwrap();
    SealedBundle::open(&changed)
}

#[test]
fn v07_the_table_is_in_the_file_for_the_partner_alone_and_no_manifest_names_it_as_a_blob() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Identity::generate();
    let (path, bundle) = collected(folder.path(), &request(7, &partner), &files());
    let manifest = bundle.manifest();
    assert_eq!(manifest.ticket.as_deref(), Some("col_1"));
    assert_eq!(manifest.pseudonyms_for, Some(partner.recipient().to_string()));
    let sealed = bundle.pseudonyms().unwrap();
    assert!(!manifest.blobs().contains_key(&vouch_diagnostics::Digest::of(sealed)), "it never travels");

    let table = PseudonymTable::open(sealed, &partner).unwrap();
    assert_eq!(table.ticket(), "col_1");
    assert_eq!(PseudonymTable::open(sealed, &Identity::generate()).unwrap_err(), PseudonymsError::Unopenable);
    let translation = Translation::of([table]);
    let text = texts(&bundle).into_iter().find(|(path, _)| path.ends_with("app.log")).unwrap();
    let secret_is_gone = LOG.replace("tweet-tweet-1", "[masked:password]");
    assert_eq!(translation.translate(&text.1).0, secret_is_gone, "what has a pseudonym comes back, a secret does not");
    assert_eq!(translation.translate(&text.0).0, "home/robin/app.log", "in paths too");

    // Unpacked, no part of the file has an original in it, and neither has the file as it lies there.
    let mut readable = std::fs::read(&path).unwrap();
    for mut blob in bundle.blobs() {
        blob.read_to_end(&mut readable).unwrap();
    }
    readable.extend_from_slice(bundle.manifest_bytes());
    for original in ORIGINALS {
        assert!(!readable.windows(original.len()).any(|window| window == original.as_bytes()), "{original}");
    }
}

#[test]
fn w10_two_collections_of_one_ticket_share_pseudonyms_and_a_table_of_one_reads_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let partner = Identity::generate();
    let lines = |request: &CollectionRequest, file: &str| {
        let (_, bundle) = collected(folder.path(), request, &[(file, LOG.as_bytes())]);
        let table = PseudonymTable::open(bundle.pseudonyms().unwrap(), &partner).unwrap();
        (texts(&bundle)[file].clone(), Translation::of([table]))
    };
    let (first, second) = (request(7, &partner), request(7, &partner).issued("col_2", partner.recipient()));
    let ((one, by_one), (two, _)) = (lines(&first, "a.log"), lines(&second, "b.log"));
    assert_eq!(one, two);
    assert!(by_one.translate(&two).0.contains("10.88.77.66 of finch@birds.example"));
    let (other, _) = lines(&request(8, &partner), "a.log");
    assert_ne!(other, one, "of another ticket");
    assert_eq!(by_one.translate(&other), (other.clone(), 0), "nobody can tell");
}

#[test]
fn v07_without_a_partners_key_there_is_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let request = CollectionRequest::new("tkt_1", "archive/1", PseudonymKey([7; 32]));
    let (path, bundle) = collected(folder.path(), &request, &files());
    assert!(bundle.pseudonyms().is_none() && bundle.manifest().ticket.is_none());
    let names: BTreeSet<String> = parts(&path).into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains("pseudonyms.age"), "{names:?}");
    let added = rebuilt(&path, |entries| entries.insert(entries.len() - 1, ("pseudonyms.age".into(), vec![1])));
    assert!(matches!(added.unwrap_err(), SealedError::Extra(name) if name == "pseudonyms.age"));
}

#[test]
fn b03_a_file_has_the_table_that_its_manifest_speaks_of_once_and_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bundle) = collected(folder.path(), &request(7, &Identity::generate()), &files());
    let names: Vec<String> = parts(&path).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[names.len() - 2..], ["pseudonyms.age", "root"]);
    let table = names.len() - 2;
    assert_eq!(rebuilt(&path, |_| {}).unwrap().pseudonyms(), bundle.pseudonyms());
    let without = rebuilt(&path, |entries| drop(entries.remove(table)));
    assert!(matches!(without.unwrap_err(), SealedError::NoTable));
    let twice = rebuilt(&path, |entries| entries.insert(table, entries[table].clone()));
    assert!(matches!(twice.unwrap_err(), SealedError::Extra(name) if name == "pseudonyms.age"));
    let last = rebuilt(&path, |entries| entries.swap(table, table + 1));
    assert!(matches!(last.unwrap_err(), SealedError::Extra(_)));
    let early = rebuilt(&path, |entries| entries.swap(table, table - 1));
    assert!(matches!(early.unwrap_err(), SealedError::Missing(_)));
    let large = rebuilt(&path, |entries| entries[table].1 = vec![0; 4 * 1024 * 1024 + 1]);
    assert!(matches!(large.unwrap_err(), SealedError::Malformed));
    // Whose it is cannot be changed without changing the root.
    let other = rebuilt(&path, |entries| {
        let manifest = Manifest::read(&entries[0].1).unwrap().0;
        entries[0].1 = Manifest { ticket: Some("col_2".into()), ..manifest }.write().unwrap().0;
    });
    assert!(matches!(other.unwrap_err(), SealedError::Root(_)));
}

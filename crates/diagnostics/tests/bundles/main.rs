//! Bundles from end to end: evidence in, a sealed file out, and what is in that.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod canaries;
mod host;
mod names;
mod nests;
mod packed;
mod planted;
mod requests;
mod sealed;
mod seeds;
mod tickets;
mod translations;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{CollectError, seal};

/// A tar of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Seals an archive that is written into the folder.
fn seal_archive(folder: &Path, archive: &[u8], limits: Limits) -> Result<SealedBundle, CollectError> {
    let input = folder.join("in.tar");
    std::fs::write(&input, archive).unwrap();
    let mut evidence = ArchiveEvidence::open(&input, limits)?;
    let learner = Learner::new(Policy::standard()?)?;
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let output = folder.join("out.vouch");
    let _ = std::fs::remove_file(&output);
    seal(&mut evidence, learner, &[7; 32], now, &output, &mut |_| {})
}

/// The texts of a bundle by their paths.
fn texts(bundle: &SealedBundle) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for entry in &bundle.manifest().entries {
        let mut text = String::new();
        if let Some(mut content) = bundle.content(entry) {
            content.read_to_string(&mut text).unwrap();
        }
        texts.insert(entry.path.clone(), text);
    }
    texts
}

/// What is left out of a bundle, by path, with the reason.
fn left_out(bundle: &SealedBundle) -> BTreeMap<String, String> {
    let failed = |entry: &vouch_diagnostics::Entry| entry.failed.clone().map(|reason| (entry.path.clone(), reason));
    bundle.manifest().entries.iter().filter_map(failed).collect()
}

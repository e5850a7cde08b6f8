//! One function for each fuzz target. It takes any bytes and panics where something that always holds does not.
//!
//! Tests run the same functions: see tests/bundles/seeds.rs.

use std::io::{self, Read, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};

use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::profile::Profile;
use vouch_diagnostics::redaction::{Learner, Outcome, Policy, Redactor};
use vouch_diagnostics::request::CollectionRequest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Digest, Evidence as _, Manifest};

/// The automata of a redactor are made once: a target is called a million times.
static REDACTOR: LazyLock<Mutex<Redactor>> = LazyLock::new(|| {
    let learner = Policy::standard().and_then(Learner::new).unwrap();
    Mutex::new(learner.finish(&[7; 32]).unwrap())
});

/// What an archive may be here: little, so that a bomb is told early.
const LIMITS: Limits = Limits {
    entries: 100,
    unpacked_bytes: 4 << 20,
    expansion: 200,
    expansion_floor_bytes: 1 << 20,
    depth: 3,
    held_bytes: 1 << 20,
};

/// So much of a file tells what it is.
const HEAD: usize = 256;

/// A manifest that is read can be written again, and its paths stay within the bundle.
pub fn manifest(data: &[u8]) {
    let Ok((manifest, root)) = Manifest::read(data) else { return };
    assert_eq!(root, Digest::of(data));
    assert!(manifest.entries.iter().all(|entry| stays_within(&entry.path)));
    let (bytes, root) = manifest.clone().write().unwrap();
    assert_eq!(Manifest::read(&bytes).unwrap(), (manifest, root));
}

/// A profile is read or refused.
pub fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Profile::parse(text);
}

/// A policy is read or refused; by one that is read a text is masked.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(learner) = Policy::parse(text).and_then(Learner::new) else { return };
    let mut redactor = learner.finish(&[7; 32]).unwrap();
    let sample = b"password=tweet\nhost web1.corp.example at 10.1.2.3\n";
    redactor.mask("a.log", &mut &sample[..], &mut io::sink()).unwrap();
}

/// A request is read or refused; one that is read can be written again.
pub fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(request) = CollectionRequest::parse(text) else { return };
    let written = request.write().unwrap();
    assert_eq!(CollectionRequest::parse(&written).unwrap(), request);
}

/// A sealed bundle is refused, or whole.
pub fn sealed(data: &[u8]) {
    let Ok(bundle) = SealedBundle::open(written(data).path()) else { return };
    assert_eq!(Digest::of(bundle.manifest_bytes()), bundle.root());
    assert_eq!(bundle.blobs().count(), bundle.manifest().blobs().len());
    for mut blob in bundle.blobs() {
        let mut content = Vec::new();
        blob.read_to_end(&mut content).unwrap();
        assert_eq!(Digest::of(&content), blob.digest());
    }
    for entry in &bundle.manifest().entries {
        if let Some(mut found) = bundle.content(entry) {
            let mut content = Vec::new();
            found.read_to_end(&mut content).unwrap();
            assert_eq!((Digest::of(&content), content.len() as u64), (entry.sha256, entry.size_bytes));
        }
    }
}

/// An archive gives no path that leads out of it and no more than its limits, and the same in both passes.
pub fn archive(data: &[u8]) {
    let file = written(data);
    let Ok(mut evidence) = ArchiveEvidence::open(file.path(), LIMITS) else { return };
    let mut passes = [Vec::new(), Vec::new()];
    for pass in &mut passes {
        let (mut entries, mut bytes) = (0, 0);
        let visited = evidence.visit(&mut |found| {
            assert!(found.path.is_empty() || stays_within(found.path), "{:?} leads out", found.path);
            entries += 1;
            let mut digest = None;
            if let Ok(content) = found.content {
                let mut all = Vec::new();
                let _ = content.read_to_end(&mut all);
                bytes += all.len() as u64;
                digest = Some(Digest::of(&all));
            }
            pass.push((found.path.to_owned(), digest));
            Ok(())
        });
        // An archive within another is told of besides its own entries, when it turns out to be damaged.
        assert!(entries <= 2 * LIMITS.entries, "{entries} entries");
        // A stream is stopped at the limit, and before that each of its layers may have given as much.
        assert!(bytes <= 2 * LIMITS.unpacked_bytes, "{bytes} bytes");
        pass.push((format!("{}", visited.is_ok()), None));
    }
    assert_eq!(passes[0], passes[1]);
}

/// Anything can be learned from.
pub fn learn(data: &[u8]) {
    let (path, content) = split(data);
    let mut learner = Policy::standard().and_then(Learner::new).unwrap();
    learner.read(&path, &mut &content[..]).unwrap();
    let mut redactor = learner.finish(&[7; 32]).unwrap();
    redactor.mask(&path, &mut &content[..], &mut io::sink()).unwrap();
}

/// A text keeps its lines, and what comes of it does not depend on how it was read.
pub fn mask(data: &[u8]) {
    let (path, content) = split(data);
    let mut redactor = REDACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    let mut mask = |content: &mut dyn Read| {
        let mut out = Vec::new();
        let outcome = redactor.mask(&path, content, &mut out).unwrap();
        matches!(outcome, Outcome::Written(_)).then_some(out)
    };
    let at_once = mask(&mut &content[..]);
    assert_eq!(at_once, mask(&mut Trickling(content)));
    // What was UTF-16 is counted otherwise: it has its mark, or zeros in its head by which it is told.
    let head = &content[..content.len().min(HEAD)];
    let is_wide = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| head.starts_with(mark)) || head.contains(&0);
    if let Some(masked) = at_once.filter(|_| !is_wide) {
        let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').count();
        assert_eq!(lines(&masked), lines(content));
    }
}

/// A path that is masked is a path within the bundle.
pub fn mask_path(data: &[u8]) {
    let path = String::from_utf8_lossy(data);
    let masked = REDACTOR.lock().unwrap_or_else(PoisonError::into_inner).mask_path(&path);
    assert!(stays_within(&masked) && !masked.contains([':', '\\']), "{path:?} became {masked:?}");
}

/// The path is the first line, since it tells what kind of file it is; the content is what follows.
fn split(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (String::from_utf8_lossy(&data[..end]).into_owned(), data.get(end + 1..).unwrap_or_default())
}

/// Whether a path is relative and leads nowhere else.
fn stays_within(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The bytes as a file, which is what is opened.
fn written(data: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(data).unwrap();
    file
}

/// Gives three bytes at a time.
struct Trickling<'d>(&'d [u8]);

impl Read for Trickling<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(3);
        self.0.read(&mut buffer[..length])
    }
}

//! What the fuzz targets call, on stable: with every seed of their corpus, and with changes of each.
//!
//! Proves V07.

#[expect(unreachable_pub, reason = "the fuzz targets, which are programs of their own, call the same functions")]
#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

/// How often a seed is changed. A target that builds its automata anew each time is asked less often.
const CHANGES: usize = 40;
const FEW_CHANGES: usize = 2;

/// What is put into a seed: signs that mean something to one reader or another.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"'",
    b"=",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"://",
    b"@",
    b"..",
    b"../",
    b"/",
    b"%0a",
    b"password",
    b"-----BEGIN PRIVATE KEY-----",
    b"eyJ",
    b"10.1.2.3",
    b"::1",
    b"\xff\xfe",
    b"\xfc",
    b"\x1f\x8b\x08",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x28\xb5\x2f\xfd",
    b"ustar",
    b"[[collectors]]",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
];

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// Calls a target with every seed, and with so many changes of each.
fn run(target: &str, changes: usize, call: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seed");
    for (file, seed) in &seeds {
        let mut random = Random(
            seed.iter()
                .fold(0x9e37_79b9_7f4a_7c15, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)),
        );
        for change in 0..=changes {
            let data = if change == 0 { seed.clone() } else { changed(seed, &seeds, &mut random) };
            let called = std::panic::catch_unwind(|| call(&data));
            assert!(
                called.is_ok(),
                "{target}: change {change} of {}: {:?}",
                file.display(),
                data.escape_ascii().to_string()
            );
        }
    }
}

/// A seed with a few changes: bytes flipped, left out, doubled or put in, the end cut off, a part of another seed.
fn changed(seed: &[u8], others: &[(PathBuf, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        let end = (at + random.below(24)).min(data.len());
        match random.below(7) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = u8::try_from(random.below(256)).unwrap(),
            2 => drop(data.drain(at..end)),
            3 => {
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            4 => data.truncate(at),
            5 => {
                let other = &others[random.below(others.len())].1;
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                data.splice(at..end, other[from..to].iter().copied());
            }
            _ => drop(data.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
        }
    }
    data
}

/// Numbers that are the same in every run (xorshift64*): a test that failed fails again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end.max(1)
    }
}

#[test]
fn every_seed_of_a_manifest_is_read_or_refused() {
    run("manifest", 200, targets::manifest);
}

#[test]
fn every_seed_of_a_profile_or_a_request_is_read_or_refused() {
    run("profile", 100, targets::profile);
    run("request", 100, targets::request);
}

#[test]
fn every_seed_of_a_policy_is_read_or_refused() {
    run("policy", FEW_CHANGES, targets::policy);
}

#[test]
fn every_seed_of_a_sealed_bundle_is_whole_or_refused() {
    run("sealed", CHANGES, targets::sealed);
}

#[test]
fn every_seed_of_an_archive_stays_within_its_limits() {
    run("archive", CHANGES, targets::archive);
}

#[test]
fn v07_every_seed_of_a_text_keeps_its_lines_however_it_is_read() {
    run("mask", CHANGES, targets::mask);
}

#[test]
fn v07_every_seed_of_a_path_stays_within_the_bundle() {
    run("mask_path", 100, targets::mask_path);
}

#[test]
fn every_seed_can_be_learned_from() {
    run("learn", FEW_CHANGES, targets::learn);
}

#[test]
fn v07_nothing_that_is_planted_in_a_seed_is_left_in_it() {
    use vouch_diagnostics::redaction::{Learner, Outcome, Policy};
    let mut redactor = Policy::standard().and_then(Learner::new).unwrap().finish(&[7; 32]).unwrap();
    for (file, seed) in seeds("mask") {
        let end = seed.iter().position(|byte| *byte == b'\n').unwrap();
        let path = String::from_utf8_lossy(&seed[..end]).into_owned();
        let mut out = Vec::new();
        let outcome = redactor.mask(&path, &mut &seed[end + 1..], &mut out).unwrap();
        let out = String::from_utf8_lossy(&out);
        let dropped = matches!(outcome, Outcome::Dropped(_));
        assert!(dropped || !out.contains("tweet"), "{}: {out}", file.display());
    }
}

#[test]
fn every_target_has_its_program_and_its_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let corpora = std::fs::read_dir(folder.join("corpus")).unwrap().map(|entry| entry.unwrap().file_name());
    for target in corpora.map(|name| name.into_string().unwrap()) {
        let program = std::fs::read_to_string(folder.join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(program.contains(&format!("targets::{target}(data)")), "{target} calls something else");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is no program");
        assert!(!seeds(&target).is_empty());
    }
}

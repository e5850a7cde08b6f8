//! Secrets planted by kind, format and place: none survives anywhere; and what only looks like one stays. Both by rule, as a table.
//!
//! Proves V07.

mod dice;
mod formats;
mod harmless;
mod kinds;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

use aho_corasick::AhoCorasickBuilder;
use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::profile::CustomRules;
use vouch_diagnostics::redaction::{Learner, Outcome, Policy};
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Manifest, seal};

use self::places::Planted;
use super::tar;

/// What a profile adds.
const RULES: &str = r#"
    [[rules]]
    name = "badge"
    words = ["badge number"]
    [[rules]]
    name = "employee"
    begin = ["EMP-"]
"#;

/// What was measured when this was written: it may get better, and never worse without anybody seeing it.
const TABLE: &str = include_str!("table.txt");

/// Seals files as an archive, by the policy with a profile's rules. The file is read back whole.
fn sealed(folder: &Path, files: &[(String, Vec<u8>)]) -> (SealedBundle, Vec<u8>) {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let (input, output) = (folder.join("in.tar"), folder.join("out.vouch"));
    std::fs::write(&input, tar(&files)).unwrap();
    let added: CustomRules = toml::from_str(RULES).unwrap();
    let learner = Learner::new(Policy::standard().unwrap().with(&added).unwrap()).unwrap();
    let mut evidence = ArchiveEvidence::open(&input, Limits::default()).unwrap();
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let bundle = seal(&mut evidence, learner, &[7; 32], now, &output, &mut |_| {}).unwrap();
    (bundle, std::fs::read(&output).unwrap())
}

/// Everything that somebody can read in a bundle: the file as it is, its manifest, its paths, its contents.
fn everything(bundle: &SealedBundle, file: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("the file".to_owned(), file), ("the manifest".to_owned(), bundle.manifest_bytes().to_vec())];
    all.extend(bundle.manifest().entries.iter().map(|entry| ("a path".to_owned(), entry.path.clone().into_bytes())));
    // Every byte of a pack belongs to an entry.
    for entry in &bundle.manifest().entries {
        let mut content = Vec::new();
        if let Some(mut found) = bundle.content(entry) {
            found.read_to_end(&mut content).unwrap();
        }
        all.push((entry.path.clone(), content));
    }
    all
}

/// Which of the needles are found somewhere, in either case, also as UTF-16, with where and what stands around them.
fn survivors(planted: &[Planted], all: &[(String, Vec<u8>)]) -> BTreeMap<usize, String> {
    let spellings = planted.iter().flat_map(|plant| {
        let wide = |order: fn(u16) -> [u8; 2]| plant.needle.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        [plant.needle.as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
    });
    let needles = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(spellings).unwrap();
    let mut found = BTreeMap::new();
    for (place, bytes) in all {
        for hit in needles.find_overlapping_iter(bytes) {
            let around = &bytes[hit.start().saturating_sub(40)..bytes.len().min(hit.end() + 20)];
            let told = || format!("in {place}: {}", String::from_utf8_lossy(around).escape_debug());
            found.entry(hit.pattern().as_usize() / 3).or_insert_with(told);
        }
    }
    found
}

/// How often each rule masked something in entries whose path begins so.
fn masks(manifest: &Manifest, begin: &str) -> BTreeMap<String, u64> {
    let mut masks = BTreeMap::new();
    for entry in manifest.entries.iter().filter(|entry| entry.path.starts_with(begin)) {
        for (rule, count) in &entry.masked.0 {
            *masks.entry(rule.clone()).or_default() += count;
        }
    }
    masks
}

#[test]
fn v07_nothing_planted_survives_and_look_alikes_stay_by_rule() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, planted) = places::plant();
    let look_alikes = harmless::files();
    let lines: usize = look_alikes.iter().map(|(_, text)| text.lines().count()).sum();
    files.extend(look_alikes.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
    let (bundle, file) = sealed(folder.path(), &files);
    assert!(bundle.manifest().entries.len() >= files.len(), "every file has its entry");

    let survived = survivors(&planted, &everything(&bundle, file));
    let told: Vec<_> = survived.iter().map(|(plant, place)| format!("{} {place}", planted[*plant].what)).collect();
    let wrong = masks(bundle.manifest(), "harmless/");
    let rules: BTreeSet<&str> =
        planted.iter().map(|plant| plant.rule).chain(wrong.keys().map(String::as_str)).collect();
    let mut table = String::from("| rule | planted | survived | recall | look-alikes masked | precision |\n");
    table.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for rule in rules {
        let of_rule = |plant: &&usize| planted[**plant].rule == rule;
        let count = planted.iter().filter(|plant| plant.rule == rule).count();
        let left = survived.keys().filter(of_rule).count();
        let false_masks = usize::try_from(wrong.get(rule).copied().unwrap_or(0)).unwrap();
        let (recall, precision) = (share(count - left, count), share(count - left, count - left + false_masks));
        writeln!(table, "| {rule} | {count} | {left} | {recall} | {false_masks} | {precision} |").unwrap();
    }
    println!("{} planted, {lines} lines of look-alikes\n{table}", planted.len());
    assert!(planted.len() >= 400 && lines >= 5000, "{} planted, {lines} lines", planted.len());
    assert!(told.is_empty(), "{} of {} survived:\n{}", told.len(), planted.len(), told.join("\n"));
    let changed = harmless::changed(&bundle, &look_alikes);
    assert_eq!(table, TABLE, "what was masked of the look-alikes:\n{}", changed.join("\n"));
}

#[test]
fn v07_nothing_survives_wherever_a_buffer_ends() {
    let (text, planted) = places::dense(9 << 18);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for content in [text.as_bytes(), &wide] {
        let added: CustomRules = toml::from_str(RULES).unwrap();
        let mut learner = Learner::new(Policy::standard().unwrap().with(&added).unwrap()).unwrap();
        learner.read("long.log", &mut Dribble(content)).unwrap();
        let mut masked = Vec::new();
        let outcome = learner.finish(&[7; 32]).unwrap().mask("long.log", &mut Dribble(content), &mut masked).unwrap();
        assert!(matches!(outcome, Outcome::Written(_)));
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
        assert_eq!(lines(&masked), lines(text.as_bytes()), "lines stay lines");
        let survived = survivors(&planted, &[("the text".to_owned(), masked)]);
        let told: Vec<_> = survived.iter().map(|(plant, place)| format!("{} {place}", planted[*plant].what)).collect();
        assert!(told.is_empty(), "{} of {} survived:\n{}", told.len(), planted.len(), told.join("\n"));
    }
}

/// Gives a content in odd pieces.
struct Dribble<'c>(&'c [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let odd = 1 + self.0.len() % 4099;
        let count = odd.min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

/// A share as a number of three places, cut off and not rounded up.
fn share(part: usize, whole: usize) -> String {
    let thousandths = (part * 1000).checked_div(whole).unwrap_or(1000);
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

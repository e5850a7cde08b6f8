//! Looking for what was planted, wherever it might lie.

use std::collections::BTreeMap;
use std::path::Path;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

/// A half of something this long is not found by chance.
const HALVED: usize = 16;

/// What is looked for.
pub(super) struct Search {
    automaton: AhoCorasick,
    /// What each pattern stands for.
    patterns: Vec<Pattern>,
    /// What was found, each once, with where and what stands around it.
    pub(super) found: BTreeMap<String, String>,
    /// How many bytes were looked at.
    pub(super) bytes: usize,
}

#[derive(Clone)]
struct Pattern {
    needle: String,
    /// It counts only where it stands alone: as an address or a name, and not as the beginning of another one.
    alone: bool,
    /// A half of it: a page of a database may end within the whole.
    half: bool,
}

impl Search {
    /// Looks for these in either case, also as UTF-16; for the others, addresses and names, only where they stand alone.
    pub(super) fn new(needles: &[&str], others: &[String]) -> Self {
        let (mut patterns, mut spellings) = (Vec::new(), Vec::new());
        let mut add = |bytes: Vec<u8>, needle: &str, alone: bool, half: bool| {
            patterns.push(Pattern { needle: needle.to_owned(), alone, half });
            spellings.push(bytes);
        };
        for needle in needles {
            let wide = |order: fn(u16) -> [u8; 2]| needle.encode_utf16().flat_map(order).collect::<Vec<u8>>();
            for bytes in [needle.as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
                add(bytes, needle, false, false);
            }
            if needle.len() >= HALVED {
                let (first, second) = needle.as_bytes().split_at(needle.len() / 2);
                add(first.to_vec(), needle, false, true);
                add(second.to_vec(), needle, false, true);
            }
        }
        for other in others {
            add(other.as_bytes().to_vec(), other, true, false);
        }
        let mut builder = AhoCorasickBuilder::new();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        Self { automaton: builder.build(spellings).unwrap(), patterns, found: BTreeMap::new(), bytes: 0 }
    }

    /// Looks through some bytes.
    pub(super) fn look(&mut self, place: &str, bytes: &[u8]) {
        self.look_for(place, bytes, false);
    }

    /// Looks through every file of a folder: in databases for halves, too.
    pub(super) fn look_through(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                self.look_through(&path);
            } else if entry.file_type().unwrap().is_file() {
                let place = path.display().to_string();
                self.look("a name", place.as_bytes());
                self.look_for(&place, &std::fs::read(&path).unwrap(), place.contains(".db"));
            }
        }
    }

    fn look_for(&mut self, place: &str, bytes: &[u8], halves: bool) {
        self.bytes += bytes.len();
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let pattern = &self.patterns[hit.pattern().as_usize()];
            let is_part = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || b".:".contains(byte));
            let beside = hit.start().checked_sub(1).and_then(|at| bytes.get(at));
            if (pattern.half && !halves) || (pattern.alone && (is_part(beside) || is_part(bytes.get(hit.end())))) {
                continue;
            }
            let around = &bytes[hit.start().saturating_sub(60)..bytes.len().min(hit.end() + 30)];
            let told = || format!("in {place}: {}", String::from_utf8_lossy(around).escape_debug());
            self.found.entry(pattern.needle.clone()).or_insert_with(told);
        }
    }
}

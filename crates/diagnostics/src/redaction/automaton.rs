//! One automaton over everything that is looked for literally: anchors of the policy, and what was learned.

use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

use super::table::{STATES, Table};

/// How many kinds of bytes a table knows. Patterns of small letters, digits and some signs have few, and half a table stays twice as near.
const FEW_KINDS: usize = 64;
/// All of ASCII, less capitals and most controls, with room for some letters of other languages.
const MANY_KINDS: usize = 128;
/// Up to so many bytes of patterns there is a table, which takes a quarter of a kilobyte for each at most.
const MAX_TABLE: usize = STATES - 2;

/// Finds patterns, in either case of their letters.
#[derive(Debug)]
pub(super) struct Automaton {
    steps: Steps,
    /// How long each pattern is.
    lengths: Vec<usize>,
}

#[derive(Debug)]
enum Steps {
    /// A table: the fastest kind.
    Narrow(Table<FEW_KINDS>),
    /// The same for patterns with more kinds of bytes.
    Wide(Table<MANY_KINDS>),
    /// What stays small however much was learned.
    Nfa(Box<NFA>),
}

/// A pattern in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pattern: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Automaton {
    pub(super) fn new<P: AsRef<[u8]>>(patterns: &[P]) -> Result<Self, BuildError> {
        let small: Vec<Vec<u8>> = patterns.iter().map(|pattern| pattern.as_ref().to_ascii_lowercase()).collect();
        let lengths: Vec<usize> = small.iter().map(Vec::len).collect();
        // The table is walked for several lines at a time, and would not see a pattern that goes on behind a line's end.
        let is_within_lines = small.iter().all(|pattern| !pattern.contains(&b'\n'));
        let fits = is_within_lines && lengths.iter().sum::<usize>() <= MAX_TABLE;
        let narrow = fits.then(|| Table::new(&small).map(Steps::Narrow)).flatten();
        let table = narrow.or_else(|| fits.then(|| Table::new(&small).map(Steps::Wide)).flatten());
        let steps = match table {
            Some(table) => table,
            None => Steps::Nfa(Box::new(NFA::builder().prefilter(false).build(&small)?)),
        };
        Ok(Self { steps, lengths })
    }

    /// Whether it is of the fastest kind.
    #[cfg(test)]
    pub(super) fn is_narrow(&self) -> bool {
        matches!(self.steps, Steps::Narrow(_))
    }

    /// Shows every hit, also those that overlap, in the order of where they end.
    pub(super) fn each(&self, text: &[u8], see: &mut dyn FnMut(Hit)) {
        let mut see = |pattern: usize, end: usize| see(Hit { pattern, start: end - self.lengths[pattern], end });
        match &self.steps {
            Steps::Narrow(table) => table.each(text, &mut see),
            Steps::Wide(table) => table.each(text, &mut see),
            Steps::Nfa(nfa) => each(nfa, text, &mut see),
        }
    }
}

/// Walks step by step.
fn each(nfa: &NFA, text: &[u8], see: &mut dyn FnMut(usize, usize)) {
    let Ok(mut state) = nfa.start_state(Anchored::No) else { return };
    for (at, byte) in text.iter().enumerate() {
        state = nfa.next_state(Anchored::No, state, byte.to_ascii_lowercase());
        if nfa.is_special(state) && nfa.is_match(state) {
            for index in 0..nfa.match_len(state) {
                see(nfa.match_pattern(state, index).as_usize(), at + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::table::BLOCK;
    use super::*;

    const PATTERNS: [&str; 5] = ["anna", "nan", "a", "password", "word"];
    /// So much stands before a pattern that ends behind a block, or a lane of one.
    const FILLS: [usize; 5] = [BLOCK - 4, BLOCK - 1, BLOCK, BLOCK / 4 - 2, BLOCK / 2];

    /// One of each kind. What makes it so are patterns that stand in no text.
    static KINDS: LazyLock<[Automaton; 5]> = LazyLock::new(|| {
        let with = |more: Vec<Vec<u8>>| {
            let patterns = PATTERNS.iter().map(|pattern| pattern.as_bytes().to_vec());
            Automaton::new(&patterns.chain(more).collect::<Vec<_>>()).unwrap()
        };
        let letters = |count: u8| (0x80..0x80 + count).map(|letter| vec![b'!', letter]).collect();
        let long = b"!long".repeat(MAX_TABLE / 5 + 1);
        [with(vec![]), with(letters(70)), with(letters(127)), with(vec![long]), with(vec![b"!\n!".to_vec()])]
    });

    #[test]
    fn what_is_looked_for_decides_the_kind() {
        let [narrow, wide, many, long, lines] = &*KINDS;
        assert!(narrow.is_narrow() && matches!(wide.steps, Steps::Wide(_)));
        assert!([many, long, lines].iter().all(|automaton| matches!(automaton.steps, Steps::Nfa(_))));
    }

    fn hits(automaton: &Automaton, text: &str) -> Vec<(usize, usize)> {
        let mut hits = Vec::new();
        automaton.each(text.as_bytes(), &mut |hit| hits.push((hit.start, hit.end)));
        hits
    }

    /// What is to be found, by looking everywhere.
    fn expected(text: &str) -> Vec<(usize, usize)> {
        let text = text.to_ascii_lowercase();
        let mut found = Vec::new();
        for pattern in PATTERNS {
            let starts = (0..text.len()).filter(|start| text[*start..].starts_with(pattern));
            found.extend(starts.map(|start| (start, start + pattern.len())));
        }
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn every_kind_finds_what_is_there(parts in prop::collection::vec(prop::sample::select(vec![
            "anna", "Anna\n", "na", "\n", "pass", "WORD", "x\n", "an",
        ]), 0..60)) {
            let text = parts.concat();
            for automaton in &*KINDS {
                let mut found = hits(automaton, &text);
                prop_assert!(found.is_sorted_by_key(|hit| hit.1));
                found.sort_unstable();
                prop_assert_eq!(found, expected(&text));
            }
        }
    }

    #[test]
    fn what_lies_across_blocks_is_found_once() {
        for (automaton, fill) in KINDS.iter().flat_map(|kind| FILLS.map(|fill| (kind, fill))) {
            for line in ["x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"] {
                let mut text = line.repeat(fill / line.len() + 1);
                text.truncate(fill);
                text.push_str("password");
                text.push_str(&line.repeat(BLOCK / line.len()));
                assert_eq!(hits(automaton, &text).iter().filter(|hit| hit.1 - hit.0 == 8).count(), 1, "{fill}");
            }
        }
    }
}

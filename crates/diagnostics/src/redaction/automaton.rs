//! One automaton over everything that is looked for literally: anchors of the policy, and what was learned.
//!
//! What bounds an automaton is that each step waits for the one before it, and for its table. So a text is walked in lanes side by side, each of
//! whole lines (behind a line end an automaton is where it began, since no pattern has one in it), and the table is small: two bytes for a state and
//! a kind of byte, capitals being of the kind of their small letters.

use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError};

/// How many lanes there are.
const LANES: usize = 8;
/// So many bytes of each lane are fetched at once.
const STRIDE: usize = 16;
/// How much of a text is walked at a time: what is found in it is remembered until all lanes are done.
const BLOCK: usize = 256 * 1024;
/// A shorter text, such as a path, is walked at once.
const SHORT: usize = 256;
/// How many kinds of bytes a table knows. Patterns of small letters, digits and some signs have few, and half a table stays twice as near.
const FEW_KINDS: usize = 64;
/// All of ASCII, less capitals and most controls, with room for some letters of other languages.
const MANY_KINDS: usize = 128;
/// As many as a number of two bytes can name, so that none has to be checked. Memory that no state uses is never touched.
const STATES: usize = 1 << 16;
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
    /// None of the patterns may have a line end in it.
    pub(super) fn new<P: AsRef<[u8]>>(patterns: &[P]) -> Result<Self, BuildError> {
        let small: Vec<Vec<u8>> = patterns.iter().map(|pattern| pattern.as_ref().to_ascii_lowercase()).collect();
        let lengths: Vec<usize> = small.iter().map(Vec::len).collect();
        let fits = lengths.iter().sum::<usize>() <= MAX_TABLE;
        let narrow = fits.then(|| Table::new(&small).map(Steps::Narrow)).flatten();
        let table = narrow.or_else(|| fits.then(|| Table::new(&small).map(Steps::Wide)).flatten());
        let steps = match table {
            Some(table) => table,
            None => Steps::Nfa(Box::new(NFA::builder().prefilter(false).build(&small)?)),
        };
        Ok(Self { steps, lengths })
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

/// What follows on each state, by the kind of the next byte.
#[derive(Debug)]
struct Table<const KINDS: usize> {
    /// The kind of each byte: 0 for those that are in no pattern.
    kinds: Box<[u8; 256]>,
    /// A row for each state. Texts are of fewer kinds of bytes than there are bytes.
    next: Box<[[u16; KINDS]; STATES]>,
    start: u16,
    /// The patterns that end with a state. Such states have the lowest numbers.
    ends: Vec<Vec<usize>>,
}

impl<const KINDS: usize> Table<KINDS> {
    /// None, if it had too many states, or its patterns too many kinds of bytes.
    ///
    /// After Aho and Corasick, "Efficient string matching: an aid to bibliographic search" (1975): a trie of the patterns, and for each state the
    /// one of the longest ending of what was read that another pattern begins with. Where a pattern does not go on, it goes on as that one does.
    fn new(patterns: &[Vec<u8>]) -> Option<Self> {
        let (kinds, count) = kinds::<KINDS>(patterns)?;
        // A state that nothing leads to yet is the first one: none leads back to it within a trie.
        let (mut rows, mut ends) = (vec![[0_u16; KINDS]], vec![Vec::new()]);
        for (pattern, bytes) in patterns.iter().enumerate() {
            let mut state = 0;
            for byte in bytes {
                let kind = usize::from(kinds[usize::from(*byte)]);
                if rows[state][kind] == 0 {
                    rows[state][kind] = u16::try_from(rows.len()).ok()?;
                    rows.push([0; KINDS]);
                    ends.push(Vec::new());
                }
                state = usize::from(rows[state][kind]);
            }
            ends[state].push(pattern);
        }
        let (mut shorter, mut order) = (vec![0_usize; rows.len()], vec![0_usize]);
        let mut done = 0;
        while let Some(state) = order.get(done).copied() {
            done += 1;
            let other = rows[shorter[state]];
            for kind in 0..count {
                let next = usize::from(rows[state][kind]);
                if next == 0 {
                    rows[state][kind] = other[kind];
                    continue;
                }
                if state != 0 {
                    shorter[next] = usize::from(other[kind]);
                    let ending = ends[shorter[next]].clone();
                    ends[next].extend(ending);
                }
                order.push(next);
            }
        }
        // States with which patterns end come first.
        order.sort_by_key(|state| ends[*state].is_empty());
        let mut places = vec![0_u16; rows.len()];
        for (place, state) in order.iter().enumerate() {
            places[*state] = u16::try_from(place).ok()?;
        }
        let mut next: Box<[[u16; KINDS]; STATES]> = vec![[0; KINDS]; STATES].into_boxed_slice().try_into().ok()?;
        for (state, row) in rows.iter().enumerate() {
            next[usize::from(places[state])] = row.map(|follows| places[usize::from(follows)]);
        }
        let ends = order.iter().map(|state| std::mem::take(&mut ends[*state])).take_while(|ends| !ends.is_empty());
        Some(Self { kinds, next, start: places[0], ends: ends.collect() })
    }

    fn each(&self, text: &[u8], see: &mut dyn FnMut(usize, usize)) {
        if text.len() <= SHORT {
            let mut state = self.start;
            for (at, byte) in text.iter().enumerate() {
                state = self.step(state, *byte);
                let ends = self.ends.get(usize::from(state)).into_iter().flatten();
                ends.for_each(|pattern| see(*pattern, at + 1));
            }
            return;
        }
        let mut noted: [Noted; LANES] = Default::default();
        // A block may end within a line: the next one goes on in the same state.
        let (mut state, mut from) = (self.start, 0);
        while from < text.len() {
            let until = text.len().min(from + BLOCK);
            let borders = borders(text, from, until);
            state = self.walk(text, &borders, state, &mut noted);
            for (state, end) in noted.iter_mut().flat_map(|lane| lane.drain(..)) {
                self.ends[usize::from(state)].iter().for_each(|pattern| see(*pattern, end));
            }
            from = until;
        }
    }

    /// Walks all lanes and notes where patterns end. Gives the state at the end of the last lane that has anything in it.
    fn walk(&self, text: &[u8], borders: &[usize; LANES + 1], state: u16, noted: &mut [Noted; LANES]) -> u16 {
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| &text[borders[lane]..borders[lane + 1]]);
        let common = lanes.iter().map(|lane| lane.len()).min().unwrap_or(0) / STRIDE * STRIDE;
        let mut states = [self.start; LANES];
        states[0] = state;
        let ends = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        for from in (0..common).step_by(STRIDE) {
            let strides: [[u8; STRIDE]; LANES] =
                std::array::from_fn(|lane| lanes[lane][from..].first_chunk().copied().unwrap_or_default());
            // Where patterns end is asked without a branch, since no processor foretells the answer, and looked at once for all of the strides.
            let (mut passed, mut ending) = ([[0; LANES]; STRIDE], 0_u32);
            for at in 0..STRIDE {
                let mut below = 0;
                for lane in 0..LANES {
                    states[lane] = self.step(states[lane], strides[lane][at]);
                    below |= u32::from(states[lane]).wrapping_sub(ends);
                }
                passed[at] = states;
                ending |= below >> 31 << at;
            }
            while ending != 0 {
                let at = ending.trailing_zeros() as usize;
                ending &= ending - 1;
                note(passed[at % STRIDE], ends, from + at, borders, noted);
            }
        }
        let mut last = states[0];
        for (lane, mut state) in states.into_iter().enumerate() {
            for (at, byte) in lanes[lane].iter().enumerate().skip(common) {
                state = self.step(state, *byte);
                if u32::from(state) < ends {
                    noted[lane].push((state, borders[lane] + at + 1));
                }
            }
            if !lanes[lane].is_empty() {
                last = state;
            }
        }
        last
    }

    fn step(&self, state: u16, byte: u8) -> u16 {
        self.next[usize::from(state)][usize::from(self.kinds[usize::from(byte)]) % KINDS]
    }
}

/// A kind for each byte that is in a pattern, and one for all others: the line end, which is in none. And how many there are.
fn kinds<const KINDS: usize>(patterns: &[Vec<u8>]) -> Option<(Box<[u8; 256]>, usize)> {
    let (mut kinds, mut count) = (Box::new([0_u8; 256]), 1);
    for byte in patterns.iter().flatten() {
        if kinds[usize::from(*byte)] == 0 {
            kinds[usize::from(*byte)] = u8::try_from(count).ok()?;
            count += 1;
        }
    }
    for capital in b'A'..=b'Z' {
        kinds[usize::from(capital)] = kinds[usize::from(capital.to_ascii_lowercase())];
    }
    (count <= KINDS).then_some((kinds, count))
}

/// States with the places behind them.
type Noted = Vec<(u16, usize)>;

/// Notes the lanes in which patterns end here.
fn note(states: [u16; LANES], ends: u32, at: usize, borders: &[usize; LANES + 1], noted: &mut [Noted; LANES]) {
    let ending = |lane: usize| u32::from(states[lane]).wrapping_sub(ends) >> 31 << lane;
    let mut lanes = (0..LANES).fold(0, |lanes, lane| lanes | ending(lane));
    while lanes != 0 {
        let lane = lanes.trailing_zeros() as usize % LANES;
        lanes &= lanes - 1;
        noted[lane].push((states[lane], borders[lane] + at + 1));
    }
}

/// Where lanes begin and end: all but the first at the start of a line.
fn borders(text: &[u8], from: usize, until: usize) -> [usize; LANES + 1] {
    let mut borders = [until; LANES + 1];
    borders[0] = from;
    for lane in 1..LANES {
        let about = (from + (until - from) / LANES * lane).max(borders[lane - 1]);
        let feed = memchr::memchr(b'\n', &text[about..until]);
        borders[lane] = feed.map_or(until, |feed| about + feed + 1);
    }
    borders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: [&str; 5] = ["anna", "nan", "a", "password", "word"];

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
        fn both_kinds_find_what_is_there(parts in prop::collection::vec(prop::sample::select(vec![
            "anna", "Anna\n", "na", "\n", "pass", "WORD", "x\n", "an",
        ]), 0..60)) {
            let text = parts.concat();
            let fast = Automaton::new(&PATTERNS).unwrap();
            let nfa = NFA::builder().prefilter(false).build(PATTERNS).unwrap();
            let small = Automaton { steps: Steps::Nfa(Box::new(nfa)), lengths: fast.lengths.clone() };
            for automaton in [fast, small] {
                let mut found = hits(&automaton, &text);
                prop_assert!(found.is_sorted_by_key(|hit| hit.1));
                found.sort_unstable();
                prop_assert_eq!(found, expected(&text));
            }
        }
    }

    #[test]
    fn what_lies_across_blocks_is_found_once() {
        let automaton = Automaton::new(&PATTERNS).unwrap();
        for fill in [BLOCK - 4, BLOCK - 1, BLOCK, BLOCK / 4 - 2, BLOCK / 2] {
            for line in ["x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"] {
                let mut text = line.repeat(fill / line.len() + 1);
                text.truncate(fill);
                text.push_str("password");
                text.push_str(&line.repeat(BLOCK / line.len()));
                assert_eq!(hits(&automaton, &text).iter().filter(|hit| hit.1 - hit.0 == 8).count(), 1, "{fill}");
            }
        }
    }
}

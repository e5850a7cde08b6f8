//! An automaton as a table, and the fastest walk over it.
//!
//! What bounds an automaton is that each step waits for the one before it, and for its table. So a text is walked in lanes side by side, each of
//! whole lines (behind a line end an automaton is where it began, since no pattern has one in it), and the table is small: two bytes for a state and
//! a kind of byte, capitals being of the kind of their small letters. Where patterns end no processor foretells: so that is asked of many states at
//! once, and not at each step.

/// How many lanes there are.
const LANES: usize = 8;
/// So many bytes of each lane are walked before it is asked where patterns ended.
const STRIDE: usize = 16;
/// How much of a text is walked at a time: what is found in it is remembered until all lanes are done.
pub(super) const BLOCK: usize = 256 * 1024;
/// A shorter text, such as a path, is walked at once.
const SHORT: usize = 256;
/// As many states as a number of two bytes can name, so that none has to be checked. Memory that none uses is never touched.
pub(super) const STATES: usize = 1 << 16;
/// What a processor fetches at once.
const CACHE_LINE: usize = 64;

/// What follows on each state, by the kind of the next byte.
#[derive(Debug)]
pub(super) struct Table<const KINDS: usize> {
    /// The kind of each byte: 0 for those that are in no pattern.
    kinds: Box<[u8; 256]>,
    next: Rows<KINDS>,
    start: u16,
    /// Patterns end with so many states. They have the lowest numbers.
    ending: u16,
    /// The patterns that end with each of them.
    ends: Vec<Vec<usize>>,
}

impl<const KINDS: usize> Table<KINDS> {
    /// None, if it had too many states, or its patterns too many kinds of bytes.
    ///
    /// After Aho and Corasick, "Efficient string matching: an aid to bibliographic search" (1975): a trie of the patterns, and for each state the
    /// one of the longest ending of what was read that another pattern begins with. Where a pattern does not go on, it goes on as that one does.
    pub(super) fn new(patterns: &[Vec<u8>]) -> Option<Self> {
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
        let mut next = Rows::new();
        for (state, row) in rows.iter().enumerate() {
            next.set(places[state], row.map(|follows| places[usize::from(follows)]));
        }
        let ends = order.iter().map(|state| std::mem::take(&mut ends[*state])).take_while(|ends| !ends.is_empty());
        let ends: Vec<Vec<usize>> = ends.collect();
        let ending = u16::try_from(ends.len()).ok()?;
        next.all().is_some().then_some(Self { kinds, next, start: places[0], ending, ends })
    }

    /// Shows every pattern that ends somewhere, with the place behind it, in the order of these.
    pub(super) fn each(&self, text: &[u8], see: &mut dyn FnMut(usize, usize)) {
        let Some(next) = self.next.all() else { return };
        if text.len() <= SHORT {
            let mut state = self.start;
            for (at, byte) in text.iter().enumerate() {
                state = self.step(next, state, *byte);
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
            state = self.walk(next, text, &borders, state, &mut noted);
            for (state, end) in noted.iter_mut().flat_map(|lane| lane.drain(..)) {
                self.ends[usize::from(state)].iter().for_each(|pattern| see(*pattern, end));
            }
            from = until;
        }
    }

    /// Walks all lanes and notes where patterns end. Gives the state at the end of the last lane that has anything in it.
    fn walk(
        &self,
        next: &[[u16; KINDS]; STATES],
        text: &[u8],
        borders: &[usize; LANES + 1],
        state: u16,
        noted: &mut [Noted; LANES],
    ) -> u16 {
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| &text[borders[lane]..borders[lane + 1]]);
        let common = lanes.iter().map(|lane| lane.len()).min().unwrap_or(0) / STRIDE * STRIDE;
        let mut states = [self.start; LANES];
        states[0] = state;
        for from in (0..common).step_by(STRIDE) {
            let mut strides = [[0; STRIDE]; LANES];
            for (stride, lane) in strides.iter_mut().zip(&lanes) {
                *stride = lane[from..].first_chunk().copied().unwrap_or_default();
            }
            let mut passed = [[0; LANES]; STRIDE];
            for at in 0..STRIDE {
                // By numbers, since so the states stay in registers.
                for lane in 0..LANES {
                    states[lane] = self.step(next, states[lane], strides[lane][at]);
                    passed[at][lane] = states[lane];
                }
            }
            note(&passed, self.ending, from, borders, noted);
        }
        let mut last = states[0];
        for (lane, mut state) in states.into_iter().enumerate() {
            for (at, byte) in lanes[lane].iter().enumerate().skip(common) {
                state = self.step(next, state, *byte);
                if state < self.ending {
                    noted[lane].push((state, borders[lane] + at + 1));
                }
            }
            if !lanes[lane].is_empty() {
                last = state;
            }
        }
        last
    }

    #[inline]
    fn step(&self, next: &[[u16; KINDS]; STATES], state: u16, byte: u8) -> u16 {
        next[usize::from(state)][usize::from(self.kinds[usize::from(byte)]) % KINDS]
    }
}

/// A row for each state: what follows on it. None lies across more lines of the cache than it has to.
#[derive(Debug)]
struct Rows<const KINDS: usize> {
    room: Vec<u16>,
    first: usize,
}

impl<const KINDS: usize> Rows<KINDS> {
    fn new() -> Self {
        let room = vec![0; STATES * KINDS + CACHE_LINE];
        let first = room.as_ptr().align_offset(CACHE_LINE).min(CACHE_LINE);
        Self { room, first }
    }

    fn set(&mut self, state: u16, row: [u16; KINDS]) {
        let start = self.first + usize::from(state) * KINDS;
        self.room[start..start + KINDS].copy_from_slice(&row);
    }

    /// They are there, always: `new` made room for all.
    fn all(&self) -> Option<&[[u16; KINDS]; STATES]> {
        self.room[self.first..].as_chunks().0.first_chunk()
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

/// Notes the states with which patterns end, of all that were passed.
#[inline]
fn note(
    passed: &[[u16; LANES]; STRIDE],
    ending: u16,
    from: usize,
    borders: &[usize; LANES + 1],
    noted: &mut [Noted; LANES],
) {
    // Without a branch for each.
    let any = |states: &[u16]| states.iter().fold(0, |any, state| any | u32::from(*state < ending));
    if any(passed.as_flattened()) == 0 {
        return;
    }
    let mut steps = passed.iter().enumerate().fold(0, |steps, (at, states)| steps | any(states) << at);
    while steps != 0 {
        let at = steps.trailing_zeros() as usize;
        steps &= steps - 1;
        let states = &passed[at % STRIDE];
        let mut lanes = (0..LANES).fold(0, |lanes, lane| lanes | u32::from(states[lane] < ending) << lane);
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize % LANES;
            lanes &= lanes - 1;
            noted[lane].push((states[lane], borders[lane] + from + at + 1));
        }
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

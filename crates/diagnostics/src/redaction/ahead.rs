//! Looking ahead without looking twice.
//!
//! A text is hostile at times: a thousand beginnings of a value in a row, and no end. Three rules keep the work linear:
//! what was found is not read again ([`Found::covers`](super::span::Found::covers)), what is no secret is known within a few
//! hundred bytes, and a question whose answer is the same from many places is asked once: that is an [`Ahead`].

/// The next place of a kind, remembered: whoever asks from before it gets the same answer.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    known: Option<(usize, usize)>,
}

impl Ahead {
    /// The first place at `from` or behind it where `is` holds; `end`, if there is none. Always ask for the same thing.
    pub(super) fn first(&mut self, end: usize, from: usize, is: impl Fn(usize) -> bool) -> usize {
        match self.known {
            Some((asked, answer)) if asked <= from && from <= answer => answer,
            _ => {
                let answer = (from..end).find(|at| is(*at)).unwrap_or(end);
                examined(answer.saturating_sub(from));
                self.known = Some((from, answer));
                answer
            }
        }
    }
}

/// Where a run of such bytes ends that begins at `from`.
pub(super) fn run(text: &[u8], from: usize, part: impl Fn(u8) -> bool) -> usize {
    let end = text.get(from..).map_or(from, |rest| from + rest.iter().take_while(|byte| part(**byte)).count());
    examined(end - from);
    end
}

/// Where these words stand next.
pub(super) fn position(text: &[u8], from: usize, words: &[u8]) -> Option<usize> {
    let rest = text.get(from..)?;
    let found = rest.windows(words.len()).position(|window| window == words);
    examined(found.unwrap_or(rest.len()));
    found.map(|at| from + at)
}

/// Counts bytes that were looked at. Only tests ask for the sum: that it grows as the text does.
#[cfg(not(test))]
pub(super) fn examined(_bytes: usize) {}

#[cfg(test)]
pub(super) fn examined(bytes: usize) {
    tests::EXAMINED.with(|sum| sum.set(sum.get() + bytes as u64 + 1));
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        pub(super) static EXAMINED: Cell<u64> = const { Cell::new(0) };
    }

    /// How much this thread looked at since it was last asked.
    pub(in super::super) fn take_examined() -> u64 {
        EXAMINED.with(|sum| sum.replace(0))
    }

    #[test]
    fn what_was_seen_is_not_looked_for_again() {
        let text = b"aaaa.aaaa.";
        let mut ahead = Ahead::default();
        let answers: Vec<_> = (0..10).map(|from| ahead.first(10, from, |at| text[at] == b'.')).collect();
        assert_eq!(answers, [4, 4, 4, 4, 4, 9, 9, 9, 9, 9]);
        assert!(take_examined() < 20);
    }
}

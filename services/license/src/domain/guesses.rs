//! Limits guessing of licence keys: who names too many unknown keys has to wait.
//!
//! Only misses count, so that a reseller that checks a million known keys a day never waits. Once the limit is reached,
//! known keys are refused too: an answer would tell them from unknown ones.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How many misses a guesser has in one window.
pub const MISSES: u32 = 20;
/// How long a window is.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// How many guessers are remembered; beyond that, those whose windows ended are forgotten.
const REMEMBERED: usize = 10_000;

/// The misses of every guesser in its present window.
#[derive(Debug)]
pub struct Guesses<K>(Mutex<HashMap<K, (Timestamp, u32)>>);

impl<K> Default for Guesses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Guesses<K> {
    /// Whether this guesser may ask now; if not, how long it has to wait.
    pub fn allowed(&self, guesser: &K, now: Timestamp) -> Result<(), Duration> {
        match self.windows().get(guesser) {
            Some((began, misses)) if *misses >= MISSES && now < *began + WINDOW => {
                Err(Duration::try_from((*began + WINDOW).duration_since(now)).unwrap_or(Duration::from_secs(1)))
            }
            _ => Ok(()),
        }
    }

    /// Notes a miss.
    pub fn missed(&self, guesser: K, now: Timestamp) {
        let mut windows = self.windows();
        if windows.len() >= REMEMBERED {
            windows.retain(|_, (began, _)| now < *began + WINDOW);
        }
        let window = windows.entry(guesser).or_insert((now, 0));
        if now >= window.0 + WINDOW {
            *window = (now, 0);
        }
        window.1 += 1;
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, HashMap<K, (Timestamp, u32)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_waits_for_the_next_window_and_others_do_not() {
        let guesses = Guesses::default();
        let noon: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        for _ in 0..MISSES {
            assert_eq!(guesses.allowed(&"a", noon), Ok(()));
            guesses.missed("a", noon);
        }
        assert_eq!(guesses.allowed(&"a", noon), Err(Duration::from_mins(1)));
        assert_eq!(guesses.allowed(&"b", noon), Ok(()));
        assert_eq!(guesses.allowed(&"a", noon + WINDOW), Ok(()));
    }
}

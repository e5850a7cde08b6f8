//! Limits guessing of licence keys: who names too many unknown keys has to wait.
//!
//! Only misses count, so that a reseller that checks a million known keys a day never waits. Once the limit is reached,
//! known keys are refused too: an answer would tell them from unknown ones.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How many misses a guesser has in one window.
pub const MISSES: u32 = 20;
/// How long a window is.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// How many guesses of one guesser may be under way at a time: many at once are no way around the limit.
pub const UNDER_WAY: u32 = 512;
/// How many guessers are remembered; beyond that, those whose windows ended are forgotten, and then all.
const REMEMBERED: usize = 100_000;

/// The misses of every guesser in its present window.
#[derive(Debug)]
pub struct Guesses<K: Hash + Eq>(Mutex<HashMap<K, Window>>);

#[derive(Debug)]
struct Window {
    began: Timestamp,
    misses: u32,
    under_way: u32,
}

impl<K: Hash + Eq> Default for Guesses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A guess that is under way. It counts only when it is said to be a [`Guess::miss`].
#[derive(Debug)]
pub struct Guess<'g, K: Hash + Eq> {
    guesses: &'g Guesses<K>,
    guesser: K,
}

impl<K: Hash + Eq + Clone> Guesses<K> {
    /// Lets a guesser guess; if it missed too often lately, tells how long it has to wait.
    pub fn guess(&self, guesser: K, now: Timestamp) -> Result<Guess<'_, K>, Duration> {
        let mut windows = self.windows();
        if windows.len() >= REMEMBERED {
            windows.retain(|_, window| window.under_way > 0 || now < window.began + WINDOW);
            if windows.len() >= REMEMBERED {
                windows.clear();
            }
        }
        let fresh = Window { began: now, misses: 0, under_way: 0 };
        let window = windows.entry(guesser.clone()).or_insert(fresh);
        if now >= window.began + WINDOW {
            (window.began, window.misses) = (now, 0);
        }
        if window.misses >= MISSES {
            let wait = (window.began + WINDOW).duration_since(now);
            return Err(Duration::try_from(wait).unwrap_or(Duration::from_secs(1)));
        }
        if window.under_way >= UNDER_WAY {
            return Err(Duration::from_secs(1));
        }
        window.under_way += 1;
        Ok(Guess { guesses: self, guesser })
    }
}

impl<K: Hash + Eq> Guesses<K> {
    fn windows(&self) -> std::sync::MutexGuard<'_, HashMap<K, Window>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Guess<'_, K> {
    /// One of several keys was unknown. Once the limit is reached, tells how long the guesser has to wait.
    pub fn note_miss(&self, now: Timestamp) -> Result<(), Duration> {
        let mut windows = self.guesses.windows();
        let Some(window) = windows.get_mut(&self.guesser) else { return Ok(()) };
        if window.misses >= MISSES {
            let wait = (window.began + WINDOW).duration_since(now);
            return Err(Duration::try_from(wait).unwrap_or(Duration::from_secs(1)));
        }
        window.misses += 1;
        Ok(())
    }

    /// The key was unknown.
    pub fn miss(self) {
        if let Some(window) = self.guesses.windows().get_mut(&self.guesser) {
            window.misses += 1;
        }
    }
}

/// However a guess ends, with an answer, an error or a caller that went away, it is no longer under way.
impl<K: Hash + Eq> Drop for Guess<'_, K> {
    fn drop(&mut self) {
        if let Some(window) = self.guesses.windows().get_mut(&self.guesser) {
            window.under_way = window.under_way.saturating_sub(1);
        }
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one household or one server has.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() & !u128::from(u64::MAX);
            v6.to_ipv4_mapped().map_or(IpAddr::V6(Ipv6Addr::from_bits(bits)), IpAddr::V4)
        }
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
            guesses.guess("a", noon).unwrap().miss();
        }
        assert_eq!(guesses.guess("a", noon).unwrap_err(), Duration::from_mins(1));
        assert!(guesses.guess("b", noon).is_ok());
        assert!(guesses.guess("a", noon + WINDOW).is_ok());
    }

    #[test]
    fn many_misses_of_one_guess_reach_the_limit_too() {
        let guesses = Guesses::default();
        let noon: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        let guess = guesses.guess("a", noon).unwrap();
        assert!((0..MISSES).all(|_| guess.note_miss(noon).is_ok()));
        assert_eq!(guess.note_miss(noon), Err(Duration::from_mins(1)));
    }

    #[test]
    fn who_hits_never_waits_however_many_at_a_time() {
        let guesses = Guesses::default();
        let noon: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        for _ in 0..10 {
            let at_once: Vec<_> = (0..UNDER_WAY).map(|_| guesses.guess("a", noon).unwrap()).collect();
            assert!(guesses.guess("a", noon).is_err(), "more than that wait a second");
            drop(at_once);
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let network_of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network_of("2001:db8:1:2::1"), "2001:db8:1:2::");
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("192.0.2.1"), "192.0.2.1");
    }
}

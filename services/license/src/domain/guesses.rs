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
/// How many guessers are remembered; beyond that, those whose windows ended are forgotten, and then all.
const REMEMBERED: usize = 100_000;

/// The misses of every guesser in its present window.
#[derive(Debug)]
pub struct Guesses<K>(Mutex<HashMap<K, (Timestamp, u32)>>);

impl<K> Default for Guesses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Guesses<K> {
    /// Counts a guess before it is answered, so that many at a time are no way around the limit; if it is one too many, tells
    /// how long the guesser has to wait. A guess that hit is taken back with [`Guesses::hit`].
    pub fn guess(&self, guesser: K, now: Timestamp) -> Result<(), Duration> {
        let mut windows = self.windows();
        if windows.len() >= REMEMBERED {
            windows.retain(|_, (began, _)| now < *began + WINDOW);
            if windows.len() >= REMEMBERED {
                windows.clear();
            }
        }
        let window = windows.entry(guesser).or_insert((now, 0));
        if now >= window.0 + WINDOW {
            *window = (now, 0);
        }
        if window.1 >= MISSES {
            let wait = (window.0 + WINDOW).duration_since(now);
            return Err(Duration::try_from(wait).unwrap_or(Duration::from_secs(1)));
        }
        window.1 += 1;
        Ok(())
    }

    /// Takes a guess back: the key was known.
    pub fn hit(&self, guesser: &K) {
        if let Some((_, misses)) = self.windows().get_mut(guesser) {
            *misses = misses.saturating_sub(1);
        }
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, HashMap<K, (Timestamp, u32)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
            assert_eq!(guesses.guess("a", noon), Ok(()));
        }
        assert_eq!(guesses.guess("a", noon), Err(Duration::from_mins(1)));
        assert_eq!(guesses.guess("b", noon), Ok(()));
        assert_eq!(guesses.guess("a", noon + WINDOW), Ok(()));
    }

    #[test]
    fn who_hits_never_waits() {
        let guesses = Guesses::default();
        let noon: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        for _ in 0..MISSES * 10 {
            assert_eq!(guesses.guess("a", noon), Ok(()));
            guesses.hit(&"a");
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

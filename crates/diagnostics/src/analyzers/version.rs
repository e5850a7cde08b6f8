//! Comparing versions of any house's spelling.

use std::cmp::Ordering;

/// Words of what comes before a release: `1.2-rc1` is earlier than `1.2`.
const BEFORE: [&str; 10] = ["alpha", "beta", "dev", "ea", "m", "milestone", "nightly", "pre", "rc", "snapshot"];

/// A version, taken apart: `7.2.1-4ubuntu2`, `v1.31.0-rc.1`, `2:8.0~beta3`, `16.4 (Debian 16.4-1)`.
///
/// What is shorter is as if it went on with zeros: `7.2` is `7.2.0`. A part more is later (`7.2-1` after `7.2`), unless it is a word
/// of what comes before a release, or stands behind `~`. What is behind `+`, or behind a blank, does not count.
#[derive(Debug, Clone)]
pub(super) struct Version(Vec<Part>);

/// The order of the parts at one place: `~rc` < nothing and 0 < `k` < 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Before(String),
    Zero,
    Word(String),
    /// Without leading zeros, so that the longer one is the larger.
    Number(usize, String),
}

impl Version {
    /// Reads a version. A text without a digit at its head is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'']);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split(|c: char| c == '+' || c.is_whitespace()).next().unwrap_or_default();
        if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() > 200 {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        let mut early = false;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            if !is_digit && !first.is_ascii_alphabetic() {
                early |= first == '~';
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let same = |c: char| if is_digit { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
            let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            parts.push(part(word, is_digit, early));
            (rest, early) = (behind, false);
        }
        Some(Self(parts))
    }
}

fn part(word: &str, is_digit: bool, early: bool) -> Part {
    if is_digit && !early {
        let digits = word.trim_start_matches('0');
        return if digits.is_empty() { Part::Zero } else { Part::Number(digits.len(), digits.to_owned()) };
    }
    let word = word.to_ascii_lowercase();
    if early || BEFORE.contains(&word.as_str()) { Part::Before(word) } else { Part::Word(word) }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let at = |version: &Self, index| version.0.get(index).cloned().unwrap_or(Part::Zero);
        (0..length)
            .map(|index| at(self, index).cmp(&at(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn versions_are_in_the_order_in_which_they_are_released() {
        for ordered in [
            ["7.2.9", "7.2.10", "7.10", "10.0"].as_slice(),
            &["1.31.0-alpha.2", "1.31.0-beta.1", "v1.31.0-rc.1", "1.31.0-rc.2", "v1.31.0", "1.31.1"],
            &["1.0.2", "1.0.2k", "1.0.2zg", "1.1.1"],
            &["8.0~beta3-1", "8.0-1", "8.0-1ubuntu2", "8.0.1-1"],
            &["4.18.0-80.el8", "4.18.0-553.el8", "5.14.0-427.el9"],
            &["2026.1", "2026.01.1", "2026.2"],
        ] {
            for pair in ordered.windows(2) {
                assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
            }
        }
        for (one, other) in
            [("7.2", "7.2.0.0"), ("v7.2", "7.2"), ("16.4 (Debian 16.4-1)", "16.4"), ("1.2+build5", "1.2")]
        {
            assert_eq!(version(one), version(other), "{one} {other}");
        }
        for none in ["", "unknown", "[masked:host]", "latest", "-"] {
            assert!(Version::parse(none).is_none(), "{none}");
        }
    }

    proptest! {
        #[test]
        fn versions_have_one_order(texts in prop::collection::vec("[0-9](\\.|-|~|[0-9]|rc|k|v){0,8}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|index| version(&texts[index]));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
            if a == b {
                prop_assert_eq!(a.cmp(&c), b.cmp(&c));
            }
        }

        #[test]
        fn any_text_is_a_version_or_none_without_a_panic(text in "\\PC{0,20}") {
            let _ = Version::parse(&text);
        }
    }
}

//! Licence keys: 120 random bits in 24 characters, and a check character; and those that another system gave before.
//!
//! The alphabet is Crockford's base 32: no I, L, O or U, and the first three are read as the digits they look like. The
//! check character is by the Luhn algorithm modulo 32, which finds every single wrong character and nearly every swap of
//! neighbours: a mistyped key is told apart from an unknown one without asking the database.

use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM: usize = 24;
const GROUP: usize = 5;
/// The shortest key of another system.
const FOREIGN: usize = 8;

/// A licence key in its canonical form. It is a secret: it is shown once and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct LicenseKey(String);

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseKey(…)")
    }
}

impl LicenseKey {
    /// Makes a key from 24 random bytes, of which each gives five bits.
    pub fn from_random(random: [u8; RANDOM]) -> Self {
        let mut key: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        key.push(check_character(&key));
        Self(key)
    }

    /// Reads a key as people write it: with or without hyphens and blanks, in either case. What has not the form of this service's keys
    /// may be one that another system gave.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "must be a licence key: 25 letters and digits in groups of five; check for a typing error".to_owned();
        if text.len() > 64 {
            return Err(wrong());
        }
        let written: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        let read = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let key: String = written.chars().map(read).collect();
        if key.len() == RANDOM + 1 && key.bytes().all(|byte| ALPHABET.contains(&byte)) {
            let mistyped = "has a check character that does not fit: check for a typing error";
            return if key.ends_with(check_character(&key[..RANDOM])) { Ok(Self(key)) } else { Err(mistyped.into()) };
        }
        let is_foreign = written.len() >= FOREIGN && written.bytes().all(|byte| byte.is_ascii_graphic());
        if is_foreign { Ok(Self(written.to_ascii_uppercase())) } else { Err(wrong()) }
    }

    /// The key as it is handed to the end user: groups of five joined by hyphens.
    pub fn reveal(&self) -> String {
        let mut shown = String::with_capacity(RANDOM + 5);
        for (index, c) in self.0.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                shown.push('-');
            }
            shown.push(c);
        }
        shown
    }

    /// The canonical form, to be digested.
    pub fn canonical(&self) -> &str {
        &self.0
    }

    /// The last group, to tell licences apart on the phone; of another system's key at most a quarter, so that it stays a secret.
    pub fn hint(&self) -> &str {
        &self.0[self.0.len() - GROUP.min(self.0.len() / 4)..]
    }
}

/// The keyed digest under which a key is kept: finds the licence, and is of no use to anybody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

fn check_character(text: &str) -> char {
    let mut sum = 0;
    for (index, byte) in text.bytes().rev().enumerate() {
        let value = ALPHABET.iter().position(|c| *c == byte).unwrap_or(0);
        let weighted = if index % 2 == 0 { value * 2 } else { value };
        sum += weighted / 32 + weighted % 32;
    }
    char::from(ALPHABET[(32 - sum % 32) % 32])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_back_however_it_is_written(random: [u8; 24], lower: bool, hyphens: bool) {
            let key = LicenseKey::from_random(random);
            let mut written = if hyphens { key.reveal() } else { key.canonical().to_owned() };
            if lower {
                written = written.to_lowercase();
            }
            prop_assert_eq!(LicenseKey::parse(&written), Ok(key));
        }

        #[test]
        fn one_wrong_character_is_noticed(random: [u8; 24], place in 0_usize..25, other in 0_usize..32) {
            let key = LicenseKey::from_random(random);
            let mut written = key.canonical().as_bytes().to_vec();
            prop_assume!(written[place] != ALPHABET[other]);
            written[place] = ALPHABET[other];
            prop_assert!(LicenseKey::parse(&String::from_utf8(written).unwrap()).is_err());
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,80}") {
            let _ = LicenseKey::parse(&text);
        }
    }

    #[test]
    fn a_key_of_another_system_is_read_and_a_mistyped_one_of_ours_is_not() {
        let foreign = LicenseKey::parse("acme-2019-00017").unwrap();
        assert_eq!((foreign.canonical(), foreign.hint()), ("ACME201900017", "017"));
        assert_eq!(LicenseKey::parse("ACME 2019 00017"), Ok(foreign));
        for wrong in ["", "short-7", "ümläute-und-mehr", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAB", &"X".repeat(65)] {
            assert!(LicenseKey::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        let key = LicenseKey::from_random([1; 24]);
        assert_eq!(LicenseKey::parse(&key.reveal().replace('1', "l")), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "LicenseKey(…)", "a key is never printed by accident");
    }
}

//! Chance that is the same in every run.

/// Digits.
pub(super) const DIGITS: &str = "0123456789";
/// Digits of hexadecimal numbers.
pub(super) const HEX: &str = "0123456789abcdef";
/// Letters and digits.
pub(super) const MIXED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Capitals and digits.
pub(super) const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters and digits of Crockford's base 32.
pub(super) const CROCKFORD: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The splitmix of Steele, Lea and Flood (2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below another one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    /// One of these.
    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// So many of these characters.
    pub(super) fn text(&mut self, alphabet: &str, count: usize) -> String {
        (0..count).map(|_| char::from(self.of(alphabet.as_bytes()))).collect()
    }

    /// The same, with a letter and a digit at least, so that nobody takes it for a word or a number.
    pub(super) fn secret(&mut self, count: usize) -> String {
        format!("{}{}{}", self.text("GHJKQXZ", 1), self.text(MIXED, count - 2), self.text(DIGITS, 1))
    }
}

/// The last digit that makes the Luhn algorithm fit, for digits of any base.
pub(super) fn check_digit(values: &[usize], base: usize) -> usize {
    let weighted = values.iter().rev().enumerate().map(|(place, value)| {
        let twice = value * 2;
        if place % 2 == 0 { twice / base + twice % base } else { *value }
    });
    (base - weighted.sum::<usize>() % base) % base
}

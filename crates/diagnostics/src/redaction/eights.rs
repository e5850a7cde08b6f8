//! Runs of bytes, found eight at a time.
//!
//! What stands between digits, dots and colons in a log is short: a loop over single bytes would be left as often as it goes on, and that costs a
//! processor more than the bytes do.

use super::ahead::examined;

/// The lowest bit of each byte, and the highest.
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// The first place at `from` or behind it with a byte from `-` to `:`, which are the hyphen, the dot, the slash, the digits and the colon; the end,
/// if there is none.
#[inline]
pub(super) fn next_sign(text: &[u8], from: usize) -> usize {
    first(text, from, |word| between(word, b'-', b':'))
}

/// Where the digits end that begin at `from`.
#[inline]
pub(super) fn digits(text: &[u8], from: usize) -> usize {
    let end = first(text, from, |word| !between(word, b'0', b'9') & HIGH);
    examined(end - from);
    end
}

/// Where the letters and digits end that begin at `from`.
#[inline]
pub(super) fn alphanumerics(text: &[u8], from: usize) -> usize {
    let small = |word| word | ONES << 5;
    let end = first(text, from, |word| !(between(word, b'0', b'9') | between(small(word), b'a', b'z')) & HIGH);
    examined(end - from);
    end
}

/// The first place whose byte is one: the highest bit of its byte says so.
#[inline]
fn first(text: &[u8], from: usize, ones: impl Fn(u64) -> u64) -> usize {
    let Some(rest) = text.get(from..) else { return from };
    let (eights, last) = rest.as_chunks::<8>();
    let mut at = from;
    for eight in eights {
        let hits = ones(u64::from_le_bytes(*eight));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let mut eight = [0; 8];
    eight[..last.len()].copy_from_slice(last);
    let hits = ones(u64::from_le_bytes(eight));
    at + last.len().min(hits.trailing_zeros() as usize / 8)
}

/// The highest bit of each byte that lies between two of ASCII, both included. No sum reaches into the next byte.
#[inline]
fn between(word: u64, least: u8, most: u8) -> u64 {
    let low = word & !HIGH;
    let reaches = low + ONES * u64::from(0x80 - least);
    let exceeds = low + ONES * u64::from(0x7f - most);
    reaches & !exceeds & !word & HIGH
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn v07_runs_end_where_they_end_byte_by_byte(text in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"09azAZ:-./@[`{,;".to_vec())], 0..40,
        ), from in 0_usize..40) {
            let from = from.min(text.len());
            let end = |is: fn(&u8) -> bool| text[from..].iter().position(is).map_or(text.len(), |at| from + at);
            prop_assert_eq!(next_sign(&text, from), end(|byte| (b'-'..=b':').contains(byte)));
            prop_assert_eq!(digits(&text, from), end(|byte| !byte.is_ascii_digit()));
            prop_assert_eq!(alphanumerics(&text, from), end(|byte| !byte.is_ascii_alphanumeric()));
        }
    }
}

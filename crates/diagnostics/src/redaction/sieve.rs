//! Which words of a text may hold a shape, told for sixty-four bytes at a time.
//!
//! Most digits, dots and colons of a log belong to times, numbers and versions, and to look at each of them costs a branch that no processor
//! foretells. So the places of a block become sets of bits, one for each kind of byte, and what all shapes of a kind have in common is asked of all
//! places at once: a few shifts say where three dots stand among digits as they do in an address. What is told here is only where something may be:
//! `shapes` reads the word, and says whether it is.

/// How many bytes are told at once.
const BLOCK: usize = 64;
/// What is written with blanks is known by one of its groups: from behind the fourth group of a licence key it is so far back to its first one, and
/// on to its end. From the second group of a card it is nearer.
const BACK: usize = 19;
const ON: usize = 6;

/// Shows where a shape may be, in order: where to begin to look, and a place behind the sign by which it is known. No shape begins where nothing is
/// shown.
pub(super) fn each(text: &[u8], see: &mut dyn FnMut(usize, usize)) {
    let mut before = Sets::default();
    blocks(text, |first, block| {
        let sets = Sets::new(block);
        let (words, groups) = sets.candidates(&before);
        before = sets;
        let (back, on) = if groups == 0 { (1, 0) } else { (BACK, ON) };
        members(words | groups, |place| see((first + place).saturating_sub(back), first + place + on));
    });
}

/// Shows each dot behind four characters of a name.
pub(super) fn each_dot(text: &[u8], see: &mut dyn FnMut(usize)) {
    let mut before = 0;
    blocks(text, |first, block| {
        let names = places(block, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let four = run_of_two(run_of_two(u128::from(names) << BLOCK | before, 1), 2);
        before = u128::from(names);
        members(here(four << 1) & places(block, |byte| byte == b'.'), |place| see(first + place));
    });
}

/// Shows a text block by block, with the place of each. Behind the end nothing stands, and that ends the last word.
fn blocks(text: &[u8], mut see: impl FnMut(usize, &[u8; BLOCK])) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        see(number * BLOCK, block);
    }
}

fn members(mut set: u64, mut see: impl FnMut(usize)) {
    while set != 0 {
        see(set.trailing_zeros() as usize);
        set &= set - 1;
    }
}

/// The places of a block by what stands there: the lowest bit is the first byte.
#[derive(Debug, Clone, Copy, Default)]
struct Sets {
    digits: u64,
    alphanumerics: u64,
    dots: u64,
    colons: u64,
    hyphens: u64,
    /// What begins a blank or a colon in another code: `%20`, `&nbsp;`, and bytes beyond ASCII.
    codes: u64,
    /// What begins an escape.
    backslashes: u64,
}

impl Sets {
    fn new(block: &[u8; BLOCK]) -> Self {
        // Most blocks have none of these.
        let is_code = |byte: u8| byte >= 0x80 || matches!(byte, b'%' | b'&');
        let is_any = |byte: u8| is_code(byte) || byte == b'\\';
        let coded = block.iter().fold(0, |any, byte| any | u8::from(is_any(*byte))) != 0;
        Self {
            digits: places(block, |byte| byte.is_ascii_digit()),
            alphanumerics: places(block, |byte| byte.is_ascii_alphanumeric()),
            dots: places(block, |byte| byte == b'.'),
            colons: places(block, |byte| byte == b':'),
            hyphens: places(block, |byte| byte == b'-'),
            codes: if coded { places(block, is_code) } else { 0 },
            backslashes: if coded { places(block, |byte| byte == b'\\') } else { 0 },
        }
    }

    /// Places at the end of what may be a shape: of those that lie within a run of their bytes, and of those in groups with something between
    /// them. A shift to the left goes on in the text; what began in the block before counts too, and no shape has to be known over more than that.
    fn candidates(&self, before: &Self) -> (u64, u64) {
        let both = |set: fn(&Self) -> u64| u128::from(set(self)) << BLOCK | u128::from(set(before));
        let (digits, letters) = (both(|sets| sets.digits), both(|sets| sets.alphanumerics));
        let (dots, colons, hyphens) = (both(|sets| sets.dots), both(|sets| sets.colons), both(|sets| sets.hyphens));
        let codes = both(|sets| sets.codes);

        // Cards: thirteen digits, four and four with one byte between them, or four before another code.
        let four = run_of_two(run_of_two(digits, 1), 2);
        let thirteen = run_of_two(run_of_two(four, 4), 5);
        let cards = thirteen | four << 1 & codes;
        let grouped_cards = four & four << 5 & !digits << 4;
        // Addresses of version 4, and hosts named by one: three groups of digits behind a dot or a hyphen each.
        let group = digits & (dots | hyphens) << 1;
        let addresses = group & near(group & near(group));
        // Addresses of version 6 and of hardware: two colons together, or four that are never more than four bytes apart; in codes: `%3A`.
        let close = |set: u128| set << 1 | near(set) | set << 5;
        let colons = colons & (colons << 1 | close(colons & close(colons & close(colons)))) | codes << 1 & digits;
        // Hardware addresses in other spellings: hyphens with two bytes between them, or three groups of four with dots.
        let four = run_of_two(run_of_two(letters, 1), 2);
        let behind_dot = four & dots << 4;
        let hardware = hyphens & hyphens << 3 & hyphens << 6 | behind_dot & (behind_dot & four << 5) << 5;
        // Licence keys: hyphens with five bytes between them, or 25 to 27 letters and digits, behind which the word ends; or three groups
        // of five with one byte between them, as the second to the fourth of a key are.
        let many = run_of_two(run_of_two(run_of_two(four, 4), 8), 9);
        let keys = hyphens & hyphens << 6 & hyphens << 12 | (many & !(many << 3)) << 1 & !letters;
        let group = !letters & run_of_two(four, 1) << 1 & !letters << 6;
        let grouped_keys = group & group << 6 & group << 12;
        let (accounts, grouped_accounts) = self.accounts(before, (digits, letters, four, codes));
        let words = cards | addresses | colons | hardware | keys | accounts;
        (here(words), here(grouped_cards | grouped_keys | grouped_accounts))
    }

    /// Accounts: a word begins, maybe behind an escape, with two letters and two digits; eleven more follow at least, or four and four with one byte
    /// between them, or another code. Most blocks have no such word.
    fn accounts(&self, before: &Self, (digits, letters, four, codes): (u128, u128, u128, u128)) -> (u128, u128) {
        let alone = letters & !digits;
        let begin = digits & digits << 1 & alone << 2 & alone << 3;
        if begin == 0 {
            return (0, 0);
        }
        let backslashes = u128::from(self.backslashes) << BLOCK | u128::from(before.backslashes);
        let begin = begin & (!letters << 4 | codes << 6 | backslashes << 5 | backslashes << 9);
        let eleven = run_of_two(run_of_two(four, 4), 3);
        let grouped = begin << 10 & !letters << 9 & four << 5 & !letters << 4 & four;
        (begin << 11 & eleven | begin << 1 & codes, grouped)
    }
}

/// The places of a block where this holds.
#[inline]
fn places(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    // The lowest bits of eight bytes, moved next to each other by one product: none of its sums meets another.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (mut flags, mut places) = ([0; BLOCK], 0);
    for at in 0..BLOCK {
        flags[at] = u8::from(is(block[at]));
    }
    for (number, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        places |= u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56 << (number * 8);
    }
    places
}

/// Of the places of two blocks those of the second.
fn here(set: u128) -> u64 {
    u64::try_from(set >> BLOCK).unwrap_or_default()
}

/// Where a run ends that is longer by so many than those that end here: two of them, one behind the other or one over the other.
fn run_of_two(runs: u128, longer: usize) -> u128 {
    runs & runs << longer
}

/// Two to four bytes behind.
fn near(set: u128) -> u128 {
    set << 2 | set << 3 | set << 4
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn v07_each_dot_behind_four_characters_of_a_name_is_shown(
            text in prop::collection::vec(prop::sample::select(b"aaZ99--..._ \n\xfc".to_vec()), 0..300)
        ) {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
            let is_shown = |at: &usize| text[*at] == b'.' && text[at - 4..*at].iter().all(is_name);
            let expected: Vec<usize> = (4..text.len()).filter(is_shown).collect();
            let mut shown = Vec::new();
            each_dot(&text, &mut |dot| shown.push(dot));
            prop_assert_eq!(shown, expected);
        }
    }
}

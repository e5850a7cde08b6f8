//! Licence keys and payment cards: numbers with a check digit.

use super::span::Put;
use super::text::{is_end_of_word, is_start_of_word};
use super::values::Quote;

/// Characters of a licence key, of which the last one checks the others.
pub(super) const KEY: usize = 25;
/// The same with what an escape leaves before it: `%20`.
pub(super) const KEY_ESCAPED: usize = KEY + 2;
/// Characters of a group of it.
pub(super) const GROUP: usize = 5;
/// Letters and digits that a licence key may have, by their values: Crockford's base 32. I, L and O are read as the digits they look like.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How the digits of a card are grouped on it, and in forms. Two groups are no card: columns of a table stand side by side so.
const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 1], &[4, 4, 4, 3]];
/// What may stand between groups: always the same.
pub(super) const GAPS: [&[u8]; 8] = [b" ", b"-", b".", b"_", b"+", b"%20", b"\xc2\xa0", b"&nbsp;"];
/// How far before a number the mark is looked for that closed its name.
const MAX_BEFORE: usize = 64;
/// What is counted or measured behind such a word is no card: `offset=…`, `rx_bytes …`. One counter in fifty looks like one.
const COUNTED: [&[u8]; 18] = [
    b"block",
    b"blocks",
    b"bytes",
    b"count",
    b"ctxt",
    b"inode",
    b"length",
    b"lsn",
    b"offset",
    b"packets",
    b"position",
    b"rows",
    b"sector",
    b"sectors",
    b"seq",
    b"size",
    b"timestamp",
    b"xid",
];

/// Whether five groups of five are a licence key: one of this program's, or one that looks like those of many others.
pub(super) fn is_key(text: &[u8], start: usize, end: usize) -> bool {
    let bytes = &text[start..end];
    let glued = |byte: Option<&u8>| byte.is_some_and(|byte| *byte == b'-');
    let apart = !glued(start.checked_sub(1).map(|at| &text[at])) && !glued(text.get(end));
    let whole = apart && is_start_of_word(text, start) && is_end_of_word(text, end);
    whole && !is_mixed(bytes) && bytes.iter().any(u8::is_ascii_digit)
}

/// A licence key of this program without hyphens, as `LicenseKey::parse` takes it: the word from `start` to `end` is the key, or the one group of it
/// with the first digit. Its check character has to fit, since nothing else tells it.
pub(super) fn spaced_key(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    // A letter before it may belong to an escape.
    if let Some(start) = (start..start + 3).find(|start| start + KEY == end && is_start_of_word(text, *start)) {
        // In small letters only as it was printed: numbers of tasks and the like are written so, and are none.
        let word = &text[start..end];
        let is_printed = word.iter().all(|byte| ALPHABET.contains(&byte.to_ascii_uppercase()));
        let is_shouted = word.iter().any(u8::is_ascii_uppercase) && !word.iter().any(u8::is_ascii_lowercase);
        return ((is_printed || is_shouted) && checks(word)).then_some((start, end));
    }
    let is_group = |from: usize| {
        let group = text.get(from..from + GROUP);
        group.is_some_and(|group| group.iter().all(u8::is_ascii_alphanumeric)) && is_end_of_word(text, from + GROUP)
    };
    let beside = |at: usize| text.get(at) == Some(&b' ');
    if end - start != GROUP || !(beside(end) || start > 0 && beside(start - 1)) {
        return None;
    }
    let mut first = start;
    while let Some(before) = first.checked_sub(GROUP + 1)
        && start - before <= (GROUP + 1) * 4
        && beside(first - 1)
        && is_group(before)
        && is_start_of_word(text, before)
    {
        first = before;
    }
    let length = KEY + 4;
    let fits = |from: &usize| {
        let groups = (0..GROUP).map(|group| from + group * (GROUP + 1));
        groups.clone().all(is_group)
            && groups.skip(1).all(|group| beside(group - 1))
            && checks(&text[*from..from + length])
    };
    (first..=start).step_by(GROUP + 1).find(fits).map(|from| (from, from + length))
}

/// Whether the last character of a licence key checks the others: the Luhn algorithm modulo 32.
fn checks(written: &[u8]) -> bool {
    let value = |byte: &u8| {
        let read = match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        ALPHABET.iter().position(|letter| *letter == read)
    };
    let values: Option<Vec<usize>> = written.iter().filter(|byte| **byte != b' ').map(value).collect();
    !is_mixed(written) && values.is_some_and(|values| values.len() == KEY && is_luhn(&values, ALPHABET.len()))
}

fn is_mixed(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase)
}

/// The Luhn algorithm (ISO/IEC 7812-1, annex B), for digits of any base.
fn is_luhn(values: &[usize], base: usize) -> bool {
    let weighted = values.iter().rev().enumerate().map(|(place, value)| {
        let twice = value * 2;
        if place % 2 == 1 { twice / base + twice % base } else { *value }
    });
    weighted.sum::<usize>().is_multiple_of(base)
}

/// Where the number of a payment card ends, of which the first digits go from `start` to `end`.
pub(super) fn card(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let first = end - start;
    if !(13..=19).contains(&first) && first != 4 || !is_start_of_word(text, start) {
        return None;
    }
    if first >= 13 {
        let whole = is_end_of_word(text, end) && !is_part_of_decimal(text, start, end);
        return (whole && is_card(&text[start..end]) && !is_counted(&text[..start])).then_some(end);
    }
    let gap = GAPS.into_iter().find(|gap| text[end..].starts_with(gap))?;
    let next = text.get(end + gap.len()..end + gap.len() + 4)?;
    if !next.iter().all(u8::is_ascii_digit) {
        return None;
    }
    GROUPINGS.into_iter().find_map(|grouping| grouped(text, start, gap, grouping))
}

/// A card's number in groups, and nothing more of the kind on either side: a row of a table has more numbers.
fn grouped(text: &[u8], start: usize, gap: &[u8], grouping: &[usize]) -> Option<usize> {
    let (mut digits, mut at) = (Vec::with_capacity(19), start);
    for (place, size) in grouping.iter().enumerate() {
        if place > 0 {
            at += text[at..].starts_with(gap).then_some(gap.len())?;
        }
        let group = text.get(at..at + size)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        digits.extend_from_slice(group);
        at += size;
    }
    let goes_on = text[at..].starts_with(gap) && text.get(at + gap.len()).is_some_and(u8::is_ascii_digit);
    let before = text[..start].strip_suffix(gap).is_some_and(|before| before.last().is_some_and(u8::is_ascii_digit));
    (!goes_on && !before && is_end_of_word(text, at) && is_card(&digits)).then_some(at)
}

/// Whether the last word before a number says that something is counted or measured.
fn is_counted(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(MAX_BEFORE)..];
    let Some(last) = near.iter().rposition(|byte| !b" \t=:\"'\\".contains(byte)) else { return false };
    let name = &near[..=last];
    let mut start = name.len() - name.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    // `rxBytes`
    let camel = name[start..].windows(2).rposition(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    start += camel.map_or(0, |at| at + 1);
    COUNTED.iter().any(|word| name[start..].eq_ignore_ascii_case(word))
}

fn is_part_of_decimal(text: &[u8], start: usize, end: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
    let dot = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b'.');
    dot(start.checked_sub(1)) && digit(start.checked_sub(2)) || dot(Some(end)) && digit(Some(end + 1))
}

/// Whether digits are the number of a card: of a length and a beginning that one of the networks gives out, and with a check digit that fits. So
/// the times since 1970 in any unit are none, nor are most counters.
fn is_card(digits: &[u8]) -> bool {
    let beginning =
        |length: usize| digits[..length].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let (one, two, three, four) = (beginning(1), beginning(2), beginning(3), beginning(4));
    let maestro = matches!(two, 50 | 56..=58 | 60 | 62 | 63 | 67);
    let discover = four == 6011 || matches!(three, 644..=649) || two == 65;
    let jcb = matches!(four, 3528..=3589);
    let given_out = match digits.len() {
        13 => one == 4,
        14 => matches!(three, 300..=305) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            let mastercard = matches!(two, 51..=55) || matches!(four, 2221..=2720);
            one == 4
                || mastercard
                || matches!(four, 2200..=2204)
                || matches!(two, 81 | 82)
                || maestro
                || discover
                || jcb
        }
        17..=19 => one == 4 && digits.len() == 19 || maestro || discover || jcb,
        _ => false,
    };
    let values: Vec<usize> = digits.iter().map(|digit| usize::from(digit - b'0')).collect();
    let several = digits.iter().any(|digit| *digit != digits[digits.len() - 1]);
    given_out && several && is_luhn(&values, 10)
}

/// What stands in the place of a number: a mask, in marks where it was a number of JSON.
pub(super) fn put(text: &[u8], start: usize, end: usize) -> Put {
    let near = &text[start.saturating_sub(MAX_BEFORE)..start];
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let behind = text[end..].iter().find(|byte| !blank(byte));
    let before = near.iter().rposition(|byte| !blank(byte));
    let Some(sign) = before.filter(|_| behind.is_none_or(|byte| b",]}\\\"".contains(byte))) else { return Put::Mask };
    // `"card": 4…` and `[4…, 5…]`: the last mark tells how deep the text lies within others.
    let last = near[..sign].iter().rposition(|byte| *byte == b'"');
    let is_value = match near[sign] {
        b':' => last.is_some_and(|mark| near[mark + 1..sign].iter().all(blank)),
        b'[' | b',' => {
            behind.is_some_and(|byte| b",]".contains(byte)) && last.is_some_and(|mark| !near[mark..].contains(&b'\n'))
        }
        _ => false,
    };
    let Some(mark) = last.filter(|_| is_value) else { return Put::Mask };
    let backslashes = near[..mark].iter().rev().take_while(|byte| **byte == b'\\').count();
    let doubled = backslashes == 0 && near[sign] == b':' && mark > 0 && near[mark - 1] == b'"';
    Put::Quoted(Quote { mark: b'"', backslashes, doubled })
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    #[test]
    fn v07_a_number_behind_a_word_that_counts_is_no_card() {
        for (text, is) in [
            ("offset=4111111111111111", false),
            ("rx_bytes 4111111111111111", false),
            ("{\"rxBytes\": 4111111111111111", false),
            ("card=4111111111111111", true),
            ("discount=4111111111111111", true),
            ("Country: US 4111111111111111", true),
            ("the customer gave us: 4111111111111111", true),
            ("4111111111111111", true),
        ] {
            let start = text.find('4').unwrap();
            assert_eq!(card(text.as_bytes(), start, text.len()).is_some(), is, "{text}");
        }
    }

    #[test]
    fn v07_two_columns_side_by_side_are_no_card() {
        for (text, is) in [
            ("41111111 11111111", false),
            ("411111 1111111111", false),
            ("4111 1111 1111 1111", true),
            ("3782 822463 10005", true),
        ] {
            let end = text.find(' ').unwrap();
            assert_eq!(card(text.as_bytes(), 0, end).is_some(), is, "{text}");
        }
    }
}

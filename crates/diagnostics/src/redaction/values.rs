//! Where a value begins and ends behind its name, and whether it can be a secret.
//!
//! A value is followed to its end, however far that is: what is longer than any secret is masked all the same, and what was
//! masked is not read again.

use super::ahead::{examined, run};

/// How far a quoted value may run over line ends before it counts as never closed.
const MAX_OVER_LINES: usize = 8 * 1024;
/// How far the start of a line is looked for: what stands before a name that has its line for itself is short.
const MAX_BEFORE: usize = 256;
/// No word that refers to a secret is longer. What is longer is a secret: so only short values are read without being masked.
const MAX_PLACEHOLDER: usize = 256;
/// Encoded bytes over many lines have lines so long at least, but for the last one.
const ENCODED_LINE: usize = 32;

/// A value by its place, without the marks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Quotation marks as they were opened: with backslashes before them where text lies within text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) mark: u8,
    pub(super) backslashes: usize,
    /// Doubled, as in CSV.
    pub(super) doubled: bool,
}

impl Quote {
    /// The marks as bytes.
    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![b'\\'; self.backslashes];
        bytes.extend(std::iter::repeat_n(self.mark, if self.doubled { 2 } else { 1 }));
        bytes
    }
}

/// Reads an opening mark and gives what follows it.
pub(super) fn open(text: &[u8], at: usize) -> Option<(Quote, usize)> {
    let backslashes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
    let mark = *text.get(at + backslashes)?;
    if !matches!(mark, b'"' | b'\'' | b'`') {
        return None;
    }
    let next = at + backslashes + 1;
    // `""x""` is a mark within CSV; `""` before anything else is an empty text.
    let doubled = backslashes == 0
        && mark == b'"'
        && text.get(next) == Some(&mark)
        && text.get(next + 1).is_some_and(|byte| !ends_a_value(*byte) && *byte != mark);
    Some((Quote { mark, backslashes, doubled }, if doubled { next + 1 } else { next }))
}

/// The value from behind an opening mark to the mark that closes it.
pub(super) fn quoted(text: &[u8], start: usize, quote: Quote) -> Value {
    let line_end = match closing(text, start, quote, b'\n') {
        Ok(end) => return Value { start, end },
        Err(line_end) => line_end,
    };
    let near = &text[..text.len().min(start + MAX_OVER_LINES)];
    let closed = closing(near, start, quote, quote.mark).ok().filter(|end| closes_well(text, *end, quote));
    Value { start, end: closed.unwrap_or_else(|| encoded_lines(text, start, line_end)) }
}

/// The place of the mark that closes, or where `stop` or the end of the text comes before it.
fn closing(text: &[u8], start: usize, quote: Quote, stop: u8) -> Result<usize, usize> {
    let mut at = start;
    while at < text.len() {
        at = run(text, at, |byte| byte != quote.mark && (byte != stop || stop == quote.mark));
        if text.get(at) != Some(&quote.mark) {
            return Err(at);
        }
        let backslashes = text[start..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        // Two marks within single quotes stand for one.
        if quote.mark == b'\'' && backslashes == 0 && text.get(at + 1) == Some(&b'\'') {
            at += 2;
            continue;
        }
        if closes(backslashes, quote.backslashes) {
            return Ok(at - backslashes.min(quote.backslashes));
        }
        at += 1;
    }
    Err(text.len())
}

/// Goes on from the end of a line for as long as whole lines of encoded bytes follow on encoded bytes.
pub(super) fn encoded_lines(text: &[u8], start: usize, line_end: usize) -> usize {
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let ends_line = |at: usize| matches!(text.get(at), None | Some(b'\n' | b'\r' | b'\\'));
    if !ends_line(run(&text[..line_end], start, is_encoded)) {
        return line_end;
    }
    let mut end = line_end;
    while end < text.len() {
        let first = run(text, end, |byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t'));
        let behind = run(text, first, is_encoded);
        let length = behind - first;
        if length > 0 && length < ENCODED_LINE && matches!(text.get(behind), None | Some(b'"' | b'\'' | b'`' | b'<')) {
            return behind;
        }
        if length < ENCODED_LINE || !ends_line(behind) {
            return if length >= ENCODED_LINE { behind } else { end };
        }
        end = run(text, behind, |byte| byte == b'\\');
    }
    end
}

/// Whether a mark behind so many backslashes closes what was opened behind `opened`, or something around it.
///
/// Each level of text within text doubles the backslashes: 0, 1, 3, 7 before the mark.
fn closes(mut backslashes: usize, opened: usize) -> bool {
    let levels = (opened + 1).ilog2();
    for _ in 0..levels {
        if backslashes.is_multiple_of(2) {
            return true;
        }
        backslashes = (backslashes - 1) / 2;
    }
    backslashes.is_multiple_of(2)
}

/// Behind a mark that really closes stands nothing of the value.
fn closes_well(text: &[u8], end: usize, quote: Quote) -> bool {
    text.get(end + quote.bytes().len()).is_none_or(|byte| ends_a_value(*byte))
}

/// A value without marks. On a line of its own it runs to the line's end, passwords with blanks and all; within a sentence to
/// the first blank, or to a sign behind which something else begins.
pub(super) fn bare(text: &[u8], start: usize, own_line: bool) -> Value {
    let mut end = start;
    while end < text.len() {
        let rest = &text[end + 1..];
        let stops = match text[end] {
            b'\n' | b'<' | b'>' => true,
            b' ' | b'\t' => !own_line || names_something(rest, false),
            b',' | b';' | b'&' | b'|' | b')' | b']' | b'}' | b'"' | b'\'' | b'`' => {
                let last = rest.first().is_none_or(|next| ends_a_value(*next)) || rest.starts_with(b"/>");
                (last && !(own_line && matches!(rest.first(), Some(b' ' | b'\t'))))
                    || names_something(rest, text[end] == b';')
            }
            b'\\' => matches!(rest.first(), Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'u')),
            b'%' => matches!(rest.get(..2), Some(b"26" | b"20" | b"22" | b"0A" | b"0D")),
            _ => false,
        };
        if stops {
            break;
        }
        end += 1;
    }
    examined(end - start);
    trimmed(text, start, end)
}

/// To the end of the line, or of the text within text that holds it: the value of a header.
pub(super) fn rest_of_line(text: &[u8], start: usize) -> Value {
    let stop = |at: &usize| match text[*at] {
        b'"' | b'\'' | b'\n' => true,
        b'\\' => matches!(text.get(at + 1), Some(b'n' | b'r' | b'"' | b'\'')),
        _ => false,
    };
    let end = (start..text.len()).find(stop).unwrap_or(text.len());
    examined(end - start);
    trimmed(text, start, end)
}

fn trimmed(text: &[u8], start: usize, mut end: usize) -> Value {
    while end > start && matches!(text[end - 1], b' ' | b'\t' | b'\r') {
        end -= 1;
    }
    Value { start, end }
}

/// The end of the line, without its line feed.
pub(super) fn line_end(text: &[u8], from: usize) -> usize {
    let end = text.get(from..).map_or(from, |rest| from + memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
    examined(end - from);
    end
}

/// The start of the line, if it is near.
pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    let near = at.saturating_sub(MAX_BEFORE);
    memchr::memrchr(b'\n', &text[near..at]).map_or(near, |feed| near + feed + 1)
}

/// Whether such a byte cannot follow directly on a value.
pub(super) fn ends_a_value(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t'
            | b'\r'
            | b'\n'
            | b','
            | b';'
            | b')'
            | b']'
            | b'}'
            | b'"'
            | b'\''
            | b'<'
            | b'>'
            | b'&'
            | b'\\'
            | b'|'
            | b':'
    )
}

/// `, user=…`: another name with its value. In a connection string such a name may have blanks.
fn names_something(rest: &[u8], blanks: bool) -> bool {
    let skipped = rest.iter().take(8).take_while(|byte| matches!(**byte, b' ' | b'\t' | b'"' | b'\'')).count();
    let part = |byte: &&u8| is_name(**byte) || (blanks && **byte == b' ');
    let name = rest[skipped..].iter().take(64).take_while(part).count();
    name > 0 && rest.get(skipped + name) == Some(&b'=')
}

/// A byte of the name of a value.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

/// Whether a value looks made by chance: long enough, of several kinds of characters, and no path, UUID or number.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let plain = value.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~' | b'%')
    });
    if !plain || value.len() < 12 {
        return false;
    }
    let has = |kind: fn(&u8) -> bool| usize::from(value.iter().any(kind));
    let kinds = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit);
    let hexadecimal = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    kinds >= 2 && !hexadecimal && value[0] != b'/' && !value.starts_with(b"./")
}

/// Whether a value is a hexadecimal number, and longer than one that counts something.
pub(super) fn is_long_hexadecimal(value: &[u8]) -> bool {
    let fits = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    fits && value.len() >= 16 && value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

/// Whether a value is worth looking for elsewhere: no word, no number, no path.
pub(super) fn is_peculiar(value: &[u8]) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let others =
        value.iter().any(|byte| !byte.is_ascii_alphabetic() && !matches!(byte, b'-' | b'_' | b'.' | b' ' | b'/'));
    (8..=512).contains(&value.len()) && letters && others && !value.contains(&b'/') && !value.contains(&b'\n')
}

/// Whether a value refers to a secret and is none: `${PASSWORD}`, `<password>`, `****`, `[masked:…]`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let Some(&first) = value.first() else { return true };
    if value.len() > MAX_PLACEHOLDER {
        return false;
    }
    let refers = [b"${".as_slice(), b"$(", b"{{", b"%(", b"%{", b"<%", b"[masked", b"%s", b"$1", b"env:", b"!!"];
    let variable =
        first == b'$' && value.len() > 1 && value[1..].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let masked = value.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'#' | b'_'))
        || value.iter().all(|byte| !byte.is_ascii_graphic() && byte.is_ascii());
    let opens = value.iter().all(|byte| b"{}[]()<>|&,;=:+!?%@^~\\\"'`".contains(byte));
    let named = first == b'<' && value.last() == Some(&b'>');
    variable || masked || opens || named || refers.iter().any(|start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn in_quotes(text: &str) -> &str {
        let (quote, start) = open(text.as_bytes(), 0).unwrap();
        let value = quoted(text.as_bytes(), start, quote);
        &text[value.start..value.end]
    }

    #[test]
    fn v07_a_quoted_value_ends_at_its_own_mark_at_every_level() {
        for (text, value) in [
            (r#""abc" x"#, "abc"),
            (r#""a\"bc", "x""#, r#"a\"bc"#),
            (r#""a\\", "x""#, r"a\\"),
            (r#"\"abc\",\"x\""#, "abc"),
            (r#"\"a\\\"bc\",\"x\""#, r#"a\\\"bc"#),
            (r#"\\\"abc\\\",\\\"x"#, "abc"),
            (r#"\"abc"}"#, "abc"),
            ("'it''s' x", "it''s"),
            (r#"""abc"",""x"""#, "abc"),
            ("\"never closed\nnext", "never closed"),
            ("\"two\nlines\";", "two\nlines"),
            (r#""", x"#, ""),
        ] {
            assert_eq!(in_quotes(text), value, "{text}");
        }
    }

    #[test]
    fn v07_a_bare_value_ends_where_something_else_begins() {
        for (text, own_line, value) in [
            ("abc user=bob", false, "abc"),
            ("a,b|c user=bob", false, "a,b|c"),
            ("abc;User Id=bob", false, "abc"),
            ("abc,user=bob", false, "abc"),
            ("abc&user=bob", false, "abc"),
            ("abc\",\"x\":1", false, "abc"),
            ("abc)", false, "abc"),
            ("two words and more", true, "two words and more"),
            ("two words USER=bob", true, "two words"),
            ("abc\\nuser", false, "abc"),
            ("abc%26user%3Dbob", false, "abc"),
        ] {
            let found = bare(text.as_bytes(), 0, own_line);
            assert_eq!(&text[..found.end], value, "{text}");
        }
    }
}

//! Patterns over lines, found in pieces of many lines: a pattern with a rare word in it is found at the speed of memory.

use std::io::{self, Read};

use regex::bytes::{Captures, Regex, RegexBuilder};

/// How much is read at once.
const PIECE: usize = 256 * 1024;
/// A longer line is looked at in parts.
const MAX_LINE: usize = 1024 * 1024;
/// So often a piece is searched as a whole, before its lines are looked at one by one.
const SEARCHES: usize = 64;
/// A pattern that becomes larger than this is refused: a profile comes from somebody else.
const MAX_PATTERN: usize = 1024 * 1024;

/// Makes a pattern that is held against lines; why it is none, otherwise.
///
/// `^` and `$` are the ends of a line, and letters are those of ASCII: logs are bytes.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    if [r"\A", r"\z", "(?-", r"\n"].iter().any(|odd| text.contains(odd)) {
        return Err(
            r"a pattern is held against one line: write ^ and $ for its ends, without \A, \z, \n and (?-".to_owned()
        );
    }
    let built = RegexBuilder::new(text).unicode(false).multi_line(true).crlf(true).size_limit(MAX_PATTERN).build();
    built.map_err(|error| {
        // The last line of what it says is the reason; those before draw the pattern again.
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default().trim();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    })
}

/// Shows a content in pieces of whole lines, each with the number of its first line. Gives whether every line was shown whole.
pub(super) fn pieces(content: &mut dyn Read, each: &mut dyn FnMut(&[u8], u64)) -> io::Result<bool> {
    let (mut piece, mut line, mut whole) = (Vec::new(), 1, true);
    loop {
        let before = piece.len();
        let count = (&mut *content).take(PIECE as u64).read_to_end(&mut piece)?;
        let last = count < PIECE;
        let feed = piece[before..].iter().rposition(|byte| *byte == b'\n').map(|at| before + at + 1);
        let cut = match feed {
            _ if last => piece.len(),
            Some(feed) => feed,
            None if piece.len() > MAX_LINE => {
                whole = false;
                piece.len()
            }
            None => continue,
        };
        each(&piece[..cut], line);
        if last {
            return Ok(whole);
        }
        line += count_lines(&piece[..cut]);
        piece.drain(..cut);
    }
}

/// Shows every line of a piece that the pattern matches, with its number and what it captured, as often as it does.
pub(super) fn scan(pattern: &Regex, piece: &[u8], first: u64, each: &mut dyn FnMut(u64, &[u8], &Captures<'_>)) {
    let (mut from, mut counted, mut number, mut searches) = (0, 0, first, 0);
    while from < piece.len() {
        // A search may run to the end of the piece whatever it finds, where the pattern goes on over lines. What is found often is
        // not found faster that way than line by line, which takes as long as the piece is.
        searches += 1;
        let start = if searches > SEARCHES {
            from
        } else {
            // A match over several lines begins in the first line that can match alone, or before it: no line is passed over.
            let Some(found) = pattern.find_at(piece, from) else { return };
            piece[..found.start()].iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1)
        };
        if start >= piece.len() {
            return;
        }
        let end = piece[start..].iter().position(|byte| *byte == b'\n').map_or(piece.len(), |feed| start + feed);
        number += count_lines(&piece[counted..start]);
        counted = start;
        let line = piece[start..end].strip_suffix(b"\r").unwrap_or(&piece[start..end]);
        for captures in pattern.captures_iter(line) {
            each(number, line, &captures);
        }
        from = end + 1;
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, content: &[u8]) -> Vec<(u64, String)> {
        let pattern = pattern(text).unwrap();
        let mut lines = Vec::new();
        let mut reader = content;
        pieces(&mut reader, &mut |piece, first| {
            scan(&pattern, piece, first, &mut |number, line, _| {
                lines.push((number, String::from_utf8_lossy(line).into_owned()));
            });
        })
        .unwrap();
        lines.dedup();
        lines
    }

    #[test]
    fn a_pattern_is_held_against_each_line_alone() {
        let text = b"error: disk\r\nwarning\n\nerror: net\nlast error";
        assert_eq!(found("^error: (\\w+)$", text), [(1, "error: disk".into()), (4, "error: net".into())]);
        assert_eq!(found("error\\s+warning|[^x]*net", text), [(4, "error: net".into())]);
        assert_eq!(found("^$", text), [(3, String::new())]);
        assert_eq!(found("error$", text), [(5, "last error".into())]);
    }

    #[test]
    fn lines_are_counted_across_pieces() {
        let mut text = "0123456789abcde\n".repeat(40_000).into_bytes();
        text.extend_from_slice(b"needle\n");
        assert_eq!(found("needle", &text), [(40_001, "needle".into())]);
    }

    #[test]
    fn a_pattern_that_goes_on_over_lines_takes_no_longer_than_the_text_is_long() {
        // Each of 130,000 lines may begin what runs to the end of the piece: searched from each of them it would take minutes.
        let text = "a\n".repeat(PIECE / 2);
        for (pattern, lines) in [("a[^x]*y|a", PIECE / 2), ("a[^x]*y", 0), ("[^x]+", PIECE / 2)] {
            assert_eq!(found(pattern, text.as_bytes()).len(), lines, "{pattern}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told() {
        let mut long = vec![b'x'; 3 << 20];
        assert!(!pieces(&mut long.as_slice(), &mut |_, _| {}).unwrap());
        long.iter_mut().step_by(1000).for_each(|byte| *byte = b'\n');
        assert!(pieces(&mut long.as_slice(), &mut |_, _| {}).unwrap());
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_with_a_reason() {
        assert!(pattern("a(").unwrap_err().contains("unclosed group"));
        assert!(pattern("(a{1000}){1000}").unwrap_err().contains("size limit"));
        assert!(pattern(r"\Aerror").unwrap_err().contains("one line"));
    }

    proptest! {
        #[test]
        fn pieces_find_what_each_line_alone_would_have(content in "[ab\n\r]{0,80}", text in "(a|b|\\^|\\$|\\[\\^a\\]|\\\\s|\\.|a\\*|b\\+){1,4}") {
            let Ok(regex) = pattern(&text) else { return Ok(()) };
            let line = |line: &str| line.strip_suffix('\r').unwrap_or(line).to_owned();
            let mut lines: Vec<String> = content.split('\n').map(line).collect();
            if content.is_empty() || content.ends_with('\n') {
                lines.pop();
            }
            let alone: Vec<_> = (1..).zip(lines).filter(|(_, line)| regex.is_match(line.as_bytes())).collect();
            prop_assert_eq!(found(&text, content.as_bytes()), alone);
        }
    }
}

//! Passwords behind short flags of known commands: `mysql -pX`, `sshpass -p X`, `curl -u user:X`.

use super::ahead::run;
use super::policy::{Commands, Rule};
use super::span::{Found, Span};
use super::values::{self, Value};

/// How far a command's flags are looked for.
const MAX_COMMAND: usize = 4096;

/// Looks at the rest of the line behind a command's name, which stands from `start` to `end`.
///
/// `seen` is where the look at the last command of this kind ended: many on a line share its flags.
pub(super) fn find(
    text: &[u8],
    (start, end): (usize, usize),
    commands: &Commands,
    seen: &mut usize,
    found: &mut Found,
) {
    let before = start.checked_sub(1).map_or(b' ', |at| text[at]);
    let named = before.is_ascii_whitespace() || b"/\"'`;|&($[=:".contains(&before);
    if !named || !text.get(end).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b',' | b'.')) {
        return;
    }
    let near = &text[..text.len().min(end + MAX_COMMAND)];
    let is_gap = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b',' | b'[');
    let mut at = end.max(*seen);
    let line_end = values::line_end(near, at.min(near.len()));
    *seen = line_end;
    if !commands.last.is_empty() {
        return last_word(text, at, line_end, &commands.last, found);
    }
    while at < line_end {
        if text[at] != b'-' && text[at] != b'/' || !is_gap(text[at - 1]) {
            at += 1;
            continue;
        }
        let word_end = at + text[at..line_end].iter().take_while(|byte| !is_gap(**byte)).count();
        let word = &text[at..word_end];
        let next = commands.next.iter().any(|flag| is_flag(word, flag.as_bytes()));
        let attached =
            commands.attached.iter().find(|flag| word.starts_with(flag.as_bytes()) && word.len() >= flag.len());
        if next {
            let start =
                word_end + text[word_end..line_end].iter().take_while(|byte| is_gap(**byte) && **byte != b'\'').count();
            at = add(text, start, line_end, found);
        } else if let Some(flag) = attached {
            at = add(text, at + flag.len(), line_end, found);
        } else {
            at = word_end.max(at + 1);
        }
    }
}

/// `htpasswd -b file user x`: the last of the words, if one of the flags has such a letter.
fn last_word(text: &[u8], from: usize, line_end: usize, letters: &str, found: &mut Found) {
    let end = run(&text[..line_end], from, |byte| !matches!(byte, b'|' | b';' | b'&' | b'>' | b'\n' | b')'));
    let is_flag = |word: &[u8]| word.starts_with(b"-") && word.iter().any(|byte| letters.as_bytes().contains(byte));
    let line = text[from..end].trim_ascii_end();
    let (mut at, mut flagged, mut last, mut words) = (0, false, None, 0);
    while at < line.len() {
        let start = run(line, at, |byte| byte.is_ascii_whitespace());
        if start >= line.len() {
            break;
        }
        let value = match values::open(line, start) {
            Some((quote, start)) => values::quoted(line, start, quote),
            None => Value { start, end: run(line, start, |byte| !byte.is_ascii_whitespace()) },
        };
        if line[start] == b'-' {
            flagged |= is_flag(&line[value.start..value.end]);
        } else {
            (last, words) = (Some(value), words + 1);
        }
        at = run(line, value.end, |byte| !byte.is_ascii_whitespace());
    }
    if let Some(value) = last
        && flagged
        && words >= 2
        && !values::is_placeholder(&line[value.start..value.end])
    {
        found.push(Span::secret(from + value.start, from + value.end, Rule::Password));
    }
}

/// `-u`, and `-sSu` where the last letter takes the value.
fn is_flag(word: &[u8], flag: &[u8]) -> bool {
    let letters = |word: &[u8]| word.len() <= 6 && word[1..].iter().all(u8::is_ascii_alphabetic);
    word == flag || (flag.len() == 2 && word.len() > 2 && letters(word) && word.last() == flag.last())
}

fn add(text: &[u8], start: usize, line_end: usize, found: &mut Found) -> usize {
    if start >= line_end || matches!(text[start], b' ' | b'\t' | b'-') {
        return start;
    }
    let value = match values::open(text, start) {
        Some((quote, start)) => values::quoted(text, start, quote),
        None => values::bare(text, start, false),
    };
    if !values::is_placeholder(&text[value.start..value.end]) {
        found.push(Span::secret(value.start, value.end, Rule::Password));
    }
    value.end.max(start + 1)
}

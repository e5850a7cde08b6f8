//! Passwords that one command writes to another: `echo x | sudo -S`, `sudo -S <<< x`.

use super::ahead::run;
use super::policy::{Pipes, Rule};
use super::span::{Found, Span};
use super::values::{self, Value};

/// How far behind the sign of a pipe its reader is looked for.
const MAX_READER: usize = 256;

/// Looks behind a command that writes, which stands at `place`. `seen` is where the words of the last one end: within them no
/// other begins.
pub(super) fn find(text: &[u8], (start, end): (usize, usize), pipes: &Pipes, seen: &mut usize, found: &mut Found) {
    let before = start.checked_sub(1).map_or(b' ', |at| text[at]);
    let named = before.is_ascii_whitespace() || b"/\"'`;|&($[=:".contains(&before);
    if start < *seen || !named || !matches!(text.get(end), Some(b' ' | b'\t')) {
        return;
    }
    let Some(value) = written(text, end) else { return };
    *seen = value.end;
    let mark = usize::from(matches!(text.get(value.end), Some(b'"' | b'\'')));
    let pipe = run(text, value.end + mark, |byte| matches!(byte, b' ' | b'\t'));
    if text.get(pipe) == Some(&b'|')
        && reads_password(text, pipe + 1, pipes)
        && !values::is_placeholder(&text[value.start..value.end])
    {
        found.push(Span::secret(value.start, value.end, Rule::Password));
    }
}

/// What is written: one text in marks, or all words before the pipe, without flags and a format.
fn written(text: &[u8], from: usize) -> Option<Value> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    let mut at = run(text, from, blank);
    loop {
        let word = run(text, at, |byte| !blank(byte) && !matches!(byte, b'|' | b'\n'));
        let bytes = &text[at..word];
        let is_flag =
            matches!(bytes, b"-n" | b"-e" | b"-ne" | b"-en" | b"--" | b"%s" | b"'%s'" | b"'%s\\n'" | b"\"%s\\n\"");
        if !is_flag {
            break;
        }
        at = run(text, word, blank);
    }
    if let Some((quote, start)) = values::open(text, at) {
        return Some(values::quoted(text, start, quote));
    }
    let mut end = run(text, at, |byte| !matches!(byte, b'|' | b'\n' | b';' | b'"' | b'`' | b'('));
    while end > at && blank(text[end - 1]) {
        end -= 1;
    }
    (end > at).then_some(Value { start: at, end })
}

/// Whether the command that begins behind a pipe, or one behind that, reads a password.
fn reads_password(text: &[u8], from: usize, pipes: &Pipes) -> bool {
    let end = run(&text[..text.len().min(from + MAX_READER)], from, |byte| !matches!(byte, b'\n' | b';' | b'&'));
    let is_gap = |byte: &u8| matches!(*byte, b' ' | b'\t' | b'"' | b'\'' | b'|' | b')');
    let mut words = text[from..end].split(is_gap).filter(|word| !word.is_empty());
    let name = |word: &[u8]| word.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec).unwrap_or_default();
    let mut open: Vec<&str> = Vec::new();
    words.any(|word| {
        let command = name(word);
        let readers = pipes.readers.iter().filter(|(reader, _)| reader.as_bytes() == command);
        open.extend(readers.map(|(_, flag)| flag.as_str()));
        open.iter().any(|flag| flag.is_empty() || has_flag(word, flag.as_bytes()))
    })
}

/// `--stdin`, `--passphrase-fd=0`, and `-kS` where `-S` counts.
fn has_flag(word: &[u8], flag: &[u8]) -> bool {
    let letters = flag.len() == 2 && word.len() > 1 && word[0] == b'-' && word[1] != b'-';
    word.starts_with(flag) || (letters && word.len() < 8 && word[1..].contains(&flag[1]))
}

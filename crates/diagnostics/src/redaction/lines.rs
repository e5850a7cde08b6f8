//! Secrets behind their names by lines and words: YAML, flags, directives.

use super::ahead::run;
use super::pairs::{Name, Word, marked, skip};
use super::policy::{Rule, Rules};
use super::values::{self, Value};

/// No directive with its first words is longer.
const MAX_DIRECTIVE: usize = 128;

/// A quoted value of JSON, or an indented one of YAML, on the line behind its name.
pub(super) fn next_line(text: &[u8], name: &Name, at: usize, json: bool) -> Option<Value> {
    let next = skip(text, at, b" \t\r\n");
    let line_start = values::line_start(text, next);
    if json {
        return marked(text, next);
    }
    let single = text[at..next].split(|byte| *byte == b'\n').nth(2).is_none();
    let indented = name.own_line && single && next - line_start > indent(text, name.start);
    let line = text.get(next..values::line_end(text, next))?;
    let is_plain = !line.is_empty()
        && !line.starts_with(b"- ")
        && !line.windows(2).any(|two| two == b": ")
        && !line.ends_with(b":");
    (indented && is_plain).then(|| marked(text, next).unwrap_or_else(|| values::bare(text, next, true)))
}

fn indent(text: &[u8], at: usize) -> usize {
    let line_start = values::line_start(text, at);
    text[line_start..at].iter().take_while(|byte| **byte == b' ').count()
}

/// `password: |` and the deeper lines behind it.
pub(super) fn block(text: &[u8], name: &Name, at: usize) -> Option<Value> {
    let head = at + text[at..].iter().take(5).position(|byte| *byte == b'\n')?;
    let depth = indent(text, name.start);
    let (start, mut end) = (head + 1, head + 1);
    while end < text.len() {
        let line_end = values::line_end(text, end);
        let line = &text[end..line_end];
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        if !is_blank && line.iter().take_while(|byte| **byte == b' ').count() <= depth {
            break;
        }
        end = (line_end + 1).min(text.len());
    }
    let start = skip(text, start, b" ");
    let end = if end > start && text[end - 1] == b'\n' { end - 1 } else { end };
    (start < end).then_some(Value { start, end })
}

/// `--password x`, `"--password", "x"`
pub(super) fn flag(text: &[u8], name: &Name, after: usize) -> Option<Value> {
    if !name.flag || !matches!(text.get(after), Some(b' ' | b'\t' | b',')) {
        return None;
    }
    let start = skip(text, after, b" \t,\r\n");
    if let Some(value) = marked(text, start) {
        return Some(value);
    }
    let value = values::bare(text, start, false);
    let bytes = &text[value.start..value.end];
    // `--password PASSWORD`, `--password to set`, `--password --quiet`: an explanation, or no value.
    let explains =
        (2..64).contains(&bytes.len()) && bytes.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let word = bytes.len() <= 4 && bytes.iter().all(u8::is_ascii_lowercase);
    (!explains && !word && bytes.first() != Some(&b'-')).then_some(value)
}

/// `requirepass x` at the start of a line, `login x password y`, `PASSWORD 'x'`.
pub(super) fn directive(text: &[u8], name: &Name, word: Word, rules: &Rules) -> Option<Value> {
    if !matches!(text.get(name.end), Some(b' ' | b'\t')) || name.end - name.start > MAX_DIRECTIVE {
        return None;
    }
    let whole = text[name.start..name.end].to_ascii_lowercase();
    let start = skip(text, name.end, b" \t");
    let is_directive = rules.secret_names.directives.iter().any(|directive| directive.as_bytes() == whole);
    if is_directive && name.own_line {
        return Some(marked(text, start).unwrap_or_else(|| values::bare(text, start, true)));
    }
    // `DB_PASSWORD x`, as in a file that makes an image: a name in capitals, and one word behind it.
    let capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if name.own_line && whole.contains(&b'_') && text[name.start..name.end].iter().all(capital) {
        let word = run(text, start, |byte| !byte.is_ascii_whitespace());
        let value = values::bare(text, start, true);
        if value.end <= word {
            return Some(value);
        }
    }
    // `password 7 094F471A1A0A`: a router's, obscured.
    let obscured = text.get(start..start + 2).is_some_and(|kind| kind[0].is_ascii_digit() && kind[1] == b' ');
    if obscured && matches!(whole.as_slice(), b"password" | b"secret" | b"key" | b"key-string") {
        return Some(values::bare(text, start + 2, false));
    }
    if whole == b"bearer" {
        let value = values::bare(text, start, false);
        return values::looks_random(&text[value.start..value.end]).then_some(value);
    }
    let said =
        matches!(whole.as_slice(), b"password" | b"passwd" | b"by" | b"identified by") && word.rule == Rule::Password;
    if said && text.get(start) == Some(&b'\'') {
        return marked(text, start);
    }
    if whole != b"password" {
        return None;
    }
    let near = &text[name.start.saturating_sub(MAX_DIRECTIVE)..name.start];
    let netrc = near.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1) == Some(b"login");
    netrc.then(|| values::bare(text, start, false))
}

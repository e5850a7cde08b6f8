//! Secrets behind their names as people write them: `password is: x`, `the passphrase is "x"`, `Password [x]`.

use super::ahead::run;
use super::pairs::{Name, Word, marked, skip};
use super::policy::Rule;
use super::values::{self, Value};

/// Looks behind a name that has no sign behind it.
pub(super) fn find(text: &[u8], name: &Name, word: Word) -> Option<Value> {
    if word.rule == Rule::Header || !matches!(text.get(name.end), Some(b' ' | b'\t' | b'[')) {
        return None;
    }
    let at = skip(text, name.end, b" \t");
    if text.get(at) == Some(&b'[') {
        return bracketed(text, at, word);
    }
    let behind = run(&text[..text.len().min(at + 4)], at, |byte| byte.is_ascii_alphabetic());
    let verb = [b"is".as_slice(), b"was", b"ist"].iter().any(|verb| text[at..behind].eq_ignore_ascii_case(verb));
    if !verb {
        return None;
    }
    let blank = skip(text, behind, b" \t");
    let after = match text.get(blank) {
        Some(b':' | b'=') => skip(text, blank + 1, b" \t"),
        _ if blank == behind => return None,
        _ => {
            if let Some(value) = marked(text, blank) {
                return Some(value);
            }
            // `password is Summer2026!`, and no `password is required`.
            let end = run(text, blank, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'<' | b'"' | b'\''));
            let value = Value { start: blank, end };
            return (word.rule == Rule::Password && is_mixed(&text[blank..end])).then_some(value);
        }
    };
    match text.get(after) {
        None | Some(b'\n' | b'\r') => None,
        _ => Some(marked(text, after).unwrap_or_else(|| values::bare(text, after, name.own_line))),
    }
}

/// `Password [x]`: one word that is none of a language, so no `[optional]`, `[OPTIONS]` or `[y/n]`.
fn bracketed(text: &[u8], at: usize, word: Word) -> Option<Value> {
    let (start, end) = (at + 1, run(text, at + 1, |byte| !matches!(byte, b']' | b'[' | b'\n' | b' ' | b'\t')));
    let bytes = &text[start..end];
    let letters = bytes.iter().any(u8::is_ascii_alphabetic);
    let others = bytes.iter().any(|byte| byte.is_ascii_digit() || b"!@#$%^&*+?~".contains(byte));
    let inner_capital = bytes.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let is_secret = word.rule == Rule::Password || values::looks_random(bytes);
    let closed = matches!(text.get(end), Some(b']'));
    (closed && bytes.len() >= 4 && letters && (others || inner_capital) && is_secret).then_some(Value { start, end })
}

/// Whether a word has capitals, small letters and digits or signs, as passwords do.
fn is_mixed(word: &[u8]) -> bool {
    let word = word.strip_suffix(b".").or_else(|| word.strip_suffix(b",")).unwrap_or(word);
    let has = |kind: fn(&u8) -> bool| usize::from(word.iter().any(kind));
    let signs = has(|byte| b"!@#$%^&*+?~=_".contains(byte));
    let kinds = has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) + signs;
    word.len() >= 8 && kinds >= 3 && !word.contains(&b'(')
}

//! Private keys in blocks of text.

use super::policy::Rule;
use super::span::Span;
use super::values;

/// A block whose end is missing is followed so far.
const MAX_BLOCK: usize = 64 * 1024;

/// `-----BEGIN … PRIVATE KEY-----` and what follows to the end of its block, also where line ends are written as `\n`.
/// `start` is the first hyphen.
pub(super) fn pem(text: &[u8], start: usize, found: &mut Vec<Span>) {
    let far = text.len().min(start + 128);
    let line_end = values::line_end(&text[..far], start);
    let label = &text[start..line_end];
    let has = |words: &[u8]| label.windows(words.len()).any(|window| window == words);
    if !(has(b"PRIVATE KEY") || has(b"SECRET")) {
        return;
    }
    let far = text.len().min(start + MAX_BLOCK);
    let block = &text[start..far];
    let end = position(block, b"END ", 10).and_then(|at| {
        let label = at + position(&block[at..], b"KEY", 0)?;
        let hyphens = position(&block[label..], b"----", 0)? + label;
        Some(hyphens + block[hyphens..].iter().take_while(|byte| **byte == b'-').count())
    });
    let end = start + end.unwrap_or_else(|| encoded(block));
    found.push(Span::secret(start, end, Rule::PrivateKey));
}

/// `Private-Lines: 14` of a key of `PuTTY`, and the lines behind it.
pub(super) fn putty(text: &[u8], end: usize, found: &mut Vec<Span>) {
    let head = values::line_end(text, end);
    let far = text.len().min(head + MAX_BLOCK);
    let length = encoded(&text[head..far]);
    if length > 1 {
        found.push(Span::secret(head + 1, head + length, Rule::PrivateKey));
    }
}

/// How far a text can be encoded bytes with headers.
fn encoded(text: &[u8]) -> usize {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=-_\\:,.\r\n ".contains(byte);
    text.iter().take_while(part).count()
}

/// The private members of a JSON Web Key near its `"kty"`.
pub(super) fn jwk(text: &[u8], at: usize, found: &mut Vec<Span>) {
    let near = at.saturating_sub(2048);
    let start = text[near..at].iter().rposition(|byte| *byte == b'{').map_or(at, |open| near + open);
    let far = text.len().min(at + 4096);
    let end = text[at..far].iter().position(|byte| *byte == b'}').map_or(far, |end| at + end);
    let mut from = start;
    while let Some(mark) = text[from..end].iter().position(|byte| *byte == b'"').map(|mark| from + mark) {
        let length = text[mark + 1..end].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = &text[mark + 1..mark + 1 + length];
        from = mark + 1 + length;
        let behind = from + text[from..end].iter().take_while(|byte| b"\\\": \t\r\n".contains(byte)).count();
        if matches!(name, b"d" | b"p" | b"q" | b"dp" | b"dq" | b"qi" | b"k") && text[from..behind].contains(&b':') {
            let length =
                text[behind..end].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_=+/".contains(byte));
            let value_end = behind + length.count();
            if value_end > behind + 8 {
                found.push(Span::secret(behind, value_end, Rule::PrivateKey));
            }
        }
    }
}

fn position(text: &[u8], words: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?.windows(words.len()).position(|window| window == words).map(|at| from + at)
}

//! Private keys in blocks of text.

use super::ahead::{Ahead, examined, position, run};
use super::policy::Rule;
use super::span::{Found, Span};

/// How far behind a line that only speaks of a key its end is looked for.
const MAX_MENTION: usize = 64 * 1024;
/// The longest label of a block.
const MAX_LABEL: usize = 128;
/// How far the members of a JSON Web Key are looked for around its `"kty"`. Those of 16384 bits fit.
const MAX_JWK: usize = 32 * 1024;

/// What was seen of blocks so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    ends: Ahead,
    /// Where the last JSON Web Key ends.
    jwk: usize,
}

/// `-----BEGIN … PRIVATE KEY-----` and what follows to the end of its block, also where line ends are written as `\n`.
/// `start` is the first hyphen. A block without an end goes on to the end of the text.
pub(super) fn pem(text: &[u8], start: usize, seen: &mut Blocks, found: &mut Found) {
    let label_end = run(&text[..text.len().min(start + MAX_LABEL)], start + 5, |byte| !matches!(byte, b'\n' | b'-'));
    let label = &text[start..label_end];
    if !names_key(label) {
        return;
    }
    let ends = seen.ends.first(text.len(), start, |at| text[at] == b'E' && end_line(text, at).is_some());
    let is_block = behind_label(text, label_end);
    let end = match end_line(text, ends) {
        Some(behind) if is_block || ends - start < MAX_MENTION => behind,
        _ if is_block => text.len(),
        _ => encoded(text, start),
    };
    found.push(Span::secret(start, end, Rule::PrivateKey));
}

fn names_key(label: &[u8]) -> bool {
    [b"PRIVATE KEY".as_slice(), b"SECRET", b"Static key"]
        .iter()
        .any(|words| label.windows(words.len()).any(|window| window == *words))
}

/// Behind the `END … KEY-----` that begins here.
fn end_line(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[..text.len().min(at + MAX_LABEL)];
    if !rest.get(at..)?.starts_with(b"END ") {
        return None;
    }
    let label_end = run(rest, at, |byte| !matches!(byte, b'-' | b'\n'));
    let is_end = rest[label_end..].starts_with(b"----") && names_key(&rest[at..label_end]);
    is_end.then(|| run(text, label_end, |byte| byte == b'-'))
}

/// Whether a block follows on its label: a line end, as such or written in another code, or encoded bytes. Otherwise somebody
/// only speaks of a key.
fn behind_label(text: &[u8], label_end: usize) -> bool {
    let behind = run(text, label_end, |byte| byte == b'-');
    let near = &text[..text.len().min(behind + 64)];
    let first = run(near, behind, |byte| matches!(byte, b' ' | b'\t' | b'\r'));
    let coded = [b"\n".as_slice(), b"\\", b"%0", b"&#", b"<br"];
    behind >= label_end + 4
        && (coded.iter().any(|end| near[first..].starts_with(end))
            || run(near, first, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) > first + 15)
}

/// `Private-Lines: 14` of a key of `PuTTY`, and the lines behind it.
pub(super) fn putty(text: &[u8], end: usize, found: &mut Found) {
    let head = run(text, end, |byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'\r'));
    if text.get(head) != Some(&b'\n') {
        return;
    }
    let end = encoded(text, head);
    if end > head + 1 {
        found.push(Span::secret(head + 1, end, Rule::PrivateKey));
    }
}

/// How far a text can be encoded bytes with headers.
fn encoded(text: &[u8], from: usize) -> usize {
    run(text, from, |byte| byte.is_ascii_alphanumeric() || b"+/=-_\\:,.\r\n ".contains(&byte))
}

/// The private members of a JSON Web Key near its `"kty"`.
pub(super) fn jwk(text: &[u8], at: usize, seen: &mut Blocks, found: &mut Found) {
    if at < seen.jwk {
        return;
    }
    let near = at.saturating_sub(MAX_JWK).max(seen.jwk);
    let start = near + brace(text[near..at].iter().rev(), b'}', b'{').map_or(0, |back| at - near - back);
    let far = text.len().min(at + MAX_JWK);
    let end = at + brace(text[at..far].iter(), b'{', b'}').unwrap_or(far - at);
    seen.jwk = end;
    examined(end - near);
    let mut from = start;
    while let Some(mark) = position(&text[..end], from, b"\"") {
        let name_end = run(&text[..end], mark + 1, |byte| byte.is_ascii_alphabetic());
        let name = &text[mark + 1..name_end];
        from = name_end;
        let behind = run(&text[..end], from, |byte| b"\\\": \t\r\n".contains(&byte));
        if matches!(name, b"d" | b"p" | b"q" | b"dp" | b"dq" | b"qi" | b"k" | b"r" | b"t")
            && text[from..behind].contains(&b':')
        {
            let value_end = run(text, behind, |byte| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte));
            if value_end > behind + 8 {
                found.push(Span::secret(behind, value_end, Rule::PrivateKey));
            }
        }
    }
}

/// Where the brace stands that closes what is open, over pairs of braces before it.
fn brace<'a>(mut bytes: impl Iterator<Item = &'a u8>, opens: u8, closes: u8) -> Option<usize> {
    let mut depth = 0_usize;
    bytes.position(|byte| {
        let ends = *byte == closes && depth == 0;
        if *byte == opens {
            depth += 1;
        } else if *byte == closes {
            depth = depth.saturating_sub(1);
        }
        ends
    })
}

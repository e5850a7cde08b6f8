//! Addresses of mail.

use super::ahead::{examined, run};
use super::policy::Rule;
use super::span::{Found, Real, Span};

/// An address of mail around its `@`, which stands from `at` to `after` (it may be written `%40`).
pub(super) fn find(text: &[u8], at: usize, after: usize, harmless: &[String], found: &mut Found) {
    let local = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._+-=".contains(byte) || **byte >= 0x80;
    let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80;
    let mut start = at - text[..at].iter().rev().take_while(local).count();
    examined(at - start);
    match start.checked_sub(1).map(|before| text[before]) {
        Some(b'\\') if start < at && matches!(text[start], b'n' | b'r' | b't') => start += 1,
        Some(b'%') if at - start > 2 => start += 2,
        _ => {}
    }
    // `to=bob@…`: a name and its value.
    start += text[start..at].iter().rposition(|byte| *byte == b'=').map_or(0, |sign| sign + 1);
    let mut end = run(text, after, host);
    while end > after && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &text[after..end];
    let top = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let fits = start < at
        && domain.contains(&b'.')
        && domain[0] != b'.'
        && top.len() >= 2
        && !top.iter().any(u8::is_ascii_digit);
    let whole = text[start..end].to_ascii_lowercase();
    if fits && !harmless.iter().any(|ending| whole.ends_with(ending.as_bytes())) {
        found.push(Span::pseudonym(start, end, Rule::Mail, Real::Mail));
    }
}

//! Passwords and users in addresses: `https://user:password@host/`.

use super::ahead::{Ahead, run};
use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::values;

/// What was seen of addresses so far.
#[derive(Debug, Default)]
pub(super) struct Urls {
    ends: Ahead,
    signs: Ahead,
    /// Where the last address of Oracle ends.
    oracle: usize,
}

/// Looks behind `://`, which ends at `after`. Gives where the host begins.
pub(super) fn find(text: &[u8], after: usize, seen: &mut Urls, found: &mut Found) -> usize {
    let authority = &text[after..run(text, after, |byte| !ENDS_AUTHORITY[usize::from(byte)])];
    let at = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => at,
        // A password with a slash in it: what stands where a port would is no number, and an `@` comes later.
        None => match authority.iter().position(|byte| *byte == b':') {
            Some(colon) if !authority[colon + 1..].iter().all(u8::is_ascii_digit) => {
                let end = seen.ends.first(text.len(), after, |at| ends_address(text[at]));
                let at = seen.signs.first(text.len(), after, |at| text[at] == b'@');
                if at >= end {
                    return after;
                }
                at - after
            }
            _ => return after,
        },
    };
    let user = &text[after..after + at];
    match user.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            if !values::is_placeholder(&user[colon + 1..]) {
                found.push(Span::secret(after + colon + 1, after + at, Rule::UrlPassword));
            }
            found.push(Span::pseudonym(after, after + colon, Rule::User, Real::Name));
        }
        None if values::looks_random(user) => found.push(Span::secret(after, after + at, Rule::UrlPassword)),
        None => {}
    }
    after + at + 1
}

/// Looks behind `jdbc:oracle:thin:`: `user/password@host`.
pub(super) fn oracle(text: &[u8], after: usize, seen: &mut Urls, found: &mut Found) {
    if after < seen.oracle {
        return;
    }
    seen.oracle = run(text, after, |byte| !ends_address(byte));
    let address = &text[after..seen.oracle];
    let (slash, at) = (address.iter().position(|byte| *byte == b'/'), address.iter().rposition(|byte| *byte == b'@'));
    if let (Some(slash), Some(at)) = (slash, at)
        && slash + 1 < at
    {
        found.push(Span::secret(after + slash + 1, after + at, Rule::UrlPassword));
    }
}

/// Which bytes end the part of an address that may name somebody.
const ENDS_AUTHORITY: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        ends[byte as usize] = ends_address(byte) || matches!(byte, b'/' | b'?' | b'#');
        byte += 1;
    }
    ends
};

const fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`')
}

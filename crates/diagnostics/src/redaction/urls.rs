//! Passwords and users in addresses: `https://user:password@host/`.

use super::policy::Rule;
use super::span::{Real, Span};
use super::values;

/// The longest that user and password may be together.
const MAX_USER: usize = 1024;

/// Looks behind `://`, which ends at `after`.
pub(super) fn find(text: &[u8], after: usize, found: &mut Vec<Span>) {
    let far = text.len().min(after + MAX_USER);
    let part = |byte: &&u8| !byte.is_ascii_whitespace() && !b"\"'<>\\`".contains(byte);
    let run = &text[after..after + text[after..far].iter().take_while(part).count()];
    let authority = &run[..run.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(run.len())];
    let at = match authority.iter().rposition(|byte| *byte == b'@') {
        Some(at) => at,
        // A password with a slash in it: what stands where a port would is no number, and an `@` comes later.
        None => match (authority.iter().position(|byte| *byte == b':'), run.iter().position(|byte| *byte == b'@')) {
            (Some(colon), Some(at)) if colon < at && !authority[colon + 1..].iter().all(u8::is_ascii_digit) => at,
            _ => return,
        },
    };
    let user = &run[..at];
    match user.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            if !values::is_placeholder(&user[colon + 1..]) {
                found.push(Span::secret(after + colon + 1, after + at, Rule::UrlPassword));
            }
            found.push(Span::pseudonym(after, after + colon, Rule::User, Real::Name("user")));
        }
        None if values::looks_random(user) => found.push(Span::secret(after, after + at, Rule::UrlPassword)),
        None => {}
    }
}

/// Looks behind `jdbc:oracle:thin:`: `user/password@host`.
pub(super) fn oracle(text: &[u8], after: usize, found: &mut Vec<Span>) {
    let far = text.len().min(after + MAX_USER);
    let part = |byte: &&u8| !byte.is_ascii_whitespace() && !b"\"'<>\\`".contains(byte);
    let run = &text[after..after + text[after..far].iter().take_while(part).count()];
    let (slash, at) = (run.iter().position(|byte| *byte == b'/'), run.iter().rposition(|byte| *byte == b'@'));
    if let (Some(slash), Some(at)) = (slash, at)
        && slash + 1 < at
    {
        found.push(Span::secret(after + slash + 1, after + at, Rule::UrlPassword));
    }
}

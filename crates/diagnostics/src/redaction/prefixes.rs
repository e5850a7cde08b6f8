//! Tokens that are known by how they begin.

use super::policy::{Rule, Tokens};
use super::span::Span;
use super::text::is_start_of_word;

/// No token is longer. Bounded, so that a long run of beginnings takes no time.
const MAX_TOKEN: usize = 2 * 1024;

/// A token that begins at `start` with what the policy names; `end` is behind that.
pub(super) fn find(text: &[u8], start: usize, end: usize, token: &Tokens, found: &mut Vec<Span>) {
    if !is_start_of_word(text, start) {
        return;
    }
    let rest = &text[end..text.len().min(end + MAX_TOKEN)];
    let part: fn(&u8) -> bool = match token.rule {
        Rule::PasswordHash => |byte| byte.is_ascii_alphanumeric() || b"./$+=,*-_:".contains(byte),
        Rule::Webhook => |byte| byte.is_ascii_alphanumeric() || b"/_@.-".contains(byte),
        _ => |byte| byte.is_ascii_alphanumeric() || b"_-.+/=".contains(byte),
    };
    if token.exact {
        let length = rest.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
        let ends = rest.get(length).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if length == token.least && ends {
            found.push(Span::secret(start, end + length, token.rule));
        }
        return;
    }
    // A colon separates the fields of a line with a hash in it: `name:$6$salt$hash:19000`.
    let hash_end = |length: usize| rest[..length].iter().position(|byte| *byte == b':').unwrap_or(length);
    let mut length = rest.iter().take_while(|byte| part(byte)).count();
    if token.rule == Rule::PasswordHash {
        length = hash_end(length);
    }
    while length > 0 && matches!(rest[length - 1], b'.' | b',') {
        length -= 1;
    }
    let by_chance = token.rule != Rule::ApiKey || rest[..length].iter().any(u8::is_ascii_digit);
    if length >= token.least && by_chance {
        found.push(Span::secret(start, end + length, token.rule));
    }
}

/// A JSON Web Token that begins at `start`: at least three parts of base 64, of which the first begins as `{` does.
pub(super) fn jwt(text: &[u8], start: usize, found: &mut Vec<Span>) {
    let within = start.checked_sub(1).is_some_and(|before| matches!(text[before], b'.' | b'-' | b'_'));
    if within || !is_start_of_word(text, start) {
        return;
    }
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-' | b'.' | b'=');
    let far = text.len().min(start + 16 * MAX_TOKEN);
    let length = text[start..far].iter().take_while(part).count();
    let token = &text[start..start + length];
    let mut parts = token.split(|byte| *byte == b'.');
    let long = |part: Option<&[u8]>| part.is_some_and(|part| part.len() >= 10);
    if long(parts.next()) && long(parts.next()) && parts.next().is_some() {
        found.push(Span::secret(start, start + length, Rule::Jwt));
    }
}

//! Tokens that are known by how they begin.

use super::ahead::{Ahead, run};
use super::policy::{Rule, Tokens};
use super::span::{Found, Span};
use super::text::is_start_of_word;

/// No token has more characters before what tells it.
const MAX_BEFORE: usize = 64;

/// What was seen of tokens so far.
#[derive(Debug, Default)]
pub(super) struct Runs {
    hash: Ahead,
    webhook: Ahead,
    other: Ahead,
    digit: Ahead,
    jwt: Ahead,
    dots: [Ahead; 2],
}

/// A token that begins at `start` with what the policy names; `end` is behind that. Some have so many characters before it.
pub(super) fn find(text: &[u8], start: usize, end: usize, token: &Tokens, seen: &mut Runs, found: &mut Found) {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'~');
    let before = text[..start].iter().rev().take(MAX_BEFORE.min(token.before * 2)).take_while(part).count();
    if before < token.before || (token.before == 0 && !is_start_of_word(text, start)) {
        return;
    }
    let start = start - before;
    if token.exact {
        let near = &text[..text.len().min(end + token.least + 1)];
        let last = run(near, end, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let ends = text.get(last).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if last == end + token.least && ends {
            found.push(Span::secret(start, last, token.rule));
        }
        return;
    }
    // A colon separates the fields of a line with a hash in it: `name:$6$salt$hash:19000`.
    let (runs, signs): (_, &[u8]) = match token.rule {
        Rule::PasswordHash => (&mut seen.hash, b"./$+=,*-_"),
        Rule::Webhook => (&mut seen.webhook, b"/_@.-"),
        _ => (&mut seen.other, b"_-.+/=~"),
    };
    let ends = |at: usize| !text[at].is_ascii_alphanumeric() && !signs.contains(&text[at]);
    let mut last = runs.first(text.len(), end, ends);
    while last > end && matches!(text[last - 1], b'.' | b',') {
        last -= 1;
    }
    let by_chance =
        token.rule != Rule::ApiKey || seen.digit.first(text.len(), end, |at| text[at].is_ascii_digit()) < last;
    if last >= end + token.least && by_chance {
        found.push(Span::secret(start, last, token.rule));
    }
}

/// A JSON Web Token that begins at `start`: at least three parts of base 64, of which the first begins as `{` does.
pub(super) fn jwt(text: &[u8], start: usize, seen: &mut Runs, found: &mut Found) {
    let within = start.checked_sub(1).is_some_and(|before| matches!(text[before], b'.' | b'-' | b'_'));
    if within || !is_start_of_word(text, start) {
        return;
    }
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=');
    let end = seen.jwt.first(text.len(), start, |at| !part(text[at]));
    let [first, second] = &mut seen.dots;
    let first = first.first(text.len(), start, |at| text[at] == b'.');
    let second = second.first(text.len(), first + 1, |at| text[at] == b'.');
    if second < end && first >= start + 10 && second > first + 10 {
        found.push(Span::secret(start, end, Rule::Jwt));
    }
}

//! Users where logs and settings name them.
//!
//! What a program of the system writes in words of its own (`New session 5 of user anna`) tells a user, who is learned. A setting may hold
//! anything (`user=anna`): it is masked where it stands only.

use super::ahead::run;
use super::names::NameKind;
use super::policy::{Rule, Rules};
use super::span::{Found, Real, Span};

/// No name of a user is longer.
const MAX_USER: usize = 128;

/// The name of a user that begins here.
pub(super) fn behind(text: &[u8], start: usize) -> &[u8] {
    let near = &text[..text.len().min(start + MAX_USER)];
    &text[start..run(near, start, |byte| is_part(byte) || matches!(byte, b'@' | b'$' | b'\\'))]
}

/// The name of a user before what tells it: `anna : TTY=`, `by anna(uid=1001)`, `(anna) CMD (`.
pub(super) fn before(text: &[u8], (start, end): (usize, usize), name: &mut dyn FnMut(NameKind, &[u8])) {
    let is_number = || run(text, end, |byte| byte.is_ascii_digit()) > end;
    if text[start..end].ends_with(b"uid=") && !is_number() {
        return;
    }
    let near = &text[start.saturating_sub(MAX_USER)..start];
    let length = near.iter().rev().take_while(|byte| is_part(**byte)).count();
    let in_brackets = text[start..end].starts_with(b")");
    if !in_brackets || near[..near.len() - length].ends_with(b"(") {
        name(NameKind::User, &text[start - length..start]);
    }
}

/// `New session 5 of user anna`: without the number it may be a sentence.
pub(super) fn session(text: &[u8], (start, end): (usize, usize), name: &mut dyn FnMut(NameKind, &[u8])) {
    let near = &text[start.saturating_sub(32)..start];
    let number = near.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let word = &near[..near.len() - number];
    let is_session = word.len() >= 8 && word[word.len() - 8..].eq_ignore_ascii_case(b"session ");
    if is_session && near.last().is_some_and(u8::is_ascii_digit) {
        name(NameKind::User, behind(text, end));
    }
}

/// `su: (to root) anna on pts/0`, `FAILED SU (to root) anna on pts/0`
pub(super) fn becomes(text: &[u8], (start, end): (usize, usize), name: &mut dyn FnMut(NameKind, &[u8])) {
    let program = text[..start].strip_suffix(b": ").or_else(|| text[..start].strip_suffix(b" ")).unwrap_or_default();
    if !program.ends_with(b"]") && !program.ends_with(b"su") && !program.ends_with(b"SU") {
        return;
    }
    let other = behind(text, end);
    let Some(b") ") = text.get(end + other.len()..end + other.len() + 2) else { return };
    let user = behind(text, end + other.len() + 2);
    if text[end + other.len() + 2 + user.len()..].starts_with(b" on ") {
        name(NameKind::User, other);
        name(NameKind::User, user);
    }
}

/// Masks the name of a user behind the name of a setting.
pub(super) fn setting(
    text: &[u8],
    after: usize,
    rules: &Rules,
    found: &mut Found,
    name: &mut dyn FnMut(NameKind, &[u8]),
) {
    let sign = text[after - 1];
    let near = &text[..text.len().min(after + MAX_USER)];
    let mark = run(near, after, |byte| byte == b' ' && sign == b':');
    let mut start = run(near, mark, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
    // `user:group` is no setting.
    if sign == b':' && start == after {
        return;
    }
    let mut end = run(near, start, is_part);
    // `CORP\anna`, if that is no escape.
    let behind = run(near, end, |byte| byte == b'\\');
    let is_escape = behind - end == 1 && matches!(text.get(behind), Some(b'n' | b'r' | b't' | b'b' | b'f' | b'u'));
    if end > start && behind > end && !is_escape {
        let user = run(near, behind, is_part);
        (start, end) = if user > behind { (behind, user) } else { (start, end) };
    }
    while end > start && matches!(text[end - 1], b'.' | b'-' | b'_' | b'+') {
        end -= 1;
    }
    let user = &text[start..end];
    let begins = user.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let ends = match text.get(end) {
        // What stands behind a colon may be a sentence.
        Some(b' ' | b'\t') => sign == b'=' || start > mark,
        // `${USER}`, a function, another setting, a word of several parts.
        Some(b'$' | b'%' | b'{' | b'(' | b'=' | b':' | b'/' | b'<' | b'*') => false,
        _ => true,
    };
    if !begins || !ends || user.len() < 2 || is_word(user, rules) {
        return;
    }
    found.push(Span::pseudonym(start, end, Rule::User, Real::Name));
    // A name with a number is no word: such a one is a user's everywhere.
    if user.last().is_some_and(u8::is_ascii_digit) {
        name(NameKind::User, user);
    }
}

/// Whether the policy knows this as no name.
fn is_word(user: &[u8], rules: &Rules) -> bool {
    let lower = String::from_utf8_lossy(user).to_lowercase();
    rules.names.common.contains(&lower) || rules.secret_names.harmless_values.contains(&lower)
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::{Learner, Policy};

    fn masked(text: &str) -> String {
        let mut out = Vec::new();
        let learner = Learner::new(Policy::standard().unwrap()).unwrap();
        learner.finish(&[7; 32]).unwrap().mask("x", &mut text.as_bytes(), &mut out).unwrap();
        let mut text = String::from_utf8(out).unwrap();
        while let Some(at) = text.find("user-") {
            text.replace_range(at..at + "user-".len() + 8, "U");
        }
        text
    }

    #[test]
    fn v07_a_user_behind_the_name_of_a_setting_is_masked_where_it_stands() {
        for (text, expected) in [
            ("auth user=tgruber ok, tgruber", "auth user=U ok, tgruber"),
            ("username: rwagner\nnext", "username: U\nnext"),
            ("uid=\"lkoch\" acct=\"lkoch\"", "uid=\"U\" acct=\"U\""),
            ("dn: uid=lkoch,ou=people", "dn: uid=U,ou=people"),
            (
                r#"{"user":"lkoch","username": "l.koch"} {\"user\":\"lkoch\"}"#,
                r#"{"user":"U","username": "U"} {\"user\":\"U\"}"#,
            ),
            (r"user=CORP\\lkoch and user=CORP\lkoch;", r"user=CORP\\U and user=CORP\U;"),
            (r"user=lkoch\nnext", r"user=U\nnext"),
            ("DB_USER=lkoch", "DB_USER=U"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn v07_what_names_no_user_behind_the_name_of_a_setting_stays() {
        for text in [
            "user=root user: the user=17 uid=0(root) user=${USER} user=$1 user=%u user=<name> user= x user={}",
            "username: please enter it, user: nobody, user=unknown user=false user: null",
            "chown user:staff x, user::group, ruser= superuser=true user=system:serviceaccount:x user=f(x)",
            "{\"user\": {\"id\": 7}, \"user\": null, \"user\": \"admin\"}",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}

//! Secrets behind their names: `password = x`, `"token": "x"`, `<secret>x</secret>`, `--password x`, and their like.

use super::ahead::{examined, run};
use super::policy::{Rule, Rules};
use super::span::{Found, Put, Span};
use super::text::is_start_of_word;
use super::values::{self, Quote, Value};
use super::{lines, markup, prose};

/// Longer than the longest ending of a name that holds no secret.
const MAX_ENDING: usize = 32;
/// How far before a name it is looked whether it has its line for itself.
const MAX_BEFORE: usize = 256;
/// How much of a value shows whether it looks random.
const NEAR: usize = 64;

/// A word of the policy, found in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) rule: Rule,
    pub(super) whole: bool,
    pub(super) random: bool,
    pub(super) hexadecimal: bool,
}

impl Word {
    /// Whether a value looks as one of this word's does.
    fn fits(self, value: &[u8]) -> bool {
        !self.random || values::looks_random(value) || self.hexadecimal && values::is_long_hexadecimal(value)
    }
}

/// The name of a value, with what stands around it.
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It stands at the start of its line, maybe behind `export` or a list's hyphen.
    pub(super) own_line: bool,
    /// It begins with a hyphen: a flag.
    pub(super) flag: bool,
    /// It is the name of an XML element.
    pub(super) element: bool,
}

/// What was seen of names and values so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last run of bytes of names. It may hold many words.
    name: (usize, usize),
    /// Where objects end whose strings are secrets all: what lies within one was read with it.
    of_secrets: usize,
    of_random: usize,
}

impl Seen {
    fn name(&mut self, text: &[u8], start: usize, end: usize) -> (usize, usize) {
        if start < self.name.0 || self.name.1 < end {
            let before = text[..start].iter().rev().take_while(|byte| values::is_name(**byte)).count();
            examined(before);
            self.name = (start - before, run(text, end, values::is_name));
        }
        self.name
    }
}

/// Looks for a secret behind a word, and adds it. Lists add one for each item.
pub(super) fn find(
    text: &[u8],
    (start, end): (usize, usize),
    word: Word,
    rules: &Rules,
    seen: &mut Seen,
    found: &mut Found,
) {
    // Most are within other words, and that is seen before the rest of the name is looked at.
    if word.whole && (!ends(text, end) || word.rule != Rule::Password && !begins(text, start)) {
        return;
    }
    let Some(name) = name(text, start, end, seen.name(text, start, end), word, rules) else { return };
    if let Some((quote, first)) = list(text, &name) {
        let mut at = Some((quote, first));
        while let Some((quote, start)) = at {
            let value = values::quoted(text, start, quote);
            add(text, value, None, word, rules, found);
            let next = skip(text, value.end + quote.bytes().len(), b" \t\r\n,");
            found.reach(start, next.min(text.len()));
            at = text.get(next).and_then(|_| values::open(text, next));
        }
        return;
    }
    if let Some(open) = object(text, &name) {
        let until = if word.random { seen.of_random.max(seen.of_secrets) } else { seen.of_secrets };
        if open >= until {
            let end = markup::object(text, open, &mut |value| add(text, value, None, word, rules, found));
            found.reach(open, end);
            *(if word.random { &mut seen.of_random } else { &mut seen.of_secrets }) = end;
        }
        return;
    }
    // A word that names a secret only at times: whether it does is seen from how the value begins.
    let near = if word.random { &text[..text.len().min(name.end + NEAR)] } else { text };
    let Some((mut value, mut quote)) = self::value(near, &name, word, rules) else { return };
    if value.end == near.len() && near.len() < text.len() {
        if !word.fits(&text[value.start..value.end]) {
            return;
        }
        match self::value(text, &name, word, rules) {
            Some(whole) => (value, quote) = whole,
            None => return,
        }
        return found.push(Span { start: value.start, end: value.end, rule: word.rule, put: put(quote) });
    }
    if is_folder(&text[name.start..name.end], &text[value.start..value.end], rules) {
        return;
    }
    add(text, value, quote, word, rules, found);
}

/// Whether this is where a shell is, and no password: `PWD=/home/anna`.
fn is_folder(name: &[u8], value: &[u8], rules: &Rules) -> bool {
    let first = || value.strip_prefix(b"/").and_then(|path| path.split(|byte| *byte == b'/').next());
    matches!(name, b"PWD" | b"OLDPWD")
        && first().is_some_and(|first| rules.secret_names.folders.iter().any(|folder| folder.as_bytes() == first))
}

fn add(text: &[u8], value: Value, quote: Option<Quote>, word: Word, rules: &Rules, found: &mut Found) {
    let bytes = &text[value.start..value.end];
    if is_harmless(bytes, word, rules) || values::is_placeholder(bytes) || !word.fits(bytes) {
        return;
    }
    found.push(Span { start: value.start, end: value.end, rule: word.rule, put: put(quote) });
}

fn put(quote: Option<Quote>) -> Put {
    quote.map_or(Put::Mask, Put::Quoted)
}

/// Whether a value is a word of the policy, too short a number, or a row of a table.
fn is_harmless(value: &[u8], word: Word, rules: &Rules) -> bool {
    if value.len() == 1 {
        return true;
    }
    let digits = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if value.len() < 6 && !matches!(word.rule, Rule::Password | Rule::Custom(_)) && digits(value) {
        return true;
    }
    let names = &rules.secret_names;
    let is_word = value.len() <= 64
        && str::from_utf8(value).is_ok_and(|text| names.harmless_values.contains(&text.to_lowercase()));
    let row = value.iter().position(u8::is_ascii_alphabetic).filter(|at| *at > 1 && digits_only(&value[..*at]));
    is_word || row.is_some_and(|at| names.harmless_rows.iter().any(|words| value[at..].starts_with(words.as_bytes())))
}

fn digits_only(numbers: &[u8]) -> bool {
    numbers.ends_with(b" ") && numbers.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ')
}

/// Reads the whole name around a word, and refuses one that names no secret.
fn name(
    text: &[u8],
    start: usize,
    word_end: usize,
    (first, end): (usize, usize),
    word: Word,
    rules: &Rules,
) -> Option<Name> {
    // `dbpass`, `PGPWD`: such a word counts also at the end of a name of one part, if it is no English word.
    let tail =
        word.rule == Rule::Password && end == word_end && word_end - start >= 3 && !is_english(&text[first..end]);
    if word.whole && !((tail || begins(text, start)) && ends(text, word_end)) {
        return None;
    }
    if word_end < end {
        // What is looked for is short: of a long name the first and the last bytes are enough.
        let rest = &text[word_end..end.min(word_end + MAX_ENDING)];
        let goes_on = [b"izer".as_slice(), b"less", b"ary"]
            .iter()
            .any(|ending| rest.get(..ending.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(ending)));
        let last = last_part(&text[word_end.max(end.saturating_sub(MAX_ENDING))..end]);
        if goes_on || is_harmless_ending(last, rules) || (rest.len() >= 4 && is_harmless_ending(rest, rules)) {
            return None;
        }
    }
    let flag = text[first] == b'-' && first.checked_sub(1).is_none_or(|at| !text[at].is_ascii_alphanumeric());
    let before = &text[first.saturating_sub(MAX_BEFORE)..first];
    let prefixed = || before.rsplit(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&b'<'));
    Some(Name {
        start: first,
        end,
        own_line: is_line_start(before),
        flag,
        element: before.last() == Some(&b'<') || (before.last() == Some(&b':') && prefixed()),
    })
}

/// Whether a part of a name begins here.
fn begins(text: &[u8], at: usize) -> bool {
    is_camel(text, at) || is_start_of_word(text, at)
}

/// Whether a part of a name ends here.
fn ends(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric() || is_camel(text, at))
}

fn is_camel(text: &[u8], at: usize) -> bool {
    text[at].is_ascii_uppercase() && (at == 0 || text[at - 1].is_ascii_lowercase())
}

fn is_harmless_ending(ending: &[u8], rules: &Rules) -> bool {
    let mut lower = [0; MAX_ENDING];
    let Some(lower) = lower.get_mut(..ending.len()) else { return false };
    lower.copy_from_slice(ending);
    lower.make_ascii_lowercase();
    str::from_utf8(lower).is_ok_and(|ending| rules.secret_names.harmless_endings.contains(ending))
}

fn is_english(name: &[u8]) -> bool {
    if name.len() > MAX_ENDING {
        return false;
    }
    let words: [&[u8]; 8] =
        [b"bypass", b"compass", b"encompass", b"surpass", b"overpass", b"trespass", b"spin", b"pin"];
    words.contains(&name.to_ascii_lowercase().as_slice())
}

/// `export `, `- `, `set `, and blanks may stand before a name that has its line for itself.
fn is_line_start(mut before: &[u8]) -> bool {
    let words: [&[u8]; 11] = [b"export", b"-", b"set", b"setenv", b"#", b"//", b";", b"env", b"ENV", b"declare", b"-x"];
    loop {
        let Some(end) = before.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) else { return true };
        if before[end] == b'\n' {
            return true;
        }
        let start = before[..=end].iter().rev().take(8).take_while(|byte| !byte.is_ascii_whitespace()).count();
        let word = end + 1 - start;
        if !words.contains(&&before[word..=end]) {
            return false;
        }
        before = &before[..word];
    }
}

/// The last part of a name: `_token_count`, `TokenCount`.
fn last_part(name: &[u8]) -> &[u8] {
    let mut start = name.len();
    while start > 0 {
        let byte = name[start - 1];
        if !byte.is_ascii_alphanumeric() {
            break;
        }
        start -= 1;
        if byte.is_ascii_uppercase() && start > 0 && name[start - 1].is_ascii_lowercase() {
            break;
        }
    }
    &name[start..]
}

pub(super) fn skip(text: &[u8], from: usize, set: &[u8]) -> usize {
    text.get(from..).map_or(text.len(), |rest| from + rest.iter().take_while(|byte| set.contains(byte)).count())
}

/// Reads a list of quoted values behind a name: `"tokens": ["a", "b"]`.
fn list(text: &[u8], name: &Name) -> Option<(Quote, usize)> {
    let (after, _) = separator(text, behind_mark(text, name.end).0)?;
    let at = skip(text, after, b" \t\r\n");
    (text.get(at) == Some(&b'[')).then(|| values::open(text, skip(text, at + 1, b" \t\r\n"))).flatten()
}

/// The brace of an object behind a quoted name.
fn object(text: &[u8], name: &Name) -> Option<usize> {
    let (after, closed) = behind_mark(text, name.end);
    let (after, _) = separator(text, closed.map(|_| after)?)?;
    let at = skip(text, after, b" \t\r\n");
    (text.get(at) == Some(&b'{')).then_some(at)
}

/// Steps over the mark that closes a quoted name, and over the bracket of an index: `config["password"]`.
pub(super) fn behind_mark(text: &[u8], end: usize) -> (usize, Option<Quote>) {
    let Some((quote, _)) = values::open(text, end) else { return (end, None) };
    let mut quote = quote;
    let mut after = end + quote.backslashes + 1;
    if quote.backslashes == 0 && text.get(after) == Some(&quote.mark) {
        quote.doubled = true;
        after += 1;
    }
    (skip(text, after, b"]"), Some(quote))
}

/// Steps over `=`, `:` and their like.
pub(super) fn separator(text: &[u8], from: usize) -> Option<(usize, u8)> {
    let at = skip(text, from, b" \t");
    let rest = text.get(at..).filter(|rest| rest.first().is_some_and(|byte| b"=:-%&".contains(byte)))?;
    for sign in [b"=>".as_slice(), b":=", b"==", b"->", b"=", b":", b"%3D", b"%3d", b"%3A", b"%3a", b"&#61;"] {
        if rest.starts_with(sign) {
            return Some((at + sign.len(), sign[0]));
        }
    }
    None
}

/// The value behind a name, and the marks that it needs where JSON has none around it.
fn value(text: &[u8], name: &Name, word: Word, rules: &Rules) -> Option<(Value, Option<Quote>)> {
    let (after, closed) = behind_mark(text, name.end);
    if let Some(value) = markup::element(text, name, after).or_else(|| markup::coded(text, after)) {
        return Some((value, None));
    }
    if let Some((behind, sign)) = separator(text, after) {
        let at = skip(text, behind, b" \t");
        if let Some(value) = marked(text, at) {
            return Some((value, None));
        }
        if matches!(text.get(at), None | Some(b'\n' | b'\r')) {
            return lines::next_line(text, name, at, closed.is_some()).map(|value| (value, None));
        }
        if sign == b':' && matches!(text[at], b'|' | b'>') {
            return lines::block(text, name, at).map(|value| (value, None));
        }
        if word.rule == Rule::Header && sign == b':' && closed.is_none() {
            return Some((values::rest_of_line(text, at), None));
        }
        // Objects and lists were read before.
        if matches!(text[at], b'{' | b'[') && closed.is_some() {
            return None;
        }
        let own_line = name.own_line && closed.is_none() && sign != b'%';
        let value = values::bare(text, at, own_line);
        // A number or word in JSON: the mask needs the marks that its name has.
        let quote = closed.filter(|_| sign == b':');
        return Some((value, quote));
    }
    // `setPassword("x")`
    let argument = || (text.get(after) == Some(&b'(')).then(|| marked(text, after + 1)).flatten();
    let is_told = !word.random || word.hexadecimal;
    if let Some(value) = closed.is_none().then(|| session(text, after, word)).flatten() {
        return Some((value, None));
    }
    let prose = (closed.is_none() && is_told).then(|| prose::find(text, name, word)).flatten();
    prose
        .or_else(|| markup::twin(text, after, closed.is_some()))
        .or_else(|| lines::flag(text, name, after))
        .or_else(|| lines::directive(text, name, word, rules))
        .or_else(argument)
        .map(|value| (value, None))
}

/// The number of a session behind its name and a blank: `session_id 8f14e45fceea167a`. Only a long hexadecimal number is one.
fn session(text: &[u8], after: usize, word: Word) -> Option<Value> {
    let start = skip(text, after, b" \t");
    if !word.hexadecimal || start == after {
        return None;
    }
    let end = run(text, start, |byte| byte.is_ascii_hexdigit());
    let ends_here = text.get(end).is_none_or(|byte| values::ends_a_value(*byte));
    (ends_here && values::is_long_hexadecimal(&text[start..end])).then_some(Value { start, end })
}

/// A value within marks, maybe with a letter before them: `b'…'`.
pub(super) fn marked(text: &[u8], at: usize) -> Option<Value> {
    let lettered = matches!(text.get(at), Some(b'b' | b'r' | b'u' | b'f' | b'@' | b'$'))
        && matches!(text.get(at + 1), Some(b'"' | b'\''));
    let (quote, start) = values::open(text, if lettered { at + 1 } else { at })?;
    Some(values::quoted(text, start, quote))
}

//! Anchors: one automaton finds every place where something may stand that has to be masked.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use super::names::NameKind;
use super::pairs::Word;
use super::policy::{Policy, PolicyError, Rules};
use super::shapes::Shapes;
use super::span::Span;
use super::text::is_start_of_word;
use super::{blocks, commands, pairs, prefixes, shapes, urls};

/// What an anchor leads to.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Word(Word),
    /// A beginning of a token: by its place in the policy.
    Token(usize),
    /// A command: by its place in the policy.
    Command(usize),
    Jwt,
    Pem,
    Putty,
    Jwk,
    Url,
    Oracle,
    Mail,
    /// Words before the name of a user.
    User,
}

/// Finds secrets, addresses and places of names in a piece of text.
#[derive(Debug)]
pub(super) struct Finder {
    rules: Rules,
    automaton: AhoCorasick,
    anchors: Vec<(String, Anchor)>,
    shapes: Shapes,
}

impl Finder {
    pub(super) fn new(policy: &Policy) -> Result<Self, PolicyError> {
        let rules = policy.rules.clone();
        let anchors = anchors(&rules);
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(anchors.iter().map(|(text, _)| text))
            .map_err(|error| PolicyError(error.to_string()))?;
        let shapes = Shapes::new().map_err(|error| PolicyError(error.to_string()))?;
        Ok(Self { rules, automaton, anchors, shapes })
    }

    /// Finds secrets and addresses, and shows the places of names to `name`.
    pub(super) fn find(&self, text: &[u8], found: &mut Vec<Span>, name: &mut dyn FnMut(NameKind, &[u8])) {
        for hit in self.automaton.find_overlapping_iter(text) {
            let (start, end) = (hit.start(), hit.end());
            // What was found already is not read again: a long run of beginnings takes no longer than one.
            if found.last().is_some_and(|last| last.is_secret() && last.start <= start && end <= last.end) {
                continue;
            }
            let (spelling, anchor) = &self.anchors[hit.pattern().as_usize()];
            let exactly = || &text[start..end] == spelling.as_bytes();
            match *anchor {
                Anchor::Word(word) => pairs::find(text, start, end, word, &self.rules, found),
                Anchor::Token(place) if exactly() => prefixes::find(text, start, end, &self.rules.tokens[place], found),
                Anchor::Command(place) => commands::find(text, start, end, &self.rules.commands[place], found),
                Anchor::Jwt if exactly() => prefixes::jwt(text, start, found),
                Anchor::Pem => blocks::pem(text, start, found),
                Anchor::Putty => blocks::putty(text, end, found),
                Anchor::Jwk => blocks::jwk(text, start, found),
                Anchor::Url => urls::find(text, end, found),
                Anchor::Oracle => urls::oracle(text, end, found),
                Anchor::Mail => shapes::mail(text, start, end, &self.rules.names.harmless_mail, found),
                Anchor::User if is_start_of_word(text, start) => name(NameKind::User, user(text, end)),
                Anchor::Token(_) | Anchor::Jwt | Anchor::User => {}
            }
        }
        self.shapes.find(text, found);
    }
}

/// The name of a user that begins here.
fn user(text: &[u8], start: usize) -> &[u8] {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-@$\\+".contains(byte) || **byte >= 0x80;
    let length = text[start..].iter().take(128).take_while(part).count();
    &text[start..start + length]
}

fn anchors(rules: &Rules) -> Vec<(String, Anchor)> {
    let mut anchors: Vec<(String, Anchor)> = Vec::new();
    for words in &rules.words {
        let word = Word { rule: words.rule, whole: words.whole, random: words.random };
        for text in &words.names {
            let spellings = if text.contains(' ') { ["", "_", "-", ".", " "].as_slice() } else { &[""] };
            anchors.extend(spellings.iter().map(|gap| (text.replace(' ', gap), Anchor::Word(word))));
        }
    }
    for (place, tokens) in rules.tokens.iter().enumerate() {
        anchors.extend(tokens.begin.iter().map(|text| (text.clone(), Anchor::Token(place))));
    }
    for (place, commands) in rules.commands.iter().enumerate() {
        anchors.extend(commands.names.iter().map(|text| (text.clone(), Anchor::Command(place))));
    }
    anchors.extend(rules.names.user_phrases.iter().map(|text| (text.clone(), Anchor::User)));
    let fixed = [
        // `{"`, `{ ` and `{` with a line end, in base 64.
        ("eyJ", Anchor::Jwt),
        ("eyA", Anchor::Jwt),
        ("ewo", Anchor::Jwt),
        ("-----BEGIN ", Anchor::Pem),
        ("---- BEGIN ", Anchor::Pem),
        ("Private-Lines:", Anchor::Putty),
        ("\"kty", Anchor::Jwk),
        ("://", Anchor::Url),
        (":thin:", Anchor::Oracle),
        ("@", Anchor::Mail),
        ("%40", Anchor::Mail),
        ("/home/", Anchor::User),
        ("/Users/", Anchor::User),
        ("\\Users\\", Anchor::User),
    ];
    anchors.extend(fixed.map(|(text, anchor)| (text.to_owned(), anchor)));
    anchors
}

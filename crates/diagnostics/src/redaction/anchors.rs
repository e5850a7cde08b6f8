//! Anchors: one automaton finds every place where something may stand that has to be masked.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use super::names::NameKind;
use super::pairs::Word;
use super::policy::{Policy, PolicyError, Rules};
use super::shapes::Shapes;
use super::span::Found;
use super::text::is_start_of_word;
use super::{blocks, commands, pairs, pipes, prefixes, shapes, urls};

/// What an anchor leads to.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Word(Word),
    /// A beginning of a token: by its place in the policy.
    Token(usize),
    /// A command: by its place in the policy.
    Command(usize),
    /// A command that writes a password to another.
    Pipe,
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
    pub(super) fn find(&self, text: &[u8], found: &mut Found, name: &mut dyn FnMut(NameKind, &[u8])) {
        let mut seen = Seen { commands: vec![0; self.rules.commands.len()], ..Seen::default() };
        for hit in self.automaton.find_overlapping_iter(text) {
            let place = (hit.start(), hit.end());
            let (start, end) = place;
            if found.covers(start, end) {
                continue;
            }
            found.because_of(Some(place));
            let (spelling, anchor) = &self.anchors[hit.pattern().as_usize()];
            let exactly = || &text[start..end] == spelling.as_bytes();
            match *anchor {
                Anchor::Word(word) => pairs::find(text, place, word, &self.rules, &mut seen.pairs, found),
                Anchor::Token(token) if exactly() => {
                    prefixes::find(text, start, end, &self.rules.tokens[token], &mut seen.runs, found);
                }
                Anchor::Command(command) => {
                    commands::find(text, place, &self.rules.commands[command], &mut seen.commands[command], found);
                }
                Anchor::Pipe => pipes::find(text, place, &self.rules.pipes, &mut seen.pipe, found),
                Anchor::Jwt if exactly() => prefixes::jwt(text, start, &mut seen.runs, found),
                Anchor::Pem => blocks::pem(text, start, &mut seen.blocks, found),
                Anchor::Putty => blocks::putty(text, end, found),
                Anchor::Jwk => blocks::jwk(text, start, &mut seen.blocks, found),
                Anchor::Url => urls::find(text, end, &mut seen.urls, found),
                Anchor::Oracle => urls::oracle(text, end, &mut seen.urls, found),
                Anchor::Mail => shapes::mail(text, start, end, &self.rules.names.harmless_mail, found),
                Anchor::User if is_start_of_word(text, start) => name(NameKind::User, user(text, end)),
                Anchor::Token(_) | Anchor::Jwt | Anchor::User => {}
            }
        }
        found.because_of(None);
        self.shapes.find(text, found);
    }
}

/// What the readers saw of a text so far.
#[derive(Default)]
struct Seen {
    runs: prefixes::Runs,
    blocks: blocks::Blocks,
    urls: urls::Urls,
    pairs: pairs::Seen,
    /// Where the words of the last command that writes end.
    pipe: usize,
    commands: Vec<usize>,
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
    anchors.extend(rules.pipes.writers.iter().map(|text| (text.clone(), Anchor::Pipe)));
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

//! Anchors: one automaton finds every place where something may stand that has to be masked, but for what is known by its shape.

use aho_corasick::BuildError;

use super::automaton::{Automaton, Hit};
use super::custom::Patterns;
use super::names::{self, Learned, NameKind};
use super::pairs::Word;
use super::policy::{Policy, PolicyError, Rules, Words};
use super::span::Found;
use super::text::is_start_of_word;
use super::{blocks, commands, mail, mentions, pairs, pipes, prefixes, urls, users};

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
    /// `://` in codes.
    CodedUrl,
    Oracle,
    Mail,
    /// Words before the name of a user.
    User,
    /// Words behind it.
    UserEnd,
    /// The name of a setting before it.
    UserSetting,
    /// The number of a session stands before this, and its user behind it.
    Session,
    /// Whom somebody becomes, and who: `su: (to root) anna on`.
    Become,
    /// The name of a setting before the name of a host.
    Setting,
    /// Where a pattern of a profile begins: by its place.
    Pattern(usize),
    /// A name that was learned.
    Name(NameKind),
    /// A secret that was learned.
    Secret,
}

/// Finds secrets and names in a piece of text.
#[derive(Debug)]
pub(super) struct Finder {
    rules: Rules,
    patterns: Patterns,
    automaton: Automaton,
    anchors: Vec<(Vec<u8>, Anchor)>,
}

impl Finder {
    pub(super) fn new(policy: &Policy) -> Result<Self, PolicyError> {
        let anchors = anchors(policy);
        let patterns = Patterns::new(&policy.patterns)?;
        Ok(Self { rules: policy.rules.clone(), patterns, automaton: automaton(&anchors)?, anchors })
    }

    /// A word that is no name, whatever stands around it.
    pub(super) fn keep(&mut self, word: &str) {
        self.rules.names.common.insert(word.to_lowercase());
    }

    /// Finds what was learned too.
    pub(super) fn with(mut self, learned: &Learned) -> Result<Self, PolicyError> {
        self.anchors.extend(learned.names().map(|(name, kind)| (name, Anchor::Name(kind))));
        self.anchors.extend(learned.secrets().map(|secret| (secret, Anchor::Secret)));
        self.automaton = automaton(&self.anchors)?;
        Ok(self)
    }

    /// Finds them, and shows the places of names to `name`.
    pub(super) fn find(&self, text: &[u8], found: &mut Found, name: &mut dyn FnMut(NameKind, &[u8])) {
        self.follow_all(text, |see| self.automaton.each(text, see), found, name);
    }

    /// The same with an automaton that looks for each anchor at each place.
    #[cfg(test)]
    pub(super) fn find_slowly(&self, text: &[u8], found: &mut Found) {
        let spellings: Vec<&[u8]> = self.anchors.iter().map(|(spelling, _)| spelling.as_slice()).collect();
        let hits = super::slowly::hits(text, &spellings);
        self.follow_all(text, |see| hits.into_iter().for_each(see), found, &mut |_, _| {});
    }

    fn follow_all(
        &self,
        text: &[u8],
        each: impl FnOnce(&mut dyn FnMut(Hit)),
        found: &mut Found,
        name: &mut dyn FnMut(NameKind, &[u8]),
    ) {
        let mut seen = Seen { commands: vec![0; self.rules.commands.len()], ..Seen::default() };
        each(&mut |hit| {
            if !found.covers(hit.start, hit.end) {
                self.follow(text, hit, &mut seen, found, name);
            }
        });
        seen.names.finish(text, found);
        found.because_of(None);
    }

    /// Looks around an anchor for what it leads to.
    fn follow(&self, text: &[u8], hit: Hit, seen: &mut Seen, found: &mut Found, name: &mut dyn FnMut(NameKind, &[u8])) {
        let Hit { pattern, start, end } = hit;
        let place = (start, end);
        found.because_of(Some(place));
        let (spelling, anchor) = &self.anchors[pattern];
        let exactly = || text[start..end] == *spelling;
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
            Anchor::Url => {
                let host = urls::find(text, end, &mut seen.urls, found);
                mentions::address(text, (start, host), &self.rules.names, found, name);
            }
            Anchor::CodedUrl => mentions::coded(text, place, &self.rules.names, name),
            Anchor::Setting => mentions::setting(text, place, &self.rules.names, found, name),
            Anchor::Oracle => urls::oracle(text, end, &mut seen.urls, found),
            Anchor::Mail => mail::find(text, start, end, &self.rules.names.harmless_mail, found),
            // Some begin with blanks.
            Anchor::User if spelling[0] == b' ' || is_start_of_word(text, start) => {
                name(NameKind::User, users::behind(text, end));
            }
            Anchor::UserEnd if exactly() => users::before(text, place, name),
            Anchor::UserSetting if is_start_of_word(text, start) => {
                users::setting(text, end, &self.rules, found, name);
            }
            Anchor::Session => users::session(text, place, name),
            Anchor::Become => users::becomes(text, place, name),
            Anchor::Pattern(pattern) if exactly() => self.patterns.find(pattern, text, start, found),
            Anchor::Name(kind) => seen.names.name(text, place, kind, found),
            Anchor::Secret if exactly() => seen.names.secret(place, found),
            // Other letters, or within a word.
            _ => {}
        }
    }
}

fn automaton(anchors: &[(Vec<u8>, Anchor)]) -> Result<Automaton, PolicyError> {
    let patterns: Vec<&[u8]> = anchors.iter().map(|(spelling, _)| spelling.as_slice()).collect();
    Automaton::new(&patterns).map_err(|error: BuildError| PolicyError(error.to_string()))
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
    names: names::Seen,
}

fn anchors(policy: &Policy) -> Vec<(Vec<u8>, Anchor)> {
    let rules = &policy.rules;
    let mut anchors: Vec<(&str, Anchor)> = Vec::new();
    let mut words: Vec<(String, Anchor)> = Vec::new();
    for named in &rules.words {
        let Words { rule, whole, random, hexadecimal, .. } = *named;
        let word = Word { rule, whole, random, hexadecimal };
        for text in &named.names {
            let spellings = if text.contains(' ') { ["", "_", "-", ".", " "].as_slice() } else { &[""] };
            words.extend(spellings.iter().map(|gap| (text.replace(' ', gap), Anchor::Word(word))));
        }
    }
    // `host=` and `host =`.
    for text in &rules.names.host_settings {
        let spaced = text.strip_suffix(['=', ':']).map(|name| format!("{name} {}", &text[name.len()..]));
        words.extend([Some(text.clone()), spaced].into_iter().flatten().map(|text| (text, Anchor::Setting)));
    }
    anchors.extend(words.iter().map(|(text, anchor)| (text.as_str(), *anchor)));
    for (place, tokens) in rules.tokens.iter().enumerate() {
        anchors.extend(tokens.begin.iter().map(|text| (text.as_str(), Anchor::Token(place))));
    }
    for (place, commands) in rules.commands.iter().enumerate() {
        anchors.extend(commands.names.iter().map(|text| (text.as_str(), Anchor::Command(place))));
    }
    anchors.extend(rules.pipes.writers.iter().map(|text| (text.as_str(), Anchor::Pipe)));
    anchors.extend(rules.names.user_phrases.iter().map(|text| (text.as_str(), Anchor::User)));
    anchors.extend(rules.names.user_endings.iter().map(|text| (text.as_str(), Anchor::UserEnd)));
    anchors.extend(rules.names.user_settings.iter().map(|text| (text.as_str(), Anchor::UserSetting)));
    for (place, pattern) in policy.patterns.iter().enumerate() {
        anchors.extend(pattern.begin.iter().map(|text| (text.as_str(), Anchor::Pattern(place))));
    }
    anchors.extend([
        // `{"`, `{ ` and `{` with a line end, in base 64.
        ("eyJ", Anchor::Jwt),
        ("eyA", Anchor::Jwt),
        ("ewo", Anchor::Jwt),
        ("-----BEGIN ", Anchor::Pem),
        ("---- BEGIN ", Anchor::Pem),
        ("Private-Lines:", Anchor::Putty),
        ("\"kty", Anchor::Jwk),
        ("://", Anchor::Url),
        (":\\/\\/", Anchor::Url),
        ("%3A%2F%2F", Anchor::CodedUrl),
        (":thin:", Anchor::Oracle),
        ("@", Anchor::Mail),
        ("%40", Anchor::Mail),
        (" of user ", Anchor::Session),
        ("(to ", Anchor::Become),
        ("/home/", Anchor::User),
        ("/Users/", Anchor::User),
        ("\\Users\\", Anchor::User),
    ]);
    anchors.into_iter().map(|(text, anchor)| (text.as_bytes().to_vec(), anchor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_policy_looks_for_fits_the_fastest_automaton() {
        assert!(Finder::new(&Policy::standard().unwrap()).unwrap().automaton.is_narrow());
    }
}

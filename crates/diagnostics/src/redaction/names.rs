//! What was learned: names of hosts, domains and users, and secrets that may stand elsewhere without their names.

use std::collections::{BTreeMap, BTreeSet};

use super::mentions::is_registry;
use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::text::{is_end_of_word, is_start_of_word};
use crate::{Coverage, Source};

/// More names from lists, and from those who give them, are not learned: nobody could read what is left, and an automaton of them would no longer be
/// small.
const MAX_LISTED: usize = 10_000;
/// So many names of each kind may be told by logs, and as many by texts. Whoever guesses names of users at a door tells thousands, and so does what
/// only looks like a log: neither takes a place from a list, nor users from hosts.
const MAX_TOLD: usize = 5_000;
/// A shorter name is too often another word, and not masked where it stands alone: as a part of `name.domain`, and in an address, it is.
const MIN_NAME: usize = 3;
/// More of those are not counted.
const MAX_SHORT: usize = 1000;
/// More secrets are not learned.
const MAX_SECRETS: usize = 50_000;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A host, with or without its domain.
    Host,
    /// A domain.
    Domain,
    /// A user, by account or by name.
    User,
}

/// What was learned so far.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// With what it is the name of, and what told it first.
    names: BTreeMap<String, (NameKind, Source)>,
    secrets: BTreeSet<Vec<u8>>,
    /// Names that were told and are too short to be masked as words.
    short: BTreeSet<String>,
    /// How many each source told of each kind.
    told: BTreeMap<(Source, NameKind), usize>,
    /// There were more names.
    full: bool,
}

impl Learned {
    /// Learns a name, unless it is one that every machine has, or too short to be told from other words. Whether it is known then.
    pub(super) fn name(&mut self, kind: NameKind, name: &str, source: Source, common: &BTreeSet<String>) -> bool {
        let name = name.trim().trim_matches('.').to_lowercase();
        match kind {
            NameKind::Host => match name.split_once('.') {
                Some((host, domain)) if !name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                    let is_known = self.keep(kind, host, source, common);
                    self.name(NameKind::Domain, domain, source, common) || is_known
                }
                Some(_) => false,
                None => self.keep(kind, &name, source, common),
            },
            // A domain and those above it, down to two parts; `co.uk` is nobody's.
            NameKind::Domain => {
                let (mut rest, mut is_known) = (name.as_str(), false);
                while let Some((first, above)) = rest.split_once('.') {
                    if above.contains('.') || first.len() > 1 && above.len() > 1 && !is_registry(rest) {
                        is_known |= self.keep(kind, rest, source, common);
                    }
                    rest = above;
                }
                is_known
            }
            NameKind::User => self.keep(kind, name.rsplit(['\\', '/']).next().unwrap_or_default(), source, common),
        }
    }

    fn keep(&mut self, kind: NameKind, name: &str, source: Source, common: &BTreeSet<String>) -> bool {
        let plain = name.chars().all(|c| c.is_alphanumeric() || "._-@$ ".contains(c));
        let telling = name.len() <= 255 && name.chars().any(char::is_alphabetic);
        if !plain || !telling || common.contains(name) {
            return false;
        }
        if name.chars().count() < MIN_NAME {
            if self.short.len() < MAX_SHORT {
                self.short.insert(name.to_owned());
            }
            return false;
        }
        if self.names.contains_key(name) {
            return true;
        }
        if self.is_full(kind, source) {
            self.full = true;
            return false;
        }
        *self.told.entry((source, kind)).or_default() += 1;
        self.names.insert(name.to_owned(), (kind, source));
        true
    }

    fn is_full(&self, kind: NameKind, source: Source) -> bool {
        match source {
            Source::Logs | Source::Texts => self.told.get(&(source, kind)).is_some_and(|told| *told >= MAX_TOLD),
            Source::Given | Source::Lists => {
                let listed =
                    self.told.iter().filter(|((source, _), _)| matches!(source, Source::Given | Source::Lists));
                listed.map(|(_, told)| told).sum::<usize>() >= MAX_LISTED
            }
        }
    }

    /// The domains learned so far that such a source told.
    pub(super) fn domains(&self, told: impl Fn(Source) -> bool) -> BTreeSet<String> {
        let domains = self.names.iter().filter(|(_, (kind, source))| *kind == NameKind::Domain && told(*source));
        domains.map(|(name, _)| name.clone()).collect()
    }

    /// How many names each source told.
    pub(super) fn coverage(&self) -> Coverage {
        let mut coverage = Coverage { short: self.short.len() as u64, full: self.full, ..Coverage::default() };
        for (kind, source) in self.names.values() {
            let names = if *kind == NameKind::User { &mut coverage.users } else { &mut coverage.hosts };
            *names.entry(*source).or_default() += 1;
        }
        coverage
    }

    /// Learns a secret that was found beside its name.
    pub(super) fn secret(&mut self, secret: &[u8]) {
        if self.secrets.len() < MAX_SECRETS && !self.secrets.contains(secret) {
            self.secrets.insert(secret.to_vec());
        }
    }

    /// The names as they may be written, each with what it is the name of.
    pub(super) fn names(&self) -> impl Iterator<Item = (Vec<u8>, NameKind)> + '_ {
        self.names.iter().flat_map(|(name, (kind, _))| spellings(name).into_iter().map(|spelling| (spelling, *kind)))
    }

    /// The secrets, by themselves.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.secrets.iter().cloned()
    }
}

/// A name in small letters, and where it has letters beyond ASCII, which are not found in either case by themselves: with capitals, in Latin 1,
/// and as JSON escapes them.
fn spellings(name: &str) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::from([name.as_bytes().to_vec()]);
    if name.is_ascii() {
        return all;
    }
    let begins = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    let words: Vec<String> = name.split(' ').map(begins).collect();
    for spelling in [name.to_owned(), name.to_uppercase(), words.join(" ")] {
        let latin: Option<Vec<u8>> = spelling.chars().map(|letter| u8::try_from(letter).ok()).collect();
        let escape = |unit: u16| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => vec![byte],
            _ => format!("\\u{unit:04x}").into_bytes(),
        };
        all.extend([spelling.encode_utf16().flat_map(escape).collect(), spelling.into_bytes()]);
        all.extend(latin);
    }
    all
}

/// What was seen of learned names and secrets in a text so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The domain that ends last, by where it begins: of several that end together the longest counts.
    domain: Option<(usize, usize)>,
    /// The secret that ends last, with those that overlap it: what they cover together is one, and memory does not grow with them.
    secret: Option<(usize, usize)>,
}

impl Seen {
    /// A learned name stands here, if it is a whole word.
    pub(super) fn name(&mut self, text: &[u8], (start, end): (usize, usize), kind: NameKind, found: &mut Found) {
        if !is_end_of_word(text, end) || !is_start_of_word(text, start) {
            return;
        }
        // No other domain ends where the last one did: it goes in its place among what is found.
        if self.domain.is_some_and(|(_, last)| last < end) {
            of_domain(text, self.domain.take(), found);
            found.because_of(Some((start, end)));
        }
        let name = match kind {
            NameKind::Host => Span::pseudonym(start, end, Rule::Host, Real::Name),
            NameKind::User => Span::pseudonym(start, end, Rule::User, Real::Name),
            NameKind::Domain => {
                match &mut self.domain {
                    Some((first, last)) if *last == end => *first = start.min(*first),
                    _ => of_domain(text, self.domain.replace((start, end)), found),
                }
                return;
            }
        };
        found.push(name);
    }

    /// A learned secret stands here.
    pub(super) fn secret(&mut self, (start, end): (usize, usize), found: &mut Found) {
        match &mut self.secret {
            Some((first, last)) if start < *last => (*first, *last) = (start.min(*first), end),
            _ => repeated(self.secret.replace((start, end)), found),
        }
    }

    /// Adds what was seen last.
    pub(super) fn finish(&mut self, text: &[u8], found: &mut Found) {
        repeated(self.secret.take(), found);
        of_domain(text, self.domain.take(), found);
    }
}

fn repeated(secret: Option<(usize, usize)>, found: &mut Found) {
    if let Some((start, end)) = secret {
        // It was found by itself, and not because of what is looked at now.
        found.because_of(None);
        found.push(Span::secret(start, end, Rule::Repeated));
    }
}

/// A learned domain, and what stands before it: every host of it is a host of theirs.
fn of_domain(text: &[u8], domain: Option<(usize, usize)>, found: &mut Found) {
    let Some((start, end)) = domain else { return };
    found.because_of(None);
    if start > 0 && text[start - 1] == b'.' {
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'.' | b'-' | b'_');
        let length = text[start.saturating_sub(256)..start - 1].iter().rev().take_while(part).count();
        let mut first = start - 1 - length;
        first += escape(text, first);
        while first < start - 1 && !is_start_of_word(text, first) {
            first += 1;
        }
        found.push(Span::pseudonym(first, start - 1, Rule::Host, Real::Name));
    }
    found.push(Span::pseudonym(start, end, Rule::Domain, Real::Name));
}

/// How much of an escape (`%2F`, `\n`) stands here, behind its first sign: none of it is the name's, and what is left of it has to be one.
fn escape(text: &[u8], at: usize) -> usize {
    let backslashes = text[..at].iter().rev().take(4).take_while(|byte| **byte == b'\\').count();
    let is_hexadecimal = |from: usize, count: usize| {
        text.get(at + from..at + from + count).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match (at.checked_sub(1).map(|before| text[before]), text.get(at)) {
        (Some(b'%'), _) if is_hexadecimal(0, 2) => 2,
        (Some(b'\\'), Some(b'u')) if backslashes % 2 == 1 && is_hexadecimal(1, 4) => 5,
        (Some(b'\\'), Some(b'n' | b'r' | b't' | b'b' | b'f')) if backslashes % 2 == 1 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::automaton::Automaton;
    use super::*;

    fn found(learned: &[(NameKind, &str)], text: &str) -> Vec<String> {
        let mut all = Learned::default();
        let common = BTreeSet::from(["root".to_owned()]);
        for (kind, name) in learned {
            all.name(*kind, name, Source::Lists, &common);
        }
        let (mut found, mut seen) = (Found::default(), Seen::default());
        let (spellings, kinds): (Vec<_>, Vec<_>) = all.names().unzip();
        Automaton::new(&spellings).unwrap().each(text.as_bytes(), &mut |hit| {
            seen.name(text.as_bytes(), (hit.start, hit.end), kinds[hit.pattern], &mut found);
        });
        seen.finish(text.as_bytes(), &mut found);
        found.settle().iter().map(|span| text[span.start..span.end].to_owned()).collect()
    }

    #[test]
    fn v07_names_are_found_as_whole_words_in_either_case_and_behind_escapes() {
        let names = [
            (NameKind::User, "anna"),
            (NameKind::Host, "web-01.corp.example.org"),
            (NameKind::User, "root"),
            (NameKind::User, "al"),
        ];
        assert_eq!(
            found(&names, r"Anna johanna annabel anna_key \nanna root al /home/anna/x"),
            ["Anna", "anna", "anna", "anna"]
        );
        assert_eq!(found(&names, "WEB-01 web-012 web-01.corp.example.org"), ["WEB-01", "web-01", "corp.example.org"]);
        assert_eq!(
            found(&names, "db7.corp.example.org, x.example.org and notexample.org"),
            ["db7", "corp.example.org", "x", "example.org"]
        );
    }

    #[test]
    fn v07_an_escape_before_a_host_of_a_learned_domain_stays_one() {
        let names = [(NameKind::Domain, "birds.example")];
        for (text, host) in [
            ("https%3A%2F%2Fapp.birds.example%2Fx", "app"),
            (r"first\napp.birds.example", "app"),
            (r"\u0022app.birds.example", "app"),
            (r"\\napp.birds.example", "napp"),
        ] {
            assert_eq!(found(&names, text), [host, "birds.example"], "{text}");
        }
    }

    #[test]
    fn v07_what_texts_and_logs_tell_takes_no_place_from_each_other_nor_from_lists() {
        let (mut learned, common) = (Learned::default(), BTreeSet::new());
        for number in 0..MAX_TOLD {
            assert!(learned.name(NameKind::User, &format!("guess{number}"), Source::Texts, &common));
            assert!(learned.name(NameKind::Host, &format!("log{number}"), Source::Logs, &common));
        }
        assert!(!learned.coverage().full);
        assert!(!learned.name(NameKind::User, "guessed", Source::Texts, &common));
        assert!(!learned.name(NameKind::Host, "logged", Source::Logs, &common));
        assert!(learned.coverage().full);
        for (kind, name, source) in [
            (NameKind::Domain, "birds.example", Source::Texts),
            (NameKind::Host, "heron-1", Source::Texts),
            (NameKind::Host, "wren-42", Source::Lists),
            (NameKind::User, "falke", Source::Lists),
        ] {
            assert!(learned.name(kind, name, source, &common), "{name}");
        }
    }

    #[test]
    fn v07_a_name_of_two_letters_is_masked_before_its_domain_only() {
        let names = [(NameKind::Host, "pg.corp.example.org"), (NameKind::Host, "build7.bmw.de")];
        let text = "pg.corp.example.org runs pg, build7 is in bmw.de";
        assert_eq!(found(&names, text), ["pg", "corp.example.org", "build7", "bmw.de"]);
        let mut learned = Learned::default();
        assert!(
            !learned.name(NameKind::Host, "pg", Source::Given, &BTreeSet::new()),
            "nobody could tell it from a word"
        );
        assert_eq!((learned.coverage().short, learned.coverage().hosts.len()), (1, 0), "but it is told");
        assert!(learned.name(NameKind::Domain, "contoso.co.uk", Source::Given, &BTreeSet::new()));
        assert!(!learned.name(NameKind::Domain, "co.uk", Source::Given, &BTreeSet::new()), "a registry's is nobody's");
    }

    #[test]
    fn v07_a_name_with_other_letters_is_found_in_either_case_and_as_json_escapes_it() {
        let names = [(NameKind::User, "Özlem Müller"), (NameKind::User, "šárka")];
        let text = r"ÖZLEM MÜLLER özlem müller Özlem Müller \u00d6zlem M\u00fcller Šárka \u0161\u00e1rka";
        assert_eq!(found(&names, text).len(), 6, "{text}");
        let learned: BTreeSet<_> = spellings("müller");
        assert!(learned.contains(b"m\xfcller".as_slice()), "Latin 1");
    }
}

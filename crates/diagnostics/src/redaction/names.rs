//! What was learned: names of hosts, domains and users, and secrets that may stand elsewhere without their names.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, BuildError};

use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::text::{is_end_of_word, is_start_of_word};

/// More names are not learned: nobody could read what is left, and an automaton of them would no longer be small.
const MAX_NAMES: usize = 10_000;
/// More secrets are not learned.
const MAX_SECRETS: usize = 50_000;

/// Up to so many names the automaton is of the fastest kind.
const MAX_FAST: usize = 500;

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

impl NameKind {
    fn rule(self) -> (Rule, &'static str) {
        match self {
            Self::Host => (Rule::Host, "host"),
            Self::Domain => (Rule::Domain, "domain"),
            Self::User => (Rule::User, "user"),
        }
    }
}

/// What was learned so far.
#[derive(Debug, Default)]
pub(super) struct Learned {
    names: BTreeMap<String, NameKind>,
    secrets: BTreeSet<Vec<u8>>,
}

impl Learned {
    /// Learns a name, unless it is one that every machine has, or too short to be told from other words.
    pub(super) fn name(&mut self, kind: NameKind, name: &str, common: &BTreeSet<String>) {
        let name = name.trim().trim_matches('.').to_lowercase();
        match kind {
            NameKind::Host => match name.split_once('.') {
                Some((host, domain)) if !name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                    self.keep(kind, host, common);
                    self.name(NameKind::Domain, domain, common);
                }
                Some(_) => {}
                None => self.keep(kind, &name, common),
            },
            // A domain and those above it, down to two parts; `co.uk` is nobody's.
            NameKind::Domain => {
                let mut rest = name.as_str();
                while let Some((first, above)) = rest.split_once('.') {
                    if above.contains('.') || first.len() > 3 {
                        self.keep(kind, rest, common);
                    }
                    rest = above;
                }
            }
            NameKind::User => self.keep(kind, name.rsplit(['\\', '/']).next().unwrap_or_default(), common),
        }
    }

    fn keep(&mut self, kind: NameKind, name: &str, common: &BTreeSet<String>) {
        let plain = name.chars().all(|c| c.is_alphanumeric() || "._-@$ ".contains(c));
        let telling = name.chars().count() >= 3 && name.len() <= 255 && name.chars().any(char::is_alphabetic);
        if plain && telling && !common.contains(name) && self.names.len() < MAX_NAMES {
            self.names.entry(name.to_owned()).or_insert(kind);
        }
    }

    /// The domains learned so far.
    pub(super) fn domains(&self) -> BTreeSet<String> {
        self.names.iter().filter(|(_, kind)| **kind == NameKind::Domain).map(|(name, _)| name.clone()).collect()
    }

    /// Learns a secret that was found beside its name.
    pub(super) fn secret(&mut self, secret: &[u8]) {
        if self.secrets.len() < MAX_SECRETS {
            self.secrets.insert(secret.to_vec());
        }
    }
}

/// Finds what was learned.
#[derive(Debug)]
pub(super) struct Names {
    known: AhoCorasick,
    kinds: Vec<NameKind>,
    secrets: AhoCorasick,
}

impl Names {
    pub(super) fn new(learned: Learned) -> Result<Self, BuildError> {
        Ok(Self {
            known: AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                // The fastest kind is large: for few names it is worth it.
                .kind((learned.names.len() < MAX_FAST).then_some(AhoCorasickKind::DFA))
                .build(learned.names.keys())?,
            kinds: learned.names.into_values().collect(),
            secrets: AhoCorasick::new(&learned.secrets)?,
        })
    }

    pub(super) fn find(&self, text: &[u8], found: &mut Found) {
        // Secrets may lie within each other and overlap: what they cover together is one, and memory does not grow with them.
        let mut last: Option<(usize, usize)> = None;
        for hit in self.secrets.find_overlapping_iter(text) {
            match &mut last {
                Some((start, end)) if hit.start() < *end => (*start, *end) = (hit.start().min(*start), hit.end()),
                _ => repeated(last.replace((hit.start(), hit.end())), found),
            }
        }
        repeated(last, found);
        // The domain that ends last seen, by where it begins: of several that end together the longest counts.
        let mut domain: Option<(usize, usize)> = None;
        for hit in self.known.find_overlapping_iter(text) {
            let (start, end) = (hit.start(), hit.end());
            let kind = self.kinds[hit.pattern().as_usize()];
            let starts = is_start_of_word(text, start);
            if !is_end_of_word(text, end) || !starts {
                continue;
            }
            if kind == NameKind::Domain {
                match &mut domain {
                    Some((first, last)) if *last == end => *first = start.min(*first),
                    _ => {
                        of_domain(text, domain.replace((start, end)), found);
                    }
                }
            } else {
                let (rule, name) = kind.rule();
                found.push(Span::pseudonym(start, end, rule, Real::Name(name)));
            }
        }
        of_domain(text, domain, found);
    }
}

fn repeated(secret: Option<(usize, usize)>, found: &mut Found) {
    if let Some((start, end)) = secret {
        found.push(Span::secret(start, end, Rule::Repeated));
    }
}

/// A learned domain, and what stands before it: every host of it is a host of theirs.
fn of_domain(text: &[u8], domain: Option<(usize, usize)>, found: &mut Found) {
    let Some((start, end)) = domain else { return };
    if start > 0 && text[start - 1] == b'.' {
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'.' | b'-' | b'_');
        let length = text[start.saturating_sub(256)..start - 1].iter().rev().take_while(part).count();
        let mut first = start - 1 - length;
        while first < start - 1 && !is_start_of_word(text, first) {
            first += 1;
        }
        found.push(Span::pseudonym(first, start - 1, Rule::Host, Real::Name("host")));
    }
    found.push(Span::pseudonym(start, end, Rule::Domain, Real::Name("domain")));
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn found(learned: &[(NameKind, &str)], text: &str) -> Vec<String> {
        let mut all = Learned::default();
        let common = BTreeSet::from(["root".to_owned()]);
        for (kind, name) in learned {
            all.name(*kind, name, &common);
        }
        let mut found = Found::default();
        Names::new(all).unwrap().find(text.as_bytes(), &mut found);
        super::super::span::settle(found.spans).iter().map(|span| text[span.start..span.end].to_owned()).collect()
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
}

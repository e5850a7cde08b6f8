//! Rules of redaction that a profile has of its own, and what is wrong with them.

use std::collections::BTreeSet;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The names of the rules that every policy has. A rule of a profile has another.
pub(crate) const RULES: [&str; 21] = [
    "private-key",
    "password",
    "token",
    "header",
    "url-password",
    "jwt",
    "cloud-key",
    "api-key",
    "webhook",
    "licence-key",
    "card-number",
    "iban",
    "password-hash",
    "repeated",
    "mail",
    "ipv4",
    "ipv6",
    "mac",
    "host",
    "domain",
    "user",
];
/// More rules are not taken.
const MAX_RULES: usize = 64;
/// More words, beginnings or names are not taken.
const MAX_WORDS: usize = 1000;
/// The longest name, word, beginning or pattern.
const MAX_LENGTH: usize = 256;
/// A shorter word or beginning is found everywhere.
const MIN_WORD: usize = 3;
/// What a pattern may take of memory.
const MAX_PATTERN: usize = 256 * 1024;

/// What a profile adds to the redaction policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomRules {
    /// Rules of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<CustomRule>,
    /// Hosts whose names are masked, whether a bundle tells of them or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Domains whose names are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Users whose names are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Files that are left out whole: the last parts of their paths (`lib/app/secrets.db`), or `*` and an ending (`*.pem`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Binary files that are kept as they are, named in the same way. Nothing in them is masked, so the manifest tells of each (`kept-whole`), and
    /// whoever agrees to a bundle sees it. What turns out to be a text is masked all the same, and what the policy leaves out stays left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<String>,
}

/// A rule of a profile. It has words, or beginnings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomRule {
    /// Its name, in small letters, digits and hyphens. It stands in masks (`[masked:badge-number]`) and in the manifest.
    pub name: String,
    /// Words in the names of secrets, as in the policy: `badge number` finds `badge_number = 4711` and `"badgeNumber": 4711`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// How a secret begins, letter by letter: `EMP-`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub begin: Vec<String>,
    /// With beginnings: how many letters, digits or `_-.+/=` follow at least. 8, if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<usize>,
    /// With beginnings: a regular expression of ASCII for what stands from the beginning on, within 512 bytes. Its first group is masked; all of
    /// it, if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

impl CustomRules {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Everything that is wrong with them, each with the place of it: `rules[0].name`.
    pub fn mistakes(&self) -> Vec<(String, String)> {
        let mut mistakes = Vec::new();
        let mut wrong = |place: String, what: &str| mistakes.push((place, what.to_owned()));
        if self.rules.len() > MAX_RULES {
            wrong("rules".to_owned(), "has more than 64 rules");
        }
        let mut names = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let at = |field: &str| format!("rules[{index}].{field}");
            if !is_name(&rule.name) {
                wrong(at("name"), "must be small letters, digits and hyphens, at most 64");
            } else if RULES.contains(&rule.name.as_str()) {
                wrong(at("name"), "is the name of a rule of the policy");
            } else if !names.insert(&rule.name) {
                wrong(at("name"), "is the name of another rule already");
            }
            if rule.words.is_empty() == rule.begin.is_empty() {
                wrong(format!("rules[{index}]"), "must have either words or beginnings");
            }
            for (field, words) in [("words", &rule.words), ("begin", &rule.begin)] {
                if words.len() > MAX_WORDS || !words.iter().all(|word| is_word(word)) {
                    wrong(at(field), "must be of 3 to 256 characters each, without line ends, at most 1000");
                }
            }
            if rule.begin.is_empty() && (rule.least.is_some() || rule.pattern.is_some()) {
                wrong(at("begin"), "is missing: `least` and `pattern` belong to beginnings");
            }
            if rule.least.is_some() && rule.pattern.is_some() {
                wrong(at("least"), "says the same as the pattern: only one of them can be given");
            }
            if let Some(text) = &rule.pattern
                && (text.len() > MAX_LENGTH || compile(text).is_err())
            {
                wrong(at("pattern"), "is no regular expression of ASCII, or a too large one");
            }
        }
        for (field, words) in [("hosts", &self.hosts), ("domains", &self.domains), ("users", &self.users)] {
            if words.len() > MAX_WORDS || !words.iter().all(|word| is_word(word)) {
                wrong(field.to_owned(), "must be of 3 to 256 characters each, without line ends, at most 1000");
            }
        }
        let is_path = |path: &String| {
            let plain =
                path.strip_prefix('*').map_or(path.as_str(), |ending| if ending.len() > 1 { ending } else { "" });
            is_word(plain) && !plain.contains('*') && !plain.starts_with('/')
        };
        for (field, paths) in [("drop", &self.drop), ("whole", &self.whole)] {
            if paths.len() > MAX_WORDS || !paths.iter().all(is_path) {
                wrong(field.to_owned(), "must be the last parts of paths, or `*` and an ending, at most 1000");
            }
        }
        mistakes
    }
}

fn is_name(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(part)
}

fn is_word(word: &str) -> bool {
    (MIN_WORD..=MAX_LENGTH).contains(&word.len()) && !word.chars().any(char::is_control)
}

/// A pattern, which has to match where its beginning stands.
pub(crate) fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{text})")).unicode(false).size_limit(MAX_PATTERN).build()
}

//! What a profile adds to the policy: rules of its own.
//!
//! A profile only adds. Nothing that the policy masks is kept because of it, so that a customer who allows the policy allows every profile.

use std::collections::BTreeSet;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::policy::{BUILT_IN, PolicyError, Rule};
use super::span::{Found, Span};
use super::text::is_start_of_word;

/// More rules are not taken.
const MAX_RULES: usize = 64;
/// More words, beginnings or names are not taken.
const MAX_WORDS: usize = 1000;
/// The longest name, word, beginning or pattern.
const MAX_LENGTH: usize = 256;
/// A shorter word or beginning is found everywhere.
const MIN_WORD: usize = 3;
/// How far a pattern may reach from its beginning. So its work is bounded, whatever the text.
const WINDOW: usize = 512;
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

/// A pattern as the policy holds it.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) rule: Rule,
    pub(super) begin: Vec<String>,
    pub(super) text: String,
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
            } else if BUILT_IN.iter().any(|built_in| built_in.name() == rule.name) {
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

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{text})")).unicode(false).size_limit(MAX_PATTERN).build()
}

/// The patterns of a profile, ready to be used.
#[derive(Debug)]
pub(super) struct Patterns(Vec<(Rule, Regex)>);

impl Patterns {
    pub(super) fn new(patterns: &[Pattern]) -> Result<Self, PolicyError> {
        let compiled = patterns.iter().map(|pattern| Ok((pattern.rule, compile(&pattern.text)?)));
        compiled.collect::<Result<_, regex::Error>>().map(Self).map_err(|error| PolicyError(error.to_string()))
    }

    /// What a pattern finds where one of its beginnings stands.
    pub(super) fn find(&self, place: usize, text: &[u8], start: usize, found: &mut Found) {
        let (rule, pattern) = &self.0[place];
        let window = &text[start..text.len().min(start + WINDOW)];
        if !is_start_of_word(text, start) {
            return;
        }
        if let Some(captures) = pattern.captures(window)
            && let Some(secret) = captures.get(1).or_else(|| captures.get(0))
        {
            found.push(Span::secret(start + secret.start(), start + secret.end(), *rule));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::{Learner, Outcome, Policy};
    use super::*;

    fn masked(rules: &str, text: &str) -> (String, Outcome) {
        let added: CustomRules = toml::from_str(rules).unwrap();
        let learner = Learner::new(Policy::standard().unwrap().with(&added).unwrap()).unwrap();
        let mut out = Vec::new();
        let outcome = learner.finish(&[7; 32]).unwrap().mask("x.log", &mut text.as_bytes(), &mut out).unwrap();
        (String::from_utf8(out).unwrap(), outcome)
    }

    #[test]
    fn v07_a_profile_masks_by_words_by_beginnings_and_by_patterns() {
        let rules = r#"
            users = ["heron"]
            [[rules]]
            name = "badge"
            words = ["badge number"]
            [[rules]]
            name = "employee"
            begin = ["EMP-"]
            least = 4
            [[rules]]
            name = "ticket-reference"
            begin = ["ref ", "REF "]
            pattern = '(?i:ref) [A-Z]{2}/([0-9]+)/'
        "#;
        let (text, outcome) = masked(
            rules,
            "badge_number = 4711\n{\"badgeNumber\": 4712}\nby EMP-40211, no emp-40211 and no EMP-1\nsee ref AB/99/x, ref abc\nasked heron\n",
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "badge_number = [masked:badge]");
        assert_eq!(lines[1], "{\"badgeNumber\": \"[masked:badge]\"}");
        assert_eq!(lines[2], "by [masked:employee], no emp-40211 and no EMP-1");
        assert_eq!(lines[3], "see ref AB/[masked:ticket-reference]/x, ref abc");
        assert!(lines[4].starts_with("asked user-"));
        let Outcome::Written(counts) = outcome else { panic!("it is a text") };
        assert_eq!((counts.0["badge"], counts.0["employee"], counts.0["ticket-reference"]), (2, 1, 1));
    }

    #[test]
    fn v07_a_binary_is_kept_whole_if_the_profile_says_so_and_the_manifest_tells() {
        let rules = "whole = [\"state.bin\", \"*.log\"]";
        let binary = "\u{1}\u{2}\0\0password=x7Quartz\0";
        let (kept, outcome) = masked(rules, binary);
        let Outcome::Written(counts) = outcome else { panic!("it is kept") };
        assert_eq!((kept.as_str(), counts.0["kept-whole"]), (binary, 1));
        assert_eq!(masked(rules, "password=x7Quartz\n").0, "password=[masked:password]\n", "a text is masked");
        let wide: String = "password=x7Quartz\n".chars().flat_map(|c| [c, '\0']).collect();
        assert_eq!(masked(rules, &wide).0, "password=[masked:password]\n", "so is one of UTF-16");
        assert!(matches!(masked("whole = [\"other.bin\"]", binary).1, Outcome::Dropped(_)));
    }

    #[test]
    fn v07_a_pattern_of_a_profile_reads_no_further_than_its_window() {
        let rules = "[[rules]]\nname = \"all\"\nbegin = [\"xyz\"]\npattern = 'xyz(?s:.*)end'";
        let near = format!("xyz{}end", "a ".repeat(200));
        assert_eq!(masked(rules, &near).0, "[masked:all]");
        let far = format!("xyz{}end", "a ".repeat(400));
        assert_eq!(masked(rules, &far).0, far);
    }
}

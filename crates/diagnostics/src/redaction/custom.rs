//! What a profile adds to the policy: rules of its own.
//!
//! A profile only adds. Nothing that the policy masks is kept because of it, so that a customer who allows the policy allows every profile.

use regex::bytes::Regex;

use super::ahead::run;
use super::policy::{PolicyError, Rule};
use super::span::{Found, Span};
use super::text::is_start_of_word;
use crate::profile::compile;

/// How far a pattern may reach from its beginning. So its work is bounded, whatever the text.
const WINDOW: usize = 512;
/// How much further a word goes on at most that the window cuts.
const REST: usize = 16 * 1024;

/// A pattern as the policy holds it.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) rule: Rule,
    pub(super) begin: Vec<String>,
    pub(super) text: String,
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
            let end = start + secret.end();
            // Half a secret is one: what the window cuts is masked as far as its word goes.
            let is_cut = secret.end() == WINDOW;
            let rest = &text[..text.len().min(end + REST)];
            let end = if is_cut { run(rest, end, |byte| !byte.is_ascii_whitespace()) } else { end };
            found.push(Span::secret(start + secret.start(), end, *rule));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::{Learner, Outcome, Policy};
    use crate::profile::CustomRules;

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

    #[test]
    fn v07_a_secret_that_the_window_cuts_is_masked_to_its_end() {
        let rules = "[[rules]]\nname = \"key\"\nbegin = [\"key \"]\npattern = 'key ([A-Za-z0-9]+)'";
        let long = format!("key {} and on", "x7Quartz".repeat(100));
        assert_eq!(masked(rules, &long).0, "key [masked:key] and on");
    }
}

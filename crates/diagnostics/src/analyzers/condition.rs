//! Conditions over facts.

use glob::{MatchOptions, Pattern};
use regex::bytes::Regex;

use super::comparison::Comparison;
use super::place::Place;
use super::settings::Setting;

/// When a problem is there.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Every one of these holds.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// This is a fact.
    Fact(Fact),
}

/// Something that stands in what a collector brought.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The collector that brings it.
    pub collector: String,
    /// Its entries, by their paths within the bundle; none: every one of the collector.
    pub file: Option<Pattern>,
    /// What stands there.
    pub source: Source,
    /// So many lines, or values, have to be so.
    pub at_least: u64,
}

/// How a fact is found in an entry.
#[derive(Debug, Clone)]
pub enum Source {
    /// Lines that match a pattern, and whose captures are so.
    Lines {
        /// The pattern, for one line.
        pattern: Regex,
        /// What each capture has to be.
        captures: Vec<(String, Comparison)>,
    },
    /// A value within a document.
    Document {
        /// How the document is written.
        format: Format,
        /// Where the value is.
        place: Place,
        /// What it has to be; none: it is there.
        is: Option<Comparison>,
    },
    /// A setting, `key = value`, perhaps in a section.
    Setting {
        /// Which one.
        setting: Setting,
        /// What it has to be; none: it is there.
        is: Option<Comparison>,
    },
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON: one document, or one after the other.
    Json,
    /// YAML: one document, or several.
    Yaml,
}

impl Condition {
    /// Its facts, in the order in which they are written.
    pub(super) fn facts(&self) -> Vec<&Fact> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::facts).collect(),
            Self::Not(part) => part.facts(),
            Self::Fact(fact) => vec![fact],
        }
    }
}

impl Fact {
    /// Whether it may stand in this entry.
    pub(super) fn concerns(&self, collector: &str, path: &str) -> bool {
        let options =
            MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };
        self.collector == collector && self.file.as_ref().is_none_or(|file| file.matches_with(path, options))
    }

    /// What is missing, where no such entry is there.
    pub(super) fn missing(&self) -> String {
        match &self.file {
            Some(file) => format!("brought no {file}"),
            None => "is not in this bundle".to_owned(),
        }
    }
}

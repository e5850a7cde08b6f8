//! Running analyzers: entries in, findings out.

use std::collections::BTreeSet;
use std::io::{self, Read};

use regex::bytes::Captures;
use serde_json::Value;

use super::comparison::Comparison;
use super::condition::{Condition, Fact, Format, Source};
use super::{Analyzer, Finding, Lacking, Seen, Verdict, documents, lines};

/// A larger document is not taken apart.
const MAX_DOCUMENT: usize = 8 * 1024 * 1024;
/// So many places of one fact are remembered.
const MAX_SEEN: usize = 5;
/// More of a line is not told.
const MAX_TOLD: usize = 200;

/// Analyzers at work. Show it every entry of a bundle, in any order, then ask what they found. Entries have to be redacted
/// before: what is found is told word by word.
#[derive(Debug)]
pub struct Analysis<'a> {
    analyzers: &'a [Analyzer],
    /// The facts of all analyzers, in order.
    watched: Vec<Watched<'a>>,
}

/// A fact, and what is known of it so far.
#[derive(Debug)]
struct Watched<'a> {
    fact: &'a Fact,
    is_read: bool,
    count: u64,
    seen: Vec<Seen>,
    doubts: BTreeSet<Lacking>,
}

impl<'a> Analysis<'a> {
    /// An analysis that has seen nothing yet.
    pub fn new(analyzers: &'a [Analyzer]) -> Self {
        let facts = analyzers.iter().flat_map(|analyzer| analyzer.when.facts());
        let watched = |fact| Watched { fact, is_read: false, count: 0, seen: Vec::new(), doubts: BTreeSet::new() };
        Self { analyzers, watched: facts.map(watched).collect() }
    }

    /// Whether any analyzer wants to see this entry. Others need not be read.
    pub fn wants(&self, collector: &str, path: &str) -> bool {
        self.watched.iter().any(|watched| watched.fact.concerns(collector, path))
    }

    /// Shows an entry. Memory does not grow with it, but for documents, which are taken apart up to 8 MiB.
    pub fn read(&mut self, collector: &str, path: &str, content: &mut dyn Read) -> io::Result<()> {
        let mut watched: Vec<_> =
            self.watched.iter_mut().filter(|watched| watched.fact.concerns(collector, path)).collect();
        if watched.is_empty() {
            return Ok(());
        }
        let wants_document = watched.iter().any(|watched| !matches!(watched.fact.source, Source::Lines { .. }));
        let mut document = Document { bytes: Vec::new(), too_large: false, parsed: Vec::new() };
        let whole = lines::pieces(content, &mut |piece, first| {
            if wants_document && !document.too_large {
                document.bytes.extend_from_slice(piece);
                document.too_large = document.bytes.len() > MAX_DOCUMENT;
            }
            for watched in &mut watched {
                watched.look_at_lines(path, piece, first);
            }
        })?;
        for watched in watched {
            watched.is_read = true;
            match watched.fact.source {
                Source::Lines { .. } if !whole => watched.doubt(path, "has a line of more than 1 MiB"),
                Source::Lines { .. } => {}
                Source::Document { .. } | Source::Setting { .. } if document.too_large => {
                    watched.doubt(path, "is larger than 8 MiB");
                }
                Source::Document { .. } | Source::Setting { .. } => watched.look_at_document(path, &mut document),
            }
        }
        Ok(())
    }

    /// Tells of an entry without content, and why it has none.
    pub fn failed(&mut self, collector: &str, path: &str, reason: &str) {
        for watched in &mut self.watched {
            // A collector that found nothing at all could not bring this one either.
            if watched.fact.concerns(collector, path)
                || watched.fact.collector == collector && path.starts_with("collectors/")
            {
                watched.doubt(path, reason);
            }
        }
    }

    /// What the analyzers say, in their order.
    pub fn findings(self) -> Vec<Finding> {
        let mut watched = self.watched.into_iter();
        let finding = |analyzer: &Analyzer| Finding {
            analyzer: analyzer.name.clone(),
            title: analyzer.title.clone(),
            issue: analyzer.issue.clone(),
            article: analyzer.article.clone(),
            verdict: judge(&analyzer.when, &mut watched),
        };
        self.analyzers.iter().map(finding).collect()
    }
}

/// Judges a condition by what is known of its facts, which come in the order in which it names them.
fn judge<'a>(condition: &Condition, facts: &mut impl Iterator<Item = Watched<'a>>) -> Verdict {
    match condition {
        Condition::All(parts) => {
            let verdicts: Vec<_> = parts.iter().map(|part| judge(part, &mut *facts)).collect();
            Verdict::all(verdicts.into_iter())
        }
        Condition::Any(parts) => {
            let verdicts: Vec<_> = parts.iter().map(|part| judge(part, &mut *facts)).collect();
            Verdict::any(verdicts.into_iter())
        }
        Condition::Not(part) => judge(part, facts).not(),
        Condition::Fact(_) => facts.next().map_or(Verdict::NoMatch, Watched::verdict),
    }
}

/// A document while it is taken apart: once for all facts that stand in it.
struct Document {
    bytes: Vec<u8>,
    too_large: bool,
    /// What it is in each format that was asked for.
    parsed: Vec<(Format, Result<Vec<Value>, String>)>,
}

impl Document {
    fn read(&mut self, format: Format) -> Result<&[Value], String> {
        if !self.parsed.iter().any(|(known, _)| *known == format) {
            self.parsed.push((format, documents::read(format, &self.bytes)));
        }
        let parsed = self.parsed.iter().find(|(known, _)| *known == format);
        parsed.map_or(Ok(&[]), |(_, parsed)| parsed.as_deref().map_err(Clone::clone))
    }
}

impl Watched<'_> {
    fn verdict(self) -> Verdict {
        if self.count >= self.fact.at_least {
            return Verdict::Match(self.seen);
        }
        if !self.doubts.is_empty() {
            return Verdict::Inconclusive(self.doubts);
        }
        if self.is_read {
            return Verdict::NoMatch;
        }
        let lacking = Lacking { collector: self.fact.collector.clone(), reason: self.fact.missing() };
        Verdict::Inconclusive(BTreeSet::from([lacking]))
    }

    fn look_at_lines(&mut self, path: &str, piece: &[u8], first: u64) {
        let Source::Lines { pattern, captures: wanted } = &self.fact.source else { return };
        if self.count >= self.fact.at_least {
            return;
        }
        let mut last = None;
        lines::scan(pattern, piece, first, &mut |number, line, captures| match holds(wanted, captures) {
            // A line counts once, however often it matches.
            Some(true) if last != Some(number) => {
                last = Some(number);
                self.see(path, Some(number), &told(line, pattern.capture_names().flatten(), captures));
            }
            Some(_) => {}
            None => self.doubt(path, "has a line that is masked or cannot be compared"),
        });
    }

    fn look_at_document(&mut self, path: &str, document: &mut Document) {
        let fact = self.fact;
        match &fact.source {
            Source::Lines { .. } => {}
            Source::Setting { setting, is } => {
                let text = String::from_utf8_lossy(&document.bytes);
                for (number, value) in setting.values(&text) {
                    self.compare(path, Some(number), setting.key(), is.as_ref(), Some(value));
                }
            }
            Source::Document { format, place, is } => match document.read(*format) {
                Err(reason) => self.doubt(path, &reason),
                Ok(documents) => {
                    for value in documents.iter().flat_map(|document| place.values(document)) {
                        let value = documents::scalar(value);
                        self.compare(path, None, place.as_str(), is.as_ref(), value.as_deref());
                    }
                }
            },
        }
    }

    fn compare(&mut self, path: &str, line: Option<u64>, name: &str, is: Option<&Comparison>, value: Option<&str>) {
        let holds = is.map_or(Some(true), |is| value.and_then(|value| is.holds(value)));
        match holds {
            Some(true) => self.see(path, line, &format!("{name}={}", value.unwrap_or("…"))),
            Some(false) => {}
            None => self.doubt(path, &format!("has a value of {name} that is masked or cannot be compared")),
        }
    }

    fn see(&mut self, path: &str, line: Option<u64>, fact: &str) {
        self.count += 1;
        if self.seen.len() < MAX_SEEN {
            let fact = fact.chars().take(MAX_TOLD).filter(|c| !c.is_control()).collect();
            self.seen.push(Seen { path: path.to_owned(), line, fact });
        }
    }

    fn doubt(&mut self, path: &str, reason: &str) {
        if self.doubts.len() < MAX_SEEN {
            let collector = self.fact.collector.clone();
            self.doubts.insert(Lacking { collector, reason: format!("{path}: {reason}") });
        }
    }
}

/// Whether what was captured is as it has to be; none, where that cannot be told.
fn holds(wanted: &[(String, Comparison)], captures: &Captures<'_>) -> Option<bool> {
    let mut all = Some(true);
    for (name, comparison) in wanted {
        // A part of the pattern that took no part in this match captured nothing.
        let Some(found) = captures.name(name) else { return Some(false) };
        match comparison.holds(&String::from_utf8_lossy(found.as_bytes())) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

/// What was captured by name, or the line itself.
fn told<'n>(line: &[u8], names: impl Iterator<Item = &'n str>, captures: &Captures<'_>) -> String {
    let capture = |name: &'n str| {
        captures.name(name).map(|found| format!("{name}={}", String::from_utf8_lossy(found.as_bytes())))
    };
    let named: Vec<String> = names.filter_map(capture).collect();
    if named.is_empty() { String::from_utf8_lossy(line).trim().to_owned() } else { named.join(", ") }
}

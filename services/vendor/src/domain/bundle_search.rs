//! Searching the lines of a content that comes piece by piece.
//!
//! Read in this order: [`Query`] (what is looked for), [`Scanner`] (pieces in, lines out), [`Found`] (a line in which something was
//! found), [`Limits`] and [`Tally`] (how far a search goes, and what it came to). What is held of a content is one line of at most
//! [`MAX_LINE`] bytes.

use jiff::SignedDuration;
use regex::bytes::{Regex, RegexBuilder};

/// Of a longer line the first part is searched.
pub const MAX_LINE: usize = 1024 * 1024;
/// How much of a content is looked at to tell whether it is text.
pub const HEAD: usize = 8 * 1024;
/// The longest query, in characters.
const MAX_QUERY: usize = 1000;
/// An expression that becomes larger than this is refused.
const MAX_EXPRESSION: usize = 4 * 1024 * 1024;
/// How much memory a search may use to be fast; it is slower without, and finds the same.
const MAX_CACHE: usize = 2 * 1024 * 1024;
/// How many characters are told of what stands before a match, and behind it.
const AROUND: usize = 200;
/// How many characters are told of a match.
const MATCHED: usize = 400;
/// The most bytes of a character.
const WIDEST: usize = 4;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Query(Regex);

impl Query {
    /// A text as it stands.
    pub fn text(text: &str, ignore_case: bool) -> Result<Self, String> {
        check(text)?;
        build(&regex::escape(text), ignore_case)
    }

    /// A regular expression, held against each line alone.
    pub fn pattern(pattern: &str, ignore_case: bool) -> Result<Self, String> {
        check(pattern)?;
        build(pattern, ignore_case)
    }
}

fn check(text: &str) -> Result<(), String> {
    if !(1..=MAX_QUERY).contains(&text.chars().count()) {
        return Err(format!("must be 1 to {MAX_QUERY} characters"));
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err("must be one line: it is held against each line alone".to_owned());
    }
    Ok(())
}

fn build(pattern: &str, ignore_case: bool) -> Result<Query, String> {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(ignore_case).size_limit(MAX_EXPRESSION).dfa_size_limit(MAX_CACHE);
    builder.build().map(Query).map_err(|error| {
        // The last line of what it says is the reason; those before draw the expression again.
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default().trim();
        format!("is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
    })
}

/// Whether a content whose head this is counts as text.
pub fn is_text(head: &[u8]) -> bool {
    !head.iter().take(HEAD).any(|byte| *byte == 0)
}

/// A line in which something was found: what stands before the first match, the match, and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The line, from 1.
    pub number: u64,
    /// Where in the content it begins.
    pub offset: u64,
    /// The end of what stands before.
    pub before: String,
    /// The beginning of the match.
    pub matched: String,
    /// The beginning of what stands behind.
    pub after: String,
    /// Whether something of the line was left out.
    pub cut: bool,
}

/// Finds lines in the pieces of one content.
#[derive(Debug)]
pub struct Scanner {
    query: Query,
    /// The line that has not ended yet, as far as it is held.
    line: Vec<u8>,
    /// How many bytes of it came.
    came: u64,
    number: u64,
    offset: u64,
    lines_cut: u64,
}

impl Scanner {
    /// At the beginning of a content.
    pub fn new(query: Query) -> Self {
        Self { query, line: Vec::new(), came: 0, number: 1, offset: 0, lines_cut: 0 }
    }

    /// Takes the next piece; gives the lines that end in it and have a match.
    pub fn take(&mut self, mut piece: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = piece.split_at(end);
            found.extend(self.end_line(line));
            self.number += 1;
            self.offset += 1;
            piece = rest.get(1..).unwrap_or_default();
        }
        self.hold(piece);
        found
    }

    /// The content has ended; gives the last line, if it has a match.
    pub fn end(&mut self) -> Option<Found> {
        if self.came > 0 { self.end_line(&[]) } else { None }
    }

    /// How many lines were too long to be searched whole.
    pub fn lines_cut(&self) -> u64 {
        self.lines_cut
    }

    fn hold(&mut self, piece: &[u8]) {
        self.came += piece.len() as u64;
        let room = MAX_LINE - self.line.len();
        self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// A line ends with this; the next one begins where it ended.
    fn end_line(&mut self, rest: &[u8]) -> Option<Found> {
        let found = if self.came == 0 && rest.len() <= MAX_LINE {
            // Most lines lie within a piece, and are looked at where they are.
            self.came = rest.len() as u64;
            self.look(rest)
        } else {
            self.hold(rest);
            let line = std::mem::take(&mut self.line);
            let found = self.look(&line);
            self.line = line;
            self.line.clear();
            found
        };
        self.offset += self.came;
        self.came = 0;
        found
    }

    fn look(&mut self, line: &[u8]) -> Option<Found> {
        let is_whole = self.came == line.len() as u64;
        self.lines_cut += u64::from(!is_whole);
        let line = if is_whole { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let place = self.query.0.find(line)?;
        let (before, behind) = (&line[..place.start()], &line[place.end()..]);
        let (before, cut_before) = last(before, AROUND);
        let (matched, cut_match) = first(place.as_bytes(), MATCHED);
        let (after, cut_after) = first(behind, AROUND);
        let cut = cut_before || cut_match || cut_after || !is_whole;
        Some(Found { number: self.number, offset: self.offset, before, matched, after, cut })
    }
}

/// The first characters of a text, and whether there are more.
fn first(bytes: &[u8], most: usize) -> (String, bool) {
    // One character more than is told, so that none is cut within.
    let enough = bytes.get(..(most + 1) * WIDEST).unwrap_or(bytes);
    let text = String::from_utf8_lossy(enough);
    match text.char_indices().nth(most) {
        Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), true),
        None => (text.into_owned(), enough.len() < bytes.len()),
    }
}

/// The last characters of a text, and whether there are more.
fn last(bytes: &[u8], most: usize) -> (String, bool) {
    let far = bytes.len().saturating_sub((most + 1) * WIDEST);
    let end = bytes.get(far..).unwrap_or_default();
    // Not within a character: at most three bytes go on with one.
    let goes_on = end.iter().take(WIDEST - 1).take_while(|byte| far > 0 && **byte & 0b1100_0000 == 0b1000_0000);
    let text = String::from_utf8_lossy(end.get(goes_on.count()..).unwrap_or_default());
    let count = text.chars().count();
    let told: String = text.chars().skip(count.saturating_sub(most)).collect();
    (told, far > 0 || count > most)
}

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many lines.
    pub matches: u64,
    /// So many bytes.
    pub bytes: u64,
    /// So long.
    pub time: SignedDuration,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every entry was searched.
    Complete,
    /// There are as many lines as were asked for.
    Matches,
    /// As many bytes were searched.
    Bytes,
    /// The time was up.
    Time,
}

/// What a search came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were told.
    pub matches: u64,
    /// Entries that were searched.
    pub searched: u32,
    /// Entries that are no text.
    pub skipped: u32,
    /// Bytes that were searched.
    pub bytes: u64,
    /// Lines that were too long to be searched whole.
    pub lines_cut: u64,
}

impl Limits {
    /// Why a search that came to this, so long after it began, ends here; `None` where it goes on.
    pub fn end(&self, tally: &Tally, after: SignedDuration) -> Option<End> {
        if tally.matches >= self.matches {
            return Some(End::Matches);
        }
        if tally.bytes >= self.bytes {
            return Some(End::Bytes);
        }
        (after >= self.time).then_some(End::Time)
    }
}

#[cfg(test)]
mod tests;

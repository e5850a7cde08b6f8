//! Mistakes in a profile, each with its place.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// A mistake in a document, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters of that line it covers; at least 1.
    pub length: usize,
    /// The field: `collectors[2].files[0]`. Empty where the text is no TOML.
    pub field: String,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to write instead, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

/// A document is not taken: every mistake in it, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.0))]
pub struct Mistakes(pub Vec<Mistake>);

fn told(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// A mistake before its line is counted.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) at: Range<usize>,
    pub(super) field: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// It may only follow from another: a field is missing because its line could not be read.
    pub(super) follows: bool,
}

impl Note {
    /// Finds out line and column.
    pub(super) fn placed(self, text: &str) -> Mistake {
        let start = floor(text, self.at.start);
        let end = floor(text, self.at.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |feed| feed + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |feed| start + feed);
        Mistake {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            length: text[start..end.min(line_end)].chars().count().max(1),
            field: self.field,
            message: self.message,
            help: self.help,
        }
    }
}

/// The nearest place that is no part of a character.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(at: Range<usize>) -> Note {
        Note { at, field: String::new(), message: "odd".into(), help: None, follows: false }
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let text = "a = 1\nü = \"x\ny\"\n";
        let place = |at| {
            let Mistake { line, column, length, .. } = note(at).placed(text);
            (line, column, length)
        };
        assert_eq!(place(0..1), (1, 1, 1));
        assert_eq!(place(6..8), (2, 1, 1), "a letter of two bytes is one column");
        assert_eq!(place(11..16), (2, 5, 2), "what covers two lines is shown on its first");
        assert_eq!(place(99..120), (4, 1, 1), "the end of the text is a place too");
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_has_a_line(text in "[a\nü]{0,20}", start in 0usize..40, length in 0usize..10) {
            let mistake = note(start..start + length).placed(&text);
            prop_assert!(mistake.line <= text.split('\n').count() && mistake.length >= 1);
        }
    }
}

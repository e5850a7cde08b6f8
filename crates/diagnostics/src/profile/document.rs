//! Reading a document field by field, so that every mistake is found and has its place.
//!
//! Whoever reads asks a [`Fields`] for each field that there may be; what was not asked for is unknown, and a mistake. A field
//! that is wrong is noted and read as if it were not there, so that the rest is read too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::{Mistakes, Note};
use super::units;
use super::words::nearest;

/// A longer text is not read.
const MAX_BYTES: usize = 1024 * 1024;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<Vec<Note>>);

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) at: Range<usize>,
    /// The field: `collectors[2].files[0]`.
    pub(crate) field: String,
}

/// The fields of a table.
#[derive(Debug)]
pub(crate) struct Fields<'d> {
    table: &'d DeTable<'d>,
    at: Range<usize>,
    path: String,
    asked: BTreeSet<&'static str>,
    notes: &'d Notes,
}

/// Reads a text with a reader of its fields. Gives what was read, or every mistake.
pub(crate) fn read<T>(text: &str, reader: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, Mistakes> {
    if text.len() > MAX_BYTES {
        let notes = Notes::default();
        notes.add(&(MAX_BYTES..MAX_BYTES), "", "the text is longer than 1 MiB", None);
        return Err(Mistakes(notes.0.into_inner().into_iter().map(|note| note.placed(text)).collect()));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    let notes = Notes::default();
    let mut root =
        Fields { table: document.get_ref(), at: 0..0, path: String::new(), asked: BTreeSet::new(), notes: &notes };
    let value = reader(&mut root);
    root.done();
    let mut notes = notes.0.into_inner();
    if !errors.is_empty() {
        notes.retain(|note| !note.follows);
    }
    notes.extend(errors.into_iter().map(|error| Note {
        at: error.span().unwrap_or_default(),
        field: String::new(),
        message: error.message().to_owned(),
        help: None,
        follows: false,
    }));
    if notes.is_empty() {
        return Ok(value);
    }
    notes.sort_by_key(|note| note.at.start);
    Err(Mistakes(notes.into_iter().map(|note| note.placed(text)).collect()))
}

impl Notes {
    pub(crate) fn add(&self, at: &Range<usize>, field: &str, message: impl Into<String>, help: Option<String>) {
        self.push(at, field, message.into(), help, false);
    }

    fn push(&self, at: &Range<usize>, field: &str, message: String, help: Option<String>, follows: bool) {
        self.0.borrow_mut().push(Note { at: at.clone(), field: field.to_owned(), message, help, follows });
    }
}

impl<'d> Fields<'d> {
    /// The table's own field, for what is wrong with it as a whole.
    pub(crate) fn place(&self) -> Given<()> {
        Given { value: (), at: self.at.clone(), field: self.path.clone() }
    }

    /// The place of a field, or of the table where it is missing.
    pub(crate) fn place_of(&self, name: &str) -> Given<()> {
        let at = self.table.get(name).map_or_else(|| self.at.clone(), Spanned::span);
        Given { value: (), at, field: self.path_of(name) }
    }

    /// Notes a mistake.
    pub(crate) fn wrong<T>(&self, given: &Given<T>, message: impl Into<String>) {
        self.notes.add(&given.at, &given.field, message, None);
    }

    /// Notes a mistake and what to write instead.
    pub(crate) fn wrong_but<T>(&self, given: &Given<T>, message: impl Into<String>, help: impl Into<String>) {
        self.notes.add(&given.at, &given.field, message, Some(help.into()));
    }

    /// Notes a mistake that may only follow from one of the text: what it names could not be read.
    pub(crate) fn wrong_unless_unread<T>(&self, given: &Given<T>, message: impl Into<String>, help: Option<String>) {
        self.notes.push(&given.at, &given.field, message.into(), help, true);
    }

    /// Notes that a field is missing.
    pub(crate) fn missing(&self, name: &str) {
        let (place, field) = (self.place(), self.path_of(name));
        self.notes.push(&place.at, &field, format!("`{name}` is missing"), None, true);
    }

    /// Whether a field is there, whatever it holds.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The fields by their names: of a table whose names are data.
    pub(crate) fn names(&self) -> Vec<Given<&'d str>> {
        let given = |key: &'d Spanned<DeString<'d>>| {
            let name: &'d str = key.get_ref();
            Given { value: name, at: key.span(), field: self.path_of(name) }
        };
        self.table.keys().map(given).collect()
    }

    /// The text of a field whose name is data.
    pub(crate) fn text_of(&self, name: &str) -> Option<Given<&'d str>> {
        self.any(name).and_then(|given| self.as_text(given))
    }

    /// A text that has to be there and say something.
    pub(crate) fn needs_text(&mut self, name: &'static str) -> Option<Given<&'d str>> {
        if !self.has(name) {
            self.asked.insert(name);
            self.missing(name);
            return None;
        }
        self.text(name)
    }

    /// A text that may be there; one that is empty is a mistake.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<Given<&'d str>> {
        let text = self.take(name).and_then(|given| self.as_text(given))?;
        if text.value.trim().is_empty() {
            self.wrong(&text, format!("`{name}` is empty"));
            return None;
        }
        Some(text)
    }

    /// A list of texts, each with its place.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<Given<&'d str>> {
        self.list(name).into_iter().filter_map(|given| self.as_text(given)).collect()
    }

    /// A list of lists of texts.
    pub(crate) fn lists_of_texts(&mut self, name: &'static str) -> Vec<Given<Vec<Given<&'d str>>>> {
        let lists = self.list(name);
        let list = |given: Given<&'d DeValue<'d>>| {
            let Some(items) = given.value.as_array() else {
                self.wrong_kind(&given, "a list of texts, such as [\"df\", \"-P\"]");
                return None;
            };
            let items = items.iter().enumerate().filter_map(|(index, item)| {
                self.as_text(Given {
                    value: item.get_ref(),
                    at: item.span(),
                    field: format!("{}[{index}]", given.field),
                })
            });
            Some(Given { value: items.collect(), at: given.at.clone(), field: given.field.clone() })
        };
        lists.into_iter().filter_map(list).collect()
    }

    /// A whole number within bounds.
    pub(crate) fn number(&mut self, name: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let given = self.take(name)?;
        let Some(integer) = given.value.as_integer() else {
            self.wrong_kind(&given, "a whole number");
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = number.filter(|number| bounds.contains(number));
        if within.is_none() {
            let message = format!("`{name}` has to be from {} to {}", bounds.start(), bounds.end());
            self.wrong(&given, message);
        }
        within
    }

    /// A size in bytes: a whole number, or a text such as "20 MB".
    pub(crate) fn size(&mut self, name: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        if self.table.get(name).is_some_and(|value| value.get_ref().is_integer()) {
            return self.number(name, bounds);
        }
        let text = self.text(name)?;
        let size = units::size(text.value).filter(|size| bounds.contains(size));
        if size.is_none() {
            let message = format!(
                "`{name}` has to be a size from {} to {} bytes, such as \"20 MB\"",
                bounds.start(),
                bounds.end()
            );
            self.wrong(&text, message);
        }
        size
    }

    /// A span of time: "30 s", "5 min", "24 h", "7 days".
    pub(crate) fn duration(&mut self, name: &'static str, most: Duration) -> Option<Duration> {
        let text = self.text(name)?;
        let span = units::duration(text.value);
        let within = span.filter(|span| !span.is_zero() && *span <= most);
        if within.is_none() {
            let most = units::tell(most);
            self.wrong(
                &text,
                format!("`{name}` has to be a time up to {most}, such as \"30 s\", \"5 min\", \"24 h\" or \"7 days\""),
            );
        }
        within
    }

    /// Tables: `[[name]]`.
    pub(crate) fn tables(&mut self, name: &'static str) -> Vec<Fields<'d>> {
        self.list(name).into_iter().filter_map(|given| self.as_table(given)).collect()
    }

    /// A table: `[name]`.
    pub(crate) fn table(&mut self, name: &'static str) -> Option<Fields<'d>> {
        self.take(name).and_then(|given| self.as_table(given))
    }

    /// Ends the reading of this table: what was not asked for is unknown.
    pub(crate) fn done(&self) {
        for name in self.names() {
            if !self.asked.contains(name.value) {
                let help =
                    nearest(name.value, self.asked.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| {
                    let known: Vec<&str> = self.asked.iter().copied().collect();
                    Some(format!("known here: {}", known.join(", ")))
                });
                self.notes.add(&name.at, &name.field, format!("`{}` is not known here", name.value), help);
            }
        }
    }

    fn list(&mut self, name: &'static str) -> Vec<Given<&'d DeValue<'d>>> {
        let Some(given) = self.take(name) else { return Vec::new() };
        let Some(items) = given.value.as_array() else {
            self.wrong_kind(&given, "a list");
            return Vec::new();
        };
        let item = |(index, item): (usize, &'d Spanned<DeValue<'d>>)| Given {
            value: item.get_ref(),
            at: item.span(),
            field: format!("{}[{index}]", given.field),
        };
        items.iter().enumerate().map(item).collect()
    }

    fn take(&mut self, name: &'static str) -> Option<Given<&'d DeValue<'d>>> {
        self.asked.insert(name);
        self.any(name)
    }

    fn any(&self, name: &str) -> Option<Given<&'d DeValue<'d>>> {
        let value = self.table.get(name)?;
        Some(Given { value: value.get_ref(), at: value.span(), field: self.path_of(name) })
    }

    fn as_text(&self, given: Given<&'d DeValue<'d>>) -> Option<Given<&'d str>> {
        let Some(value) = given.value.as_str() else {
            self.wrong_kind(&given, "a text in quotes");
            return None;
        };
        let text = Given { value, at: given.at, field: given.field };
        // A profile comes from somebody else, and its texts are shown on terminals.
        if value.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.wrong(&text, format!("`{}` has a control character", text.field));
            return None;
        }
        Some(text)
    }

    fn as_table(&self, given: Given<&'d DeValue<'d>>) -> Option<Fields<'d>> {
        let Some(table) = given.value.as_table() else {
            self.wrong_kind(&given, "a table");
            return None;
        };
        Some(Fields { table, at: given.at, path: given.field, asked: BTreeSet::new(), notes: self.notes })
    }

    fn wrong_kind(&self, given: &Given<&DeValue<'_>>, wanted: &str) {
        let is = match given.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(given, format!("`{}` is {is} and has to be {wanted}", given.field));
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

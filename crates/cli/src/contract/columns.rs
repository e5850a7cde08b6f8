//! Which columns a table has.
//!
//! A thing's columns are its fields with one value, those of the messages within it too. At most eight are shown, in the order of the
//! contract, chosen by what they tell: its own id, its name, its state, ids of others, dates, the rest. What only machines read (etag,
//! revision, `create_time`, keys, texts of several lines) and what is empty in every row is left out.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use unicode_width::UnicodeWidthStr;

use super::cells::{self, Room};
use super::{flags, names, request};

/// How many columns a table has that is not wide.
const COLUMNS: usize = 8;

/// A word that is longer than this is for machines: a key, a digest, a signed text.
const LONGEST_WORD: usize = 40;

/// A column: a field of a thing, or of a message within it.
pub(super) struct Column {
    pub(super) name: String,
    path: Vec<FieldDescriptor>,
    /// What it says of each row.
    pub(super) cells: Vec<String>,
}

impl Column {
    fn of(path: Vec<FieldDescriptor>, rows: &[DynamicMessage]) -> Self {
        let names: Vec<&str> = path.iter().map(FieldDescriptor::name).collect();
        Self { name: names::joined(&names), cells: rows.iter().map(|row| cell(row, &path)).collect(), path }
    }

    /// How wide it is by its content.
    pub(super) fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.width()).max().unwrap_or_default().max(self.name.width())
    }

    fn field(&self) -> &str {
        self.path.last().map_or("", FieldDescriptor::name)
    }

    pub(super) fn is_number(&self) -> bool {
        let kind = self.path.last().map(FieldDescriptor::kind);
        matches!(kind, Some(Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Float | Kind::Double))
            || self.is_count()
    }

    /// How many messages there are.
    fn is_count(&self) -> bool {
        self.path.last().is_some_and(|field| field.is_list() && matches!(field.kind(), Kind::Message(_)))
    }

    /// What only machines read.
    fn is_bookkeeping(&self) -> bool {
        let is_bytes = self.path.last().is_some_and(|field| field.kind() == Kind::Bytes);
        is_bytes || ["etag", "revision", "create_time"].contains(&self.field())
    }

    /// How telling it is: the lower the more. What is within a message tells less of the thing than what is its own.
    fn rank(&self, place: usize) -> usize {
        let field = self.field();
        let ends = |endings: &[&str]| endings.iter().any(|ending| field.ends_with(ending));
        let is_list = self.path.last().is_some_and(FieldDescriptor::is_list);
        let own = match self.path.last().map(FieldDescriptor::kind) {
            _ if place == 0 => 0,
            _ if ends(&["name", "title", "subject", "email", "number", "message"]) => 10,
            Some(Kind::Enum(_)) if !is_list => 20,
            _ if ends(&["_id"]) => 30,
            _ if ends(&["_from", "_until", "_on", "_at", "_time"]) => 40,
            _ if self.is_count() => 60,
            // Lists of texts are long.
            Some(Kind::String) if is_list => 70,
            _ => 50,
        };
        own + 8 * self.path.len().saturating_sub(1)
    }
}

/// The columns of messages of one type: every one where that is wanted, the most telling otherwise.
pub(super) fn choose(descriptor: &MessageDescriptor, rows: &[DynamicMessage], wide: bool) -> Vec<Column> {
    let mut paths = Vec::new();
    leaves(descriptor, &mut Vec::new(), &mut paths);
    let columns = paths.into_iter().map(|path| Column::of(path, rows));
    let mut columns: Vec<Column> = columns.filter(|column| wide || is_told(column, rows)).collect();
    while !wide && columns.len() > COLUMNS && leave_out(&mut columns) {}
    columns
}

/// One message as what its columns are called and say, without what is empty.
pub(super) fn pairs(message: &DynamicMessage, wide: bool) -> Vec<(String, String)> {
    let columns = choose(&message.descriptor(), std::slice::from_ref(message), wide);
    columns.into_iter().map(|column| (column.name, column.cells.into_iter().collect())).collect()
}

/// Leaves the least telling column out; never the first, which says what a row is about.
pub(super) fn leave_out(columns: &mut Vec<Column>) -> bool {
    let least = columns.iter().enumerate().skip(1).max_by_key(|(place, column)| (column.rank(*place), *place));
    let Some((place, _)) = least else { return false };
    columns.remove(place);
    true
}

/// Whether a column tells a person something.
fn is_told(column: &Column, rows: &[DynamicMessage]) -> bool {
    let mut texts = rows.iter().filter_map(|row| request::get(row, &column.path)).filter_map(|value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    !column.is_bookkeeping()
        && column.cells.iter().any(|cell| !cell.is_empty())
        && !texts.any(|text| is_for_machines(&text))
}

/// Whether a text has several lines, or a word that nobody reads.
pub(super) fn is_for_machines(text: &str) -> bool {
    text.trim_end().contains('\n') || text.split_whitespace().any(|word| word.len() > LONGEST_WORD)
}

/// What a field says. What is not said of a message that is absent is not said here; zero and no are said of one that is there.
fn cell(message: &DynamicMessage, path: &[FieldDescriptor]) -> String {
    match path {
        [field] if !field.supports_presence() || message.has_field(field) => {
            let value = message.get_field(field);
            match (value.as_ref(), field.kind()) {
                (Value::List(things), Kind::Message(_)) if things.is_empty() => String::new(),
                (Value::List(things), Kind::Message(_)) => things.len().to_string(),
                (value, _) => cells::text(field, value, Room::Cell),
            }
        }
        [field, rest @ ..] if message.has_field(field) && !rest.is_empty() => {
            message.get_field(field).as_message().map(|within| cell(within, rest)).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The fields that are one cell: of the message, and of those within it; not of those within these again twice over.
fn leaves(message: &MessageDescriptor, way: &mut Vec<FieldDescriptor>, found: &mut Vec<Vec<FieldDescriptor>>) {
    for field in message.fields() {
        way.push(field.clone());
        match field.kind() {
            Kind::Message(inner) if flags::has_fields(&field) => {
                if way.len() < 3 {
                    leaves(&inner, way, found);
                }
            }
            _ => found.push(way.clone()),
        }
        way.pop();
    }
}

//! Which columns a table has.
//!
//! A thing's columns are its fields with one value, those of the messages within it too. At most eight are shown, in the order of the
//! contract, chosen by what they tell: its own id, its name, its state, its last day, how many, ids of others, its first day, the rest;
//! and the first of a kind tells more than the next. What only programs read (etag, revision, `create_time`, keys, signed texts) is left
//! out. A list has the same columns whatever is in it; a table within a thing leaves out what is empty in every row.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use unicode_width::UnicodeWidthStr;

use super::cells::{self, Room};
use super::{flags, names, request};

/// How many columns a table has that is not wide.
const COLUMNS: usize = 8;

/// A word that is longer than this is for machines: a key, a digest, a signed text.
const LONGEST_WORD: usize = 40;

/// A column that was cut keeps at least so many characters: enough for a date.
const NARROWEST: usize = 14;

/// And one of what became different: enough for two fields.
const NARROWEST_DIFFERENCE: usize = 40;

/// Which columns are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those of a list: the most telling, whatever it holds.
    Fixed,
    /// The most telling of those that say something.
    Said,
    /// Every one.
    All,
}

/// The columns of a table.
pub(super) struct Columns {
    pub(super) shown: Vec<Column>,
    /// Whether one that was left out says something.
    pub(super) hides: bool,
}

/// A column: a field of a thing, or of a message within it.
pub(super) struct Column {
    pub(super) name: String,
    path: Vec<FieldDescriptor>,
    /// How telling it is: the lower the more.
    rank: usize,
    /// What it says of each row.
    pub(super) cells: Vec<String>,
}

impl Column {
    fn of(path: Vec<FieldDescriptor>, rank: usize, rows: &[DynamicMessage]) -> Self {
        let names: Vec<&str> = path.iter().map(FieldDescriptor::name).collect();
        Self { name: names::joined(&names), cells: rows.iter().map(|row| cell(row, &path)).collect(), rank, path }
    }

    /// How wide it is by its content.
    pub(super) fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.width()).max().unwrap_or_default().max(self.name.width())
    }

    /// How narrow it may be made. An instant that is cut says nothing.
    pub(super) fn narrowest(&self) -> usize {
        match self.path.last() {
            Some(field) if cells::is_difference(field) => NARROWEST_DIFFERENCE,
            Some(field) if !field.is_list() && matches!(field.kind(), Kind::Message(_)) => self.width(),
            _ => NARROWEST,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        self.path.last().is_some_and(|field| is_number(field) || is_count(field))
    }

    fn says_something(&self) -> bool {
        self.cells.iter().any(|cell| !cell.is_empty())
    }

    /// What only programs read.
    fn is_bookkeeping(&self) -> bool {
        self.path.last().is_some_and(|field| {
            let is_named = ["etag", "revision", "create_time"].contains(&field.name());
            field.kind() == Kind::Bytes || cells::is_for_programs(field) || (is_named && self.rank > 0)
        })
    }
}

/// What kind of thing a field tells: the lower the more telling.
fn class(field: &FieldDescriptor) -> usize {
    let ends = |endings: &[&str]| endings.iter().any(|ending| field.name().ends_with(ending));
    match field.kind() {
        _ if ends(&["name", "title", "subject", "email", "number", "message"]) => 10,
        _ if cells::is_difference(field) => 12,
        Kind::Enum(_) if !field.is_list() => 20,
        _ if ends(&["_until", "_on", "expires_at"]) => 22,
        _ if is_number(field) && !field.is_list() => 24,
        _ if ends(&["_id"]) => 26,
        _ if ends(&["_from", "_at", "_time", "reference"]) => 28,
        _ if is_count(field) => 60,
        // Lists of texts are long.
        Kind::String if field.is_list() => 70,
        _ => 50,
    }
}

fn is_number(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Float | Kind::Double)
}

/// Whether a cell says how many messages there are.
fn is_count(field: &FieldDescriptor) -> bool {
    field.is_list() && matches!(field.kind(), Kind::Message(_)) && !cells::is_difference(field)
}

/// The columns of messages of one type.
pub(super) fn choose(descriptor: &MessageDescriptor, rows: &[DynamicMessage], wanted: Wanted) -> Columns {
    let mut paths = Vec::new();
    leaves(descriptor, &mut Vec::new(), &mut paths);
    let columns = ranked(paths).into_iter().map(|(path, rank)| Column::of(path, rank, rows));
    let shown = columns.filter(|column| match wanted {
        Wanted::Fixed => !column.is_bookkeeping(),
        Wanted::Said => is_told(column, rows),
        Wanted::All => !column.path.last().is_some_and(cells::is_key_material),
    });
    let mut columns = Columns { shown: shown.collect(), hides: false };
    while wanted != Wanted::All && columns.shown.len() > COLUMNS && columns.leave_out() {}
    columns
}

/// Paths with how telling each is: what a row is about first. What is within a message tells less of the thing than what is its own, and
/// the next of a kind less than the first.
fn ranked(paths: Vec<Vec<FieldDescriptor>>) -> Vec<(Vec<FieldDescriptor>, usize)> {
    let mut times = BTreeMap::<(usize, usize), usize>::new();
    let rank = |(place, path): (usize, Vec<FieldDescriptor>)| {
        let kind = path.last().map_or(0, class);
        let before = times.entry((path.len(), kind)).or_default();
        let rank = if place == 0 { 0 } else { kind + 15 * *before + 16 * path.len().saturating_sub(1) };
        *before += usize::from(place > 0);
        (path, rank)
    };
    paths.into_iter().enumerate().map(rank).collect()
}

/// One message as what its columns are called and say, without what is empty.
pub(super) fn pairs(message: &DynamicMessage, wide: bool) -> Vec<(String, String)> {
    let wanted = if wide { Wanted::All } else { Wanted::Said };
    let columns = choose(&message.descriptor(), std::slice::from_ref(message), wanted).shown;
    columns.into_iter().map(|column| (column.name, column.cells.into_iter().collect())).collect()
}

impl Columns {
    /// Leaves the least telling column out; never the first, which says what a row is about.
    pub(super) fn leave_out(&mut self) -> bool {
        let least = self.shown.iter().enumerate().skip(1).max_by_key(|(place, column)| (column.rank, *place));
        let Some((place, _)) = least else { return false };
        self.hides |= self.shown.remove(place).says_something();
        true
    }
}

/// Whether a column tells a person something.
fn is_told(column: &Column, rows: &[DynamicMessage]) -> bool {
    let mut texts = rows.iter().filter_map(|row| request::get(row, &column.path)).filter_map(|value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    !column.is_bookkeeping() && column.says_something() && !texts.any(|text| is_for_machines(&text))
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
                (Value::List(things), Kind::Message(_)) if cells::is_difference(field) => cells::differences(things),
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

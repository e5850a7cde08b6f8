//! Many rows in few parameters, as the engine takes them apart fastest: on SQLite one JSON list of rows, on PostgreSQL an array for each column.
//!
//! Binding values one by one takes longer than inserting them, and on SQLite the more so the more there are.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::{Dialect, Engine};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// TEXT.
    Text,
    /// BIGINT or SMALLINT.
    Whole,
    /// Bytes.
    Bytes,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL.
    Nothing,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

/// Rows of `N` values, as the parameters that they travel in. Made once, whatever tries they are sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<const N: usize>(Parameters);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parameters {
    /// A JSON list of rows, each a list of values.
    Json(String),
    /// The text of an array for each column.
    Arrays(Vec<String>),
}

impl<const N: usize> Rows<N> {
    /// Writes rows for an engine.
    pub fn of<'a>(dialect: Dialect, rows: impl IntoIterator<Item = [Cell<'a>; N]>) -> Self {
        let mut texts = match dialect.0 {
            Engine::Sqlite => vec![String::new()],
            Engine::Postgres => vec![String::new(); N],
        };
        for row in rows {
            for (place, cell) in row.iter().enumerate() {
                match dialect.0 {
                    Engine::Sqlite => {
                        let text = &mut texts[0];
                        text.push_str(match (text.is_empty(), place) {
                            (true, _) => "[[",
                            (false, 0) => "],[",
                            (false, _) => ",",
                        });
                        cell.write_json(text);
                    }
                    Engine::Postgres => {
                        let text = &mut texts[place];
                        text.push(if text.is_empty() { '{' } else { ',' });
                        cell.write_element(text);
                    }
                }
            }
        }
        for text in &mut texts {
            let end = match (dialect.0, text.is_empty()) {
                (Engine::Sqlite, false) => "]]",
                (Engine::Sqlite, true) => "[]",
                (Engine::Postgres, false) => "}",
                (Engine::Postgres, true) => "{}",
            };
            text.push_str(end);
        }
        Self(match dialect.0 {
            Engine::Sqlite => Parameters::Json(texts.swap_remove(0)),
            Engine::Postgres => Parameters::Arrays(texts),
        })
    }

    /// The rows as a table in parentheses, with these columns.
    fn table(&self, columns: &[(&str, Column); N]) -> String {
        let own = (0..).zip(columns);
        match &self.0 {
            // The binary form: the other one would be read anew for every column.
            Parameters::Json(_) => {
                let values = own.map(|(place, (name, column))| match column {
                    Column::Text => format!("item.value->>{place} AS {name}"),
                    Column::Whole => format!("CAST(item.value->>{place} AS BIGINT) AS {name}"),
                    Column::Bytes => format!("unhex(item.value->>{place}) AS {name}"),
                });
                format!("(SELECT {} FROM jsonb_each($1) AS item)", values.collect::<Vec<_>>().join(", "))
            }
            Parameters::Arrays(_) => {
                // Among what is selected they go on side by side. After FROM, each would fill a table of its own before the first row.
                let values = (1..).zip(columns).map(|(number, (name, column))| match column {
                    Column::Text => format!("unnest(CAST(${number} AS TEXT[])) AS {name}"),
                    Column::Whole => format!("unnest(CAST(${number} AS BIGINT[])) AS {name}"),
                    Column::Bytes => format!("unnest(CAST(${number} AS BYTEA[])) AS {name}"),
                });
                format!("(SELECT {})", values.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// How many parameters they are.
    fn parameters(&self) -> usize {
        match &self.0 {
            Parameters::Json(_) => 1,
            Parameters::Arrays(texts) => texts.len(),
        }
    }

    fn bind(&self, sql: String) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(sql));
        match &self.0 {
            Parameters::Json(text) => query.bind(text.clone()),
            Parameters::Arrays(texts) => texts.iter().fold(query, |query, text| query.bind(text.clone())),
        }
    }
}

/// Inserts rows into columns of a table. The columns named in `same` have one value for all of them, which the caller binds, in that order.
/// `conflict` is what follows: nothing, or `ON CONFLICT …`.
pub fn insert<const N: usize>(
    table: &str,
    columns: &[(&str, Column); N],
    same: &[&str],
    rows: &Rows<N>,
    conflict: &str,
) -> Query<'static, Any, AnyArguments> {
    let own = columns.map(|(name, _)| name.to_owned());
    let bound = (rows.parameters() + 1..).zip(same).map(|(number, _)| format!("${number}"));
    let into = own.iter().cloned().chain(same.iter().map(|name| (*name).to_owned())).collect::<Vec<_>>().join(", ");
    let values = own.iter().cloned().chain(bound).collect::<Vec<_>>().join(", ");
    // SQLite cannot tell a conflict clause from a join's without a WHERE.
    rows.bind(format!(
        "INSERT INTO {table} ({into}) SELECT {values} FROM {} AS given WHERE TRUE {conflict}",
        rows.table(columns)
    ))
}

/// A query of which the first parameters are rows; `these` in its text is a table of them in parentheses, which may follow IN. What is locked
/// is not joined with it, since PostgreSQL would have to lock its rows too.
pub fn select<const N: usize>(
    columns: &[(&str, Column); N],
    rows: &Rows<N>,
    text: impl FnOnce(&str) -> String,
) -> Query<'static, Any, AnyArguments> {
    rows.bind(text(&rows.table(columns)))
}

impl Cell<'_> {
    /// Writes it as JSON has it; bytes in hexadecimal digits.
    fn write_json(&self, text: &mut String) {
        match self {
            Self::Nothing => text.push_str("null"),
            Self::Whole(number) => text.push_str(&number.to_string()),
            // A text is always written.
            Self::Text(value) => text.push_str(&serde_json::to_string(value).unwrap_or_default()),
            Self::Bytes(bytes) => {
                text.push('"');
                HEXLOWER.encode_append(bytes, text);
                text.push('"');
            }
        }
    }

    /// Writes it as an element of PostgreSQL's arrays.
    fn write_element(&self, text: &mut String) {
        match self {
            Self::Nothing => text.push_str("NULL"),
            Self::Whole(number) => text.push_str(&number.to_string()),
            Self::Text(value) => {
                text.push('"');
                for part in value.split_inclusive(['"', '\\']) {
                    let special = part.ends_with(['"', '\\']);
                    let (plain, last) = part.split_at(part.len() - usize::from(special));
                    text.push_str(plain);
                    if special {
                        text.push('\\');
                        text.push_str(last);
                    }
                }
                text.push('"');
            }
            Self::Bytes(bytes) => {
                text.push_str("\"\\\\x");
                HEXLOWER.encode_append(bytes, text);
                text.push('"');
            }
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Cell<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

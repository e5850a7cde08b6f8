//! Many rows in one statement, with one parameter: a JSON list of rows, each a list of values.
//!
//! Binding values one by one takes longer than inserting them, and on SQLite the more so the more there are.

use data_encoding::HEXLOWER;
use serde_json::Value;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::{Dialect, Engine};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// TEXT.
    Text,
    /// BIGINT or SMALLINT.
    Whole,
    /// Bytes, which travel as [`bytes()`].
    Bytes,
}

/// A row: a value for each column.
pub type Row<const N: usize> = [Value; N];

/// Bytes, as a value of a row.
pub fn bytes(bytes: &[u8]) -> Value {
    HEXLOWER.encode(bytes).into()
}

/// Inserts rows into columns of a table. `conflict` is what follows: nothing, or `ON CONFLICT …`.
pub fn insert<const N: usize>(
    connection: &AnyConnection,
    table: &str,
    columns: &[(&str, Column); N],
    rows: Vec<Row<N>>,
    conflict: &str,
) -> Query<'static, Any, AnyArguments> {
    let dialect = Dialect::of(connection);
    let names = columns.map(|(name, _)| name).join(", ");
    let values: Vec<_> = (0..).zip(columns).map(|(place, (_, column))| value(dialect, place, *column)).collect();
    let (values, items) = (values.join(", "), items(dialect));
    // SQLite cannot tell a conflict clause from a join's without a WHERE.
    let sql = format!("INSERT INTO {table} ({names}) SELECT {values} FROM {items} WHERE TRUE {conflict}");
    sqlx::query(AssertSqlSafe(sql)).bind(list(rows.into_iter().map(Vec::from)))
}

/// A query of which `$1` are the values to look for; `in_list` in its text is what follows IN.
pub fn select(
    connection: &AnyConnection,
    column: Column,
    values: impl IntoIterator<Item = Value>,
    text: impl FnOnce(&str) -> String,
) -> Query<'static, Any, AnyArguments> {
    let dialect = Dialect::of(connection);
    let in_list = format!("(SELECT {} FROM {})", value(dialect, 0, column), items(dialect));
    sqlx::query(AssertSqlSafe(text(&in_list))).bind(list(values.into_iter().map(|value| vec![value])))
}

fn list(rows: impl Iterator<Item = Vec<Value>>) -> String {
    Value::Array(rows.map(Value::Array).collect()).to_string()
}

/// The rows of the first parameter.
fn items(dialect: Dialect) -> &'static str {
    match dialect.0 {
        // The binary form: the other one would be read anew for every column.
        Engine::Sqlite => "jsonb_each($1) AS item",
        Engine::Postgres => "jsonb_array_elements(CAST($1 AS jsonb)) AS item(value)",
    }
}

/// A value of a row.
fn value(dialect: Dialect, place: usize, column: Column) -> String {
    let text = format!("item.value->>{place}");
    match (column, dialect.0) {
        (Column::Text, _) => text,
        (Column::Whole, _) => format!("CAST({text} AS BIGINT)"),
        (Column::Bytes, Engine::Sqlite) => format!("unhex({text})"),
        (Column::Bytes, Engine::Postgres) => format!("decode({text}, 'hex')"),
    }
}

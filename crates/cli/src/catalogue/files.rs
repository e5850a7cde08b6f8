//! Catalogues as files: CSV with the names of columns in its first line, or a JSON object on each line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use super::rows::{COLUMNS, Row};
use crate::output::{self, Problem};

/// A line of a file: its number, from 1, what it says or why it cannot be read, and how many bytes were read with it.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) row: Result<Row, String>,
    pub(super) bytes: u64,
}

/// The lines of a file.
pub(super) type Lines = Box<dyn Iterator<Item = Line> + Send>;

/// Opens a file for reading, by the ending of its name.
pub(super) fn read(path: &Path) -> Result<Lines, Problem> {
    let cannot = |error: &dyn std::fmt::Display| Problem::new(format!("{} cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    if is_csv(path)? {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(file);
        let columns = reader.headers().map_err(|error| cannot(&error))?.clone();
        let columns: Vec<String> = columns.iter().map(|column| column.trim().to_owned()).collect();
        if let Some(unknown) = columns.iter().find(|column| !COLUMNS.contains(&column.as_str())) {
            return Err(Problem::new(format!("{} has a column {unknown}, which is none", path.display()))
                .next(format!("The columns are {}.", COLUMNS.join(", "))));
        }
        Ok(Box::new(csv_lines(reader, columns)))
    } else {
        Ok(Box::new(json_lines(BufReader::new(file))))
    }
}

fn csv_lines(mut reader: csv::Reader<File>, columns: Vec<String>) -> impl Iterator<Item = Line> + Send {
    let mut record = csv::StringRecord::new();
    let mut has_ended = false;
    std::iter::from_fn(move || {
        if has_ended {
            return None;
        }
        let at = reader.position().clone();
        let row = match reader.read_record(&mut record) {
            Ok(false) => return None,
            Ok(true) => Ok(columns.iter().cloned().zip(record.iter().map(str::to_owned)).collect()),
            Err(error) => {
                // What cannot be read at all would be so for ever.
                has_ended = error.is_io_error();
                Err(told(&error))
            }
        };
        let number = record.position().map_or(at.line(), csv::Position::line);
        Some(Line { number, row, bytes: reader.position().byte() - at.byte() })
    })
}

fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns, and the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not in UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn json_lines(mut reader: BufReader<File>) -> impl Iterator<Item = Line> + Send {
    let (mut number, mut buffer, mut has_ended) = (0, Vec::new(), false);
    std::iter::from_fn(move || {
        loop {
            buffer.clear();
            let read = if has_ended { Ok(0) } else { reader.read_until(b'\n', &mut buffer) };
            number += 1;
            match read {
                Ok(0) => return None,
                Ok(_) if buffer.trim_ascii().is_empty() => {}
                Ok(bytes) => {
                    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                    return Some(Line { number, row: object(&buffer), bytes });
                }
                Err(error) => {
                    has_ended = true;
                    return Some(Line { number, row: Err(format!("cannot be read: {error}")), bytes: 0 });
                }
            }
        }
    })
}

fn object(line: &[u8]) -> Result<Row, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("is no JSON: {error}"))?;
    let Value::Object(members) = value else { return Err("must be a JSON object".into()) };
    let mut row = Row::new();
    for (column, value) in members {
        if !COLUMNS.contains(&column.as_str()) {
            return Err(format!("has a member {column}, which is none; they are {}", COLUMNS.join(", ")));
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(format!("has a member {column} that is neither text nor number"));
            }
        };
        row.insert(column, text);
    }
    Ok(row)
}

/// Where lines are written to.
pub(super) enum Sheet {
    Csv(Box<csv::Writer<File>>),
    Json(BufWriter<File>),
    Screen,
}

impl Sheet {
    /// A new file, by the ending of its name; it must not be there yet. Without a name, JSON lines on standard output.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = path else { return Ok(Self::Screen) };
        let is_csv = is_csv(path)?;
        let file = File::create_new(path).map_err(|error| {
            Problem::new(format!("{} cannot be written: {error}", path.display()))
                .next("It names a file that is not there yet.")
        })?;
        if !is_csv {
            return Ok(Self::Json(BufWriter::new(file)));
        }
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(COLUMNS).map_err(|error| cannot_write(&error))?;
        Ok(Self::Csv(Box::new(writer)))
    }

    /// Writes a line; false when nobody reads any more.
    pub(super) fn write(&mut self, row: &Row) -> Result<bool, Problem> {
        match self {
            Self::Csv(writer) => {
                let record = COLUMNS.iter().map(|column| row.get(*column).map(String::as_str).unwrap_or_default());
                writer.write_record(record).map_err(|error| cannot_write(&error))?;
                Ok(true)
            }
            Self::Json(writer) => {
                writeln!(writer, "{}", object_of(row)).map_err(|error| cannot_write(&error))?;
                Ok(true)
            }
            Self::Screen => Ok(output::is_read(&object_of(row))),
        }
    }

    /// Sees to it that everything is written.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self {
            Self::Csv(mut writer) => writer.flush(),
            Self::Json(mut writer) => writer.flush(),
            Self::Screen => Ok(()),
        }
        .map_err(|error| cannot_write(&error))
    }
}

/// A line as a JSON object: what is empty is left out.
fn object_of(row: &Row) -> String {
    let said: serde_json::Map<String, Value> = row
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(column, text)| (column.clone(), Value::String(text.clone())))
        .collect();
    Value::Object(said).to_string()
}

fn cannot_write(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(format!("the catalogue cannot be written: {error}"))
}

fn is_csv(path: &Path) -> Result<bool, Problem> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(true),
        Some("jsonl" | "ndjson") => Ok(false),
        _ => {
            Err(Problem::new(format!("{} is of no known kind", path.display()))
                .next("Its name ends in .csv or in .jsonl."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, content: &str) -> Vec<(u64, Result<Row, String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let read = read(&path).map_err(|problem| problem.what).unwrap();
        read.map(|line| (line.number, line.row)).collect()
    }

    #[test]
    fn a_csv_file_is_read_line_by_line_and_a_bad_line_hides_none() {
        let read = lines("a.csv", "product_id,quantity\natlas,1\natlas\n\"two\nlines\",3\n");
        let numbers: Vec<_> = read.iter().map(|(number, row)| (*number, row.is_ok())).collect();
        assert_eq!(numbers, [(2, true), (3, false), (4, true)]);
        assert_eq!(read[1].1, Err("has 1 columns, and the first line has 2".into()));
        assert_eq!(read[2].1.as_ref().unwrap()["product_id"], "two\nlines");
    }

    #[test]
    fn a_json_file_is_read_line_by_line_and_a_bad_line_hides_none() {
        let read = lines("a.jsonl", "{\"product_id\":\"atlas\",\"quantity\":5}\n\nnonsense\n[1]\n{\"price\":1}\n");
        let numbers: Vec<_> = read.iter().map(|(number, row)| (*number, row.is_ok())).collect();
        assert_eq!(numbers, [(1, true), (3, false), (4, false), (5, false)]);
        assert_eq!(read[0].1.as_ref().unwrap()["quantity"], "5");
    }

    #[test]
    fn an_unknown_column_and_an_unknown_kind_of_file_are_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "product,quantity\n").unwrap();
        assert!(read(&path).err().unwrap().next.unwrap().contains("product_id"));
        assert!(read(&folder.path().join("a.xlsx")).is_err());
    }
}

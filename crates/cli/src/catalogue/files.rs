//! Catalogues as files: CSV with the names of columns in its first line, or a JSON object on each line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;

use super::rows::{COLUMNS, Row};
use crate::output::{self, Problem};

/// The name that stands for standard input.
const STDIN: &str = "-";

/// The form of a catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// Fields with commas between them, and the names of columns in the first line.
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

/// A line of a file: its number, from 1, what it says or why it cannot be read, and how many bytes were read with it.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) row: Result<Row, String>,
    pub(super) bytes: u64,
}

/// The lines of a file.
pub(super) type Lines = Box<dyn Iterator<Item = Line> + Send>;

/// What a file is called to a person.
pub(super) fn name(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { output::path(path) }
}

/// Opens a file for reading, by the ending of its name where its form is not said; `-` is standard input.
pub(super) fn read(path: &Path, format: Option<Format>) -> Result<Lines, Problem> {
    let format = match format {
        Some(format) => format,
        None if path == Path::new(STDIN) => Format::Jsonl,
        None => form(path)?,
    };
    let source: Box<dyn Read + Send> = if path == Path::new(STDIN) {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.map_err(|error| Problem::new(format!("{} cannot be read: {error}", name(path))))?)
    };
    match format {
        Format::Csv => csv(source, &name(path)),
        Format::Jsonl => Ok(Box::new(json_lines(BufReader::new(source)))),
    }
}

fn csv(source: Box<dyn Read + Send>, name: &str) -> Result<Lines, Problem> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(source);
    let other_text = || Problem::new(format!("the first line of {name} is not in UTF-8")).next("Save it as UTF-8.");
    let columns = reader.headers().map_err(|error| match error.kind() {
        csv::ErrorKind::Utf8 { .. } => other_text(),
        _ => Problem::new(format!("{name} cannot be read: {error}")),
    })?;
    let columns: Vec<String> = columns.iter().map(|column| column.trim().to_owned()).collect();
    if columns.iter().any(|column| column.contains('\0')) {
        return Err(other_text());
    }
    if let [alone] = columns.as_slice()
        && alone.contains([';', '\t'])
    {
        return Err(Problem::new(format!("the first line of {name} has no comma"))
            .next("Its fields must be separated by commas."));
    }
    if let Some(unknown) = columns.iter().find(|column| !COLUMNS.contains(&column.as_str())) {
        return Err(Problem::new(format!("{name} has a column {unknown}, which is none"))
            .next(format!("The columns are {}.", COLUMNS.join(", "))));
    }
    Ok(Box::new(csv_lines(reader, columns)))
}

fn csv_lines<R: Read + Send>(mut reader: csv::Reader<R>, columns: Vec<String>) -> impl Iterator<Item = Line> + Send {
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

fn json_lines(mut reader: impl BufRead + Send) -> impl Iterator<Item = Line> + Send {
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
    let text = std::str::from_utf8(line).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or("is not in UTF-8: save the file as UTF-8")?;
    // Some programs begin a file with a mark of its order of bytes.
    let value: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("is no JSON: {error}"))?;
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
        let format = form(path)?;
        let file = File::create_new(path).map_err(|error| {
            Problem::new(format!("{} cannot be written: {error}", path.display()))
                .next("It names a file that is not there yet.")
        })?;
        if format == Format::Jsonl {
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

/// The form of a file by the ending of its name.
fn form(path: &Path) -> Result<Format, Problem> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(Format::Csv),
        Some("jsonl" | "ndjson") => Ok(Format::Jsonl),
        _ => {
            Err(Problem::new(format!("{} is of no known kind", path.display()))
                .next("Its name ends in .csv or in .jsonl."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, content: impl AsRef<[u8]>) -> Vec<(u64, Result<Row, String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let read = read(&path, None).map_err(|problem| problem.what).unwrap();
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
        assert!(read(&path, None).err().unwrap().next.unwrap().contains("product_id"));
        assert!(read(&folder.path().join("a.xlsx"), None).is_err());
        assert!(read(&path, Some(Format::Jsonl)).is_ok(), "its form is said");
    }

    #[test]
    fn a_file_with_other_separators_or_in_another_encoding_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let utf16: Vec<u8> = "product_id,quantity\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, wanted) in [
            (b"product_id;quantity\natlas;1\n".to_vec(), "separated by commas"),
            (b"product_id\tquantity\n".to_vec(), "separated by commas"),
            (b"product_id,\xe4\n".to_vec(), "Save it as UTF-8"),
            (utf16.clone(), "Save it as UTF-8"),
        ] {
            std::fs::write(&path, content).unwrap();
            let told = read(&path, None).err().unwrap().next.unwrap();
            assert!(told.contains(wanted), "{told}");
        }
        let told = lines("a.jsonl", utf16)[0].1.clone().unwrap_err();
        assert!(told.contains("save the file as UTF-8"), "{told}");
        assert!(lines("b.jsonl", "\u{feff}{\"product_id\":\"atlas\"}\n")[0].1.is_ok());
        assert!(lines("b.csv", "\u{feff}product_id\natlas\n")[0].1.is_ok());
    }
}

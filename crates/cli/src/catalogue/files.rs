//! Catalogues as files: CSV with the names of columns in its first line, or a JSON object on each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Stdout, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::records::{OTHER_TEXT, Record, Records};
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
        Box::new(file.map_err(|error| Problem::unreadable(path, &error))?)
    };
    match format {
        Format::Csv => csv(source, &name(path)),
        Format::Jsonl => Ok(Box::new(json_lines(BufReader::new(source)))),
    }
}

fn csv(source: Box<dyn Read + Send>, name: &str) -> Result<Lines, Problem> {
    let other_text = || Problem::new(format!("the first line of {name} is not in UTF-8")).next("Save it as UTF-8.");
    let cannot = |error| Problem::new(format!("{name} cannot be read: {error}"));
    let mut records = Records::new(source).map_err(cannot)?;
    let first = records.next().map_or(Ok(Vec::new()), |record| record.fields);
    let columns = first.map_err(|problem| match problem.as_str() {
        OTHER_TEXT => other_text(),
        _ => Problem::new(format!("the first line of {name} {problem}")),
    })?;
    // Some programs begin a file with a mark of its order of bytes.
    let columns: Vec<String> =
        columns.iter().map(|column| column.trim_start_matches('\u{feff}').trim().to_owned()).collect();
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
    Ok(Box::new(records.map(move |record| csv_line(record, &columns))))
}

fn csv_line(record: Record, columns: &[String]) -> Line {
    let Record { line, last, fields, bytes } = record;
    let row = fields.and_then(|fields| match fields.len() {
        len if len == columns.len() => Ok(columns.iter().cloned().zip(fields).collect()),
        len => {
            let to = if last > line { format!(" goes on to line {last}, within a quote, and") } else { String::new() };
            Err(format!("{to} has {len} columns, and the first line has {}", columns.len()).trim_start().to_owned())
        }
    });
    Line { number: line, row, bytes }
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

/// Where lines are written to, in one of the two forms.
pub(super) enum Sheet {
    Csv(Box<csv::Writer<Place>>),
    Json(Place),
}

/// A file that has its name once it is whole, or standard output.
pub(super) enum Place {
    File(BufWriter<NamedTempFile>, PathBuf),
    Screen(Stdout),
}

impl Sheet {
    /// A new file, which must not be there yet, in the form that is said, or by the ending of its name. Without a name, standard output, as JSON
    /// lines where nothing is said.
    pub(super) fn new(path: Option<&Path>, format: Option<Format>) -> Result<Self, Problem> {
        let by_name = || path.map_or(Ok(Format::Jsonl), form);
        let format = format.map_or_else(by_name, Ok)?;
        let place = path.map_or_else(|| Ok(Place::Screen(std::io::stdout())), Place::new)?;
        if format == Format::Jsonl {
            return Ok(Self::Json(place));
        }
        let mut writer = csv::Writer::from_writer(place);
        writer.write_record(COLUMNS).map_err(|error| cannot_write(&error))?;
        Ok(Self::Csv(Box::new(writer)))
    }

    /// Writes a line; false when nobody reads any more.
    pub(super) fn write(&mut self, row: &Row) -> Result<bool, Problem> {
        match self {
            Self::Csv(writer) => {
                let record = COLUMNS.iter().map(|column| row.get(*column).map(String::as_str).unwrap_or_default());
                heard(writer.write_record(record).map_err(io::Error::from))
            }
            Self::Json(place) => heard(writeln!(place, "{}", object_of(row))),
        }
    }

    /// Sees to it that everything is written; a file has its name then.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let place = match self {
            Self::Csv(writer) => match writer.into_inner() {
                Ok(place) => place,
                // What is left for a reader that has gone.
                Err(error) => return heard(Err(io::Error::from(error.error().kind()))).map(|_| ()),
            },
            Self::Json(place) => place,
        };
        place.finish()
    }
}

impl Place {
    fn new(path: &Path) -> Result<Self, Problem> {
        if path.exists() {
            return Err(Problem::there(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder)
            .map_err(|error| Problem::new(format!("{} cannot be written: {error}", path.display())))?;
        Ok(Self::File(BufWriter::new(file), path.to_owned()))
    }

    fn finish(self) -> Result<(), Problem> {
        match self {
            Self::Screen(mut out) => heard(out.flush()).map(|_| ()),
            Self::File(writer, path) => {
                let file = writer.into_inner().map_err(|error| cannot_write(&error))?;
                file.as_file().sync_all().map_err(|error| cannot_write(&error))?;
                file.persist_noclobber(&path).map(|_| ()).map_err(|refused| match refused.error.kind() {
                    io::ErrorKind::AlreadyExists => Problem::there(&path),
                    _ => cannot_write(&refused.error),
                })
            }
        }
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write(bytes),
            Self::Screen(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Screen(out) => out.flush(),
        }
    }
}

/// Whether what was written was read. A reader that has gone is no failure.
fn heard(written: io::Result<()>) -> Result<bool, Problem> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(cannot_write(&error)),
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
        _ => Err(Problem::new(format!("{} is of no known kind", path.display()))
            .next("Its name ends in .csv or in .jsonl, or --format says it.")),
    }
}

#[cfg(test)]
mod tests {
    //! Proves W20.

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
    fn w20_an_open_quote_is_told_with_its_line_and_the_next_line_is_read() {
        let read = lines("a.csv", "product_id,quantity\n\"atlas,1\natlas,2\n\"two\nlines\",3,4\natlas,5\n");
        let told: Vec<_> = read.iter().map(|(number, row)| (*number, row.as_ref().err().map(String::as_str))).collect();
        assert!(told[0].0 == 2 && told[0].1.unwrap().starts_with("opens a quote that is not closed"), "{told:?}");
        let wide = "goes on to line 5, within a quote, and has 3 columns, and the first line has 2";
        assert_eq!(told[1..], [(3, None), (4, Some(wide)), (6, None)]);
    }

    #[test]
    fn a_json_file_is_read_line_by_line_and_a_bad_line_hides_none() {
        let read = lines("a.jsonl", "{\"product_id\":\"atlas\",\"quantity\":5}\n\nnonsense\n[1]\n{\"price\":1}\n");
        let numbers: Vec<_> = read.iter().map(|(number, row)| (*number, row.is_ok())).collect();
        assert_eq!(numbers, [(1, true), (3, false), (4, false), (5, false)]);
        assert_eq!(read[0].1.as_ref().unwrap()["quantity"], "5");
    }

    #[test]
    fn w20_a_sheet_has_the_form_that_is_said_or_that_its_name_says_and_its_name_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let row = Row::from([("product_id".to_owned(), "atlas".to_owned())]);
        let written = |name: &str, format| {
            let path = folder.path().join(name);
            let mut sheet = Sheet::new(Some(&path), format).map_err(|problem| problem.what).unwrap();
            assert!(sheet.write(&row).is_ok_and(|is_read| is_read) && !path.exists(), "not yet whole");
            assert!(sheet.finish().is_ok());
            std::fs::read_to_string(path).unwrap()
        };
        let json = "{\"product_id\":\"atlas\"}\n";
        assert_eq!(written("a.jsonl", None), json);
        assert_eq!(written("a.txt", Some(Format::Jsonl)), json);
        assert!(written("a.csv", None).starts_with("license_id,license_key,"));
        assert!(written("b", Some(Format::Csv)).ends_with(",,,,,atlas,,,,,,,,,,,,,,,,\n"));
        assert!(Sheet::new(Some(&folder.path().join("c.txt")), None).is_err(), "nothing says its form");
        let there = Sheet::new(Some(&folder.path().join("a.csv")), None).err().unwrap();
        assert!(there.what.ends_with("a.csv is there already") && there.next.unwrap().contains("Name another file"));
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

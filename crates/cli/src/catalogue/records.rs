//! The records of a CSV file (RFC 4180), each with the line where it begins. A field in quotes may go on over line breaks; a quote that is
//! opened and never closed costs the line in which it stands, and no other.
//!
//! That one is closed is known only where a comma or the end of a line comes behind the closing quote. Anything else behind it, on a later
//! line than the opening one, says that the quote belonged to another field: the first was never closed. So does the end of the file, and a
//! field that goes on for too long.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

/// A record with more lines than this has a quote that was never closed: a catalogue has no texts of that length, and what is read again
/// then is bounded.
const MOST_LINES: usize = 100;

/// What is wrong with a record in another encoding.
pub(super) const OTHER_TEXT: &str = "is not in UTF-8";

/// A record, or why there is none.
pub(super) struct Record {
    /// The line where it begins; of a quote that was never closed, the line where that was opened.
    pub(super) line: u64,
    /// The line where it ends.
    pub(super) last: u64,
    pub(super) fields: Result<Vec<String>, String>,
    /// How many bytes were read for it.
    pub(super) bytes: u64,
}

/// The records of a text.
pub(super) struct Records<R> {
    reader: BufReader<R>,
    /// What ends a line: of a few programs a return alone does.
    end: u8,
    /// Lines that are to be looked at again.
    again: VecDeque<Line>,
    /// Records behind the first of a line, which a return alone ended.
    behind: VecDeque<Record>,
    /// How many lines were read, and how many bytes since the last record.
    read: u64,
    bytes: u64,
    has_ended: bool,
}

/// A line with its end.
struct Line {
    number: u64,
    text: Vec<u8>,
}

/// Where in a record one is at the end of a line.
enum Reached {
    /// The record is whole.
    End,
    /// Within a field whose quote was opened in this line.
    Quoted(u64),
    /// Behind a quote that was never closed, opened in this line.
    Unclosed(u64),
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R) -> io::Result<Self> {
        let mut reader = BufReader::new(source);
        let beginning = reader.fill_buf()?;
        let place = beginning.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let is_return = place
            .is_some_and(|place| beginning.get(place..place + 2).is_some_and(|end| end[0] == b'\r' && end[1] != b'\n'));
        let end = if is_return { b'\r' } else { b'\n' };
        Ok(Self { reader, end, again: VecDeque::new(), behind: VecDeque::new(), read: 0, bytes: 0, has_ended: false })
    }

    /// The next line; an error is the last that there is.
    fn line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        if self.has_ended {
            return Ok(None);
        }
        let mut text = Vec::new();
        let read = self.reader.read_until(self.end, &mut text);
        // What cannot be read at all would be so for ever.
        self.has_ended = !matches!(read, Ok(1..));
        self.bytes += text.len() as u64;
        self.read += 1;
        Ok((read? > 0).then_some(Line { number: self.read, text }))
    }

    /// The lines of the next record; or what is wrong with them, and with which.
    fn lines(&mut self) -> io::Result<Option<Result<Vec<Line>, u64>>> {
        let mut lines: Vec<Line> = Vec::new();
        let mut quoted = None;
        loop {
            let Some(line) = self.line()? else {
                let Some(opened) = quoted else { return Ok(None) };
                return Ok(Some(self.unclosed(lines, opened)));
            };
            if lines.is_empty() && line.text.trim_ascii().is_empty() {
                continue;
            }
            let reached = reach(&line, quoted);
            lines.push(line);
            match reached {
                Reached::End => return Ok(Some(Ok(lines))),
                Reached::Quoted(opened) if lines.len() < MOST_LINES => quoted = Some(opened),
                Reached::Quoted(opened) | Reached::Unclosed(opened) => {
                    return Ok(Some(self.unclosed(lines, opened)));
                }
            }
        }
    }

    /// Leaves the line with the open quote out, and has those behind it looked at again.
    fn unclosed(&mut self, lines: Vec<Line>, opened: u64) -> Result<Vec<Line>, u64> {
        for line in lines.into_iter().rev().filter(|line| line.number > opened) {
            self.again.push_front(line);
        }
        Err(opened)
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if let Some(record) = self.behind.pop_front() {
            return Some(record);
        }
        let lines = self.lines();
        let bytes = std::mem::take(&mut self.bytes);
        Some(match lines {
            Ok(None) => return None,
            Ok(Some(Ok(lines))) => {
                let line = lines.first().map_or(self.read, |line| line.number);
                let last = lines.last().map_or(self.read, |line| line.number);
                let mut records = fields(&lines).into_iter();
                let first = records.next().unwrap_or_else(|| Ok(Vec::new()));
                self.behind = records.map(|fields| Record { line, last, fields, bytes: 0 }).collect();
                Record { line, last, fields: first, bytes }
            }
            Ok(Some(Err(opened))) => {
                let problem =
                    "opens a quote that is not closed: close it at the field's end, or write \"\" for a quote within";
                Record { line: opened, last: opened, fields: Err(problem.to_owned()), bytes }
            }
            Err(error) => {
                Record { line: self.read, last: self.read, fields: Err(format!("cannot be read: {error}")), bytes }
            }
        })
    }
}

/// How far one is at the end of a line that begins within a quote, or outside of any.
fn reach(line: &Line, mut quoted: Option<u64>) -> Reached {
    enum At {
        Start,
        Plain,
        Quoted,
        Behind,
    }
    let mut at = if quoted.is_some() { At::Quoted } else { At::Start };
    for byte in &line.text {
        at = match (at, byte) {
            (At::Start | At::Behind, b'"') => {
                quoted = quoted.or(Some(line.number));
                At::Quoted
            }
            (At::Quoted, b'"') => At::Behind,
            (At::Quoted, _) => At::Quoted,
            // Of the two that end a record, the one that ends no line of this file does so as well.
            (_, b',' | b'\r' | b'\n') => {
                quoted = None;
                At::Start
            }
            (At::Behind, _) => match quoted {
                Some(opened) if opened < line.number => return Reached::Unclosed(opened),
                // As other programs take it: what stands behind a quote belongs to the field.
                _ => At::Plain,
            },
            (At::Start | At::Plain, _) => At::Plain,
        };
    }
    match (at, quoted) {
        (At::Quoted, Some(opened)) => Reached::Quoted(opened),
        _ => Reached::End,
    }
}

/// The fields of each record in the lines of one: several, where a return alone stands within a line.
fn fields(lines: &[Line]) -> Vec<Result<Vec<String>, String>> {
    let text: Vec<u8> = lines.iter().flat_map(|line| line.text.iter().copied()).collect();
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).buffer_capacity(text.len().max(1));
    let mut reader = builder.from_reader(text.as_slice());
    let mut record = csv::StringRecord::new();
    let mut records = Vec::new();
    loop {
        records.push(match reader.read_record(&mut record).map_err(csv::Error::into_kind) {
            Ok(true) => Ok(record.iter().map(str::to_owned).collect()),
            Ok(false) => return records,
            Err(csv::ErrorKind::Utf8 { .. }) => Err(OTHER_TEXT.to_owned()),
            Err(kind) => {
                records.push(Err(format!("cannot be read: {kind:?}")));
                return records;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    //! Proves W20.

    use super::*;

    /// Each record with its line: its fields, or nothing where it has a quote that is not closed.
    fn records(text: &str) -> Vec<(u64, String)> {
        let records = Records::new(text.as_bytes()).unwrap();
        let told =
            |fields: Result<Vec<String>, String>| fields.map_or_else(|problem| problem, |fields| fields.join("|"));
        records.map(|record| (record.line, told(record.fields))).collect()
    }

    fn is_unclosed(records: &[(u64, String)], line: u64) -> bool {
        records.iter().any(|(at, told)| *at == line && told.starts_with("opens a quote that is not closed"))
    }

    #[test]
    fn w20_a_field_in_quotes_goes_on_over_line_breaks_and_has_quotes_within() {
        let text = "a,b\n\n\"two\nlines\",\"with \"\"quotes\"\", and a comma\"\r\nlast,\"one\"";
        let expected = [(1, "a|b"), (3, "two\nlines|with \"quotes\", and a comma"), (5, "last|one")];
        assert_eq!(records(text), expected.map(|(line, told)| (line, told.to_owned())));
        let mac = records("a,b\r1,2\r3,4\r");
        assert_eq!(mac.len(), 3, "a return alone ends a line: {mac:?}");
    }

    #[test]
    fn w20_a_return_alone_within_a_line_ends_a_record_and_hides_none() {
        let told = records("a,b\n1,2\r3,4\r\"5\",6\r\n7,8\n");
        let expected = [(1, "a|b"), (2, "1|2"), (2, "3|4"), (2, "5|6"), (3, "7|8")];
        assert_eq!(told, expected.map(|(line, told)| (line, told.to_owned())));
        let told = records("a,b\r1,2\n3,4\r\n5,6");
        let expected = [(1, "a|b"), (2, "1|2"), (2, "3|4"), (3, "5|6")];
        assert_eq!(told, expected.map(|(line, told)| (line, told.to_owned())));
        let open = records("a,b\n1,2\r\"3,4\n5,6\n");
        assert!(is_unclosed(&open, 2) && open[2].1 == "5|6", "{open:?}");
        let other = Records::new(b"a,b\n1,2\r\xff,4\r5,6\n".as_slice()).unwrap();
        let fields: Vec<_> = other.map(|record| record.fields.ok().map(|fields| fields.join("|"))).collect();
        assert_eq!(fields, ["a|b", "1|2", "", "5|6"].map(|told| Some(told.to_owned()).filter(|told| !told.is_empty())));
    }

    #[test]
    fn w20_a_quote_that_is_never_closed_costs_its_line_and_no_other() {
        for (what, text) in [
            ("another quote comes", "1,\"open,x\n2,\"closed\",y\n3,c,z\n"),
            ("a comma stands in the other", "1,\"open,x\n2,\"a, b\",y\n3,c,z\n"),
            ("none comes", "1,\"open,x\n2,b,y\n3,c,z\n"),
            ("the last line has no end", "1,\"open,x\n2,b,y\n3,c,z"),
        ] {
            let told = records(text);
            let lines: Vec<u64> = told.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 2, 3], "{what}: {told:?}");
            assert!(is_unclosed(&told, 1), "{what}: {told:?}");
            assert_eq!(told[2].1, "3|c|z", "{what}");
        }
        let last = records("1,a\n2,\"open\n");
        assert!(last[0].1 == "1|a" && is_unclosed(&last, 2) && last.len() == 2, "{last:?}");
        let within = records("1,\"two\nlines\",\"open\n3,c\n");
        assert!(is_unclosed(&within, 2) && within[1] == (3, "3|c".into()), "{within:?}");
    }

    #[test]
    fn w20_an_open_quote_is_not_looked_for_to_the_end_of_a_long_file() {
        let text = format!("1,\"open\n{}", "2,b\n".repeat(1000));
        let mut records = Records::new(text.as_bytes()).unwrap();
        let first = records.next().unwrap();
        assert!(first.line == 1 && first.fields.is_err());
        assert_eq!(records.again.len(), MOST_LINES - 1);
        assert_eq!(records.filter(|record| record.fields.is_ok()).count(), 1000);
    }

    #[test]
    fn w20_every_byte_of_a_file_is_counted_once() {
        let text = "a,b\n\n1,\"open\n2,\"x\"\n3,y";
        let counted: u64 = Records::new(text.as_bytes()).unwrap().map(|record| record.bytes).sum();
        assert_eq!(counted, text.len() as u64);
    }
}

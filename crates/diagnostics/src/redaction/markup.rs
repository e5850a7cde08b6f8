//! Secrets behind their names in XML, in text that was written for HTML or an address, and in pairs of name and value.

use super::ahead::{examined, position, run};
use super::pairs::{Name, behind_mark, marked, separator, skip};
use super::values::{self, Value};

/// How far the end of an element is looked for behind the end of its line.
const MAX_ELEMENT: usize = 8 * 1024;
/// Quotation marks in other codes: of addresses, of JSON, of HTML.
const CODED_MARKS: [&[u8]; 6] = [b"%22", b"%27", b"\\u0022", b"\\\\u0022", b"&quot;", b"&#34;"];

/// `<password kind="x">value</password>`, `<password value="x"/>`, `&lt;password&gt;value&lt;/password&gt;`
pub(super) fn element(text: &[u8], name: &Name, after: usize) -> Option<Value> {
    if text[..name.start].ends_with(b"&lt;") && text[after..].starts_with(b"&gt;") {
        let start = after + 4;
        // A value has no element in it, however long it is; what is behind its line is near.
        let line_end = (start..text.len()).find(|at| text[*at] == b'\n' || text[*at..].starts_with(b"&lt;"));
        let line_end = line_end.unwrap_or(text.len());
        examined(line_end - start);
        let end = position(&text[..text.len().min(line_end + MAX_ELEMENT)], line_end, b"&lt;")?;
        return text[end..].starts_with(b"&lt;/").then_some(Value { start, end });
    }
    if !name.element {
        return None;
    }
    let tag_end = run(text, after, |byte| !matches!(byte, b'<' | b'>' | b'\n'));
    if text.get(tag_end) != Some(&b'>') {
        return None;
    }
    if text[tag_end - 1] == b'/' {
        let sign = text[after..tag_end].windows(7).position(|window| window.eq_ignore_ascii_case(b" value="))?;
        return marked(text, after + sign + 7);
    }
    if text[tag_end + 1..].starts_with(b"<![CDATA[") {
        let start = tag_end + 10;
        return Some(Value { start, end: position(text, start, b"]]>").unwrap_or(text.len()) });
    }
    // Elements within it have names of their own.
    let value = inner(text, tag_end + 1)?;
    (value.end == text.len() || text[value.end..].starts_with(b"</")).then_some(value)
}

/// A value between marks in another code: `%22password%22%3A%22x%22`.
pub(super) fn coded(text: &[u8], after: usize) -> Option<Value> {
    if !matches!(text.get(after), Some(b'%' | b'\\' | b'&')) {
        return None;
    }
    let mark = CODED_MARKS.into_iter().find(|mark| text[after..].starts_with(mark))?;
    let (behind, _) = separator(text, after + mark.len())?;
    let start = skip(text, behind, b" +");
    if !text[start..].starts_with(mark) {
        return Some(values::bare(text, start, false));
    }
    let start = start + mark.len();
    let ends = |at: &usize| text[*at] == b'\n' || text[*at..].starts_with(mark);
    let end = (start..text.len()).find(ends).unwrap_or(text.len());
    examined(end - start);
    Some(Value { start, end })
}

/// The strings of an object, by their places: `"credentials": {"a": "x", "b": "y"}`. Gives where the object ends: at its brace,
/// or before a line that is no JSON, if it was cut off.
pub(super) fn object(text: &[u8], open: usize, each: &mut dyn FnMut(Value)) -> usize {
    let (mut at, mut depth) = (open, 0_usize);
    while at < text.len() {
        match text[at] {
            b'{' => depth += 1,
            b'}' if depth <= 1 => break,
            b'}' => depth -= 1,
            b'\n' if !goes_on(text, at + 1) => break,
            b'"' | b'\'' | b'\\' => {
                if let Some((quote, start)) = values::open(text, at) {
                    let value = values::quoted(text, start, quote);
                    let is_value = text[open..at].iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
                    if is_value {
                        each(value);
                    }
                    at = (value.end + quote.bytes().len()).max(at + 1);
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    examined(at.saturating_sub(open));
    at.min(text.len())
}

/// Whether a line can be one within an object: it begins as JSON does, or with a name and a colon.
fn goes_on(text: &[u8], line: usize) -> bool {
    let at = skip(text, line, b" \t\r");
    match text.get(at) {
        None => true,
        Some(byte) if b"\"'{}],:\\\n".contains(byte) => true,
        // `[ 12.3] …` is a line of the kernel's log.
        Some(b'[') => !text.get(skip(text, at + 1, b" ")).is_some_and(u8::is_ascii_digit),
        _ => {
            let behind = run(&text[..text.len().min(at + 128)], at, |byte| values::is_name(byte) || byte == b'$');
            match text.get(skip(text, behind, b" \t\r")) {
                // `2026-06-08T12:00:00Z …` is a line of another log.
                Some(b':') => text.get(behind + 1).is_none_or(|byte| !byte.is_ascii_digit()),
                byte => matches!(byte, None | Some(b',' | b'\n' | b'}' | b']')),
            }
        }
    }
}

/// The value beside its name: `name: DB_PASSWORD` with `value: x`, `"key":"password","value":"x"`, `<add key="…" value="…"/>`,
/// `<entry key="password">x</entry>`, `<name>password</name><value>x</value>`.
pub(super) fn twin(text: &[u8], after: usize, closed: bool) -> Option<Value> {
    if closed && text.get(after) == Some(&b'>') {
        return inner(text, after + 1);
    }
    let mut at = after;
    if text[at..].starts_with(b"</") {
        let tag_end = run(text, at + 1, |byte| !matches!(byte, b'<' | b'>' | b'\n'));
        at = (text.get(tag_end) == Some(&b'>')).then_some(tag_end + 1)?;
    }
    at = skip(text, at, b" \t\r\n,\\n\"'<");
    let rest = text.get(at..)?;
    if rest.len() < 6 || !rest[..5].eq_ignore_ascii_case(b"value") || at == after {
        return None;
    }
    let (behind, _) = behind_mark(text, at + 5);
    if text.get(behind) == Some(&b'>') {
        return inner(text, behind + 1);
    }
    let (behind, _) = separator(text, behind)?;
    let start = skip(text, behind, b" \t");
    Some(marked(text, start).unwrap_or_else(|| values::bare(text, start, true)))
}

/// The text of an element that begins at `start`: to the next element on its line, or near it, or behind encoded bytes.
fn inner(text: &[u8], start: usize) -> Option<Value> {
    let line = run(text, start, |byte| !matches!(byte, b'<' | b'\n'));
    let near = text.len().min(line + MAX_ELEMENT);
    let mut end = run(&text[..near], line, |byte| byte != b'<');
    if end == near {
        let first = skip(text, start, b" \t\r\n");
        let first_end = values::line_end(text, first);
        end = skip(text, values::encoded_lines(text, first, first_end), b" \t\r\n");
        if end == first_end && end - first < MAX_ELEMENT {
            return None;
        }
    }
    (end == text.len() || text[end] == b'<').then_some(Value { start, end })
}

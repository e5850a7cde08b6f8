//! Secrets behind their names in XML, in text that was written for HTML or an address, and in pairs of name and value.

use super::pairs::{Name, behind_mark, marked, separator, skip};
use super::values::{self, Value};

/// How far the end of an element is looked for.
const MAX_ELEMENT: usize = 8 * 1024;
/// Quotation marks in other codes: of addresses, of JSON, of HTML.
const CODED_MARKS: [&[u8]; 6] = [b"%22", b"%27", b"\\u0022", b"\\\\u0022", b"&quot;", b"&#34;"];

/// `<password kind="x">value</password>`, `<password value="x"/>`, `&lt;password&gt;value&lt;/password&gt;`
pub(super) fn element(text: &[u8], name: &Name, after: usize) -> Option<Value> {
    if text[..name.start].ends_with(b"&lt;") && text[after..].starts_with(b"&gt;") {
        return until(text, after + 4, b"&lt;");
    }
    if !name.element {
        return None;
    }
    let line_end = values::line_end(&text[..text.len().min(after + MAX_ELEMENT)], after);
    let tag_end = text[after..line_end].iter().position(|byte| *byte == b'>').map(|at| after + at)?;
    if text[tag_end - 1] == b'/' {
        let sign = text[after..tag_end].windows(7).position(|window| window.eq_ignore_ascii_case(b" value="))?;
        return marked(text, after + sign + 7);
    }
    if text[tag_end + 1..].starts_with(b"<![CDATA[") {
        return until(text, tag_end + 10, b"]]>");
    }
    // Elements within it have names of their own.
    let value = inner(text, tag_end + 1)?;
    text[value.end..].starts_with(b"</").then_some(value)
}

/// A value between marks in another code: `%22password%22%3A%22x%22`.
pub(super) fn coded(text: &[u8], after: usize) -> Option<Value> {
    let mark = CODED_MARKS.into_iter().find(|mark| text[after..].starts_with(mark))?;
    let (behind, _) = separator(text, after + mark.len())?;
    let start = skip(text, behind, b" +");
    if !text[start..].starts_with(mark) {
        return Some(values::bare(text, start, false));
    }
    until(text, start + mark.len(), mark)
}

/// The strings of an object, by their places: `"credentials": {"a": "x", "b": "y"}`.
pub(super) fn object(text: &[u8], open: usize, each: &mut dyn FnMut(Value)) {
    let far = text.len().min(open + MAX_ELEMENT);
    let (mut at, mut depth) = (open, 0_usize);
    while at < far {
        match text[at] {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return,
            b'}' => depth -= 1,
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
}

fn until(text: &[u8], start: usize, end: &[u8]) -> Option<Value> {
    let far = text.len().min(start + MAX_ELEMENT);
    let length = text[start..far].windows(end.len()).position(|window| window == end)?;
    Some(Value { start, end: start + length })
}

/// The value beside its name: `name: DB_PASSWORD` with `value: x`, `"key":"password","value":"x"`, `<add key="…" value="…"/>`,
/// `<entry key="password">x</entry>`, `<name>password</name><value>x</value>`.
pub(super) fn twin(text: &[u8], after: usize, closed: bool) -> Option<Value> {
    if closed && text.get(after) == Some(&b'>') {
        return inner(text, after + 1);
    }
    let mut at = after;
    if text[at..].starts_with(b"</") {
        at = text[at..values::line_end(text, at)].iter().position(|byte| *byte == b'>').map(|end| at + end + 1)?;
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

/// The text of an element that begins at `start`.
fn inner(text: &[u8], start: usize) -> Option<Value> {
    let far = text.len().min(start + MAX_ELEMENT);
    let end = text[start..far].iter().position(|byte| *byte == b'<').map(|end| start + end)?;
    Some(Value { start, end })
}

//! A search that tells lines as it finds them: `path:line: text`, the match coloured on a terminal, and what it came to at the end.
//!
//! By its shape: an RPC whose stream of messages is a choice of a `match` and a `summary`.

use std::io::IsTerminal;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage, Value};
use unicode_width::UnicodeWidthStr;

use super::cells;
use crate::output;

/// What a match has.
const MATCH: [&str; 5] = ["path", "line_number", "before", "matched", "after"];

/// Whether an RPC's stream tells what was found in lines.
pub(super) fn is_found(method: &MethodDescriptor) -> bool {
    let has = |name: &str, fields: &[&str]| {
        let field = method.output().get_field_by_name(name);
        let kind = field.as_ref().map(FieldDescriptor::kind);
        matches!(kind, Some(Kind::Message(of)) if fields.iter().all(|field| of.get_field_by_name(field).is_some()))
    };
    method.is_server_streaming() && has("match", &MATCH) && has("summary", &["end", "matches"])
}

/// How lines are told.
pub(super) struct Lines {
    /// Whether texts stand below one another: on a terminal. Other programs split at colons.
    is_aligned: bool,
    /// The widest place so far.
    width: usize,
}

impl Lines {
    /// As standard output wants them.
    pub(super) fn here() -> Self {
        Self { is_aligned: std::io::stdout().is_terminal(), width: 0 }
    }

    /// The line of a match; `None` for a message that has none.
    pub(super) fn line(&mut self, message: &DynamicMessage) -> Option<String> {
        let found = within(message, "match")?;
        let text = |name: &str| printable(&found, name);
        let place = format!("{}:{}:", text("path"), number(&found, "line_number"));
        let blank = if self.is_aligned { self.width.saturating_sub(place.width()) } else { 0 };
        self.width = self.width.max(place.width());
        let matched = output::bad(&text("matched"));
        Some(format!("{}{:blank$} {}{matched}{}", output::quiet(&place), "", text("before"), text("after")))
    }
}

/// What a search came to, in a sentence; with what it lacks, where it was cut short.
pub(super) fn summary(message: &DynamicMessage) -> Option<(String, Option<String>)> {
    let summary = within(message, "summary")?;
    let count = |name: &str| number(&summary, name);
    let bytes = u64::try_from(count("bytes_searched")).unwrap_or_default();
    let mut told = format!(
        "{} lines found in {} entries, {}",
        count("matches"),
        count("entries_searched"),
        indicatif::HumanBytes(bytes)
    );
    for (name, what) in
        [("entries_skipped", "entries are no text"), ("lines_cut", "lines too long to be searched whole")]
    {
        if count(name) > 0 {
            told = format!("{told}; {} {what}", count(name));
        }
    }
    let end = summary.get_field_by_name("end").and_then(|end| end.as_enum_number());
    let flag = match end {
        Some(2) => Some("--limit-matches"),
        Some(3) => Some("--limit-bytes"),
        Some(4) => Some("--limit-time"),
        _ => None,
    };
    Some((told, flag.map(|flag| format!("Cut short by {flag}: there may be more."))))
}

fn within(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let field = message.descriptor().get_field_by_name(name).filter(|field| message.has_field(field))?;
    message.get_field(&field).as_message().cloned()
}

fn printable(message: &DynamicMessage, name: &str) -> String {
    let value = message.get_field_by_name(name);
    value.and_then(|value| value.as_str().map(cells::printable)).unwrap_or_default()
}

fn number(message: &DynamicMessage, name: &str) -> i64 {
    match message.get_field_by_name(name).as_deref() {
        Some(Value::I64(number)) => *number,
        Some(Value::I32(number)) => (*number).into(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::super::values;
    use super::*;

    fn message(json: serde_json::Value) -> DynamicMessage {
        let pool = vouch_contract::pool();
        let descriptor = pool.get_message_by_name("vouch.vendor.v1.SearchBundleResponse").unwrap();
        values::message(&descriptor, &json).unwrap()
    }

    fn found(path: &str, line: &str, after: &str) -> DynamicMessage {
        let line = json!({ "path": path, "lineNumber": line, "before": "an ", "matched": "error", "after": after });
        message(json!({ "match": line }))
    }

    #[test]
    fn a_search_is_known_by_its_shape() {
        let service = vouch_contract::pool().get_service_by_name("vouch.vendor.v1.BundleDeskService").unwrap();
        let searches: Vec<_> = service.methods().filter(is_found).map(|method| method.name().to_owned()).collect();
        assert_eq!(searches, ["SearchBundle"]);
    }

    #[test]
    fn lines_stand_below_one_another_on_a_terminal_and_are_plain_elsewhere() {
        let matches = [found("var/log/a", "7", "\u{1b}[2J"), found("b", "12", ""), found("var/log/a", "1000", "")];
        let told = |is_aligned| {
            let mut lines = Lines { is_aligned, width: 0 };
            let lines = matches.iter().filter_map(|message| lines.line(message));
            lines.map(|line| strip_str(&line).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(told(true), ["var/log/a:7: an error [2J", "b:12:        an error", "var/log/a:1000: an error"]);
        assert_eq!(told(false)[1], "b:12: an error");
    }

    #[test]
    fn what_a_search_came_to_says_what_it_lacks() {
        let whole = json!({
            "end": "BUNDLE_SEARCH_END_COMPLETE", "matches": "3", "entriesSearched": 4, "bytesSearched": "2048",
        });
        let (told, lacks) = summary(&message(json!({ "summary": whole }))).unwrap();
        assert_eq!((told.as_str(), lacks), ("3 lines found in 4 entries, 2.00 KiB", None));
        let cut = json!({ "end": "BUNDLE_SEARCH_END_TIME_LIMIT", "entriesSkipped": 2, "linesCut": "1" });
        let (told, lacks) = summary(&message(json!({ "summary": cut }))).unwrap();
        assert!(told.ends_with("; 2 entries are no text; 1 lines too long to be searched whole"), "{told}");
        assert_eq!(lacks.as_deref(), Some("Cut short by --limit-time: there may be more."));
        assert!(summary(&found("a", "1", "")).is_none());
    }
}

//! The history of a case, as a person reads it: each event with its instant, what happened and who did it, and beneath it what was said.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, Kind, ReflectMessage, Value};
use unicode_width::UnicodeWidthStr;

use super::cells::{self, Room};
use crate::output;

/// An event, whose payload is one of the contract's messages.
const EVENT: &str = "vouch.vendor.v1.CaseEvent";
/// How far what was said is set in.
const STEP: usize = 4;

/// Whether a message is an event of a case.
pub(super) fn is_event(message: &DynamicMessage) -> bool {
    message.descriptor().full_name() == EVENT
}

/// The lines of a history.
pub(super) fn lines(events: &[DynamicMessage], indent: usize) -> Vec<String> {
    let heads: Vec<[String; 4]> = events.iter().map(head).collect();
    let widths = [0, 1, 2].map(|place| heads.iter().map(|head| head[place].width()).max().unwrap_or_default());
    let blank = " ".repeat(indent);
    let mut lines = Vec::new();
    for (event, [sequence, at, what, actor]) in events.iter().zip(&heads) {
        let what = output::strong(&format!("{what:<0$}", widths[2]));
        let line = format!("{blank}{sequence:>0$}  {at:<1$}  {what}  {actor}", widths[0], widths[1]);
        lines.push(line.trim_end().to_owned());
        lines.extend(words(event).into_iter().map(|line| format!("{blank}{:STEP$}{line}", "")));
    }
    lines
}

/// Its number, its instant, what happened, and who did it.
fn head(event: &DynamicMessage) -> [String; 4] {
    ["sequence", "committed_at", "type_name", "actor"].map(|name| {
        let field = event.descriptor().get_field_by_name(name);
        let text = field.map(|field| cells::text(&field, &event.get_field(&field), Room::Cell)).unwrap_or_default();
        if name == "type_name" { in_words(text.rsplit('.').next().unwrap_or_default()) } else { text }
    })
}

/// `InformationProvided`: information provided.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// What its payload says, a field for each line; what is within a field of its own (the whole case) is told elsewhere.
fn words(event: &DynamicMessage) -> Vec<String> {
    let of = |name: &str| event.get_field_by_name(name).map(Cow::into_owned);
    let (Some(Value::String(name)), Some(Value::Bytes(payload))) = (of("type_name"), of("payload")) else {
        return Vec::new();
    };
    if payload.is_empty() && of("salt").is_some_and(|salt| salt == Value::Bytes(bytes::Bytes::new())) {
        return vec![output::quiet("what it said was erased")];
    }
    let descriptor = vouch_contract::pool().get_message_by_name(&name);
    let Some(payload) = descriptor.and_then(|descriptor| DynamicMessage::decode(descriptor, payload).ok()) else {
        return vec![output::quiet("of a later version of this program")];
    };
    let mut lines = Vec::new();
    for field in payload.descriptor().fields().filter(|field| payload.has_field(field)) {
        let value = payload.get_field(&field);
        let is_plain = match field.kind() {
            Kind::Message(of) => of.full_name().starts_with("google.protobuf.") && !field.is_list(),
            Kind::Bytes => false,
            _ => !cells::is_for_programs(&field),
        };
        let said: Vec<String> = match value.as_ref() {
            _ if !is_plain => continue,
            Value::List(values) => values.iter().map(|one| cells::text(&field, one, Room::Line)).collect(),
            Value::String(text) => text.lines().map(cells::printable).collect(),
            value => vec![cells::text(&field, value, Room::Line)],
        };
        let name = field.name();
        for (place, line) in said.into_iter().enumerate() {
            let name = if place == 0 { output::quiet(name) } else { " ".repeat(name.len()) };
            lines.push(format!("{name}  {line}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use prost::Message as _;
    use serde_json::json;
    use vouch_contract::pb::vendor::v1 as pb;

    use super::super::answer;
    use super::super::table::View;
    use super::super::values;

    #[test]
    fn an_engineer_reads_what_a_partner_answered() {
        let base64 = |payload: Vec<u8>| data_encoding::BASE64.encode(&payload);
        let text = "Since noon.\nSee the bundle.\u{1b}[2J".to_owned();
        let provided = pb::InformationProvided { text, bundle_id: "bun_1".into() }.encode_to_vec();
        let event = |sequence: &str, kind: &str, payload: Vec<u8>, salt: &str| {
            json!({ "case_id": "case_1", "sequence": sequence, "type_name": format!("vouch.vendor.v1.{kind}"),
                    "payload": base64(payload), "salt": salt, "actor": "north", "committed_at": "2026-06-08T12:00:00Z" })
        };
        let events = json!([
            event("9", "InformationProvided", provided, "AAAA"),
            event("10", "SolutionDeclined", Vec::new(), ""),
            event("11", "NewerThanThis", vec![1], "AAAA"),
        ]);
        let descriptor = vouch_contract::pool().get_message_by_name("vouch.vendor.v1.GetDeskCaseResponse").unwrap();
        let answer = values::message(&descriptor, &json!({ "events": events })).unwrap();
        let told = answer::lines(&answer, &View { wide: false, width: Some(80) });
        let told: Vec<String> = told.lines.iter().map(|line| strip_str(line).to_string()).collect();
        let expected = [
            " 9  2026-06-08 12:00Z  information provided  north",
            "    text  Since noon.",
            "          See the bundle. [2J",
            "    bundle_id  bun_1",
            "10  2026-06-08 12:00Z  solution declined     north",
            "    what it said was erased",
            "11  2026-06-08 12:00Z  newer than this       north",
            "    of a later version of this program",
        ];
        let start = told.iter().position(|line| line.contains("information provided")).unwrap();
        let found: Vec<&str> = told[start..start + expected.len()].iter().map(String::as_str).collect();
        assert_eq!(found.iter().map(|line| line.trim_start()).collect::<Vec<_>>(), expected.map(str::trim_start));
    }
}

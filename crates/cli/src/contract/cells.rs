//! A value as a person reads it, on one line.

use data_encoding::{BASE64, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::names;
pub(super) use crate::output::on_one_line as printable;

/// How many bytes a digest has.
pub(super) const DIGEST_BYTES: usize = 32;

/// How much of a text is told that only programs read.
const BEGINNING: usize = 40;

/// The fields of a message that says what became different.
const DIFFERENCE: [&str; 3] = ["field", "before", "after"];

/// How much room there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// A cell of a table: instants without seconds.
    Cell,
    /// A line of its own.
    Line,
}

/// A field's value; empty where nothing is said.
pub(super) fn text(field: &FieldDescriptor, value: &Value, room: Room) -> String {
    let one = |value: &Value| scalar(&field.kind(), value, room);
    match value {
        Value::List(values) => values.iter().map(one).collect::<Vec<_>>().join(", "),
        Value::Map(pairs) => {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{}={}", key(name), plain(value))).collect();
            pairs.sort();
            printable(&pairs.join(", "))
        }
        value => one(value),
    }
}

/// Whether a field holds keys or certificates as text: what only programs read, whole or not at all.
pub(super) fn is_key_material(field: &FieldDescriptor) -> bool {
    field.kind() == Kind::String && ["pem", "jwks"].iter().any(|ending| field.name().ends_with(ending))
}

/// Whether only programs read a field: keys, and signed texts.
pub(super) fn is_for_programs(field: &FieldDescriptor) -> bool {
    let signed = ["proof", "receipt", "signature", "license_file"];
    is_key_material(field)
        || (field.kind() == Kind::String && signed.iter().any(|ending| field.name().ends_with(ending)))
}

/// The first line of a text that only programs read, and how long it is.
pub(super) fn beginning(text: &str) -> String {
    let first: String = text.lines().next().unwrap_or_default().chars().take(BEGINNING).collect();
    if first == text { first } else { format!("{}… ({} characters)", printable(&first), text.chars().count()) }
}

/// Whether a field holds what became different: messages of a field, and what it was before and after.
pub(super) fn is_difference(field: &FieldDescriptor) -> bool {
    let Kind::Message(message) = field.kind() else { return false };
    field.is_list() && message.fields().map(|field| field.name().to_owned()).eq(DIFFERENCE)
}

/// What became different, on one line: `quantity: 25 -> 40; state: active -> cancelled`.
pub(super) fn differences(things: &[Value]) -> String {
    let one = |thing: &DynamicMessage| {
        let [field, before, after] = DIFFERENCE.map(|name| {
            let value = thing.get_field_by_name(name);
            let text = value.and_then(|value| value.as_str().map(printable)).unwrap_or_default();
            if text.is_empty() { "none".to_owned() } else { text }
        });
        format!("{field}: {before} -> {after}")
    };
    things.iter().filter_map(Value::as_message).map(one).collect::<Vec<_>>().join("; ")
}

/// Whether a message is said on one line: a time, a duration, a field mask.
pub(super) fn is_scalar(message: &DynamicMessage) -> bool {
    message.descriptor().full_name().starts_with("google.protobuf.")
}

fn scalar(kind: &Kind, value: &Value, room: Room) -> String {
    match (kind, value) {
        (Kind::Enum(enumeration), Value::EnumNumber(number)) => match enumeration.get_value(*number) {
            _ if *number == 0 => String::new(),
            Some(value) => names::enum_value(enumeration.name(), value.name()),
            // From a newer contract.
            None => number.to_string(),
        },
        (_, Value::Message(message)) => within(message, room),
        (_, value) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::I32(number) | Value::EnumNumber(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::F32(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        Value::String(text) => printable(text),
        // As every other program tells a digest.
        Value::Bytes(bytes) if bytes.len() == DIGEST_BYTES => HEXLOWER.encode(bytes),
        Value::Bytes(bytes) => BASE64.encode(bytes),
        Value::Message(message) => within(message, Room::Line),
        Value::List(values) => format!("{} of them", values.len()),
        Value::Map(pairs) => format!("{} of them", pairs.len()),
    }
}

fn key(key: &MapKey) -> String {
    match key {
        MapKey::String(key) => key.clone(),
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
    }
}

fn within(message: &DynamicMessage, room: Room) -> String {
    let number = |name: &str| {
        let value = message.get_field_by_name(name);
        value.and_then(|value| value.as_i64().or_else(|| value.as_i32().map(i64::from))).unwrap_or_default()
    };
    let nanoseconds = i32::try_from(number("nanos")).unwrap_or_default();
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let shown = if room == Room::Cell { "%Y-%m-%d %H:%MZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
            let instant = Timestamp::new(number("seconds"), nanoseconds);
            instant.map(|instant| instant.strftime(shown).to_string()).unwrap_or_default()
        }
        "google.protobuf.Duration" => {
            let seconds = SignedDuration::from_secs(number("seconds"));
            format!("{:#}", seconds.saturating_add(SignedDuration::from_nanos(nanoseconds.into())))
        }
        // What has no shorter form.
        _ => serde_json::to_string(message).map(|json| printable(&json)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::values;
    use super::*;

    fn cell(message: &str, field: &str, json: serde_json::Value) -> String {
        let descriptor = vouch_contract::pool().get_message_by_name(&format!("vouch.{message}")).unwrap();
        let field = descriptor.get_field_by_name(field).unwrap();
        let held = values::message(&descriptor, &serde_json::json!({ field.json_name(): json })).unwrap();
        text(&field, &held.get_field(&field), Room::Cell)
    }

    #[test]
    fn what_became_different_is_said_on_one_line() {
        let descriptor = vouch_contract::pool().get_message_by_name("vouch.license.v1.Change").unwrap();
        let fields = serde_json::json!([
            { "field": "quantity", "before": "25", "after": "40" },
            { "field": "valid_until", "before": "", "after": "2027-12-31" },
        ]);
        let change = values::message(&descriptor, &serde_json::json!({ "fields": fields })).unwrap();
        let field = descriptor.get_field_by_name("fields").unwrap();
        assert!(is_difference(&field));
        let said = differences(change.get_field(&field).as_list().unwrap());
        assert_eq!(said, "quantity: 25 -> 40; valid_until: none -> 2027-12-31");
    }

    #[test]
    fn of_keys_the_beginning_is_told_and_how_long_they_are() {
        assert_eq!(beginning("-----BEGIN CERTIFICATE-----\nabc\n"), "-----BEGIN CERTIFICATE-----… (32 characters)");
        assert_eq!(beginning("short"), "short");
    }

    #[test]
    fn values_are_said_in_few_words() {
        for (message, field, json, wanted) in [
            ("license.v1.License", "state", "LICENSE_STATE_SUSPENDED".into(), "suspended"),
            ("license.v1.License", "create_time", "2026-06-30T12:00:59.5Z".into(), "2026-06-30 12:00Z"),
            ("license.v1.License", "quantity", "25".into(), "25"),
            ("vendor.v1.Bundle", "root", format!("{}=", "A".repeat(43)).into(), &"0".repeat(64)),
            ("license.v1.Tier", "assisted", true.into(), "yes"),
            ("license.v1.Tier", "channels", serde_json::json!(["CHANNEL_PORTAL", "CHANNEL_EMAIL"]), "portal, email"),
            ("vendor.v1.AdmissionPolicy", "freshness", "86400s".into(), "24h"),
            ("license.v1.EndUser", "name", "Con\u{1b}[31mtoso\n".into(), "Con [31mtoso "),
        ] {
            assert_eq!(cell(message, field, json), wanted, "{message}.{field}");
        }
    }
}

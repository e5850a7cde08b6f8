//! Texts of a command line to values of fields.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use data_encoding::{BASE64, BASE64URL, HEXLOWER_PERMISSIVE};
use jiff::{SignedDuration, Timestamp};
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use serde::de::DeserializeSeed;

use super::cells::DIGEST_BYTES;
use super::{names, versions};
use crate::output::Problem;

/// How the names of fields with a civil date end.
const DAYS: [&str; 4] = ["_on", "_from", "_until", "_day"];

/// What a value of a field looks like: its place in a usage line, and a hint where that is not enough.
pub(super) fn look(field: &FieldDescriptor) -> (&'static str, String) {
    let (name, hint) = match field.kind() {
        _ if field.is_map() => ("NAME=VALUE", ""),
        Kind::Bool => ("BOOL", "True where no value is given."),
        Kind::String if field.name().ends_with("_id") => ("ID", ""),
        Kind::String if DAYS.iter().any(|ending| field.name().ends_with(ending)) => ("DATE", "As 2026-06-30."),
        Kind::String => ("TEXT", ""),
        Kind::Bytes => {
            ("BYTES", "A digest in hexadecimal; or in base64, in hexadecimal after `hex:`, or as a file after `@`.")
        }
        Kind::Enum(_) => ("WORD", ""),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => ("TIME", "In RFC 3339: 2026-06-30T12:00:00Z."),
            "google.protobuf.Duration" => ("DURATION", "As 90s, 15m or 2h."),
            "google.protobuf.FieldMask" => {
                ("FIELDS", "Names with commas between them; where left out, the fields that are given.")
            }
            _ if field.is_list() && versions::named(&message).is_some() => {
                ("ID", "The etag of each is read first; JSON with id and etag does as well.")
            }
            _ => return ("JSON", form(&message)),
        },
        _ => ("NUMBER", ""),
    };
    (name, hint.to_owned())
}

/// What a message looks like in JSON, but for what the service gives.
fn form(message: &MessageDescriptor) -> String {
    let given = message.fields().filter(|field| !vouch_contract::is_given_by_service(field));
    let fields: Vec<_> = given.map(|field| format!("\"{}\": …", field.json_name())).collect();
    format!("As {{{}}}.", fields.join(", "))
}

/// Reads one value of a field; of a list, one of its things; of a map, one pair as a map.
pub(super) fn parser(field: &FieldDescriptor) -> ValueParser {
    if let (Kind::Enum(enumeration), false) = (field.kind(), field.is_map()) {
        return words(&enumeration);
    }
    let field = field.clone();
    ValueParser::new(move |text: &str| if field.is_map() { pair(&field, text) } else { value(&field.kind(), text) })
}

/// A message in proto3's JSON form.
pub(super) fn message(descriptor: &MessageDescriptor, json: &serde_json::Value) -> Result<DynamicMessage, String> {
    descriptor.clone().deserialize(json).map_err(|error| error.to_string())
}

/// Bytes as an id has them.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    HEXLOWER_PERMISSIVE.encode(bytes)
}

/// The words of an enum, with the contract's comments on them; their whole names do as well.
fn words(enumeration: &EnumDescriptor) -> ValueParser {
    let word = |name: &str| names::enum_value(enumeration.name(), name);
    let aliases = |name: &str| names::enum_aliases(enumeration.name(), name);
    // What is not said has no word.
    let values: Vec<_> = enumeration.values().filter(|value| value.number() != 0).collect();
    let possible: Vec<_> = values
        .iter()
        .map(|value| {
            let comment = vouch_contract::comment(value.full_name()).replace('\n', " ");
            PossibleValue::new(word(value.name())).help(comment).aliases(aliases(value.name()))
        })
        .collect();
    let numbers: Vec<_> =
        values.iter().map(|value| (word(value.name()), aliases(value.name()), value.number())).collect();
    let number = move |given: String| {
        let found = numbers.iter().find(|(word, names, _)| is_said(&given, word, names));
        found.map(|(_, _, number)| Value::EnumNumber(*number)).ok_or_else(|| "no such word".to_owned())
    };
    PossibleValuesParser::new(possible).try_map(number).into()
}

/// Whether a text is a word or one of its other names, in letters of any size.
fn is_said(given: &str, word: &str, names: &[String]) -> bool {
    given.eq_ignore_ascii_case(word) || names.iter().any(|name| name.eq_ignore_ascii_case(given))
}

fn pair(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    let Kind::Message(entry) = field.kind() else { return Err("no map".into()) };
    let (name, given) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    let given = value(&entry.map_entry_value_field().kind(), given)?;
    let key = match value(&entry.map_entry_key_field().kind(), name)? {
        Value::String(key) => MapKey::String(key),
        Value::I32(key) => MapKey::I32(key),
        Value::I64(key) => MapKey::I64(key),
        Value::U32(key) => MapKey::U32(key),
        Value::U64(key) => MapKey::U64(key),
        Value::Bool(key) => MapKey::Bool(key),
        _ => return Err("no name of a map".into()),
    };
    Ok(Value::Map([(key, given)].into()))
}

fn value(kind: &Kind, text: &str) -> Result<Value, String> {
    Ok(match kind {
        Kind::Bool => Value::Bool(parsed(text)?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(parsed(text)?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(parsed(text)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(parsed(text)?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(parsed(text)?),
        Kind::Float => Value::F32(parsed(text)?),
        Kind::Double => Value::F64(parsed(text)?),
        Kind::String => Value::String(string(text)?),
        Kind::Bytes => Value::Bytes(bytes(text)?.into()),
        Kind::Enum(enumeration) => {
            let own = enumeration.name();
            let found = enumeration.values().find(|value| {
                is_said(text, &names::enum_value(own, value.name()), &names::enum_aliases(own, value.name()))
            });
            Value::EnumNumber(found.ok_or("no such word")?.number())
        }
        Kind::Message(descriptor) => Value::Message(within(descriptor, text)?),
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A text as it is, or a file's after `@`; `@@` begins a text with `@`.
fn string(text: &str) -> Result<String, String> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(rest) if rest.starts_with('@') => Ok(rest.to_owned()),
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error)),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> String {
    Problem::unreadable(path.as_ref(), error).what
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(path) = text.strip_prefix('@') {
        return std::fs::read(path).map_err(|error| unreadable(path, &error));
    }
    let is_digest = text.len() == 2 * DIGEST_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let decoded = match text.strip_prefix("hex:").or(is_digest.then_some(text)) {
        Some(digits) => HEXLOWER_PERMISSIVE.decode(digits.as_bytes()),
        None => BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL.decode(text.as_bytes())),
    };
    decoded.map_err(|_| "it is neither base64 nor hexadecimal after `hex:`".to_owned())
}

fn within(descriptor: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    let json = match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            let instant: Timestamp = text.parse().map_err(|_| "it is no time of RFC 3339, as 2026-06-30T12:00:00Z")?;
            instant.to_string().into()
        }
        "google.protobuf.Duration" => {
            let duration: SignedDuration = text.parse().map_err(|_| "it is no duration, as 90s, 15m or 2h")?;
            format!("{}s", duration.as_secs_f64()).into()
        }
        "google.protobuf.FieldMask" => return mask(descriptor, text.split(',').map(str::trim)),
        _ if !text.trim_start().starts_with('{')
            && let Some(id) = versions::named(descriptor) =>
        {
            let mut version = DynamicMessage::new(descriptor.clone());
            version.set_field(&id, Value::String(text.to_owned()));
            return Ok(version);
        }
        _ => serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?,
    };
    message(descriptor, &json)
}

/// A field mask that names these fields.
pub(super) fn mask<'a>(
    descriptor: &MessageDescriptor,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<DynamicMessage, String> {
    let mut mask = DynamicMessage::new(descriptor.clone());
    let names = names.into_iter().map(|name| Value::String(name.to_owned())).collect();
    mask.try_set_field_by_name("paths", Value::List(names)).map_err(|error| error.to_string())?;
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        Kind::Message(vouch_contract::pool().get_message_by_name(name).unwrap())
    }

    #[test]
    fn bytes_are_base64_or_hexadecimal_that_says_so() {
        let wanted = Value::Bytes(vec![0xab, 0xcd, 0xff].into());
        for text in ["q83/", "q83_", "hex:abcdff", "hex:ABCDFF"] {
            assert_eq!(value(&Kind::Bytes, text).unwrap(), wanted, "{text}");
        }
        assert!(value(&Kind::Bytes, "hex:abc").unwrap_err().contains("hexadecimal"));
        let digest = "0f".repeat(32);
        assert_eq!(value(&Kind::Bytes, &digest).unwrap(), Value::Bytes(vec![0x0f; 32].into()), "as digests are told");
    }

    #[test]
    fn times_and_durations_are_read_as_people_write_them() {
        let seconds =
            |value: Value| value.as_message().unwrap().get_field_by_name("seconds").unwrap().as_i64().unwrap();
        assert_eq!(seconds(value(&kind("google.protobuf.Duration"), "90s").unwrap()), 90);
        assert_eq!(seconds(value(&kind("google.protobuf.Duration"), "2h 30m").unwrap()), 9_000);
        assert_eq!(seconds(value(&kind("google.protobuf.Timestamp"), "1970-01-01T01:00:00Z").unwrap()), 3_600);
        assert!(value(&kind("google.protobuf.Duration"), "soon").unwrap_err().contains("90s"));
        assert!(value(&kind("google.protobuf.Timestamp"), "2026-06-30").unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn a_text_is_a_file_after_an_at_sign() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.pem");
        std::fs::write(&file, "-----BEGIN").unwrap();
        assert_eq!(string(&format!("@{}", file.display())).unwrap(), "-----BEGIN");
        assert_eq!(string("@@ada: see above").unwrap(), "@ada: see above");
        assert!(string("@/not/there").unwrap_err().contains("there is no file"));
    }

    #[test]
    fn a_message_in_a_flag_is_json_whose_names_are_known() {
        let liaison = kind("vouch.license.v1.Liaison");
        assert!(value(&liaison, r#"{"name":"Ada","email":"ada@contoso.example"}"#).is_ok());
        assert!(value(&liaison, r#"{"nmae":"Ada"}"#).unwrap_err().contains("nmae"));
        assert!(value(&liaison, "Ada").unwrap_err().contains("no JSON"));
    }

    #[test]
    fn a_resource_with_its_version_is_an_id_alone_or_json() {
        let version = kind("vouch.license.v1.LicenseVersion");
        let id = |text: &str| {
            let read = value(&version, text).unwrap();
            read.as_message().unwrap().get_field_by_name("license_id").unwrap().into_owned()
        };
        assert_eq!(id("lic_1"), Value::String("lic_1".into()));
        assert_eq!(id(r#"{"licenseId":"lic_2","etag":"v1"}"#), Value::String("lic_2".into()));
    }
}

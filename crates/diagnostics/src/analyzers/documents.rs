//! Documents, taken apart.

use serde_json::{Deserializer, Value};

use super::condition::Format;
use super::yaml;

/// Reads every document of a content.
pub(super) fn read(format: Format, content: &[u8]) -> Result<Vec<Value>, String> {
    match format {
        Format::Json => json(content),
        Format::Yaml => yaml::read(&String::from_utf8_lossy(content)),
    }
}

/// JSON, one document or one after the other, as `journalctl -o json` writes them.
fn json(content: &[u8]) -> Result<Vec<Value>, String> {
    Deserializer::from_slice(content)
        .into_iter::<Value>()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("is no JSON: line {}, column {}", error.line(), error.column()))
}

/// A value as a text that can be compared; none for a table and a list.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

//! YAML, read into the same values as JSON.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deeper documents are not taken apart.
const MAX_DEPTH: usize = 100;

/// Reads every document of a text. Values are texts, but for nothing at all: what a text means is the comparison's business.
///
/// Aliases are not followed: a few of them make gigabytes. A document with one is not taken apart, and nothing is told of it.
pub(super) fn read(text: &str) -> Result<Vec<Value>, String> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| {
            let marker = error.marker();
            format!("is no YAML: line {}, column {}", marker.line(), marker.col() + 1)
        })?;
        let value = match event {
            Event::Scalar(text, style, _, _) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                deep(&open)?;
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(Map::new(), None));
                deep(&open)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Value::Array(list),
                Some(Open::Table(table, _)) => Value::Object(table),
                None => continue,
            },
            Event::Alias(_) => return Err("is YAML with aliases, which are not followed".to_owned()),
            _ => continue,
        };
        match open.last_mut() {
            None => documents.push(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Table(table, key)) => match key.take() {
                Some(key) => {
                    table.insert(key, value);
                }
                None => *key = Some(name(value)?),
            },
        }
    }
    Ok(documents)
}

/// A list or a table that has not ended yet.
enum Open {
    List(Vec<Value>),
    /// A table, and the key whose value comes next.
    Table(Map<String, Value>, Option<String>),
}

fn deep(open: &[Open]) -> Result<(), String> {
    if open.len() > MAX_DEPTH { Err(format!("is YAML of more than {MAX_DEPTH} levels")) } else { Ok(()) }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let is_nothing = style == ScalarStyle::Plain && matches!(text, "" | "~" | "null");
    if is_nothing { Value::Null } else { Value::String(text.to_owned()) }
}

fn name(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok("null".to_owned()),
        _ => Err("is YAML with a key that is no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_into_the_values_of_json() {
        let text = "kind: Kubelet\nport: 10250\nnothing:\nlist:\n- a\n- {b: 'x: y'}\ntext: |\n  one\n  two\n---\nsecond: true\n";
        let expected = [
            json!({ "kind": "Kubelet", "port": "10250", "nothing": null, "list": ["a", { "b": "x: y" }], "text": "one\ntwo\n" }),
            json!({ "second": "true" }),
        ];
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read("").unwrap(), Vec::<Value>::new());
    }

    #[test]
    fn what_cannot_be_told_from_yaml_is_refused() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for (text, why) in [
            ("a: &x [1]\nb: *x\n", "aliases"),
            ("[a, b]: c\n", "key"),
            ("a: [1\n", "no YAML"),
            ("a: b: c\n", "no YAML"),
            (deep.as_str(), "levels"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "([a-c:\\-#&*|>'\"{},? \n\t]|\\[|\\]){0,60}") {
            let _ = read(&text);
        }
    }
}

//! Places within a document: `spec.nodes[*].status`, `data["postgresql.conf"]`, `items[0].name`.

use serde_json::Value;

/// More values of one document are not looked at.
const MAX_VALUES: usize = 100_000;

/// A place within a document, which may be many: `*` stands for every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Each,
}

impl Place {
    /// Reads a place; why it is none, otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        rest = rest.strip_prefix('.').unwrap_or(rest);
        while !rest.is_empty() {
            let step;
            (step, rest) = if let Some(inner) = rest.strip_prefix('[') {
                bracket(inner)?
            } else {
                let (key, behind) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                (if key == "*" { Step::Each } else { Step::Key(key.to_owned()) }, behind)
            };
            if step == Step::Key(String::new()) {
                return Err(format!("a name is missing in {text}"));
            }
            steps.push(step);
            if let Some(behind) = rest.strip_prefix('.') {
                if behind.is_empty() {
                    return Err(format!("a name is missing at the end of {text}"));
                }
                rest = behind;
            }
        }
        if steps.is_empty() {
            return Err("a place is missing, such as items[*].name".to_owned());
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is there.
    pub(super) fn values<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut values = vec![document];
        for step in &self.steps {
            let within = |value: &'v Value| -> Vec<&'v Value> {
                match (step, value) {
                    (Step::Key(key), Value::Object(object)) => object.get(key).into_iter().collect(),
                    (Step::Index(index), Value::Array(array)) => array.get(*index).into_iter().collect(),
                    (Step::Each, Value::Array(array)) => array.iter().collect(),
                    (Step::Each, Value::Object(object)) => object.values().collect(),
                    (Step::Key(_) | Step::Index(_) | Step::Each, _) => Vec::new(),
                }
            };
            values = values.into_iter().flat_map(within).take(MAX_VALUES).collect();
        }
        values
    }
}

fn bracket(inner: &str) -> Result<(Step, &str), String> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let (key, behind) = quoted.split_once("\"]").ok_or("a name in [\"…\"] does not end")?;
        return Ok((Step::Key(key.to_owned()), behind));
    }
    let (index, behind) = inner.split_once(']').ok_or("a [ is not closed")?;
    if index == "*" {
        return Ok((Step::Each, behind));
    }
    let index = index.parse().map_err(|_| format!("[{index}] is no number, no * and no name in quotes"))?;
    Ok((Step::Index(index), behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_leads_to_every_value_that_it_stands_for() {
        let document = json!({ "items": [{ "n": 1 }, { "n": 2 }, { "m": 3 }], "data": { "a.b": "x" }, "n": null });
        let at = |place: &str| Place::parse(place).unwrap().values(&document).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(at("items[*].n"), [json!(1), json!(2)]);
        assert_eq!(at("$.items[1].n"), [json!(2)]);
        assert_eq!(at("items.*.m"), [json!(3)]);
        assert_eq!(at("data[\"a.b\"]"), [json!("x")]);
        assert_eq!(at("n"), [json!(null)]);
        assert!(at("items[9].n").is_empty() && at("data.a").is_empty() && at("n.m").is_empty());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "$", "a..b", "a.", "a[", "a[x]", "a[\"b]", "[]", "a[-1]"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_place_or_none_without_a_panic(text in "[ab\\.\\[\\]\"*$0]{0,12}") {
            if let Ok(place) = Place::parse(&text) {
                place.values(&json!({ "a": [{ "b": 1 }] }));
            }
        }
    }
}

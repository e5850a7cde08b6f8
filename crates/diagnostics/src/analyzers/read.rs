//! Reading analyzers from a profile.

use glob::Pattern;

use super::comparison::Comparison;
use super::condition::{Condition, Fact, Format, Source};
use super::place::Place;
use super::settings::Setting;
use super::{Analyzer, lines};
use crate::profile::{Collector, Fields, Given, name, nearest};

/// What joins conditions.
const JOINTS: [&str; 3] = ["all", "any", "not"];
/// What finds a fact in an entry.
const SOURCES: [&str; 4] = ["pattern", "json", "yaml", "ini"];

/// Reads the analyzers of a profile with these collectors.
pub(crate) fn read(fields: &mut Fields<'_>, collectors: &[Collector]) -> Vec<Analyzer> {
    let mut analyzers: Vec<Analyzer> = Vec::new();
    for mut table in fields.tables("analyzers") {
        let name = name(&mut table, "analyzer", &|name| analyzers.iter().any(|other| other.name == name));
        let mut text = |field| table.needs_text(field).map(|text| text.value.to_owned()).unwrap_or_default();
        let (title, issue, article) = (text("title"), text("issue"), text("article"));
        if !table.has("when") {
            table.missing("when");
        }
        let when = table.table("when").map(|mut when| condition(&mut when, collectors));
        table.done();
        let when = when.unwrap_or(Condition::Any(Vec::new()));
        analyzers.push(Analyzer { name, title, issue, article, when });
    }
    analyzers
}

/// Reads a condition. One that is wrong never holds; the profile is not taken then.
fn condition(fields: &mut Fields<'_>, collectors: &[Collector]) -> Condition {
    let given: Vec<&str> = JOINTS.into_iter().chain(["collector"]).filter(|name| fields.has(name)).collect();
    if given.len() > 1 {
        let place = fields.place();
        fields.wrong(&place, format!("a condition has only one of {}", given.join(", ")));
    }
    let mut parts = |name: &'static str| -> Vec<Condition> {
        let is_given = fields.has(name);
        let tables = fields.tables(name);
        if is_given && tables.is_empty() {
            let place = fields.place();
            fields.wrong_unless_unread(&place, format!("`{name}` needs conditions"), None);
        }
        tables.into_iter().map(|mut table| condition(&mut table, collectors)).collect()
    };
    let (all, any) = (parts("all"), parts("any"));
    let not = fields.table("not").map(|mut table| condition(&mut table, collectors));
    let condition = if let Some(not) = not {
        Condition::Not(Box::new(not))
    } else if fields.has("all") {
        Condition::All(all)
    } else if fields.has("any") || fields.has("not") {
        Condition::Any(any)
    } else {
        fact(fields, collectors).map_or(Condition::Any(Vec::new()), Condition::Fact)
    };
    fields.done();
    condition
}

fn fact(fields: &mut Fields<'_>, collectors: &[Collector]) -> Option<Fact> {
    let collector = collector(fields, collectors);
    let file = fields.text("file").and_then(|file| match Pattern::new(file.value) {
        Ok(_) if file.value.starts_with('/') => {
            fields.wrong_but(
                &file,
                "a path within a bundle has no / at its head",
                format!("write {:?}", file.value.trim_start_matches('/')),
            );
            None
        }
        Ok(pattern) => Some(pattern),
        Err(error) => {
            fields.wrong(&file, format!("the path is no pattern: {}", error.msg));
            None
        }
    });
    let at_least = fields.number("at_least", 1..=1_000_000_000).unwrap_or(1);
    let given: Vec<&str> = SOURCES.into_iter().filter(|name| fields.has(name)).collect();
    if given.len() != 1 {
        let place = fields.place();
        let message = format!("a fact has exactly one of {}", SOURCES.join(", "));
        fields.wrong_unless_unread(&place, message, None);
    }
    let source = source(fields);
    Some(Fact { collector: collector?, file, source: source?, at_least })
}

fn collector(fields: &mut Fields<'_>, collectors: &[Collector]) -> Option<String> {
    let name = fields.needs_text("collector")?;
    let known = || collectors.iter().map(|collector| collector.name.as_str());
    if !known().any(|known| known == name.value) {
        let help = nearest(name.value, known()).map(|near| format!("did you mean `{near}`?"));
        fields.wrong_unless_unread(&name, format!("this profile has no collector {}", name.value), help);
    }
    Some(name.value.to_owned())
}

fn source(fields: &mut Fields<'_>) -> Option<Source> {
    let pattern = fields.text("pattern");
    let documents = [("json", Format::Json), ("yaml", Format::Yaml)].map(|(name, format)| (fields.text(name), format));
    let ini = fields.text("ini");
    if let Some(text) = pattern {
        let pattern = taken(fields, &text, lines::pattern(text.value));
        let names: Vec<&str> = pattern.iter().flat_map(|pattern| pattern.capture_names().flatten()).collect();
        let captures = captures(fields, &names, pattern.is_some());
        return Some(Source::Lines { pattern: pattern?, captures });
    }
    let is = fields.text("is").and_then(|text| {
        let comparison = Comparison::parse(text.value);
        taken(fields, &text, comparison)
    });
    for (text, format) in documents {
        if let Some(text) = text {
            let place = taken(fields, &text, Place::parse(text.value))?;
            return Some(Source::Document { format, place, is });
        }
    }
    let setting = ini.and_then(|text| taken(fields, &text, Setting::parse(text.value)))?;
    Some(Source::Setting { setting, is })
}

/// What each capture has to be: `where = { used = ">= 95" }`.
fn captures(fields: &mut Fields<'_>, known: &[&str], is_pattern: bool) -> Vec<(String, Comparison)> {
    let Some(table) = fields.table("where") else { return Vec::new() };
    let mut captures = Vec::new();
    for name in table.names() {
        if is_pattern && !known.contains(&name.value) {
            let help = format!("write (?<{}>…) in the pattern", name.value);
            table.wrong_but(&name, format!("the pattern captures nothing by the name {}", name.value), help);
        }
        if let Some(text) = table.text_of(name.value)
            && let Some(comparison) = taken(&table, &text, Comparison::parse(text.value))
        {
            captures.push((name.value.to_owned(), comparison));
        }
    }
    captures
}

fn taken<T>(fields: &Fields<'_>, given: &Given<&str>, read: Result<T, String>) -> Option<T> {
    read.map_err(|reason| fields.wrong(given, reason)).ok()
}

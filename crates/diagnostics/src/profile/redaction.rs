//! What a profile says of redaction.

use super::{CustomRule, CustomRules, Fields};

/// The redaction policies that this program brings along.
const POLICIES: [&str; 1] = ["standard/1"];

/// Reads what a profile says of redaction.
pub(super) fn read(fields: &mut Fields<'_>) -> CustomRules {
    let Some(mut table) = fields.table("redaction") else { return CustomRules::default() };
    let policy = table.text("policy");
    if let Some(policy) = policy.filter(|policy| !POLICIES.contains(&policy.value)) {
        let help = format!("known: {}", POLICIES.join(", "));
        table.wrong_but(&policy, format!("there is no redaction policy {}", policy.value), help);
    }
    let [hosts, domains, users] = ["hosts", "domains", "users"].map(|field| names(&mut table, field));
    let [drop, whole] = ["drop", "whole"].map(|field| texts(&mut table, field));
    let mut tables = table.tables("rules");
    let rules = tables.iter_mut().map(rule).collect();
    table.done();
    let redaction = CustomRules { rules, hosts, domains, users, drop, whole };
    for (place, what) in redaction.mistakes() {
        tell(&table, &tables, &place, &what);
    }
    redaction
}

/// Names, each of which can be found in a text. One that cannot is a mistake.
pub(super) fn names(fields: &mut Fields<'_>, field: &'static str) -> Vec<String> {
    let (names, short): (Vec<_>, Vec<_>) =
        fields.texts(field).into_iter().partition(|name| name.value.trim().len() >= 3);
    for name in &short {
        fields.wrong(name, "a name has at least three letters");
    }
    names.into_iter().map(|name| name.value.to_owned()).collect()
}

fn texts(fields: &mut Fields<'_>, field: &'static str) -> Vec<String> {
    fields.texts(field).into_iter().map(|text| text.value.to_owned()).collect()
}

fn rule(fields: &mut Fields<'_>) -> CustomRule {
    let rule = CustomRule {
        name: fields.needs_text("name").map(|name| name.value.to_owned()).unwrap_or_default(),
        words: texts(fields, "words"),
        begin: texts(fields, "begin"),
        least: fields.number("least", 1..=256).and_then(|least| usize::try_from(least).ok()),
        pattern: fields.text("pattern").map(|pattern| pattern.value.to_owned()),
    };
    fields.done();
    rule
}

/// Gives a mistake its place: `rules[2].name` is in the third of the tables.
fn tell(table: &Fields<'_>, rules: &[Fields<'_>], place: &str, what: &str) {
    let within = place.strip_prefix("rules[").and_then(|place| place.split_once(']'));
    let rule = within.and_then(|(index, field)| Some((rules.get(index.parse::<usize>().ok()?)?, field)));
    match rule {
        None => table.wrong(&table.place_of(place), format!("`{place}` {what}")),
        Some((rule, "")) => rule.wrong(&rule.place(), format!("the rule {what}")),
        Some((rule, field)) => {
            let field = field.trim_start_matches('.');
            // A name that is missing, or empty, is told already.
            if field != "name" || rule.text_of(field).is_some_and(|name| !name.value.trim().is_empty()) {
                rule.wrong(&rule.place_of(field), format!("`{field}` {what}"));
            }
        }
    }
}

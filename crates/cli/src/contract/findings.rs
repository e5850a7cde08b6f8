//! A finding as a person reads it: what it is about, the flag that gives that, who can cure it and how.

use prost_reflect::{DynamicMessage, ReflectMessage};

use super::cells::{self, Room};
use super::flags;
use crate::{call, output};

/// A finding: what it is, and beneath it who can cure it and how.
pub(crate) fn finding(finding: &DynamicMessage) -> Vec<String> {
    let said = |name: &str| {
        let field = finding.descriptor().get_field_by_name(name);
        let field = field.filter(|field| finding.has_field(field));
        field.map(|field| cells::text(&field, &finding.get_field(&field), Room::Line)).unwrap_or_default()
    };
    let reason = said("reason").to_uppercase().replace('-', "_");
    let what = if said("weight") == "warning" { output::strong("warning") } else { output::bad("blocking") };
    let (subject, message) = (said("subject"), said("message"));
    // A message that is no sentence of its own says what is wrong with its subject.
    let is_sentence = subject.is_empty() || !message.starts_with(char::is_lowercase) || message.starts_with(&subject);
    let message = if is_sentence { message } else { format!("{subject} {message}") };
    let flag = problem_flag(&subject).map(|flag| format!(" (ticket update-problem {flag})")).unwrap_or_default();
    let mut lines = vec![format!("{what} {reason}: {message}{flag}")];
    let by = said("cure_by").replace('-', " ");
    match (by.as_str(), said("remedy").as_str()) {
        ("", "") => {}
        ("", remedy) => lines.push(format!("  {remedy}")),
        (by, "") => lines.push(format!("  To be cured by the {by}.")),
        (by, remedy) => lines.push(format!("  {by}: {remedy}")),
    }
    if !said("clears_at").is_empty() {
        lines.push(format!("  It falls away by itself at {}.", said("clears_at")));
    }
    lines
}

/// The flag by which a ticket's problem is given what a finding is about, where there is one.
fn problem_flag(subject: &str) -> Option<String> {
    let field = ["question.", "escalation.problem.", "escalation."]
        .into_iter()
        .find_map(|place| subject.strip_prefix(place))
        .unwrap_or(subject);
    let method = call::named("partner.v1.TicketService/UpdateProblem")?;
    let path = format!("problem.{field}");
    let flag = flags::of(&method.input()).into_iter().find(|flag| flag.field_path() == path)?;
    Some(format!("--{}", flag.name))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::super::values;
    use super::*;

    #[test]
    fn a_finding_is_told_with_its_field_the_flag_for_it_and_who_cures_it() {
        let pool = vouch_contract::pool();
        let descriptor = pool.get_message_by_name("vouch.common.v1.Finding").unwrap();
        let told = |subject: &str, message: &str| {
            let found = json!({
                "reason": "REASON_INVALID_FIELD", "weight": "WEIGHT_BLOCKING", "cureBy": "CURE_BY_PARTNER",
                "subject": subject, "message": message,
            });
            let lines = finding(&values::message(&descriptor, &found).unwrap());
            lines.iter().map(|line| strip_str(line).to_string()).collect::<Vec<_>>()
        };
        let version =
            "blocking INVALID_FIELD: question.version is required for a proof (ticket update-problem --version)";
        assert_eq!(told("question.version", "is required for a proof"), [version, "  To be cured by the partner."]);
        for (subject, flag) in
            [("impact", "--impact"), ("environment.kind", "--environment-kind"), ("origin", "--origin")]
        {
            let lines = told(subject, "It is required and empty.");
            assert!(lines[0].ends_with(&format!("and empty. (ticket update-problem {flag})")), "{lines:?}");
        }
        assert_eq!(told("os", "The bundle has no os.")[0], "blocking INVALID_FIELD: The bundle has no os.");
        assert_eq!(
            told("impact", "impact is empty.")[0].matches("impact").count(),
            2,
            "not said twice, but for its flag"
        );
    }
}

//! What analyzers found in a bundle, as a person reads it: each known problem that is there, where it was seen and what to do; what cannot be
//! told, and why; of the others only how many there are.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

use super::cells::{self, Room};
use crate::{lacking, output};

/// What an analyzer says.
const FINDING: &str = "vouch.vendor.v1.AnalyzerFinding";
/// What all of them say of a bundle.
const ANALYSIS: &str = "vouch.vendor.v1.BundleAnalysis";

/// Whether a message is what an analyzer says.
pub(super) fn is_finding(message: &DynamicMessage) -> bool {
    message.descriptor().full_name() == FINDING
}

/// Whether a message is a bundle with what was found in it, or what was found in one: too much for the row of a table.
pub(super) fn has_findings(message: &DynamicMessage) -> bool {
    message.descriptor().full_name() == ANALYSIS || message.descriptor().fields().any(|field| is_analysis(&field))
}

/// Whether a field tells what was found in one bundle of an answer that tells it of each.
pub(super) fn is_said_elsewhere(answer: &DynamicMessage, field: &FieldDescriptor) -> bool {
    let tells_each = |field: &FieldDescriptor| match field.kind() {
        Kind::Message(of) => field.is_list() && of.fields().any(|field| is_analysis(&field)) && answer.has_field(field),
        _ => false,
    };
    is_analysis(field) && answer.descriptor().fields().any(|field| tells_each(&field))
}

fn is_analysis(field: &FieldDescriptor) -> bool {
    !field.is_list() && matches!(field.kind(), Kind::Message(of) if of.full_name() == ANALYSIS)
}

/// The lines of what analyzers say.
pub(super) fn lines(findings: &[DynamicMessage], indent: usize) -> Vec<String> {
    let blank = " ".repeat(indent);
    let (mut lines, mut absent) = (Vec::new(), 0);
    let (mut untold, mut lacking) = (Vec::new(), Vec::new());
    for finding in findings {
        let (issue, title) = (said(finding, "issue"), said(finding, "title"));
        match said(finding, "verdict").as_str() {
            "match" => {
                lines.push(format!("{blank}{} {title}", output::bad(&format!("found {issue}:"))));
                lines.extend(within(finding, "seen").iter().map(|seen| format!("{blank}  {}", sighting(seen))));
                lines.push(format!("{blank}  what to do: {}", said(finding, "article")));
            }
            "no-match" => absent += 1,
            _ => {
                untold.push(issue);
                let lack = |lack: &DynamicMessage| (said(lack, "collector"), said(lack, "reason"));
                lacking.extend(within(finding, "lacking").iter().map(lack));
            }
        }
    }
    if !untold.is_empty() {
        let told = lacking::untold(&untold, findings.len(), lacking);
        lines.push(format!("{blank}{} {told}", output::strong("cannot be told:")));
    }
    lines.push(format!("{blank}{absent} of {} known problems are not there", findings.len()));
    lines
}

/// `logs.txt line 2: used=97`
fn sighting(seen: &DynamicMessage) -> String {
    let line = match said(seen, "line").as_str() {
        "" | "0" => String::new(),
        line => format!(" line {line}"),
    };
    format!("{}{line}: {}", said(seen, "path"), said(seen, "fact"))
}

fn said(message: &DynamicMessage, name: &str) -> String {
    let field = message.descriptor().get_field_by_name(name);
    field.map(|field| cells::text(&field, &message.get_field(&field), Room::Line)).unwrap_or_default()
}

fn within(message: &DynamicMessage, name: &str) -> Vec<DynamicMessage> {
    let value = message.get_field_by_name(name);
    let things = value.as_deref().and_then(Value::as_list).unwrap_or_default();
    things.iter().filter_map(|thing| thing.as_message().cloned()).collect()
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use anstream::adapter::strip_str;
    use serde_json::{Value as Json, json};

    use super::super::answer;
    use super::super::table::View;
    use super::super::values;

    fn told(answer: &Json) -> String {
        let descriptor = vouch_contract::pool().get_message_by_name("vouch.vendor.v1.GetDeskCaseResponse").unwrap();
        let answer = values::message(&descriptor, answer).unwrap();
        let told = answer::lines(&answer, &View { wide: false, width: Some(80) });
        told.lines.iter().map(|line| strip_str(line).to_string() + "\n").collect()
    }

    fn finding(issue: &str, verdict: &str) -> Json {
        json!({ "analyzer": "a", "title": "The spool is full.", "issue": issue, "article": "https://kb.example/7", "verdict": verdict })
    }

    #[test]
    fn v10_each_bundle_of_a_case_is_told_with_the_problems_that_were_found_and_the_first_one_once() {
        let mut found = finding("ATL-7", "ANALYZER_VERDICT_MATCH");
        found["seen"] =
            json!([{ "path": "logs.txt", "line": "2", "fact": "used=97" }, { "path": "a.json", "fact": "b" }]);
        let mut open = finding("ATL-8", "ANALYZER_VERDICT_INCONCLUSIVE");
        open["lacking"] = json!([{ "collector": "journal", "reason": "was not collected" }]);
        let mut more = finding("ATL-10", "ANALYZER_VERDICT_INCONCLUSIVE");
        more["lacking"] = json!([
            { "collector": "disks", "reason": "was not collected" },
            { "collector": "journal", "reason": "was not collected" },
        ]);
        let findings = json!([found, finding("ATL-9", "ANALYZER_VERDICT_NO_MATCH"), open, more]);
        let analysis =
            json!({ "bundleId": "bun_1", "profile": "a/1", "state": "ANALYSIS_STATE_DONE", "findings": findings });
        let waiting = json!({ "bundleId": "bun_2", "profile": "a/1", "state": "ANALYSIS_STATE_WAITING" });
        let answer = json!({
            "analysis": analysis,
            "bundles": [{ "bundleId": "bun_1", "analysis": analysis }, { "bundleId": "bun_2", "analysis": waiting }],
        });
        let expected = "\
bundles
  bundle_id  bun_1
  analysis
    bundle_id  bun_1
    profile    a/1
    state      done
    findings
      found ATL-7: The spool is full.
        logs.txt line 2: used=97
        a.json: b
        what to do: https://kb.example/7
      cannot be told: 2 of 4 (ATL-8, ATL-10), for want of journal, disks (was not collected)
      1 of 4 known problems are not there
  bundle_id  bun_2
  analysis
    bundle_id  bun_2
    profile    a/1
    state      waiting
";
        let whole = told(&answer);
        assert!(whole.contains(&format!("\n{expected}more_bundles")) && !whole.contains("\nanalysis\n"), "{whole}");
        assert!(told(&json!({ "analysis": waiting })).contains("waiting"), "where it is told of the first one only");
    }
}

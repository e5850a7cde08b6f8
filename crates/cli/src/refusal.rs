//! What is told of a refusal: its reason, every bad field, every finding with its cure, and what to do; of a service that does not answer,
//! what became of it.

use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use vouch_contract::pb::common::v1::{Finding, Findings};
use vouch_contract::status::{findings, reason_of};

use crate::contract;
use crate::identities::Role;
use crate::output::Problem;
use crate::reach::{Happened, Unanswered};

/// A call that was refused.
pub(crate) struct Called<'a> {
    /// Who called.
    pub(crate) role: Role,
    /// What was called: `partner.v1.TicketService/GetTicket`.
    pub(crate) rpc: &'a str,
    /// How the caller gave a field, where that is another name than the contract's.
    pub(crate) said: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Called<'a> {
    /// A call whose fields nobody gave by another name.
    pub(crate) fn plainly(role: Role, rpc: &'a str) -> Self {
        Self { role, rpc, said: &|_| None }
    }
}

/// What is told of a refusal.
pub(crate) fn problem(status: &Status, called: &Called<'_>) -> Problem {
    let reason = reason_of(status);
    let mut problem = Problem::new(match (Unanswered::of(status), reason.as_str()) {
        (Some(unanswered), _) => unanswered.to_string(),
        (None, "") => format!("{:?}: {}", status.code(), status.message()),
        (None, reason) => format!("{reason}: {}", status.message()),
    });
    problem.members = members(status, &reason, called.said);
    for violation in violations(status) {
        let said = (called.said)(&violation.field).map(|said| format!(" ({said})")).unwrap_or_default();
        problem.besides.push(format!("{}{said} {}", violation.field, violation.description));
    }
    problem.besides.extend(findings(status).unwrap_or_default().findings.iter().flat_map(lines));
    if let Some(unanswered) = Unanswered::of(status) {
        // A service hangs up on who shows a certificate that it does not believe.
        let is_shut_out = matches!(unanswered.happened, Happened::Cut(_) | Happened::Tls(_))
            && called.role.has_certificate()
            && !contract::is_granted(called.role, called.rpc);
        problem =
            problem.next(if is_shut_out { contract::standing(called.role, called.rpc) } else { unanswered.next() });
    } else if reason.is_empty() && status.code() == Code::Unavailable {
        problem = problem.next("Is `vouch up` running on this data folder?");
    }
    if matches!(reason.as_str(), "ACCESS_DENIED" | "UNAUTHENTICATED") {
        problem = problem.next(contract::standing(called.role, called.rpc));
    }
    if let Some(retry) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        problem = problem.next(format!("Come back in {} s.", retry.as_secs().max(1)));
    }
    problem
}

/// Findings that came as JSON, each with who can cure it and how.
pub(crate) fn findings_in(json: &Value) -> Vec<String> {
    let pool = vouch_contract::pool();
    let Some(descriptor) = pool.get_message_by_name("vouch.common.v1.Finding") else { return Vec::new() };
    let read = |finding: &Value| serde::de::DeserializeSeed::deserialize(descriptor.clone(), finding).ok();
    let findings = json.as_array().into_iter().flatten().filter_map(read);
    findings.flat_map(|finding: DynamicMessage| contract::finding(&finding)).collect()
}

/// A finding with who can cure it and how, as every answer tells it.
fn lines(finding: &Finding) -> Vec<String> {
    let descriptor = vouch_contract::pool().get_message_by_name("vouch.common.v1.Finding");
    let finding =
        descriptor.and_then(|descriptor| DynamicMessage::decode(descriptor, finding.encode_to_vec().as_slice()).ok());
    finding.as_ref().map(contract::finding).unwrap_or_default()
}

fn violations(status: &Status) -> Vec<tonic_types::FieldViolation> {
    status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default()
}

/// What a program is told of a refusal.
fn members(status: &Status, reason: &str, said: &dyn Fn(&str) -> Option<String>) -> Map<String, Value> {
    let mut members = Unanswered::of(status).map(Unanswered::members).unwrap_or_default();
    members.insert("code".into(), format!("{:?}", status.code()).into());
    if !reason.is_empty() {
        members.insert("reason".into(), reason.into());
    }
    let fields: Vec<Value> = violations(status)
        .into_iter()
        .map(|violation| {
            json!({ "field": violation.field, "given": said(&violation.field), "problem": violation.description })
        })
        .collect();
    if !fields.is_empty() {
        members.insert("fields".into(), fields.into());
    }
    let Findings { findings, .. } = findings(status).unwrap_or_default();
    if !findings.is_empty() {
        let told = |finding: &Finding| {
            json!({
                "reason": finding.reason().as_str_name().trim_start_matches("REASON_"), "subject": finding.subject,
                "message": finding.message, "remedy": finding.remedy,
                "cure_by": finding.cure_by().as_str_name().trim_start_matches("CURE_BY_"),
            })
        };
        members.insert("findings".into(), findings.iter().map(told).collect());
    }
    members
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::reach::Place;

    const LIST: &str = "partner.v1.TicketService/ListTickets";

    fn unanswered(happened: Happened) -> Status {
        let place = Place { service: "partner".into(), address: "https://[::1]:9".into(), data: " --data d".into() };
        let mut status = Status::unavailable("transport error");
        status.set_source(Arc::new(Unanswered { place, happened }));
        status
    }

    #[test]
    fn a_service_that_does_not_answer_is_told_to_people_and_to_programs() {
        let told = problem(&unanswered(Happened::Refused), &Called::plainly(Role::Agent, LIST));
        assert_eq!(told.what, "the partner service at https://[::1]:9 does not answer: nothing listens there");
        assert!(told.next.unwrap().ends_with(" up --data d"));
        assert_eq!((&told.members["service"], &told.members["happened"]), (&"partner".into(), &"refused".into()));
    }

    #[test]
    fn who_shows_a_certificate_where_none_is_taken_is_told_to_whom_it_is_granted() {
        let next =
            |role| problem(&unanswered(Happened::Cut(String::new())), &Called::plainly(role, LIST)).next.unwrap();
        assert_eq!(next(Role::Partner), "It was called as partner. Granted to: agent, customer; choose with --as.");
        assert!(next(Role::Agent).contains("start it again"));
    }

    #[test]
    fn a_refusal_has_its_reason_each_bad_field_and_to_whom_the_call_is_granted() {
        use vouch_core::{Error, Reason};
        let denied = vouch_contract::status::early(Code::PermissionDenied, Reason::AccessDenied, "no", "partner.vouch");
        let told = problem(&denied, &Called::plainly(Role::Engineer, LIST));
        assert_eq!(
            told.next.as_deref(),
            Some("It was called as engineer. Granted to: agent, customer; choose with --as.")
        );
        assert_eq!(
            (&told.members["reason"], &told.members["code"]),
            (&"ACCESS_DENIED".into(), &"PermissionDenied".into())
        );
        let bad = vouch_contract::status::from_error(&Error::field("number", "must be one"), "partner.vouch");
        let said = |field: &str| (field == "number").then(|| "--ticket".to_owned());
        let told = problem(&bad, &Called { role: Role::Agent, rpc: LIST, said: &said });
        assert_eq!(told.besides, ["number (--ticket) must be one"]);
        let field = json!({ "field": "number", "given": "--ticket", "problem": "must be one" });
        assert_eq!(told.members["fields"][0], field);
    }
}

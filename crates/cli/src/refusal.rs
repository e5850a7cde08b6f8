//! What is told of a refusal: its reason, every bad field, every finding with its cure, and what to do; of a service that does not answer,
//! what became of it.

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage};
use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use vouch_contract::pb::common::v1::{Finding, Findings};
use vouch_contract::status::{findings, reason_of};

use crate::contract;
use crate::identities::Role;
use crate::output::{self, Problem};
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
        (None, "") => output::on_one_line(&format!("{}: {}", code(status), status.message())),
        (None, reason) => output::on_one_line(&format!("{reason}: {}", status.message())),
    });
    problem.members = members(status, &reason, called.said);
    for violation in violations(status) {
        let said = (called.said)(&violation.field).map(|said| format!(" ({said})")).unwrap_or_default();
        let told = format!("{}{said} {}", violation.field, violation.description);
        problem.besides.push(output::on_one_line(&told));
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
    if reason == "UNAVAILABLE" {
        // Whoever answered may wait for another service in vain, and does not say for which.
        let service = called.rpc.split('.').next().unwrap_or_default();
        problem = problem.next(format!(
            "So says the {service} service: it lacks its store, or another service that it asks. What does `vouch up` say where it runs?"
        ));
    }
    if matches!(reason.as_str(), "ACCESS_DENIED" | "UNAUTHENTICATED") {
        problem = problem.next(contract::standing(called.role, called.rpc));
    }
    if let Some(retry) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        problem = problem.next(format!("Come back in {} s.", retry.as_secs().max(1)));
    }
    problem
}

/// Findings that came as JSON: each with who can cure it and how, for a person, and as a refusal tells them to a program.
pub(crate) fn findings_in(json: &Value) -> (Vec<String>, Value) {
    let descriptor = vouch_contract::pool().get_message_by_name("vouch.common.v1.Finding");
    let read = |finding: &Value| serde::de::DeserializeSeed::deserialize(descriptor.clone()?, finding).ok();
    let findings: Vec<DynamicMessage> = json.as_array().into_iter().flatten().filter_map(read).collect();
    (findings.iter().flat_map(contract::finding).collect(), findings.iter().map(member).collect())
}

/// A finding with who can cure it and how, as every answer tells it.
fn lines(finding: &Finding) -> Vec<String> {
    dynamic(finding).as_ref().map(contract::finding).unwrap_or_default()
}

fn dynamic(finding: &Finding) -> Option<DynamicMessage> {
    let descriptor = vouch_contract::pool().get_message_by_name("vouch.common.v1.Finding")?;
    DynamicMessage::decode(descriptor, finding.encode_to_vec().as_slice()).ok()
}

fn violations(status: &Status) -> Vec<tonic_types::FieldViolation> {
    status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default()
}

/// What a program is told of a refusal.
fn members(status: &Status, reason: &str, said: &dyn Fn(&str) -> Option<String>) -> Map<String, Value> {
    let mut members = Unanswered::of(status).map(Unanswered::members).unwrap_or_default();
    members.insert("code".into(), code(status).into());
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
        members
            .insert("findings".into(), findings.iter().filter_map(dynamic).map(|finding| member(&finding)).collect());
    }
    members
}

/// A finding as a program is told it, wherever it comes from.
fn member(finding: &DynamicMessage) -> Value {
    let text = |name: &str| {
        finding.get_field_by_name(name).and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let word = |name: &str, prefix: &str| {
        let field = finding.descriptor().get_field_by_name(name);
        let Some(Kind::Enum(of)) = field.as_ref().map(FieldDescriptor::kind) else { return String::new() };
        let number = finding.get_field_by_name(name).and_then(|value| value.as_enum_number()).unwrap_or_default();
        let value = of.get_value(number).map(|value| value.name().to_owned());
        value.map_or_else(|| number.to_string(), |name| name.trim_start_matches(prefix).to_owned())
    };
    json!({
        "reason": word("reason", "REASON_"), "subject": text("subject"), "message": text("message"),
        "remedy": text("remedy"), "cure_by": word("cure_by", "CURE_BY_"), "weight": word("weight", "WEIGHT_"),
    })
}

/// A code by the name that the protocol has for it: `INVALID_ARGUMENT`.
fn code(status: &Status) -> &'static str {
    match status.code() {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
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
    fn a_services_words_give_a_terminal_no_orders_and_one_that_lacks_another_is_named() {
        use vouch_core::{Error, Reason};
        let orders = "bad\u{1b}[2J\nvouch: all is well";
        let denied = vouch_contract::status::early(Code::Unavailable, Reason::Unavailable, orders, "partner.vouch");
        let told = problem(&denied, &Called::plainly(Role::Agent, LIST));
        assert_eq!(told.what, "UNAVAILABLE: bad [2J vouch: all is well");
        assert!(told.next.unwrap().starts_with("So says the partner service: "));
        let bad = vouch_contract::status::from_error(&Error::field("number", orders), "partner.vouch");
        let told = problem(&bad, &Called::plainly(Role::Agent, LIST));
        assert_eq!(told.besides, ["number bad [2J vouch: all is well"]);
        assert_eq!(told.members["code"], "INVALID_ARGUMENT");
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
            (&"ACCESS_DENIED".into(), &"PERMISSION_DENIED".into())
        );
        let bad = vouch_contract::status::from_error(&Error::field("number", "must be one"), "partner.vouch");
        let said = |field: &str| (field == "number").then(|| "--ticket".to_owned());
        let told = problem(&bad, &Called { role: Role::Agent, rpc: LIST, said: &said });
        assert_eq!(told.besides, ["number (--ticket) must be one"]);
        let field = json!({ "field": "number", "given": "--ticket", "problem": "must be one" });
        assert_eq!(told.members["fields"][0], field);
    }
}

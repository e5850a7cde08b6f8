//! What comes next, behind the big steps from a ticket to its end: one line, with the command to paste.

use std::path::Path;

use prost_reflect::{DynamicMessage, ReflectMessage};

use super::cells::{self, Room};
use super::{Asked, request};
use crate::{near, output};

/// What comes behind an RPC: what it is for, and the command without the program and the data folder. In the place of `{…}` stands what the
/// answer says; `…` is for the reader to say.
const STEPS: [(&str, &str, &str); 14] = [
    ("partner.v1.TicketService/OpenTicket", "Is the end user covered?", "ticket verify-entitlement {ticket.ticket_id}"),
    (
        "partner.v1.TicketService/VerifyEntitlement",
        "What is known of the problem?",
        "ticket search-knowledge {ticket.ticket_id} --query …",
    ),
    (
        "partner.v1.TicketService/SearchKnowledge",
        "What was tried, and found:",
        "ticket record-troubleshooting {ticket_id} --step-action … --step-finding …",
    ),
    (
        "partner.v1.TicketService/RecordTroubleshooting",
        "The end user confirms the statement of the problem, as it stands here:",
        "ticket confirm-statement {ticket.ticket_id} --as customer --etag {ticket.etag}",
    ),
    (
        "partner.v1.TicketService/ConfirmStatement",
        "To hand the ticket over, diagnostics that `vouch collect` made go to the partner first:",
        "bundle upload … --ticket {ticket.ticket_id}",
    ),
    (
        "partner.v1.TicketService/EscalateTicket",
        "What became of it, with the number of the case once the vendor accepted it:",
        "ticket get {ticket.ticket_id}",
    ),
    ("partner.v1.TicketService/AnswerVendor", "How the case stands:", "ticket get {ticket.ticket_id}"),
    (
        "partner.v1.TicketService/ConfirmSolution",
        "Once it works and the end user is told, the case may be closed:",
        "ticket mark-ready-to-close {ticket.ticket_id}",
    ),
    (
        "partner.v1.TicketService/MarkTicketReadyToClose",
        "The vendor's engineer closes the case:",
        "case-desk close-case {ticket.escalation.case_number} --summary …",
    ),
    (
        "partner.v1.DiagnosticsService/IssueCollectionTicket",
        "Where the product runs, with this file and without a network:",
        "collect --request {file} --output …",
    ),
    (
        "vendor.v1.CaseDeskService/ClaimCase",
        "What was handed over, and what was found in its diagnostics:",
        "case-desk get-desk-case {case.case_id}",
    ),
    (
        "vendor.v1.CaseDeskService/RequestInformation",
        "The partner sees it at the ticket, and answers there:",
        "ticket get {case.ticket_number}",
    ),
    (
        "vendor.v1.CaseDeskService/ProvideSolution",
        "The end user tries it, and says whether it works:",
        "ticket confirm-solution {case.ticket_number} --as customer --works",
    ),
    ("vendor.v1.CaseDeskService/CloseCase", "How it ended at the partner:", "ticket get {case.ticket_number}"),
];

/// The line behind an answer; `None` where nothing comes next, or what it needs is not said. `file` is where the answer's file went.
pub(super) fn step(
    asked: &Asked,
    request: &DynamicMessage,
    answer: &DynamicMessage,
    file: Option<&Path>,
) -> Option<String> {
    let rpc = near::name(&asked.method);
    let (_, what, command) = STEPS.iter().find(|(name, ..)| *name == rpc)?;
    let said = |name: &str| match name {
        "file" => Some(file.map_or_else(|| "…".to_owned(), output::path)),
        name => text(answer, name).or_else(|| text(request, name)),
    };
    let command = filled(command, &said)?;
    // What collects knows no services.
    let data = if command.starts_with("collect ") { String::new() } else { asked.folder.flag() };
    Some(format!("{what} {} {command}{data}", output::program()))
}

/// A command with what is said in the place of `{…}`.
fn filled(command: &str, said: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let words = command.split(' ').map(|word| match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
        Some(name) => said(name),
        None => Some(word.to_owned()),
    });
    Some(words.collect::<Option<Vec<_>>>()?.join(" "))
}

/// What a message says at a path, where it says it.
fn text(message: &DynamicMessage, path: &str) -> Option<String> {
    let mut fields = Vec::new();
    let mut descriptor = message.descriptor();
    for name in path.split('.') {
        let field = descriptor.get_field_by_name(name)?;
        if let prost_reflect::Kind::Message(within) = field.kind() {
            descriptor = within;
        }
        fields.push(field);
    }
    let value = request::get(message, &fields)?;
    let text = cells::text(fields.last()?, &value, Room::Line);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use serde_json::json;

    use super::super::{commands, values};
    use super::*;
    use crate::{Arguments, call};

    #[test]
    fn every_step_is_behind_an_rpc_and_is_a_command_that_there_is() {
        for (rpc, what, command) in STEPS {
            let method = call::named(rpc).unwrap_or_else(|| panic!("{rpc}"));
            assert!(what.ends_with([':', '?']), "{what}");
            let names = command.split(' ').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
            for name in names.filter(|name| *name != "file") {
                let first = name.split('.').next().unwrap();
                let has = |of: prost_reflect::MessageDescriptor| of.get_field_by_name(first).is_some();
                assert!(has(method.output()) || has(method.input()), "{rpc}: {name}");
            }
            let command = filled(command, &|_| Some("x-1".into())).unwrap();
            let line = std::iter::once("vouch").chain(command.split(' '));
            let parsed = commands::add(Arguments::command()).try_get_matches_from(line);
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn a_step_says_what_the_answer_says_and_nothing_where_that_is_not_said() {
        let pool = vouch_contract::pool();
        let answer = pool.get_message_by_name("vouch.partner.v1.MarkTicketReadyToCloseResponse").unwrap();
        let read = |json| values::message(&answer, &json).unwrap();
        let whole = read(json!({ "ticket": { "ticketId": "tkt_1", "escalation": { "caseNumber": "10-428" } } }));
        assert_eq!(text(&whole, "ticket.escalation.case_number").as_deref(), Some("10-428"));
        let none = read(json!({ "ticket": { "ticketId": "tkt_1" } }));
        assert_eq!(text(&none, "ticket.escalation.case_number"), None);
        assert_eq!(filled("a {b} c", &|_| None), None);
    }
}

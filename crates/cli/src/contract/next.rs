//! What comes next, behind the big steps from a ticket to its end: one line, with the command to paste.

use std::borrow::Cow;
use std::path::Path;

use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use vouch_core::World;

use super::cells::{self, Room};
use super::{Asked, commands, request, roles};
use crate::identities::Role;
use crate::{near, output};

const VERIFY: &str = "partner.v1.TicketService/VerifyEntitlement";
const SOLVED: &str = "partner.v1.TicketService/ConfirmSolution";
const COLLECTION: &str = "partner.v1.DiagnosticsService/IssueCollectionTicket";

/// What there is to do where the one who asks is no named contact.
const ADOPTION: &str = "A named contact of the end user has to adopt it:";

/// What is said of a file with a key that went to the screen.
const SCREEN: &str = "It has a key in it: with --output FILE it is written into a file for nobody else to read, which goes to where the product runs.";

/// What comes behind an RPC: what it is for, and the command without the program and the data folder. In the place of `{…}` stands what the
/// answer says, or the instant of now; `…` is for the reader to say.
const STEPS: [(&str, &str, &str); 17] = [
    ("partner.v1.TicketService/OpenTicket", "Is the end user covered?", "ticket verify-entitlement {ticket.ticket_id}"),
    (VERIFY, "What is known of the problem?", "ticket search-knowledge {ticket.ticket_id} --query …"),
    (VERIFY, ADOPTION, "ticket adopt {ticket.ticket_id} --liaison-email …"),
    (
        "partner.v1.TicketService/AdoptTicket",
        "Is the end user covered now?",
        "ticket verify-entitlement {ticket.ticket_id}",
    ),
    (
        "partner.v1.TicketService/SearchKnowledge",
        "What was tried, and found:",
        "ticket record-troubleshooting {ticket_id} --step-action … --step-finding … --step-done-at {now}",
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
        SOLVED,
        "Once it works and the end user is told, the case may be closed:",
        "ticket mark-ready-to-close {ticket.ticket_id}",
    ),
    (
        "partner.v1.TicketService/MarkTicketReadyToClose",
        "The vendor's engineer closes the case:",
        "case-desk close-case {ticket.escalation.case_number} --summary …",
    ),
    (
        COLLECTION,
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
        "The agent tells the end user what to do:",
        "ticket add-note {case.ticket_number} --audience end-user --text …",
    ),
    (
        "vendor.v1.CaseDeskService/ProvideSolution",
        "The end user tries it, and says whether it works:",
        "ticket confirm-solution {case.ticket_number} --as customer --works",
    ),
    ("vendor.v1.CaseDeskService/CloseCase", "How it ended at the partner:", "ticket get {case.ticket_number}"),
];

/// The lines behind an answer; none where nothing comes next, or what it needs is not said. `file` is where the answer's file went.
pub(super) fn steps(
    asked: &Asked,
    request: &DynamicMessage,
    answer: &DynamicMessage,
    file: Option<&Path>,
) -> Vec<String> {
    let rpc = near::name(&asked.method);
    if rpc == COLLECTION && file.is_none() {
        return vec![SCREEN.to_owned()];
    }
    let said = |name: &str| match name {
        "file" => file.map(output::path),
        "now" => Some(format!("{:.0}", World::system().now())),
        name => text(answer, name).or_else(|| text(request, name)).map(output::pasteable),
    };
    let line = |(_, what, command): &(&str, &str, &str)| {
        let role = who(asked.role, command);
        let command = filled(command, &said)?;
        // What collects knows no services.
        let data = if command.starts_with("collect ") { String::new() } else { asked.folder.flag() };
        Some(format!("{what} {} {command}{role}{data}", output::program()))
    };
    let own = STEPS.iter().filter(|(name, what, _)| *name == rpc && comes(&rpc, what, request, answer));
    own.filter_map(line).collect()
}

/// Whether a step comes next after what was answered.
fn comes(rpc: &str, what: &str, request: &DynamicMessage, answer: &DynamicMessage) -> bool {
    match rpc {
        VERIFY => {
            let is_entitled = text(answer, "ticket.entitlement.entitled").is_some_and(|said| said == "yes");
            if what == ADOPTION { !is_entitled && wants_named_contact(answer) } else { is_entitled }
        }
        SOLVED => text(request, "works").is_some_and(|said| said == "yes"),
        _ => true,
    }
}

/// Whether it was found that the contact is none of the end user's named ones.
fn wants_named_contact(answer: &DynamicMessage) -> bool {
    let within = |message: &DynamicMessage, name: &str| message.get_field_by_name(name).map(Cow::into_owned);
    let ticket = within(answer, "ticket");
    let entitlement = ticket.as_ref().and_then(Value::as_message).and_then(|ticket| within(ticket, "entitlement"));
    let findings = entitlement.as_ref().and_then(Value::as_message).and_then(|said| within(said, "findings"));
    let findings = findings.as_ref().and_then(Value::as_list).unwrap_or_default();
    findings
        .iter()
        .filter_map(Value::as_message)
        .any(|finding| text(finding, "reason").is_some_and(|reason| reason == "contact-not-named"))
}

/// Who has to run a command, where that is somebody else than the one who called, or than who is taken for it where nobody is named.
fn who(role: Role, command: &str) -> String {
    let mut words = command.split(' ');
    let method = words.next().zip(words.next()).and_then(|(group, command)| commands::method(group, command));
    let Some(method) = method.filter(|_| !command.contains(" --as ")) else { return String::new() };
    let fitting = roles::fitting(&method);
    let is_granted = roles::is_granted(&near::name(&method), role);
    match (is_granted, role == fitting) {
        (true, true) => String::new(),
        (true, false) => format!(" --as {}", roles::name(role)),
        (false, _) => format!(" --as {}", roles::name(fitting)),
    }
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

    use super::super::table::View;
    use super::super::values;
    use super::*;
    use crate::folder::Folder;
    use crate::{Arguments, call};

    #[test]
    fn every_step_is_behind_an_rpc_and_is_a_command_that_there_is() {
        for (rpc, what, command) in STEPS {
            let method = call::named(rpc).unwrap_or_else(|| panic!("{rpc}"));
            assert!(what.ends_with([':', '?']), "{what}");
            let names = command.split(' ').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
            for name in names.filter(|name| !["file", "now"].contains(name)) {
                let first = name.split('.').next().unwrap();
                let has = |of: prost_reflect::MessageDescriptor| of.get_field_by_name(first).is_some();
                assert!(has(method.output()) || has(method.input()), "{rpc}: {name}");
            }
            let now = |name: &str| if name == "now" { "2026-06-30T12:00:00Z" } else { "x-1" };
            let command = filled(command, &|name| Some(now(name).into())).unwrap();
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

    /// What comes behind an answer to a request.
    fn told(rpc: &str, role: Role, request: serde_json::Value, answer: serde_json::Value) -> Vec<String> {
        let method = call::named(rpc).unwrap();
        let read = |descriptor: &prost_reflect::MessageDescriptor, json| values::message(descriptor, &json).unwrap();
        let (request, answer) = (read(&method.input(), request), read(&method.output(), answer));
        let asked = Asked {
            flags: Vec::new(),
            folder: Folder::prepare(tempfile::tempdir().unwrap().path()).unwrap(),
            role,
            json: false,
            view: View { wide: false, width: None },
            limit: None,
            method,
        };
        steps(&asked, &request, &answer, None)
    }

    #[test]
    fn what_does_not_come_next_is_not_said_and_what_stands_in_the_way_is() {
        let verified = |entitlement: serde_json::Value| {
            told(
                VERIFY,
                Role::Agent,
                json!({}),
                json!({ "ticket": { "ticketId": "tkt_1", "entitlement": entitlement } }),
            )
        };
        assert!(verified(json!({ "entitled": true }))[0].contains(" ticket search-knowledge tkt_1 --query … --data "));
        assert_eq!(verified(json!({ "entitled": false })), [""; 0]);
        let unnamed = verified(json!({ "findings": [{ "reason": "REASON_CONTACT_NOT_NAMED" }] }));
        assert!(
            unnamed.len() == 1 && unnamed[0].contains(" ticket adopt tkt_1 --liaison-email … --data "),
            "{unnamed:?}"
        );
        let ticket = json!({ "ticket": { "ticketId": "tkt_1" } });
        assert_eq!(told(SOLVED, Role::Customer, json!({ "works": false }), ticket.clone()), [""; 0]);
        let solved = told(SOLVED, Role::Customer, json!({ "works": true }), ticket);
        assert!(solved[0].contains(" ticket mark-ready-to-close tkt_1 --as agent --data "), "{solved:?}");
        assert_eq!(told(COLLECTION, Role::Agent, json!({}), json!({})), [SCREEN]);
        let case = json!({ "case": { "ticketNumber": "10-1; rm -r" } });
        let provided = told("vendor.v1.CaseDeskService/ProvideSolution", Role::Engineer, json!({}), case);
        assert!(provided[0].contains(" ticket add-note '10-1; rm -r' --audience end-user --text … --as agent --data "));
        assert!(provided[1].contains(" ticket confirm-solution '10-1; rm -r' --as customer --works --data "));
    }
}

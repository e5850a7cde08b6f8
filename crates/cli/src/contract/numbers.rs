//! Tickets and cases by the short numbers that people say: what takes an id takes the number as well, wherever the contract can look it up.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, MethodDescriptor, Value};
use tonic::Status;

use super::flags::Flag;
use super::request::Intent;
use super::{Asked, roles};
use crate::call;
use crate::folder::Folder;
use crate::identities::Role;

/// The field of a request that is the number itself.
const NUMBER: &str = "number";

/// How the id of something is found by its number.
struct Lookup {
    /// The field in which requests have the id.
    id: &'static str,
    /// The RPC that takes the number.
    rpc: &'static str,
    /// Where its answer has what was looked for.
    found: &'static str,
}

const LOOKUPS: [Lookup; 2] = [
    Lookup { id: "ticket_id", rpc: "partner.v1.TicketService/GetTicket", found: "ticket" },
    Lookup { id: "case_id", rpc: "vendor.v1.CaseDeskService/GetDeskCase", found: "case" },
];

/// Whether a text is a number, well spelt or not, and no id: ids begin with letters.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "- ".contains(c))
}

/// Whether a number does as well for a field of an RPC's request: for who may look it up.
pub(super) fn takes(method: &MethodDescriptor, field: &FieldDescriptor) -> bool {
    lookup(field).is_some_and(|lookup| roles::share(method, lookup.rpc))
}

/// Puts ids in the place of the numbers that were given for them.
pub(super) async fn resolve(asked: &Asked, intent: &mut Intent) -> Result<(), Status> {
    let input = asked.method.input();
    for (field, lookup) in input.fields().filter_map(|field| Some((field.clone(), lookup(&field)?))) {
        let given = intent.message.get_field(&field).as_str().unwrap_or_default().trim().to_owned();
        if !is_number(&given) {
            continue;
        }
        if input.get_field_by_name(NUMBER).is_some() {
            intent.message.clear_field(&field);
            intent.message.set_field_by_name(NUMBER, Value::String(given));
        } else if roles::is_granted(lookup.rpc, asked.role) {
            let id = look_up(&asked.folder, asked.role, lookup, &given).await?;
            intent.message.set_field(&field, Value::String(id));
        }
    }
    Ok(())
}

/// The id of a ticket, by its id or its number.
pub(crate) async fn ticket_id(folder: &Folder, role: Role, given: &str) -> Result<String, Status> {
    let [ticket, _] = &LOOKUPS;
    if is_number(given) { look_up(folder, role, ticket, given.trim()).await } else { Ok(given.trim().to_owned()) }
}

/// How a field of a lookup was given: as the id that it stood for.
pub(super) fn said(flags: &[Flag], field: &str) -> Option<String> {
    let stands_for = |flag: &&Flag| flag.path.len() == 1 && flag.field().and_then(lookup).is_some();
    flags.iter().find(stands_for).filter(|_| field == NUMBER).map(|flag| format!("--{}", flag.name))
}

fn lookup(field: &FieldDescriptor) -> Option<&'static Lookup> {
    LOOKUPS.iter().find(|lookup| lookup.id == field.name() && !field.is_list())
}

async fn look_up(folder: &Folder, role: Role, lookup: &Lookup, number: &str) -> Result<String, Status> {
    let method = call::named(lookup.rpc).ok_or_else(|| Status::internal("the contract has no such lookup"))?;
    let mut question = DynamicMessage::new(method.input());
    question.set_field_by_name(NUMBER, Value::String(number.to_owned()));
    let answer = call::call(folder, role, &method, question).await?;
    let found = answer.get_field_by_name(lookup.found).map(Cow::into_owned);
    let id = found.as_ref().and_then(Value::as_message).and_then(|found| found.get_field_by_name(lookup.id));
    id.and_then(|id| id.as_str().map(str::to_owned)).ok_or_else(|| Status::internal("an answer came without its id"))
}

#[cfg(test)]
mod tests {
    //! Proves W04.

    use super::super::flags;
    use super::*;

    fn takes_number(rpc: &str) -> bool {
        let method = call::named(rpc).unwrap();
        method.input().fields().any(|field| takes(&method, &field))
    }

    #[test]
    fn w04_a_number_is_told_from_an_id_well_spelt_or_not() {
        assert!(["679-428", "10 428", "10428", " 7-9 "].into_iter().all(is_number));
        assert!(
            ["tkt_01jz0000000000000000000000", "case_7", "", "N-7", "-", "12a"]
                .into_iter()
                .all(|text| !is_number(text))
        );
    }

    #[test]
    fn w04_every_rpc_for_people_that_takes_a_ticket_or_a_case_takes_its_number() {
        let mut without = Vec::new();
        for method in vouch_contract::services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let has_id = method.input().fields().any(|field| lookup(&field).is_some());
            if has_id && !method.input().fields().any(|field| takes(&method, &field)) {
                without.push(method.parent_service().name().to_owned());
            }
        }
        without.dedup();
        assert_eq!(without, ["EscalationService"], "a partner's service has no people who say numbers");
        assert!(takes_number("vendor.v1.CaseDeskService/GetDeskCase"));
        assert!(takes_number("partner.v1.DiagnosticsService/IssueCollectionTicket"));
        assert!(!takes_number("license.v1.LicenseService/GetLicense"));
    }

    #[test]
    fn w04_a_number_that_cannot_be_one_is_told_as_the_flag_that_gave_it() {
        let flags = flags::of(&call::named("vendor.v1.CaseDeskService/ClaimCase").unwrap().input());
        assert_eq!(said(&flags, NUMBER).as_deref(), Some("--case-id"));
        assert_eq!(said(&flags, "request_id"), None);
    }
}

//! What a mutation must know of the resource as it is now: its etag, and the fields that it leaves as they are.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use tonic::Status;

use super::flags::Flag;
use super::request::{self, Intent};
use super::{Asked, flags, values, versions};
use crate::call;

/// How the resource that a mutation changes is read.
struct Reading {
    /// The RPC that reads it.
    get: MethodDescriptor,
    /// Where its answer has the resource.
    read: FieldDescriptor,
    /// Where the mutation wants the etag.
    etag: Vec<FieldDescriptor>,
    /// The resource in the mutation's request, where it changes some of its fields.
    changed: Option<FieldDescriptor>,
}

/// Whether a flag is an etag that the command reads by itself.
pub(super) fn is_etag(method: &MethodDescriptor, flag: &Flag) -> bool {
    reading(method).is_some_and(|reading| reading.etag == flag.path)
}

/// Completes a request with what was not said: which fields it changes, and the etag of the resource as it is now.
pub(super) async fn complete(asked: &Asked, intent: &mut Intent) -> Result<(), Status> {
    versions::complete(asked, &mut intent.message).await?;
    let Some(reading) = reading(&asked.method) else { return Ok(()) };
    if let Some(changed) = &reading.changed {
        name_changes(intent, changed)?;
    }
    // Who sets one field of a message within the resource means the others to stay.
    let parts: Vec<_> = intent.given.iter().filter(|(path, _)| path.len() > 2).cloned().collect();
    let needs_parts = reading.changed.is_some() && !parts.is_empty();
    if request::get(&intent.message, &reading.etag).is_some() && !needs_parts {
        return Ok(());
    }
    let Some(question) = question(&reading, &intent.message) else { return Ok(()) };
    let answer = call::call(&asked.folder, asked.role, &reading.get, question).await?;
    let now = answer.get_field(&reading.read).into_owned();
    let Some(now) = now.as_message() else { return Ok(()) };
    if request::get(&intent.message, &reading.etag).is_none()
        && let Some(etag) = now.get_field_by_name("etag")
    {
        request::set(&mut intent.message, &reading.etag, etag.into_owned());
    }
    if needs_parts {
        for (path, _) in &parts {
            if let Some(whole) = path.get(..2).and_then(|path| path.last().map(|field| (path, now.get_field(field)))) {
                request::set(&mut intent.message, whole.0, whole.1.into_owned());
            }
        }
        for (path, value) in parts {
            request::set(&mut intent.message, &path, value);
        }
    }
    Ok(())
}

fn reading(method: &MethodDescriptor) -> Option<Reading> {
    let input = method.input();
    // Who confirms something says which state of it was seen: that is not for a program to say.
    if method.name().starts_with("Confirm") {
        return None;
    }
    let changed = input.get_field_by_name("update_mask").and_then(|_| input.fields().find(flags::has_fields));
    let etag = match (input.get_field_by_name("etag"), &changed) {
        (Some(etag), _) => vec![etag],
        (None, Some(resource)) => vec![resource.clone(), within(resource)?.get_field_by_name("etag")?],
        (None, None) => return None,
    };
    let resources: Vec<MessageDescriptor> = method.output().fields().filter_map(|field| within(&field)).collect();
    let found = method.parent_service().methods().filter(|get| get.name().starts_with("Get")).find_map(|get| {
        let read = get.output().fields().find(|field| {
            within(field).is_some_and(|read| read.get_field_by_name("etag").is_some() && resources.contains(&read))
        })?;
        Some((get, read))
    });
    found.map(|(get, read)| Reading { get, read, etag, changed })
}

/// The question for the resource: its fields have the same names in the mutation's request.
fn question(reading: &Reading, request: &DynamicMessage) -> Option<DynamicMessage> {
    let mut question = DynamicMessage::new(reading.get.input());
    let changed = reading.changed.as_ref().map(|changed| request.get_field(changed).into_owned());
    let resource = changed.as_ref().and_then(Value::as_message);
    for field in reading.get.input().fields() {
        let places = [Some(request), resource].into_iter().flatten();
        let mut known = places.rev().filter_map(|place| {
            let same = place.descriptor().get_field_by_name(field.name())?;
            (same.kind() == field.kind()).then(|| request::get(place, &[same]))?
        });
        if let Some(value) = known.next() {
            question.set_field(&field, value);
        }
    }
    let is_asked = question.fields().next().is_some();
    is_asked.then_some(question)
}

/// Names the fields that were given as those to change, where the request does not say which.
fn name_changes(intent: &mut Intent, changed: &FieldDescriptor) -> Result<(), Status> {
    let mask = intent.message.descriptor().get_field_by_name("update_mask");
    let Some((mask, Kind::Message(kind))) = mask.map(|mask| (mask.clone(), mask.kind())) else { return Ok(()) };
    if intent.message.has_field(&mask) {
        return Ok(());
    }
    let resource = intent.message.get_field(changed).into_owned();
    let held = resource.as_message().map(|resource| resource.fields().map(|(field, _)| field).collect::<Vec<_>>());
    let given = intent.given.iter().filter(|(path, _)| path.first() == Some(changed));
    let given = given.filter_map(|(path, _)| path.get(1).cloned());
    let mut names: Vec<String> = Vec::new();
    for field in held.unwrap_or_default().into_iter().chain(given) {
        if !names_it(&field) && !names.iter().any(|name| name == field.name()) {
            names.push(field.name().to_owned());
        }
    }
    if !names.is_empty() {
        let value = values::mask(&kind, names.iter().map(String::as_str)).map_err(Status::internal)?;
        intent.message.set_field(&mask, Value::Message(value));
    }
    Ok(())
}

/// Whether a field of a resource says which one it is, or as of when: that is no change of it. The key of a resource is its first field.
fn names_it(field: &FieldDescriptor) -> bool {
    field.number() == 1 || field.name() == "etag"
}

/// The message that a field holds.
fn within(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(rpc: &str) -> Option<String> {
        reading(&call::find(rpc).unwrap()).map(|reading| reading.get.name().to_owned())
    }

    #[test]
    fn what_is_changed_can_be_read_first_unless_somebody_must_have_seen_it() {
        for (rpc, wanted) in [
            ("license.v1.CatalogService/UpdateRelease", Some("GetProduct")),
            ("license.v1.LicenseService/SetLicenseState", Some("GetLicense")),
            ("license.v1.AgreementService/SetAgreementState", Some("GetAgreement")),
            ("license.v1.PartnerRegistryService/SetPartnerStanding", Some("GetPartner")),
            ("license.v1.PartnerRegistryService/UpdatePartner", Some("GetPartner")),
            ("partner.v1.TicketService/UpdateProblem", Some("GetTicket")),
            ("partner.v1.TicketService/ConfirmStatement", None),
            ("license.v1.LicenseService/CreateLicense", None),
            ("license.v1.AgreementService/NameLiaison", None),
        ] {
            assert_eq!(read(rpc).as_deref(), wanted, "{rpc}");
        }
    }
    #[test]
    fn what_only_names_a_resource_is_none_of_its_changes() {
        for (rpc, given, wanted) in [
            (
                "license.v1.CatalogService/UpdateRelease",
                json!({ "version": "3.0", "releasedOn": "2026-06-01" }),
                "released_on",
            ),
            (
                "license.v1.PartnerRegistryService/UpdatePartner",
                json!({ "partnerId": "north", "name": "North", "etag": "e" }),
                "name",
            ),
            (
                "license.v1.AgreementService/UpdateLiaison",
                json!({ "contactId": "con_1", "administrativeRights": true }),
                "administrative_rights",
            ),
        ] {
            let input = call::find(rpc).unwrap().input();
            let changed = input.fields().find(flags::has_fields).unwrap();
            let message = values::message(&input, &json!({ changed.json_name(): given })).unwrap();
            let mut intent = Intent { message, given: Vec::new(), request_id: None };
            name_changes(&mut intent, &changed).unwrap();
            let mask = intent.message.get_field_by_name("update_mask").unwrap().into_owned();
            let paths = mask.as_message().unwrap().get_field_by_name("paths").unwrap().into_owned();
            assert_eq!(paths.as_list().unwrap(), [Value::String(wanted.into())], "{rpc}");
        }
    }
}

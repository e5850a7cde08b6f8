//! A flag for each field of a request, those of the messages within it too.
//!
//! The one message that a request carries and needs is not named (`--product-id` for `license.product_id`); messages within it are, by
//! the rule of `names`. Two fields that would be called the same are called by their whole path, but one of the request itself keeps its name.

use std::collections::BTreeMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::names;
use super::pages;

/// The name under which a command's subject is given without a flag.
pub(super) const SUBJECT: &str = "subject";

/// Flags that every command has, or that have a meaning of their own.
const TAKEN: [&str; 8] = ["data", "as", "json", "wide", "limit", "output", "request", "help"];

/// How deep messages within messages have flags of their own.
const DEPTH: usize = 5;

/// How many flags of a message are said where it is missing as a whole.
const SAID: usize = 5;

/// A field that has a flag.
pub(super) struct Flag {
    /// What the flag is called, without the hyphens before it: `end-user-id`.
    pub(super) name: String,
    /// The fields on the way to it, itself last.
    pub(super) path: Vec<FieldDescriptor>,
}

impl Flag {
    /// The path as the contract writes it: `license.end_user.end_user_id`.
    pub(super) fn field_path(&self) -> String {
        written(&self.path, ".")
    }

    /// Whether the two are branches of one choice: of a oneof, whose fields exclude one another.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let fork = self.path.iter().zip(&other.path).find(|(own, others)| own != others);
        fork.is_some_and(|(own, others)| {
            own.containing_oneof().is_some_and(|oneof| Some(oneof) == others.containing_oneof())
        })
    }

    /// Whether the service gives the field, and nobody else.
    pub(super) fn is_given_by_service(&self) -> bool {
        self.path.len() > 1 && self.field().is_some_and(vouch_contract::is_given_by_service)
    }

    /// The field itself.
    pub(super) fn field(&self) -> Option<&FieldDescriptor> {
        self.path.last()
    }
}

/// The flags of a request, in the order of the contract.
pub(super) fn of(request: &MessageDescriptor) -> Vec<Flag> {
    let mut paths = Vec::new();
    leaves(request, &mut Vec::new(), &mut paths);
    let carried: Vec<_> = carried(request).collect();
    let is_its_content = matches!(carried.as_slice(), [only] if vouch_contract::is_required(only));
    let short = |path: &[FieldDescriptor]| {
        let names: Vec<&str> = path.iter().map(FieldDescriptor::name).collect();
        let skipped = usize::from(is_its_content && names.len() > 1);
        names::joined(names.get(skipped..).unwrap_or_default())
    };
    let mut times = BTreeMap::<String, usize>::new();
    for path in &paths {
        *times.entry(short(path)).or_default() += 1;
    }
    let name = |path: &[FieldDescriptor]| {
        let short = short(path);
        let is_free = times.get(&short) == Some(&1);
        let name = if path.len() == 1 || is_free { short } else { written(path, "_") };
        let name = name.replace('_', "-");
        if TAKEN.contains(&name.as_str()) { format!("field-{name}") } else { name }
    };
    paths.iter().map(|path| Flag { name: name(path), path: path.clone() }).collect()
}

/// The flag that stands for what a command is about, and may be given without its name: the first id in the request itself; or that
/// of the resource in it, where the request changes some of its fields.
pub(super) fn subject(flags: &[Flag]) -> Option<&Flag> {
    let depth = if flags.iter().any(|flag| flag.name == "update-mask") { 2 } else { 1 };
    flags.iter().find(|flag| flag.path.len() <= depth && flag.name != "request-id" && flag.name.ends_with("-id"))
}

/// How a field's path in a refusal is said on the command line: `--end-user-id` for `license.end_user.end_user_id`; a message that is
/// missing as a whole by the flags of its fields.
pub(super) fn said(flags: &[Flag], path: &str) -> Option<String> {
    let plain: String =
        path.split('.').map(|part| part.split('[').next().unwrap_or_default()).collect::<Vec<_>>().join(".");
    let exact = flags.iter().find(|flag| flag.field_path() == plain);
    let within: Vec<&Flag> = flags.iter().filter(|flag| flag.field_path().starts_with(&format!("{plain}."))).collect();
    if exact.is_none() && !within.is_empty() {
        let own = within.iter().filter(|flag| !flag.is_given_by_service());
        let named: Vec<_> = own.take(SAID).map(|flag| format!("--{}", flag.name)).collect();
        let more = if within.len() > named.len() { ", …; see --help" } else { "" };
        return Some(format!("give its flags: {}{more}", named.join(", ")));
    }
    // What is wrong within a list is mended in the flag that gave it.
    let flag = exact.or_else(|| flags.iter().find(|flag| plain.starts_with(&format!("{}.", flag.field_path()))))?;
    Some(format!("--{}", flag.name))
}

/// The messages that a request carries, but for which page it asks.
pub(super) fn carried(request: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
    request.fields().filter(|field| has_fields(field) && !pages::is_page(field))
}

fn leaves(message: &MessageDescriptor, way: &mut Vec<FieldDescriptor>, found: &mut Vec<Vec<FieldDescriptor>>) {
    for field in message.fields().filter(|field| !pages::is_page(field)) {
        let is_deep = way.len() + 1 >= DEPTH;
        way.push(field.clone());
        match field.kind() {
            Kind::Message(inner) if has_fields(&field) && !is_deep => leaves(&inner, way, found),
            _ => found.push(way.clone()),
        }
        way.pop();
    }
}

/// Whether a field is one message with fields that can have flags; times, lists and maps have one flag as a whole.
pub(super) fn has_fields(field: &FieldDescriptor) -> bool {
    let Kind::Message(message) = field.kind() else { return false };
    !field.is_list() && !field.is_map() && !message.full_name().starts_with("google.") && message.fields().len() > 0
}

fn written(path: &[FieldDescriptor], between: &str) -> String {
    path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::call;

    fn flags(rpc: &str) -> Vec<Flag> {
        of(&call::find(rpc).unwrap().input())
    }

    fn names(rpc: &str) -> Vec<String> {
        flags(rpc).into_iter().map(|flag| flag.name).collect()
    }

    #[test]
    fn every_field_of_every_request_has_a_flag_of_its_own() {
        for service in vouch_contract::services() {
            for method in service.methods().filter(|method| !method.is_client_streaming()) {
                let flags = of(&method.input());
                let names: BTreeSet<_> = flags.iter().map(|flag| flag.name.as_str()).collect();
                assert_eq!(names.len(), flags.len(), "{}: {names:?}", method.full_name());
                assert!(TAKEN.iter().all(|taken| !names.contains(taken)), "{names:?}");
                let top: BTreeSet<_> = flags.iter().map(|flag| flag.path[0].name().to_owned()).collect();
                let fields = method.input();
                let wanted: BTreeSet<_> = fields
                    .fields()
                    .filter(|field| !pages::is_page(field))
                    .map(|field| field.name().to_owned())
                    .collect();
                assert_eq!(top, wanted, "{}", method.full_name());
            }
        }
    }

    #[test]
    fn flags_are_short_where_nothing_is_mistaken() {
        let license = names("license.v1.LicenseService/CreateLicense");
        for wanted in ["request-id", "product-id", "quantity", "end-user-id", "end-user-name", "valid-from", "liaisons"]
        {
            assert!(license.iter().any(|name| name == wanted), "{wanted}: {license:?}");
        }
        let partner = names("license.v1.PartnerRegistryService/UpdatePartner");
        assert!(partner.contains(&"support-contact-email".to_owned()), "{partner:?}");
        let check = names("license.v1.EntitlementService/CheckEntitlement");
        assert!(check.contains(&"license-key".to_owned()) && check.contains(&"severity".to_owned()), "{check:?}");
    }

    #[test]
    fn branches_of_one_choice_exclude_one_another() {
        let flags = flags("partner.v1.TicketService/RecordTroubleshooting");
        let flag = |name: &str| flags.iter().find(|flag| flag.name == name).unwrap();
        assert!(flag("step-action").excludes(flag("replication-notes")));
        assert!(!flag("step-action").excludes(flag("step-finding")));
        assert!(!flag("step-action").excludes(flag("ticket-id")));
    }

    #[test]
    fn a_command_is_about_the_first_id_of_its_request() {
        for (rpc, wanted) in [
            ("license.v1.LicenseService/GetLicense", Some("license-id")),
            ("license.v1.AgreementService/EndLiaison", Some("agreement-id")),
            ("license.v1.PartnerRegistryService/UpdatePartner", Some("partner-id")),
            ("license.v1.IncidentService/GrantIncidents", Some("end-user-id")),
            ("license.v1.LicenseService/CreateLicense", None),
            ("license.v1.EntitlementService/RotateSigningKey", None),
        ] {
            assert_eq!(subject(&flags(rpc)).map(|flag| flag.name.as_str()), wanted, "{rpc}");
        }
    }

    #[test]
    fn a_refused_field_is_said_as_the_flag_that_gave_it() {
        let flags = flags("license.v1.LicenseService/CreateLicense");
        assert_eq!(said(&flags, "license.end_user.end_user_id").as_deref(), Some("--end-user-id"));
        assert_eq!(said(&flags, "license.liaisons[0].email").as_deref(), Some("--liaisons"));
        assert_eq!(said(&flags, "request_id").as_deref(), Some("--request-id"));
        let whole = said(&flags, "license").unwrap();
        assert!(whole.starts_with("give its flags: --") && whole.contains("--product-id, --quantity"), "{whole}");
        assert!(whole.ends_with("…; see --help"), "{whole}");
        let user = "give its flags: --end-user-id, --end-user-name";
        assert_eq!(said(&flags, "license.end_user").as_deref(), Some(user));
        assert_eq!(said(&flags, "elsewhere"), None);
    }
}

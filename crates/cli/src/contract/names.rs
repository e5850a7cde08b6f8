//! What groups, commands and fields are called, by rules.
//!
//! * A **group** is an RPC service: its name without `Service` and `Registry`, in small letters. Where that is the name of a hand-written
//!   command, or of another service, the package's goes before it: `vendor-key-set`.
//! * A **command** is an RPC of it: its name in small letters, without the group's words where they stand in it, singular or plural.
//!   `CreateLicense` of `license` is `create`, `SetLicenseState` is `set-state`, `NameLiaison` of `agreement` is `name-liaison`.
//!   Where two RPCs would be the same, both keep their whole name. RPCs to which the caller streams have none: that is no command's work.
//! * A **field** within messages is called by their names and its own, but a message's name is left out where the next begins
//!   with it: `end_user.end_user_id` is `end_user_id`, `end_user.name` is `end_user_name`.

use std::collections::BTreeMap;

use prost_reflect::{MethodDescriptor, ServiceDescriptor};

use crate::severity;

/// RPCs whose commands do more than call them: whole catalogues, to files.
const BY_HAND: [&str; 1] = ["vouch.license.v1.LicenseService.ExportLicenses"];

/// The enum whose values people write as numbers.
const SEVERITY: &str = "Severity";

/// An RPC service as a group of commands.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) service: ServiceDescriptor,
}

/// The groups, in the order of the contract, beside hand-written commands.
pub(super) fn groups(written: &[&str]) -> Vec<Group> {
    let mut times = BTreeMap::<String, usize>::new();
    for service in services() {
        *times.entry(subject(&service).join("-")).or_default() += 1;
    }
    let name = |service: &ServiceDescriptor| {
        let name = subject(service).join("-");
        let is_free = times.get(&name) == Some(&1) && !written.contains(&name.as_str());
        if is_free { name } else { format!("{}-{name}", package(service)) }
    };
    services().map(|service| Group { name: name(&service), service }).collect()
}

/// The commands of a service with their RPCs, in the order of the contract.
pub(super) fn commands(service: &ServiceDescriptor) -> Vec<(String, MethodDescriptor)> {
    let subject = subject(service);
    let has_command = |method: &MethodDescriptor| !method.is_client_streaming() && !is_by_hand(method);
    let methods: Vec<_> = service.methods().filter(has_command).collect();
    let short = |method: &MethodDescriptor| without(&words(method.name()), &subject).join("-");
    let mut times = BTreeMap::<String, usize>::new();
    for method in &methods {
        *times.entry(short(method)).or_default() += 1;
    }
    let name = |method: &MethodDescriptor| {
        let short = short(method);
        if times.get(&short) == Some(&1) { short } else { words(method.name()).join("-") }
    };
    methods.into_iter().map(|method| (name(&method), method)).collect()
}

/// Whether an RPC's command is a hand-written one within its group.
fn is_by_hand(method: &MethodDescriptor) -> bool {
    BY_HAND.contains(&method.full_name())
}

/// The service of Vouch that serves an RPC service: `license`.
pub(super) fn package(service: &ServiceDescriptor) -> String {
    service.package_name().split('.').nth(1).unwrap_or_default().to_owned()
}

/// What a field within messages is called.
pub(super) fn joined(path: &[&str]) -> String {
    let mut name = String::new();
    for (at, part) in path.iter().enumerate() {
        let said =
            path.get(at + 1).is_some_and(|next| next.strip_prefix(part).is_some_and(|rest| rest.starts_with('_')));
        if !said {
            name.extend([if name.is_empty() { "" } else { "_" }, part]);
        }
    }
    name
}

/// The value of an enum as people write it: `LICENSE_STATE_ACTIVE` of `LicenseState` is `active`.
pub(super) fn enum_value(enumeration: &str, value: &str) -> String {
    let prefix = words(enumeration).join("_").to_uppercase();
    let short = value.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(value);
    let severity = (enumeration == SEVERITY).then(|| severity::written(short)).flatten();
    severity.map_or_else(|| short.to_lowercase().replace('_', "-"), str::to_owned)
}

/// What else is taken for the value of an enum: its name in the contract, and other spellings of a severity.
pub(super) fn enum_aliases(enumeration: &str, value: &str) -> Vec<String> {
    let others = if enumeration == SEVERITY { severity::also(&enum_value(enumeration, value)) } else { Vec::new() };
    let own = enum_value(enumeration, value);
    let mut names = Vec::new();
    for name in std::iter::once(value.to_owned()).chain(others) {
        if name != own && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn services() -> impl Iterator<Item = ServiceDescriptor> {
    vouch_contract::services().filter(|service| service.methods().any(|method| !method.is_client_streaming()))
}

/// What a service is about, in words.
fn subject(service: &ServiceDescriptor) -> Vec<String> {
    let mut subject = words(service.name());
    for suffix in ["service", "registry"] {
        if subject.len() > 1 && subject.last().is_some_and(|last| last == suffix) {
            subject.pop();
        }
    }
    subject
}

/// A name's words in small letters: `SetLicenseState` is `set`, `license`, `state`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in name.chars() {
        if character.is_uppercase() || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(character.to_lowercase());
        }
    }
    words
}

/// The words of an RPC without those of the group's name; its verb stays in any case.
fn without(words: &[String], subject: &[String]) -> Vec<String> {
    let same = |word: &String, wanted: &String| {
        *word == *wanted
            || *word == format!("{wanted}s")
            || wanted.strip_suffix('y').is_some_and(|stem| *word == format!("{stem}ies"))
    };
    let found = (1..words.len()).find(|start| {
        let window = words.get(*start..start + subject.len());
        window.is_some_and(|window| window.iter().zip(subject).all(|(word, wanted)| same(word, wanted)))
    });
    let Some(start) = found else { return words.to_vec() };
    words.iter().take(start).chain(words.iter().skip(start + subject.len())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rpc_that_is_no_upload_is_exactly_one_command() {
        let written = ["up", "demo", "token", "call", "verify", "collect", "bundle", "serve"];
        let groups = groups(&written);
        let names: BTreeSet<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names.len(), groups.len(), "groups are unique: {names:?}");
        assert!(written.iter().all(|written| !names.contains(written)));
        let mut seen = BTreeSet::new();
        for group in &groups {
            let commands = commands(&group.service);
            let names: BTreeSet<_> = commands.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), commands.len(), "commands of {} are unique: {names:?}", group.name);
            seen.extend(commands.into_iter().map(|(_, method)| method.full_name().to_owned()));
        }
        let all = vouch_contract::services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let wanted: BTreeSet<_> = all
            .filter(|method| !method.is_client_streaming() && !is_by_hand(method))
            .map(|method| method.full_name().to_owned())
            .collect();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn names_are_short_and_say_what_they_mean() {
        let groups = groups(&["bundle"]);
        let command = |rpc: &str| {
            let found = groups.iter().find_map(|group| {
                let commands = commands(&group.service);
                let (name, _) = commands.iter().find(|(_, method)| method.full_name() == format!("vouch.{rpc}"))?;
                Some(format!("{} {name}", group.name))
            });
            found.unwrap()
        };
        for (rpc, wanted) in [
            ("license.v1.LicenseService.CreateLicense", "license create"),
            ("license.v1.LicenseService.ListLicenses", "license list"),
            ("license.v1.LicenseService.SetLicenseState", "license set-state"),
            ("license.v1.AgreementService.NameLiaison", "agreement name-liaison"),
            ("license.v1.PartnerRegistryService.SetPartnerStanding", "partner set-standing"),
            ("license.v1.IncidentService.GrantIncidents", "incident grant"),
            ("license.v1.IncidentService.GetIncidentAccount", "incident get-account"),
            ("license.v1.EntitlementService.GetKeySet", "entitlement get-key-set"),
            ("license.v1.DirectoryService.FindSupportContact", "directory find-support-contact"),
            ("vendor.v1.BundleService.QueryBlob", "vendor-bundle query-blob"),
            ("vendor.v1.KeySetService.GetKeySet", "vendor-key-set get"),
            ("vendor.v1.EscalationService.EscalateCase", "escalation escalate-case"),
            ("vendor.v1.AdmissionPolicyService.PublishAdmissionPolicy", "admission-policy publish"),
            ("partner.v1.KeySetService.GetKeySet", "partner-key-set get"),
        ] {
            assert_eq!(command(rpc), wanted, "{rpc}");
        }
    }

    #[test]
    fn a_field_is_not_named_for_a_message_whose_name_it_has() {
        assert_eq!(joined(&["end_user", "end_user_id"]), "end_user_id");
        assert_eq!(joined(&["end_user", "name"]), "end_user_name");
        assert_eq!(joined(&["license", "license_key"]), "license_key");
        assert_eq!(joined(&["support_contact", "email"]), "support_contact_email");
        assert_eq!(joined(&["zone"]), "zone");
    }

    #[test]
    fn a_value_of_an_enum_is_written_without_its_prefix() {
        assert_eq!(enum_value("LicenseState", "LICENSE_STATE_SUSPENDED"), "suspended");
        assert_eq!(enum_value("PartnerProgramme", "PARTNER_PROGRAMME_OEM_SAAS_MSP"), "oem-saas-msp");
        assert_eq!(enum_value("Severity", "SEVERITY_SITE_DOWN"), "site-down");
        assert_eq!(enum_value("Severity", "SEVERITY_ONE"), "1", "as profiles have it");
        assert_eq!(enum_aliases("Severity", "SEVERITY_ONE"), ["SEVERITY_ONE", "one", "severity-1", "SEVERITY_1"]);
        assert_eq!(enum_aliases("Severity", "SEVERITY_SITE_DOWN"), ["SEVERITY_SITE_DOWN", "severity-site-down"]);
        assert_eq!(enum_aliases("LicenseState", "LICENSE_STATE_ACTIVE"), ["LICENSE_STATE_ACTIVE"]);
    }
}

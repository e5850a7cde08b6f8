//! The contract: rules, reasons, and the pages made of it.
//!
//! Two pages are written from the contract. When it changed, write them anew: `VOUCH_WRITE_PAGES=1 cargo test -p vouch-house`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_types::FileDescriptorProto;
use vouch_identity::AccessRules;

fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

/// Compares a page with what it should be, or writes it.
fn page(name: &str, expected: &str) {
    let path = proto().join(name);
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    if std::env::var("VOUCH_WRITE_PAGES").is_ok() {
        std::fs::write(&path, expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "proto/{name} is behind the contract: VOUCH_WRITE_PAGES=1 cargo test -p vouch-house");
}

/// A file of the contract, with its comments.
fn file(name: &str) -> FileDescriptorProto {
    let mut compiler = protox::Compiler::new([proto()]).unwrap();
    compiler.include_source_info(true).open_file(name).unwrap();
    let set = compiler.file_descriptor_set();
    set.file.into_iter().find(|file| file.name() == name).unwrap()
}

/// The values of the first enum of a file, each with its comment.
fn commented_values(file: &FileDescriptorProto) -> Vec<(String, i32, String)> {
    let locations = &file.source_code_info.as_ref().unwrap().location;
    file.enum_type[0]
        .value
        .iter()
        .enumerate()
        .map(|(index, value)| {
            // Field 5 of a file is its enums, field 2 of an enum its values.
            let path = [5, 0, 2, i32::try_from(index).unwrap()];
            let location = locations.iter().find(|location| location.path == path).unwrap();
            let comment: Vec<_> = location.leading_comments().lines().map(str::trim).collect();
            (value.name().to_owned(), value.number(), comment.join(" ").trim().to_owned())
        })
        .collect()
}

#[test]
fn every_error_reason_has_its_meaning_and_its_cure_on_the_page() {
    let mut text = String::from(
        "# Reasons\n\nEvery reason that Vouch gives: `google.rpc.ErrorInfo.reason` of a refusal, or the reason of a finding.\n\
         Made from `vouch/common/v1/reason.proto`.\n\n| reason | meaning | cure |\n| --- | --- | --- |\n",
    );
    for (name, number, comment) in commented_values(&file("vouch/common/v1/reason.proto")) {
        if number == 0 {
            continue;
        }
        let (meaning, cure) = comment.split_once(" Cure: ").unwrap_or_else(|| panic!("{name} has no cure"));
        let name = name.trim_start_matches("REASON_");
        writeln!(text, "| `{name}` | {meaning} | {} |", capital(cure)).unwrap();
    }
    page("REASONS.md", &text);
}

#[test]
fn every_rpc_has_an_access_rule_on_the_page() {
    let rules = AccessRules::from_contract(vouch_contract::pool()).unwrap();
    let mut text = String::from(
        "# Access\n\nWho may call what. Made from the access rules in the contract; each service enforces them before its \
         handlers run.\nHealth is open to anybody, reflection to every known caller.\n",
    );
    let mut last = String::new();
    for (path, grants) in rules.iter() {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap();
        if service != last {
            write!(text, "\n## {service}\n\n| RPC | open to |\n| --- | --- |\n").unwrap();
            service.clone_into(&mut last);
        }
        let callers: Vec<String> = grants
            .iter()
            .map(|grant| {
                let roles =
                    if grant.roles.is_empty() { String::new() } else { format!(" ({})", grant.roles.join(", ")) };
                format!("{}{roles}", grant.caller.as_str())
            })
            .collect();
        writeln!(text, "| {method} | {} |", callers.join(", ")).unwrap();
    }
    page("ACCESS.md", &text);
}

#[test]
fn every_request_that_carries_a_request_id_is_a_mutation_and_says_so() {
    for service in vouch_contract::services() {
        for method in service.methods() {
            let request = method.input();
            assert!(request.name() == format!("{}Request", method.name()), "{}", method.full_name());
            let reads = ["Get", "List", "Find", "Check", "Query", "Watch", "Preflight"];
            let is_read = reads.iter().any(|verb| method.name().starts_with(verb));
            let has_id = request.get_field_by_name("request_id").is_some();
            assert!(!(is_read && has_id), "{} reads, and asks for a request_id", method.full_name());
        }
    }
}

#[test]
fn only_fields_of_a_request_itself_are_outside_its_content() {
    let pool = vouch_contract::pool();
    let option = pool.get_extension_by_name("vouch.common.v1.outside_content").unwrap();
    for message in pool.all_messages().filter(|message| message.full_name().starts_with("vouch.")) {
        let marked = message.fields().any(|field| field.options().get_extension(&option).as_bool() == Some(true));
        let is_mutation = message.name().ends_with("Request") && message.get_field_by_name("request_id").is_some();
        assert!(!marked || is_mutation, "{}", message.full_name());
    }
}

#[test]
fn the_released_contract_is_there_to_be_compared_with() {
    let released = std::fs::read(proto().join("released.binpb")).unwrap();
    assert!(released.len() > 1000, "buf breaking compares with this file");
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

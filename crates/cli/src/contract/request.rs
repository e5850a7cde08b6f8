//! The request of a command: what `--request` says, and the flags over it.

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};
use serde_json::Value as Json;
use vouch_core::World;

use super::flags::{self, Flag, SUBJECT};
use super::{Asked, required, values};
use crate::call;
use crate::output::Problem;

/// What a person wants to have done.
pub(super) struct Intent {
    pub(super) message: DynamicMessage,
    /// What flags said, so that it can be said again over what is read in between.
    pub(super) given: Vec<(Vec<FieldDescriptor>, Value)>,
    /// The id of the intent, where the RPC has one.
    pub(super) request_id: Option<String>,
}

/// Reads the request, and gives it an id where it wants one and has none.
pub(super) fn read(asked: &Asked, matches: &ArgMatches) -> Result<Intent, Problem> {
    let text = match matches.get_one::<String>("request").map(String::as_str) {
        Some("-") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Problem::new(format!("standard input cannot be read: {error}")))?,
        Some(given) => given.to_owned(),
        None => "{}".to_owned(),
    };
    let mut message = call::read(&asked.method, &text)?;
    let said: Option<Json> = serde_json::from_str(&text).ok();
    let subject = flags::subject(&asked.flags);
    let mut given = Vec::new();
    for flag in &asked.flags {
        let is_subject = subject.is_some_and(|subject| subject.name == flag.name);
        if let Some(value) = value(flag, is_subject, matches) {
            set(&mut message, &flag.path, value.clone());
            given.push((flag.path.clone(), value));
        } else if required::is_word(flag) && !is_said(said.as_ref(), flag) {
            let name = &flag.name;
            return Err(Problem::new(format!("it has to be said: --{name}, or --{name}=false"))
                .next("Left out it would count as a no that nobody said."));
        }
    }
    let request_id = message.get_field_by_name("request_id").and_then(|id| id.as_str().map(str::to_owned));
    let request_id = request_id.map(|id| if id.is_empty() { fresh() } else { id });
    if let Some(id) = &request_id {
        message.set_field_by_name("request_id", Value::String(id.clone()));
    }
    Ok(Intent { message, given, request_id })
}

/// Whether a request as JSON says a field of its own.
fn is_said(request: Option<&Json>, flag: &Flag) -> bool {
    let names = flag.field().map(|field| [field.json_name().to_owned(), field.name().to_owned()]);
    names.into_iter().flatten().any(|name| request.is_some_and(|request| request.get(&name).is_some()))
}

/// Sets a field within messages; those on the way come to be.
pub(super) fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Value) {
    match path {
        [] => {}
        [field] => message.set_field(field, value),
        [field, rest @ ..] => {
            if let Some(within) = message.get_field_mut(field).as_message_mut() {
                set(within, rest, value);
            }
        }
    }
}

/// A field within messages, where it is set.
pub(super) fn get(message: &DynamicMessage, path: &[FieldDescriptor]) -> Option<Value> {
    match path {
        [field] => message.has_field(field).then(|| message.get_field(field).into_owned()),
        [field, rest @ ..] if message.has_field(field) => get(message.get_field(field).as_message()?, rest),
        _ => None,
    }
}

/// What was given for a flag, with or without its name.
fn value(flag: &Flag, is_subject: bool, matches: &ArgMatches) -> Option<Value> {
    let field = flag.field()?;
    let mut said: Vec<Value> =
        matches.get_many(&flag.field_path()).map(|values| values.cloned().collect()).unwrap_or_default();
    if is_subject {
        said.extend(matches.get_one::<Value>(SUBJECT).cloned());
    }
    if field.is_map() {
        let pairs = said.into_iter().filter_map(|value| match value {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        });
        return pairs
            .reduce(|mut all, more| {
                all.extend(more);
                all
            })
            .map(Value::Map);
    }
    if field.is_list() {
        return (!said.is_empty()).then_some(Value::List(said));
    }
    said.pop()
}

/// A new id of an intent.
pub(crate) fn fresh() -> String {
    values::hexadecimal(&World::system().random::<16>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use serde_json::json;

    use super::super::table::View;
    use super::super::{commands, flags};
    use super::*;
    use crate::Arguments;
    use crate::folder::Folder;
    use crate::identities::Role;

    /// The request that a command makes, without its id.
    fn request(line: &[&str]) -> Json {
        tried(line).unwrap_or_else(|problem| panic!("{}", problem.what))
    }

    /// The same, or what is lacking.
    fn tried(line: &[&str]) -> Result<Json, Problem> {
        let program = commands::add(Arguments::command());
        let matches = program.try_get_matches_from([&["vouch"], line].concat()).unwrap();
        let (group, within) = matches.subcommand().unwrap();
        let (command, given) = within.subcommand().unwrap();
        let method = commands::method(group, command).unwrap();
        let asked = Asked {
            flags: flags::of(&method.input()),
            folder: Folder::prepare(tempfile::tempdir().unwrap().path()).unwrap(),
            role: Role::Anyone,
            json: false,
            view: View { wide: false, width: None },
            limit: None,
            method,
        };
        let mut intent = read(&asked, given)?;
        assert_eq!(intent.request_id.is_some(), intent.message.has_field_by_name("request_id"));
        intent.message.clear_field_by_name("request_id");
        Ok(serde_json::to_value(&intent.message).unwrap())
    }

    #[test]
    fn a_yes_or_a_no_that_is_the_whole_point_has_to_be_said() {
        let refused = tried(&["ticket", "confirm-solution", "tkt_1"]).unwrap_err();
        assert_eq!(refused.what, "it has to be said: --works, or --works=false");
        let words = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
        assert_eq!(
            request(&words("ticket confirm-solution tkt_1 --works")),
            json!({ "ticketId": "tkt_1", "works": true })
        );
        let no = json!({ "ticketId": "tkt_1", "remarks": "r" });
        assert_eq!(request(&words("ticket confirm-solution tkt_1 --works=false --remarks r")), no);
        let read = r#"{"ticketId":"tkt_1","remarks":"r","works":false}"#;
        assert_eq!(request(&["ticket", "confirm-solution", "--request", read]), no);
    }

    #[test]
    fn flags_become_the_request_that_they_say() {
        let license = "license create --product-id atlas-server --quantity 25 --end-user-id contoso --end-user-name Contoso \
                       --valid-from 2026-01-01 --grace-days 14 --zone America/Denver";
        let words = |line: &'static str| line.split_whitespace().collect::<Vec<_>>();
        assert_eq!(
            request(&words(license)),
            json!({ "license": {
                "productId": "atlas-server", "quantity": "25", "endUser": { "endUserId": "contoso", "name": "Contoso" },
                "validFrom": "2026-01-01", "graceDays": 14, "zone": "America/Denver",
            } })
        );
        for (line, wanted) in [
            ("license get lic_1", json!({ "licenseId": "lic_1" })),
            ("license get --license-id lic_1", json!({ "licenseId": "lic_1" })),
            (
                "license set-state lic_1 --state suspended --etag e --note Unpaid",
                json!({ "licenseId": "lic_1", "state": "LICENSE_STATE_SUSPENDED", "etag": "e", "note": "Unpaid" }),
            ),
            (
                "license set-state lic_1 --state LICENSE_STATE_ACTIVE",
                json!({ "licenseId": "lic_1", "state": "LICENSE_STATE_ACTIVE" }),
            ),
            (
                "agreement name-liaison agr_1 --name Ada --email ada@contoso.example --administrative-rights",
                json!({ "agreementId": "agr_1", "liaison": {
                    "name": "Ada", "email": "ada@contoso.example", "administrativeRights": true,
                } }),
            ),
            (
                "catalog create-tier --tier-id gold --assisted=true --channels portal,phone --channels chat --charging prepaid",
                json!({ "tier": {
                    "tierId": "gold", "assisted": true, "channels": ["CHANNEL_PORTAL", "CHANNEL_PHONE", "CHANNEL_CHAT"],
                    "charging": "CHARGING_PREPAID",
                } }),
            ),
            (
                "license co-term --licenses lic_1 --licenses lic_2 --valid-until 2027-12-31",
                json!({
                    "licenses": [{ "licenseId": "lic_1" }, { "licenseId": "lic_2" }], "validUntil": "2027-12-31",
                }),
            ),
            ("business-calendar set --weekdays 1,2 --weekdays 5", json!({ "calendar": { "weekdays": [1, 2, 5] } })),
            ("incident grant contoso --units 5", json!({ "endUserId": "contoso", "units": "5" })),
            (
                "entitlement check --license-key K --severity site-down",
                json!({ "question": {
                "license": { "licenseKey": "K" }, "severity": "SEVERITY_SITE_DOWN",
            } }),
            ),
            (
                "entitlement issue-proof esc_1 --bundle-root hex:abcdff",
                json!({ "escalationId": "esc_1", "bundleRoot": "q83/" }),
            ),
            (
                "partner update north --update-mask name,support_contact --name North",
                json!({ "partner": { "partnerId": "north", "name": "North" }, "updateMask": "name,supportContact" }),
            ),
        ] {
            assert_eq!(request(&words(line)), wanted, "{line}");
        }
    }

    #[test]
    fn flags_go_before_what_the_request_says() {
        let base = r#"{"license":{"productId":"atlas","zone":"UTC","liaisons":[{"name":"Ada"}]}}"#;
        assert_eq!(
            request(&[
                "license",
                "create",
                "--request",
                base,
                "--product-id",
                "atlas-server",
                "--liaisons",
                r#"{"name":"Grace"}"#
            ]),
            json!({ "license": { "productId": "atlas-server", "zone": "UTC", "liaisons": [{ "name": "Grace" }] } })
        );
    }
}

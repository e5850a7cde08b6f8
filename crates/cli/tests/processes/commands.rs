//! The commands that are made from the contract, as people type them, against running services.
//!
//! Proves B05.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::up::Up;
use crate::vouch;

/// Types a command; its words are separated by blanks, what stands in for `{}` may have some.
pub(crate) fn run(data: &Path, command: &str, texts: &[&str]) -> Output {
    let mut texts = texts.iter();
    let words = command.split_whitespace().map(|word| if word == "{}" { *texts.next().unwrap() } else { word });
    vouch().args(words).arg("--data").arg(data).output().unwrap()
}

/// What a command that succeeds prints.
pub(crate) fn told(data: &Path, command: &str, texts: &[&str]) -> String {
    let output = run(data, command, texts);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that is refused says.
pub(crate) fn refused(data: &Path, command: &str, texts: &[&str]) -> String {
    let output = run(data, command, texts);
    assert!(!output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// The value that stands beside a name.
fn beside<'a>(told: &'a str, name: &str) -> &'a str {
    let line = told.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_else(|| panic!("no {name} in:\n{told}"))
}

#[test]
fn b05_an_administrator_does_the_licence_services_jobs_with_commands() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);

    told(
        &data,
        "catalog create-product --product-id hermes --name Hermes --basis either --default-tier-id premium",
        &[],
    );
    let release = told(&data, "catalog publish-release hermes --version 1.0 --released-on 2026-05-01", &[]);
    assert!(release.contains("releases\n  version  released_on\n  1.0      2026-05-01\n"), "{release}");
    // The version says which release it is, and is none of the fields to change.
    let moved = told(&data, "catalog update-release hermes --version 1.0 --released-on 2026-06-01", &[]);
    assert!(moved.contains("  1.0      2026-06-01\n"), "{moved}");

    let create = "license create --product-id hermes --quantity 5 --end-user-id fabrikam --end-user-name {} \
                  --responsible-partner-id north --valid-from 2026-01-01 --valid-until 2036-12-31 --zone UTC";
    let created = told(&data, &format!("{create} --request-id one"), &["Fabrikam Inc"]);
    let (id, key) = (beside(&created, "license_id"), beside(&created, "license_key"));
    assert!(id.starts_with("lic_") && key.len() == 29, "{created}");
    let again = told(&data, &format!("{create} --request-id one"), &["Fabrikam Inc"]);
    assert_eq!(again, created, "the same intent");

    let list = run(&data, "license list", &[]);
    assert_eq!(String::from_utf8_lossy(&list.stderr), "More columns: --wide\n");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let head: Vec<_> = list.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["license_id", "product_id", "quantity", "valid_until", "state"], "{list}");
    let row: Vec<_> = list.lines().find(|line| line.starts_with(id)).unwrap().split_whitespace().collect();
    assert_eq!(row[1..], ["hermes", "5", "2036-12-31", "active"], "{list}");
    let due = told(&data, "license list --expiring-within-days 366", &[]);
    assert!(due.contains("valid_until") || due == "No licenses.\n", "{due}");
    let one = run(&data, "license list --limit 1", &[]);
    assert_eq!(String::from_utf8_lossy(&one.stdout).lines().count(), 2, "a head and a row");
    assert!(String::from_utf8_lossy(&one.stderr).contains("There are more"), "{one:?}");
    let json: Value = serde_json::from_str(&told(&data, "license list fabrikam --json", &[])).unwrap();
    assert_eq!((&json["licenses"][0]["licenseId"], &json["licenses"][1]), (&id.into(), &Value::Null), "{json}");

    // Its etag is read first.
    let suspended = told(&data, "license set-state {} --state suspended --note {}", &[id, "Not paid"]);
    assert_eq!((beside(&suspended, "state"), beside(&suspended, "etag")), ("suspended", "v2"), "{suspended}");
    let conflict = refused(&data, "license set-state {} --state active --note x --etag v1", &[id]);
    assert!(conflict.contains("ETAG_MISMATCH"), "{conflict}");
    let check = told(&data, "entitlement check --license-id {} --severity one", &[id]);
    assert!(check.contains("not-entitled") && check.contains("blocking SUSPENDED:"), "{check}");

    let rights = told(&data, "directory get-person-rights fabrikam --email nobody@fabrikam.example", &[]);
    assert_eq!(rights, "Nothing.\n");
    let changes = told(&data, "license list-changes {}", &[id]);
    assert!(changes.contains("state: active -> suspended"), "{changes}");

    told(&data, "incident grant fabrikam --units 3 --order-reference PO-7", &[]);
    let ledger = told(&data, "incident list-ledger-entries fabrikam", &[]);
    assert!(ledger.contains("grant") && ledger.contains("PO-7"), "{ledger}");
    let json: Value = serde_json::from_str(&told(&data, "incident get-account fabrikam --json", &[])).unwrap();
    assert_eq!(json["account"]["available"], "3", "{json}");

    // The fields that are not given stay: of the partner, and of its support contact.
    let partner = told(&data, "partner update north --support-contact-phone {}", &["+49 30 999"]);
    assert!(partner.contains("+49 30 999") && partner.contains("help@north.example"), "{partner}");
    let proof = told(
        &data,
        "entitlement issue-proof esc_01jz0000000000000000000000 --license-key {} --product-id atlas-server --version 7.2.1 \
         --severity two --channel portal --contact-email ada@contoso.example --bundle-root {} --audience vendor.vouch",
        &[up.told["license_key"].as_str().unwrap(), &format!("hex:{}", "0".repeat(64))],
    );
    assert!(proof.contains("expires_at"), "the partner to which it is granted asks: {proof}");
    let changes = told(&data, "entitlement watch --limit 1", &[]);
    assert!(changes.contains(&format!("license_id {id}")), "{changes}");
    up.stop();
}

#[test]
fn a_refusal_names_every_flag_to_mend_and_who_may_call() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let fields =
        refused(&data, "license create --end-user-id {} --zone Mars --liaisons {}", &["x y", r#"{"name":""}"#]);
    for said in
        ["license.end_user.end_user_id (--end-user-id)", "license.zone (--zone)", "(--liaisons)", "(--quantity)"]
    {
        assert!(fields.contains(said), "{said} is missing in:\n{fields}");
    }
    let whole = refused(&data, "license create", &[]);
    assert!(whole.contains("license (give its flags: --") && whole.contains("; see --help)"), "{whole}");
    let unknown = refused(&data, "license get lic_01jz0000000000000000000000", &[]);
    assert!(unknown.starts_with("vouch: NOT_FOUND: "), "{unknown}");
    let help = vouch().args(["license", "help", "create"]).output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("--product-id"), "{help:?}");
    let denied = refused(&data, "license list --as customer", &[]);
    assert!(denied.contains("ACCESS_DENIED") && denied.contains("Granted to: administrator"), "{denied}");
    let word = refused(&data, "license set-state lic_1 --state paused", &[]);
    assert!(word.contains("active, suspended, revoked"), "{word}");
    assert!(refused(&data, "licence list", &[]).contains("'license'"));
    let either = refused(&data, "entitlement check --license-key a --license-id b", &[]);
    assert!(either.contains("cannot be used with"), "{either}");
    up.stop();
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    for command in ["license list", "license list --json", "entitlement watch"] {
        let mut child = vouch();
        child.args(command.split_whitespace()).arg("--data").arg(&data);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{command}: {said}");
    }
    up.stop();
}

#[test]
fn an_order_repeated_several_licences_and_a_licence_file_do_as_their_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let create = "license create --product-id atlas-server --quantity 5 --end-user-id fabrikam --end-user-name Fabrikam \
                  --responsible-partner-id north --valid-from 2026-01-01 --valid-until 2036-06-30 --zone UTC";
    let ordered = |order: &str| told(&data, &format!("{create} --order-reference {order}"), &[]);
    let (one, two) = (ordered("PO-1"), ordered("PO-2"));
    let again = run(&data, &format!("{create} --order-reference PO-1"), &[]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("Ordered before: nothing was done"), "{again:?}");
    let (one, two) = (beside(&one, "license_id"), beside(&two, "license_id"));
    let joined = told(&data, "license co-term --licenses {} --licenses {} --valid-until 2036-12-31", &[one, two]);
    assert_eq!(joined.matches("2036-12-31").count(), 2, "{joined}");

    let (file, keys) = (folder.path().join("licence"), folder.path().join("keys.json"));
    std::fs::write(&file, told(&data, "license get-file {}", &[one])).unwrap();
    std::fs::write(&keys, told(&data, "entitlement get-key-set", &[])).unwrap();
    let verified = vouch().arg("verify").arg(&file).arg("--keys").arg(&keys).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success() && said.contains("genuine: a licence file"), "{verified:?}");
    assert!(said.contains("from 2026-01-01 to 2036-12-31, both included"), "{said}");
    up.stop();
}

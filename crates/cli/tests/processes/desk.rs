//! An engineer reads a bundle back with commands, and those whose diagnostics they are see who did.
//!
//! Proves W23.

use std::net::SocketAddr;

use serde_json::Value;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_host::testing::fresh;

use crate::commands::{refused, run, told};
use crate::front_line::{Agent, desk, until};
use crate::up::Up;

#[tokio::test(flavor = "multi_thread")]
async fn w23_an_engineer_reads_and_searches_a_bundle_and_it_is_told_who_did() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let address = |service: &str| -> SocketAddr {
        up.told["addresses"][service].as_str().unwrap().trim_start_matches("https://").parse().unwrap()
    };
    let agent = Agent::at(&data, address("partner")).await;
    let (ticket_id, local_id) = agent.worked_ticket().await;
    let escalate = partner::EscalateTicketRequest {
        request_id: fresh(),
        ticket_id: ticket_id.clone(),
        bundle_id: local_id.clone(),
    };
    agent.tickets.clone().escalate_ticket(escalate).await.unwrap();
    let cases = desk(&data, address("vendor"));
    let case = until(async || {
        let listed = cases.clone().list_desk_cases(vendor::ListDeskCasesRequest::default()).await.ok()?;
        listed.into_inner().cases.pop()
    })
    .await;
    let bundle = case.bundle_id.as_str();

    let about = told(&data, "bundle-desk get-bundle {}", &[bundle]);
    assert!(about.contains("linux-host/1") && about.contains("processes"), "{about}");
    let entries = told(&data, "bundle-desk list-bundle-entries {} --path-prefix d", &[bundle]);
    assert!(entries.contains("disks.txt") && !entries.contains("os.txt"), "{entries}");
    let content = format!("collected for {ticket_id}\n");
    assert_eq!(told(&data, "bundle-desk read-bundle-entry {} --path os.txt", &[bundle]), content);
    let range = "bundle-desk read-bundle-entry {} --path os.txt --offset-bytes 10 --limit-bytes 3";
    assert_eq!(told(&data, range, &[bundle]), "for");
    let file = folder.path().join("os.txt");
    let into = "bundle-desk read-bundle-entry {} --path os.txt --output {}";
    assert_eq!(told(&data, into, &[bundle, file.to_str().unwrap()]), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    let json = told(&data, "bundle-desk read-bundle-entry {} --path os.txt --json", &[bundle]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["entry"]["path"], "os.txt");
    let nothing = folder.path().join("nothing");
    let unknown = refused(
        &data,
        "bundle-desk read-bundle-entry {} --path no.txt --output {}",
        &[bundle, nothing.to_str().unwrap()],
    );
    assert!(unknown.contains("NOT_FOUND") && !nothing.exists(), "{unknown}");

    let found = run(&data, "bundle-desk search-bundle {} --text {} --ignore-case", &[bundle, "COLLECTED for"]);
    let lines = String::from_utf8(found.stdout).unwrap();
    let expected: String =
        ["disks", "hardware", "os", "processes"].map(|name| format!("{name}.txt:1: {content}")).concat();
    assert_eq!(lines, expected, "plain, for other programs");
    let sum = String::from_utf8(found.stderr).unwrap();
    assert!(sum.starts_with("4 lines found in 4 entries, "), "{sum}");
    let cut = run(&data, "bundle-desk search-bundle {} --pattern ^c --limit-matches 2", &[bundle]);
    assert!(String::from_utf8_lossy(&cut.stderr).contains("Cut short by --limit-matches"), "{cut:?}");
    let json = told(&data, "bundle-desk search-bundle {} --text collected --json", &[bundle]);
    let last: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((json.lines().count(), &last["summary"]["matches"]), (5, &"4".into()));
    let none = refused(&data, "bundle-desk search-bundle {} --pattern a(", &[bundle]);
    assert!(none.contains("pattern (--pattern) is no regular expression: unclosed group"), "{none}");

    for (command, role) in [
        ("bundle-desk list-desk-bundle-reads {}", "engineer"),
        ("diagnostics list-bundle-reads {} --bundle-id {}", "customer"),
    ] {
        let texts = if role == "engineer" { vec![bundle] } else { vec![ticket_id.as_str(), local_id.as_str()] };
        let reads = told(&data, &format!("{command} --as {role} --wide"), &texts);
        for said in ["opened", "listed", "searched", "support-engineer", "os.txt", "#engineer"] {
            assert!(reads.contains(said), "{said} is missing in:\n{reads}");
        }
    }
    up.stop();
}

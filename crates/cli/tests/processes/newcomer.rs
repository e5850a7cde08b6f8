//! The commands that `vouch up` prints for diagnostics, one after another, as a newcomer types them: from the vendor's profile to what was
//! found at its desk.
//!
//! Proves V10, W04, W10.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::front_line::until;
use crate::up::Up;
use crate::vouch;

/// The three profiles that ship.
const SHIPPED: [&str; 3] = ["kubernetes-node", "linux-host", "postgresql-server"];

/// Types a command in a folder whose data folder is `data`.
fn typed(at: &Path, command: &str) -> Output {
    vouch().args(command.split_whitespace()).current_dir(at).stdin(Stdio::null()).output().unwrap()
}

fn told(at: &Path, command: &str) -> String {
    let output = typed(at, command);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The last line that a command prints, which is JSON.
fn json(at: &Path, command: &str) -> Value {
    let told = told(at, command);
    serde_json::from_str(told.trim_end().lines().last().unwrap()).unwrap()
}

/// All that a command prints, which is JSON.
fn json_of(at: &Path, command: &str) -> Value {
    serde_json::from_str(&told(at, command)).unwrap()
}

/// The profiles that the vendor offers for a product, each with the instant of its publication.
fn published(at: &Path, product: &str) -> Vec<(String, String)> {
    let command = format!("vendor-profile list --product-id {product} --as engineer --data data --json");
    let listed: Value = serde_json::from_str(&told(at, &command)).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let profiles = listed["profiles"].as_array().unwrap().iter();
    profiles.map(|profile| (text(&profile["name"]), text(&profile["publishTime"]))).collect()
}

#[test]
fn v10_the_sample_vendor_publishes_the_shipped_profiles_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let up = Up::start(&at.join("data"));
    let first = published(at, "atlas-server");
    assert_eq!(first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), SHIPPED);
    assert_eq!(published(at, "borealis"), []);
    told(at, "vendor-profile retire --name kubernetes-node --version 1 --note Old --data data");
    up.stop();

    let up = Up::start(&at.join("data"));
    let second = published(at, "atlas-server");
    assert_eq!(second, first[1..], "neither published twice, nor again where the vendor has retired it");
    up.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn v10_w04_w10_a_newcomer_sees_at_the_desk_what_was_found_in_the_diagnostics_of_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let up = Up::start(&at.join("data"));
    let fetched = told(at, "profile fetch linux-host/1 --data data");
    assert!(fetched.contains("vendor.vouch") && fetched.contains("the keys that the partner tells"), "{fetched}");
    told(at, "collect --profile linux-host/1 --output host.vouch --yes");
    let ticket = json(at, "demo --against data --ticket --json");
    let ticket = ticket["ticket_id"].as_str().unwrap();
    let uploaded = json(at, &format!("bundle upload host.vouch --ticket {ticket} --data data --json"));
    let bundle = uploaded["bundle_id"].as_str().unwrap();
    let ask = format!("diagnostics issue-collection-ticket {ticket} --profile linux-host/1 --data data");
    let issued = told(at, &format!("{ask} --output ask.toml"));
    let about = std::fs::metadata(at.join("ask.toml")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600, "it has a key");
    let asked = std::fs::read_to_string(at.join("ask.toml")).unwrap();
    assert!(asked.contains("pseudonym_key = ") && !issued.contains("pseudonym_key"), "{issued}");
    let again = typed(at, &format!("{ask} --output ask.toml"));
    let refused = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && refused.contains("ask.toml is there already"), "{refused}");
    assert_eq!(std::fs::read_to_string(at.join("ask.toml")).unwrap(), asked, "nothing is written over");
    // From here on by the numbers that people say.
    let opened = json_of(at, &format!("ticket get {ticket} --data data --json"));
    let ticket = opened["ticket"]["number"].as_str().unwrap();
    let escalated = typed(at, &format!("ticket escalate {ticket} --bundle-id {bundle} --data data"));
    let next = String::from_utf8_lossy(&escalated.stderr);
    assert!(escalated.status.success() && next.contains("ticket get tkt_") && next.contains("--data data"), "{next}");
    let case = until(async || {
        let cases = json_of(at, "case-desk list-desk-cases --data data --json");
        cases["cases"][0]["number"].as_str().map(str::to_owned)
    })
    .await;
    let shown = until(async || {
        let shown = told(at, &format!("case-desk get-desk-case {case} --data data"));
        shown.contains("known problems are not there").then_some(shown)
    })
    .await;
    let bundles = shown.split_once("\nbundles\n").unwrap().1;
    assert!(bundles.contains("linux-host/1") && bundles.contains("done"), "{shown}");
    assert!(!shown.contains("\nanalysis\n"), "it is told once: {shown}");

    // The vendor asks for more; what the partner sends then stands beside it.
    told(at, &format!("case-desk claim-case {case} --data data"));
    told(at, &format!("case-desk request-information {case} --questions Disks? --collectors disks --data data"));
    let ask = format!("diagnostics issue-collection-ticket {ticket} --for-vendor-request --profile linux-host/1");
    until(async || typed(at, &format!("{ask} --output more.toml --data data")).status.success().then_some(())).await;
    told(at, "collect --request more.toml --output more.vouch --yes");
    let uploaded = json(at, &format!("bundle upload more.vouch --ticket {ticket} --data data --json"));
    let more = uploaded["bundle_id"].as_str().unwrap();
    told(at, &format!("ticket answer-vendor {ticket} --text Here --bundle-id {more} --data data"));
    std::fs::write(at.join("words.txt"), "Nothing to put back.\n").unwrap();
    let translated = told(at, &format!("bundle translate words.txt --ticket {ticket} --data data"));
    assert_eq!(translated, "Nothing to put back.\n");
    let shown = until(async || {
        let shown = told(at, &format!("case-desk get-desk-case {case} --data data"));
        (shown.matches("known problems are not there").count() == 2).then_some(shown)
    })
    .await;
    let untold: Vec<_> = shown.lines().filter(|line| line.contains("cannot be told:")).collect();
    assert!(untold.len() <= 2, "one line for all of a bundle: {shown}");
    let last = untold.last().unwrap();
    assert!(last.contains("journal (is not in this bundle)"), "only disks were asked for: {shown}");

    let told = told(at, "demo --against data --ticket");
    for next in
        ["profile fetch linux-host/1", "collect --profile linux-host/1", "bundle upload host.vouch --ticket tkt_"]
    {
        assert!(told.contains(next), "{next} is missing in:\n{told}");
    }
    let alone = typed(at, "demo --ticket");
    assert!(!alone.status.success() && String::from_utf8_lossy(&alone.stderr).contains("--against"), "{alone:?}");
    up.stop();
}

//! A collection ticket from end to end: issued by the partner, run on the host, its table handed over, a vendor's words translated.
//!
//! Proves V07, W10.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use vouch_diagnostics::sealed::SealedBundle;

use crate::front_line::Agent;
use crate::up::Up;
use crate::vouch;

/// Runs a command in a folder whose data folder is `data`.
fn run(at: &Path, words: &[&str], input: &str) -> Output {
    let mut command = vouch();
    command.current_dir(at).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn told(at: &Path, words: &[&str], input: &str) -> String {
    let output = run(at, words, input);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Has a collection ticket issued, and writes its file.
fn issue(at: &Path, ticket: &str, file: &str) -> Value {
    let request = json!({ "requestId": file, "ticketId": ticket, "profile": "linux-host/1" }).to_string();
    let rpc = "partner.v1.DiagnosticsService/IssueCollectionTicket";
    let answer: Value =
        serde_json::from_str(&told(at, &["call", "--data", "data", "--as", "agent", rpc, &request], "")).unwrap();
    std::fs::write(at.join(file), answer["file"].as_str().unwrap()).unwrap();
    answer["collectionTicket"].clone()
}

/// Takes a log in by a request; gives what is left of it.
fn collect(at: &Path, request: &str, output: &str) -> (SealedBundle, String) {
    let words = ["collect", "--from", "logs.tar", "--request", request, "--yes", "--json", "--output", output];
    let told: Value = serde_json::from_str(&told(at, &words, "")).unwrap();
    assert_eq!(told["masked"]["ipv4"], 1, "{told}");
    let bundle = SealedBundle::open(&at.join(output)).unwrap();
    let manifest = bundle.manifest();
    let entry = manifest.entries.iter().find(|entry| entry.path.ends_with("net.log")).unwrap();
    let place = manifest.place(entry).unwrap();
    let mut blob = Vec::new();
    bundle.blob(place.blob).unwrap().read_to_end(&mut blob).unwrap();
    let start = usize::try_from(place.offset).unwrap();
    let text = blob[start..start + usize::try_from(place.size_bytes).unwrap()].to_vec();
    (bundle, String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn w10_v07_a_partners_file_runs_and_its_table_reads_what_the_vendor_says() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let up = Up::start(&at.join("data"));
    let address = up.told["addresses"]["partner"].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
    let agent = Agent::at(&at.join("data"), address).await;
    let (ticket, _) = agent.worked_ticket().await;
    let (other, _) = agent.worked_ticket().await;
    let log = b"peer 10.88.77.66 refused\n";
    let mut archive = tar::Builder::new(std::fs::File::create(at.join("logs.tar")).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(log.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "net.log", &log[..]).unwrap();
    archive.finish().unwrap();

    // Whoever runs it is told that there will be a table, and for whom.
    let issued = issue(at, &ticket, "one.toml");
    let (id, recipient) = (issued["collectionTicketId"].as_str().unwrap(), issued["recipient"].as_str().unwrap());
    let shown = run(at, &["collect", "--from", "logs.tar", "--request", "one.toml", "--output", "no.vouch"], "");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&ticket) && shown.contains(recipient), "{shown}");

    let (_, text) = collect(at, "one.toml", "one.vouch");
    assert!(!text.contains("10.88.77.66"), "{text}");
    let shown = told(at, &["bundle", "show", "one.vouch"], "");
    assert!(
        shown.contains(id) && shown.contains("which only the partner can read") && shown.contains(recipient),
        "{shown}"
    );

    // What is collected for more has the same pseudonyms; what is collected for another ticket has others.
    issue(at, &ticket, "more.toml");
    assert_eq!(collect(at, "more.toml", "more.vouch").1, text);
    issue(at, &other, "other.toml");
    assert_ne!(collect(at, "other.toml", "other.vouch").1, text);

    // The upload hands the table over, too, and again changes nothing.
    for _ in 0..2 {
        told(at, &["bundle", "upload", "--data", "data", "--ticket", &ticket, "one.vouch"], "");
    }
    std::fs::write(at.join("note.txt"), &text).unwrap();
    let translate = ["bundle", "translate", "--data", "data", "--ticket", &ticket];
    let original = String::from_utf8_lossy(log);
    assert_eq!(told(at, &[&translate[..], &["note.txt"]].concat(), ""), original);
    assert_eq!(told(at, &[&translate[..], &["-"]].concat(), &text), original);
    let foreign = ["bundle", "translate", "--data", "data", "--ticket", &other, "note.txt"];
    assert_eq!(told(at, &foreign, ""), text, "another ticket knows nothing of it");
    let denied = run(at, &[&translate[..], &["note.txt", "--as", "customer"]].concat(), "");
    assert!(
        !denied.status.success() && String::from_utf8_lossy(&denied.stderr).contains("ACCESS_DENIED"),
        "{denied:?}"
    );
    let missing = run(at, &[&translate[..], &["no.txt"]].concat(), "");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no file no.txt"), "{missing:?}");
    up.stop();
}

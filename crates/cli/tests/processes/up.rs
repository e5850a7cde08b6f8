//! The three programs as an operator runs them: started and stopped by `vouch up`.
//!
//! Proves B01, B02, B05, Q01, V07.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::vouch;

/// A running `vouch up`, stopped when it is dropped.
pub(crate) struct Up {
    child: Child,
    pub(crate) told: Value,
}

impl Up {
    pub(crate) fn start(data: &Path) -> Self {
        let mut child =
            vouch().args(["up", "--port", "0", "--json", "--data"]).arg(data).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line:?}")) }
    }

    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "it stops cleanly");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn call(data: &Path, role: &str, rpc: &str, request: &str) -> Result<Value, String> {
    let output = vouch().args(["call", "--as", role, "--data"]).arg(data).args([rpc, request]).output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Waits for the letter that tells the sample's contact whom to turn to.
fn letter(folder: &Path) -> String {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(30) {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut letters = files.map(|file| std::fs::read_to_string(file).unwrap());
        // One that is being written is not whole yet: a letter ends with its last sentence.
        if let Some(letter) = letters.find(|letter| letter.trim_end().ends_with("can look this contact up.")) {
            return letter;
        }
        std::thread::yield_now();
    }
    panic!("no letter came to {}", folder.display())
}

#[test]
fn b01_b05_q01_three_processes_serve_a_partner_an_engineer_and_a_customer_and_carry_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    for service in ["license", "vendor", "partner"] {
        assert!(up.told["addresses"][service].as_str().unwrap().starts_with("https://127.0.0.1:"), "{}", up.told);
    }
    let key = up.told["license_key"].as_str().unwrap().to_owned();

    let check = format!(
        r#"{{"question":{{"license":{{"licenseKey":"{key}"}},"contactEmail":"ada@contoso.example","version":"7.2.1"}}}}"#
    );
    let rpc = "license.v1.EntitlementService/CheckEntitlement";
    let answer = call(&data, "partner", rpc, &check).unwrap();
    assert_eq!(answer["answer"]["verdict"], "VERDICT_ENTITLED", "{answer}");
    let answer = call(&data, "reseller", rpc, &check).unwrap();
    assert_eq!(answer["answer"]["cover"]["tierId"], "premium");
    let refused = call(&data, "customer", rpc, &check).unwrap_err();
    assert!(refused.contains("ACCESS_DENIED"), "{refused}");

    let search = r#"{"productId":"atlas-server","query":"disk"}"#;
    let answer = call(&data, "engineer", "vendor.v1.KnowledgeService/SearchArticles", search).unwrap();
    assert_eq!(answer["articles"][0]["title"], "The disk of the spool is full");
    let customer = r#"{"requestId":"r1","customer":{"name":"Fabrikam"}}"#;
    call(&data, "agent", "partner.v1.EndUserService/CreateCustomer", customer).unwrap();
    let letter = letter(&data.join("license/mail"));
    assert!(letter.contains("To: ada@contoso.example") && letter.contains("North Systems"), "{letter}");
    up.stop();

    let up = Up::start(&data);
    assert_eq!(up.told["license_key"].as_str(), Some(key.as_str()), "the same data");
    let answer = call(&data, "partner", rpc, &check).unwrap();
    assert_eq!(answer["answer"]["verdict"], "VERDICT_ENTITLED");
    let answer = call(&data, "agent", "partner.v1.EndUserService/ListCustomers", "{}").unwrap();
    assert_eq!(answer["customers"][1]["name"], "Fabrikam", "beside the sample's");
    up.stop();
}

#[test]
fn b02_a_proof_is_written_out_and_verified_offline_and_an_altered_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let key = up.told["license_key"].as_str().unwrap();
    let escalation = "esc_01jz0000000000000000000000";
    let request = format!(
        r#"{{"question":{{"license":{{"licenseKey":"{key}"}},"productId":"atlas-server","version":"7.2.1","severity":"SEVERITY_TWO","channel":"CHANNEL_PORTAL","contactEmail":"ada@contoso.example"}},"escalationId":"{escalation}","bundleRoot":"{}","audience":"vendor.vouch"}}"#,
        "A".repeat(42) + "A="
    );
    let issued = call(&data, "partner", "license.v1.EntitlementService/IssueEntitlementProof", &request).unwrap();
    let keys = call(&data, "anyone", "license.v1.EntitlementService/GetKeySet", "{}").unwrap();
    up.stop();

    let (proof, keys_file) = (folder.path().join("proof"), folder.path().join("keys.json"));
    std::fs::write(&keys_file, keys.to_string()).unwrap();
    let verify = |text: &str| {
        std::fs::write(&proof, text).unwrap();
        vouch().args(["verify", "--json"]).arg(&proof).arg("--keys").arg(&keys_file).output().unwrap()
    };
    let text = issued["proof"].as_str().unwrap();
    let good = verify(text);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let claims: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(claims["esc"], escalation);
    let mut altered: Vec<char> = text.chars().collect();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == 'A' { 'B' } else { 'A' };
    let bad = verify(&altered.into_iter().collect::<String>());
    assert!(!bad.status.success());
    assert!(String::from_utf8_lossy(&bad.stderr).contains("not to be trusted"));
}

#[test]
fn a_configuration_with_problems_is_told_whole_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("license.toml");
    std::fs::write(&config, "[listen]\nops = '0.0.0.0:1'\n[stroe]\n[limits]\nmessage_bytes = 'many'\n").unwrap();
    let output = vouch().args(["serve", "license", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    for place in ["listen.ops", "stroe", "limits", "tls.certificate", "tls.key", "secrets.root", "store.address"] {
        assert!(told.contains(place), "{place} is missing in:\n{told}");
    }
}

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    Up::start(&data).stop();
    for service in ["license", "vendor", "partner"] {
        let config = data.join(service).join("config.toml");
        let output = vouch().args(["serve", service, "--check", "--config"]).arg(config).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("[listen]") && !told.contains("listening"), "{told}");
    }
}

#[test]
fn services_end_with_the_process_that_started_them_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut up = Up::start(&data);
    up.child.kill().unwrap();
    up.child.wait().unwrap();
    // The lock of the licence service's file is free once its process has ended.
    let lock = std::fs::File::open(data.join("license/license.db.lock")).unwrap();
    lock.lock().unwrap();
}

#[test]
fn who_knows_where_a_program_listens_can_stop_it_cleanly_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // Each start tells its addresses and is stopped in the same instant.
    for _ in 0..5 {
        Up::start(&data).stop();
    }
    // A service tells where it listens before it has prepared itself.
    let config = data.join("license/config.toml");
    let mut child = vouch().args(["serve", "license", "--config"]).arg(config).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "it stops cleanly");
}

#[test]
fn a_second_start_on_the_same_folder_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let second = vouch().args(["up", "--port", "0", "--data"]).arg(&data).output().unwrap();
    assert!(!second.status.success());
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(told.contains("another `vouch up` is running") && told.contains("--data DIR"), "{told}");
    up.stop();
}

#[test]
fn a_start_on_ports_that_are_taken_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().min(65530);
    let output = vouch().args(["up", "--port", &port.to_string(), "--data"]).arg(&data).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("cannot be listened on"), "{told}");
    assert!(told.contains("--port 0") && !data.exists(), "{told}");
}

#[test]
fn v07_collect_asks_first_then_seals_a_bundle_that_show_and_verify_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.vouch");
    let run = |arguments: &[&str]| {
        let output = vouch().args(arguments).arg(&file).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (agreed, told, refused) = run(&["collect", "--output"]);
    assert!(!agreed && !file.exists() && told.contains("processes") && refused.contains("--yes"), "{told}{refused}");
    let (sealed, told, _) = run(&["collect", "--yes", "--json", "--output"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(sealed && told["profile"] == "linux-host/1" && told["entries"].as_u64().unwrap() > 5, "{told}");
    assert!(run(&["bundle", "verify"]).1.contains(told["root"].as_str().unwrap()));
    assert!(run(&["bundle", "show"]).1.contains("environment"));
    assert!(run(&["collect", "--yes", "--output"]).2.contains("is there already"));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&file, bytes).unwrap();
    let (whole, _, refused) = run(&["bundle", "verify"]);
    assert!(!whole && refused.contains("not to be trusted"), "{refused}");
}

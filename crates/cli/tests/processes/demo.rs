//! The whole story, as a newcomer runs it.
//!
//! Proves B02, B03, B04.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use vouch_storage::{Engine, on_both_engines};

use crate::up::Up;
use crate::vouch;

fn demo(out: &Path, more: &[&str]) -> Output {
    vouch().args(["demo", "--out"]).arg(out).args(more).output().unwrap()
}

/// Every step of a story told as JSON, as `who: sent`.
fn steps(output: &Output) -> Vec<(String, String)> {
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let steps = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| (format!("{}: {}", text(&step["who"]), text(&step["sent"])), text(&step["came_back"]))).collect()
}

/// What the story must tell, beside all else.
fn check(output: &Output) {
    let steps = steps(output);
    let refusals = [
        ("customer: asks the vendor for a case", "CUSTOMER_MUST_USE_PARTNER"),
        ("partner: escalates without a proof", "PROOF_MISSING"),
        ("other partner: escalates with someone else's", "PROOF_HOLDER_MISMATCH"),
        ("partner: escalates with a tampered one", "PROOF_INVALID"),
        ("partner: escalates with a used one", "PROOF_USED"),
        ("partner: escalates with artefacts missing", "ARTEFACT_MISSING"),
        ("agent: uploads a corrupted blob", "DIGEST_MISMATCH"),
    ];
    for (sent, reason) in refusals {
        assert!(steps.iter().any(|(step, told)| step == sent && told.contains(reason)), "{sent}: {steps:#?}");
    }
    let analysed = steps.iter().find(|(step, _)| step == "engineer: GetDeskCase").unwrap();
    assert!(
        analysed.1.starts_with("by linux-host/1: ") && analysed.1.contains("known problems looked for"),
        "{analysed:?}"
    );
    assert!(steps.last().unwrap().1.contains("both sides hold the same"), "{steps:#?}");
}

on_both_engines! {
    async fn b02_b03_b04_the_demo_tells_its_story_and_its_papers_are_verified_offline(database: Database) {
        let folder = tempfile::tempdir().unwrap();
        let store = match database.config.engine() {
            Engine::Sqlite => None,
            Engine::Postgres => vouch_storage::testing::postgres_group(&["license", "vendor", "partner"]).await,
        };
        let store: Vec<&str> = store.iter().flat_map(|store| ["--store", store.as_str()]).collect();
        check(&demo(folder.path(), &[&["--json"], store.as_slice()].concat()));
        for paper in ["receipt.jws", "proof.jws"] {
            let verified = vouch().arg("verify").arg(folder.path().join(paper)).output().unwrap();
            assert!(verified.status.success(), "{paper}: {}", String::from_utf8_lossy(&verified.stderr));
        }
        let whole = vouch().args(["bundle", "verify"]).arg(folder.path().join("diagnostics.vouch")).output().unwrap();
        assert!(whole.status.success());
    }
}

#[test]
fn the_demo_is_told_on_running_services_as_often_as_one_likes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let against = ["--json", "--against", data.to_str().unwrap()];
    check(&demo(&folder.path().join("first"), &against));
    check(&demo(&folder.path().join("second"), &against));
    up.stop();
}

#[test]
fn b03_an_archive_that_lacks_what_the_vendor_requires_ends_the_demo_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("empty.tar");
    // An empty tar: two blocks of zeros.
    std::fs::write(&archive, [0; 1024]).unwrap();
    let output = demo(folder.path(), &["--bundle", archive.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("ARTEFACT_MISSING") || told.contains("no entries") || told.contains("empty"), "{told}");
    assert!(!told.contains("REASON_") && !told.contains("{\""), "in words: {told}");
}

#[test]
fn a_demo_whose_archive_is_not_there_says_so_and_leaves_what_an_earlier_one_wrote() {
    let out = tempfile::tempdir().unwrap();
    let sealed = out.path().join("diagnostics.vouch");
    std::fs::write(&sealed, "of an earlier demo").unwrap();
    let output = vouch().args(["demo", "--bundle", "not-there.tar", "--out"]).arg(out.path()).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("there is no file not-there.tar"), "{told}");
    assert_eq!(std::fs::read_to_string(&sealed).unwrap(), "of an earlier demo");
}

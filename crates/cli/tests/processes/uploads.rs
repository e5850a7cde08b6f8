//! `vouch bundle upload` as people run it: cut, killed, started again, refused.
//!
//! Proves B03.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_diagnostics::sealed::SealedBundle;

use crate::front_line::{Agent, until};
use crate::proxy::{Barrier, road};
use crate::up::Up;
use crate::vouch;

/// A sealed bundle of some megabytes, for every test.
static SEALED: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    seal(folder.path());
    folder
});

/// A running federation with a ticket, and a sealed bundle.
struct Stage {
    up: Up,
    folder: tempfile::TempDir,
    agent: Agent,
    ticket_id: String,
    partner: SocketAddr,
    bundle: PathBuf,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let up = Up::start(&data);
        let partner: SocketAddr =
            up.told["addresses"]["partner"].as_str().unwrap().trim_start_matches("https://").parse().unwrap();
        let agent = Agent::at(&data, partner).await;
        let (ticket_id, _) = agent.worked_ticket().await;
        let bundle = SEALED.path().join("out.vouch");
        Self { up, folder, agent, ticket_id, partner, bundle }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Leads everybody who looks the partner up in the data folder over a road.
    async fn lead_over(&self, barrier: Barrier) {
        let mut addresses = self.up.told["addresses"].clone();
        addresses["partner"] = json!(format!("https://{}", road(self.partner, barrier).await));
        std::fs::write(self.data().join("addresses.json"), addresses.to_string()).unwrap();
    }

    fn upload(&self, words: &[&str]) -> std::process::Command {
        let mut command = vouch();
        command.args(["bundle", "upload", "--data"]).arg(self.data()).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn uploaded(&self) -> (Value, String) {
        let mut command = self.upload(&["--json", "--ticket", &self.ticket_id]);
        command.arg(&self.bundle);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (told, remarks) = texts(&output);
        assert!(output.status.success(), "{remarks}");
        (serde_json::from_str(&told).unwrap(), remarks)
    }

    /// How much of the bundle's blobs the partner has.
    async fn committed(&self) -> i64 {
        let mut committed = 0;
        for (digest, size) in SealedBundle::open(&self.bundle).unwrap().manifest().blobs() {
            let size_bytes = i64::try_from(size).unwrap();
            let blob = Some(vendor::BlobRef { sha256: digest.0.to_vec().into(), size_bytes });
            let query = partner::QueryBlobRequest { ticket_id: self.ticket_id.clone(), blob };
            committed += self.agent.diagnostics.clone().query_blob(query).await.unwrap().into_inner().committed_bytes;
        }
        committed
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Seals an archive with a large file and small ones.
fn seal(folder: &Path) {
    let (archive, sealed) = (folder.join("in.tar"), folder.join("out.vouch"));
    let mut tar = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    let large: String = (0..1_000_000).map(|line: u32| line.to_string() + " ok\n").collect();
    for (path, text) in [("large.log", large.as_str()), ("a.log", "one\n"), ("b.log", "two\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.finish().unwrap();
    let output =
        vouch().args(["collect", "--yes", "--from"]).arg(&archive).arg("--output").arg(&sealed).output().unwrap();
    assert!(output.status.success(), "{}", texts(&output).1);
}

#[tokio::test]
async fn b03_an_upload_that_was_killed_is_started_again_and_sends_the_rest_only() {
    let stage = Stage::start().await;
    let size: u64 = SealedBundle::open(&stage.bundle).unwrap().manifest().blobs().values().sum();
    let barrier = Barrier::default();
    stage.lead_over(barrier.clone()).await;
    let mut held = barrier.arm(100);
    let mut child = stage.upload(&["--ticket", &stage.ticket_id]).arg(&stage.bundle).spawn().unwrap();
    (&mut held.reached).await.unwrap();
    until(async || (stage.committed().await > 0).then_some(())).await;
    child.kill().unwrap();
    child.wait().unwrap();
    held.release();

    let (told, _) = stage.uploaded().await;
    let sent = told["sent_bytes"].as_u64().unwrap();
    assert!(sent > 0 && sent < size, "{sent} of {size}");
    assert!(told["bundle_id"].as_str().unwrap().starts_with("bun_"), "{told}");
    let (again, _) = stage.uploaded().await;
    assert_eq!(
        (again["sent_bytes"].as_u64(), &again["bundle_id"]),
        (Some(0), &told["bundle_id"]),
        "all of it is there"
    );
    stage.up.stop();
}

#[tokio::test]
async fn b03_an_upload_that_is_cut_says_so_and_goes_on_by_itself() {
    let stage = Stage::start().await;
    let barrier = Barrier::default();
    stage.lead_over(barrier.clone()).await;
    let mut held = barrier.arm(100);
    let (uploaded, ()) = tokio::join!(stage.uploaded(), async {
        (&mut held.reached).await.unwrap();
        drop(held);
    });
    let (told, remarks) = uploaded;
    assert!(remarks.contains("The upload was cut") && remarks.contains("attempt 2 of"), "{remarks}");
    assert_eq!(told["entries"], 3);
    stage.up.stop();
}

#[tokio::test]
async fn b03_an_upload_that_is_cut_before_its_first_question_asks_again() {
    let stage = Stage::start().await;
    let barrier = Barrier::default();
    stage.lead_over(barrier.clone()).await;
    let mut held = barrier.arm(1);
    let (uploaded, ()) = tokio::join!(stage.uploaded(), async {
        (&mut held.reached).await.unwrap();
        drop(held);
    });
    let (told, remarks) = uploaded;
    assert!(remarks.contains("The service did not answer") && remarks.contains("attempt 2 of 5"), "{remarks}");
    assert!(remarks.contains("the partner service at https://127.0.0.1:"), "{remarks}");
    assert_eq!(told["entries"], 3);
    stage.up.stop();
}

#[tokio::test]
async fn b03_an_upload_that_is_refused_says_what_to_do() {
    let stage = Stage::start().await;
    let run = |words: &[&str], file: &Path| texts(&stage.upload(words).arg(file).output().unwrap());
    let (_, refused) = run(&["--ticket", "tkt_01jz0000000000000000000000"], &stage.bundle);
    assert!(refused.contains("NOT_FOUND"), "{refused}");
    let (_, refused) = run(&["--ticket", "nonsense"], &stage.bundle);
    assert!(refused.contains("--ticket"), "{refused}");
    let (_, refused) = run(&["--ticket", &stage.ticket_id, "--as", "administrator"], &stage.bundle);
    assert!(refused.contains("ACCESS_DENIED") || refused.contains("UNAUTHENTICATED"), "{refused}");
    let (_, refused) = run(&["--ticket", &stage.ticket_id, "--as", "partner"], &stage.bundle);
    assert!(refused.contains("It was called as partner. Granted to: agent, customer"), "{refused}");
    let (_, refused) = run(&["--ticket", &stage.ticket_id], &SEALED.path().join("in.tar"));
    assert!(refused.contains("not to be trusted"), "{refused}");
    let (told, remarks) =
        run(&["--ticket", &stage.agent.ticket(&stage.ticket_id).await.unwrap().number], &stage.bundle);
    assert!(told.contains("verified and signed") && remarks.contains("ticket escalate"), "{told}{remarks}");
    let (data, bundle) = (stage.data(), stage.bundle.clone());
    stage.up.stop();
    let output = vouch()
        .args(["bundle", "upload", "--ticket", &stage.ticket_id, "--data"])
        .arg(data)
        .arg(bundle)
        .output()
        .unwrap();
    assert!(texts(&output).1.contains("Is `vouch up` running"), "{}", texts(&output).1);
}

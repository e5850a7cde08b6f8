//! Diagnostics in the field: a report of `sos`, full of secrets, on its way from the host to an engineer of the vendor. Everybody on
//! that way is cut off and killed, and nothing that was planted arrives.
//!
//! `tests/sos/run` has it done with a real report of the machine, which it names in `VOUCH_SOS_REPORT`; otherwise one is made in the
//! shape of those.
//!
//! Proves B03, V03, V07.

mod planted;
mod report;
mod survivors;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;
use tokio::process::Child;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_diagnostics::sealed::SealedBundle;

use self::planted::{HARMLESS, LINES_SEARCHED, LOG, SEARCHED, plant};
use self::survivors::Search;
use crate::commands::{run, told};
use crate::federation::{Federation, is_escalated};
use crate::front_line::{Agent, bundle_desk, desk, until};
use crate::proxy::{Barrier, Held};
use crate::vouch;

/// The places of the vendor and the partner among the services.
const VENDOR: usize = 1;
const PARTNER: usize = 2;

/// How often an upload is begun, cut twice and killed, before it comes through.
const UPLOADS: usize = 3;

/// What happens to a bundle on its way from the partner to the vendor.
const ON_THE_WAY: [Fault; 5] = [Fault::Cut, Fault::Killed(VENDOR), Fault::Cut, Fault::Killed(PARTNER), Fault::Cut];

/// Between two faults this part of a bundle goes by. All of them together leave something to be sent, whatever is kept of what went by; and
/// one is more than what is said before: nobody knows his ticket yet, and who is not answered then is told so at once.
const SHARE: u64 = 12;

#[derive(Clone, Copy)]
enum Fault {
    Cut,
    Killed(usize),
}

/// The federation with a report that was sealed for it.
struct Field {
    folder: tempfile::TempDir,
    federation: Federation,
    /// On the roads to the partner and to the vendor.
    to_partner: Barrier,
    to_vendor: Barrier,
    /// An agent who is never cut off.
    agent: Agent,
    search: Search,
    sealed: PathBuf,
}

#[tokio::test(flavor = "multi_thread")]
async fn b03_v03_v07_a_report_is_redacted_cut_off_killed_admitted_and_read_and_nothing_planted_in_it_arrives() {
    let mut field = Field::start().await;
    let bundle = field.collect();
    let ticket_id = field.agent.ready_ticket().await;
    let local_id = field.upload(&bundle, &ticket_id).await;
    let receipt = field.hand_over(&bundle, &ticket_id, &local_id).await;
    assert_eq!(receipt["bundle"], bundle.root().to_string(), "the receipt names what was sealed");
    let case = field.case(&receipt).await;
    field.read(&bundle, &case.bundle_id);
    field.search_everywhere(&bundle, &case.bundle_id).await;
}

impl Field {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (to_partner, to_vendor) = (Barrier::default(), Barrier::default());
        let barriers = [Barrier::default(), to_vendor.clone(), to_partner.clone()];
        let federation = Federation::start(&folder.path().join("data"), barriers, "vouch=debug").await;
        let agent = Agent::at(&federation.data, federation.processes[PARTNER].address).await;
        let (search, sealed) = (Search::new(&[], &[]), folder.path().join("sealed.vouch"));
        Self { folder, federation, to_partner, to_vendor, agent, search, sealed }
    }

    /// Takes a report in; the one who does it is killed in the middle, and begins again.
    fn collect(&mut self) -> SealedBundle {
        let (plants, needles) = plant();
        let began = Instant::now();
        let report = report::write(self.folder.path(), &plants);
        let size = report.archive.metadata().unwrap().len();
        println!("{:?} to write a report of {size} bytes", began.elapsed());
        println!("looked for besides what is planted: {:?}", report.alone);
        self.search = Search::new(&needles, &report.alone);
        let mut command = vouch();
        command.args(["collect", "--yes", "--from"]).arg(&report.archive).arg("--output").arg(&self.sealed);
        let mut killed = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.trim_start().starts_with("sent ")), "it says what it will do, and begins");
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert!(!self.sealed.exists(), "nothing is left of one that was killed");
        let left = std::fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 2, "the report and the services' data, and nothing half written beside them");

        let began = Instant::now();
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        println!("{:?} to collect:\n{}", began.elapsed(), said.trim_end());
        assert!(
            said.contains("sealed into") && said.contains("sos-report/1") && said.contains("private-key"),
            "{said}"
        );
        self.search.look("what collect says", said.as_bytes());
        SealedBundle::open(&self.sealed).unwrap()
    }

    /// Uploads what was sealed over a connection that is cut six times, by a process that is killed four times. Returns the bundle.
    async fn upload(&self, bundle: &SealedBundle, ticket_id: &str) -> String {
        let data = &self.federation.data;
        let began = Instant::now();
        let mut remarks = String::new();
        let size: u64 = bundle.manifest().blobs().values().sum();
        for _ in 0..UPLOADS {
            let mut child = self.uploading(ticket_id);
            for _ in 0..2 {
                drop(arrive(&mut child, &self.to_partner, share(size)).await);
            }
            let held = arrive(&mut child, &self.to_partner, share(size)).await;
            remarks.push_str(&end(child).await);
            // What it had sent and nobody had read goes with its connection: it would count as the next one's.
            drop(held);
        }
        assert_eq!(remarks.matches("The upload was cut").count(), 2 * UPLOADS, "{remarks}");
        // One is killed when all is there, before or after it was committed.
        let child = self.uploading(ticket_id);
        until(async || (self.committed(bundle, ticket_id).await == size).then_some(())).await;
        end(child).await;

        println!("{:?} to upload with six cuts and four kills", began.elapsed());

        let file = self.sealed.to_str().unwrap();
        let began = Instant::now();
        let last = told(data, "bundle upload {} --ticket {} --json", &[file, ticket_id]);
        let last: Value = serde_json::from_str(&last).unwrap();
        println!("{:?} for the last upload, which sent {} bytes", began.elapsed(), last["sent_bytes"]);
        let manifest = bundle.manifest_bytes().len() as u64;
        assert!(last["sent_bytes"].as_u64().unwrap() <= manifest, "all but the manifest was there: {last}");
        assert_eq!(last["root"], bundle.root().to_string());
        let again = told(data, "bundle upload {} --ticket {}", &[file, ticket_id]);
        assert!(again.contains(last["bundle_id"].as_str().unwrap()) && again.contains("0 B"), "{again}");
        let signature = last["manifest_signature"].as_str().unwrap();
        let claims = self.verified("manifest", signature, "partner.v1.KeySetService/GetKeySet");
        assert!(claims.to_string().contains(&bundle.root().to_string()), "{claims}");
        last["bundle_id"].as_str().unwrap().to_owned()
    }

    fn uploading(&self, ticket_id: &str) -> Child {
        let mut command = vouch();
        command
            .args(["bundle", "upload", "--ticket", ticket_id, "--data"])
            .arg(&self.federation.data)
            .arg(&self.sealed);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap()
    }

    /// How much of the bundle's blobs the partner has.
    async fn committed(&self, bundle: &SealedBundle, ticket_id: &str) -> u64 {
        let mut committed = 0;
        for (digest, size) in bundle.manifest().blobs() {
            let blob = vendor::BlobRef { sha256: digest.0.to_vec().into(), size_bytes: i64::try_from(size).unwrap() };
            let query = partner::QueryBlobRequest { ticket_id: ticket_id.to_owned(), blob: Some(blob) };
            committed += self.agent.diagnostics.clone().query_blob(query).await.unwrap().into_inner().committed_bytes;
        }
        u64::try_from(committed).unwrap()
    }

    /// Escalates the ticket with its bundle, while the vendor is cut off and both services are killed. Returns what the receipt says.
    async fn hand_over(&mut self, bundle: &SealedBundle, ticket_id: &str, local_id: &str) -> Value {
        let began = Instant::now();
        let agent = &self.agent;
        let escalated = async || until(async || agent.ticket(ticket_id).await.filter(is_escalated)).await;
        let size = bundle.manifest().blobs().values().sum();
        let mut in_the_middle = 0;
        for (turn, fault) in ON_THE_WAY.into_iter().enumerate() {
            let mut held = self.to_vendor.arm_at_byte(share(size));
            if turn == 0 {
                told(&self.federation.data, "ticket escalate {} --bundle-id {}", &[ticket_id, local_id]);
            }
            tokio::select! {
                _ = &mut held.reached => in_the_middle += 1,
                _ = escalated() => break,
            }
            if let Fault::Killed(service) = fault {
                self.federation.processes[service].kill();
                self.federation.processes[service].start_again();
            }
            drop(held);
        }
        assert_eq!(in_the_middle, ON_THE_WAY.len(), "each of them hit a hand-over that was under way");
        let ticket = escalated().await;
        println!("{:?} until the case was accepted", began.elapsed());
        let receipt = ticket.escalation.unwrap_or_default().receipt;
        self.verified("receipt", &receipt, "vendor.v1.KeySetService/GetKeySet")
    }

    /// What a signed text says, checked without a network.
    fn verified(&self, name: &str, signed: &str, keys: &str) -> Value {
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let keys = file("keys.json", &told(&self.federation.data, "call --as anyone {} {}", &[keys, "{}"]));
        let signed = file(name, signed);
        let output = vouch().args(["verify", "--json", "--keys"]).arg(keys).arg(signed).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The one case that came of all that.
    async fn case(&self, receipt: &Value) -> vendor::Case {
        let mut cases = desk(&self.federation.data, self.federation.processes[VENDOR].address);
        let mut listed =
            cases.list_desk_cases(vendor::ListDeskCasesRequest::default()).await.unwrap().into_inner().cases;
        assert_eq!(listed.len(), 1, "one case, whatever was cut off and killed");
        let case = listed.pop().unwrap();
        assert_eq!(receipt["case"], case.case_id);
        case
    }

    /// An engineer lists, reads and searches, with commands.
    fn read(&self, bundle: &SealedBundle, bundle_id: &str) {
        let data = &self.federation.data;
        let about = told(data, "bundle-desk get-bundle {}", &[bundle_id]);
        assert!(about.contains("sos-report/1") && about.contains("private-key"), "{about}");
        let listed = told(data, "bundle-desk list-bundle-entries {} --path-prefix var/log/spool", &[bundle_id]);
        assert!(listed.contains(LOG), "{listed}");
        let log = content(bundle, LOG);
        let read = told(data, "bundle-desk read-bundle-entry {} --path {}", &[bundle_id, LOG]);
        assert_eq!(read.as_bytes(), log, "as it was sealed");
        let range = "bundle-desk read-bundle-entry {} --path {} --offset-bytes 1000000 --limit-bytes 300";
        assert_eq!(told(data, range, &[bundle_id, LOG]).as_bytes(), &log[1_000_000..1_000_300]);
        let began = Instant::now();
        let found = run(data, "bundle-desk search-bundle {} --text {}", &[bundle_id, SEARCHED]);
        let lines = String::from_utf8(found.stdout).unwrap();
        assert_eq!(lines.lines().filter(|line| line.starts_with(LOG)).count(), LINES_SEARCHED, "{lines}");
        println!("{:?} to search: {}", began.elapsed(), String::from_utf8_lossy(&found.stderr).trim_end());
    }

    /// Looks for what was planted in the sealed file, in all that an engineer can stream, and on the disks of all three services.
    async fn search_everywhere(&mut self, bundle: &SealedBundle, bundle_id: &str) {
        let began = Instant::now();
        let Self { federation, search, sealed, .. } = self;
        search.look("the sealed file", &std::fs::read(sealed).unwrap());
        search.look("the manifest", bundle.manifest_bytes());
        for mut blob in bundle.blobs() {
            let mut bytes = Vec::new();
            blob.read_to_end(&mut bytes).unwrap();
            search.look("a sealed blob", &bytes);
        }
        let streamed = stream(federation, bundle_id).await;
        assert_eq!(streamed.len(), bundle.manifest().entries.len(), "all that was sealed is there");
        for (path, bytes) in &streamed {
            search.look("a path", path.as_bytes());
            search.look(path, bytes);
        }
        assert_eq!(streamed[HARMLESS.0], HARMLESS.1.as_bytes(), "what only looks like a secret stays");
        search.look_through(&federation.data);
        println!("{:?} to look through {} bytes, {} entries", began.elapsed(), search.bytes, streamed.len());
        let survived: Vec<String> = search.found.iter().map(|(needle, place)| format!("{needle} {place}")).collect();
        assert!(survived.is_empty(), "{} survived:\n{}", survived.len(), survived.join("\n"));
        // What lies there can be found where it lies.
        for service in ["vendor", "partner"] {
            let mut control = Search::new(&[HARMLESS.1.lines().next().unwrap()], &[]);
            control.look_through(&federation.data.join(service).join("blobs"));
            assert_eq!(control.found.len(), 1, "{service}");
        }
        let log = std::fs::read_to_string(federation.data.join("partner/log")).unwrap();
        assert!(log.contains("sending is tried again later"), "what was logged was looked through, too: {log}");
    }
}

/// How many bytes go by before the next fault.
fn share(size: u64) -> usize {
    assert!(size > 1_000_000, "a bundle of {size} bytes is too small to be cut so often");
    usize::try_from(size / SHARE).unwrap()
}

/// Waits until the chunk with the nth byte from now on is held.
async fn arrive(child: &mut Child, barrier: &Barrier, nth: usize) -> Held {
    let mut held = barrier.arm_at_byte(nth);
    tokio::select! {
        reached = &mut held.reached => reached.unwrap(),
        ended = child.wait() => panic!("it ended before byte {nth}: {ended:?}"),
    }
    held
}

/// Kills a process, if it has not ended by itself, and gives what it said.
async fn end(mut child: Child) -> String {
    child.start_kill().unwrap_or_default();
    String::from_utf8(child.wait_with_output().await.unwrap().stderr).unwrap()
}

/// The content of an entry as it was sealed.
fn content(bundle: &SealedBundle, path: &str) -> Vec<u8> {
    let entry = bundle.manifest().entries.iter().find(|entry| entry.path == path).unwrap();
    let mut bytes = Vec::new();
    bundle.content(entry).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Every entry of a bundle as an engineer is given it: those without content are empty.
async fn stream(federation: &Federation, bundle_id: &str) -> BTreeMap<String, Vec<u8>> {
    let mut bundles = bundle_desk(&federation.data, federation.processes[VENDOR].address);
    let (mut streamed, mut page) = (BTreeMap::new(), PageRequest { page_size: 200, page_token: String::new() });
    loop {
        let request = vendor::ListBundleEntriesRequest {
            bundle_id: bundle_id.to_owned(),
            page: Some(page.clone()),
            ..Default::default()
        };
        let listed = bundles.list_bundle_entries(request).await.unwrap().into_inner();
        for entry in listed.entries {
            let mut bytes = entry.failed.clone().into_bytes();
            if entry.failed.is_empty() {
                let (bundle_id, path) = (bundle_id.to_owned(), entry.path.clone());
                let request = vendor::ReadBundleEntryRequest { bundle_id, path, ..Default::default() };
                let mut chunks = bundles.read_bundle_entry(request).await.unwrap().into_inner();
                while let Some(chunk) = chunks.message().await.unwrap() {
                    bytes.extend_from_slice(&chunk.chunk);
                }
            }
            streamed.insert(entry.path, bytes);
        }
        page.page_token = listed.page.unwrap_or_default().next_page_token;
        if page.page_token.is_empty() {
            return streamed;
        }
    }
}

//! A case whose bundle has something of everything: large and small contents, packed, empty, binary and failed ones.

use std::collections::BTreeMap;

use tonic::transport::Channel;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_desk_service_client::BundleDeskServiceClient;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::World;
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Pack, Packed, Redaction};
use vouch_host::testing::BearerChannel;
use vouch_storage::testing::Database;

use crate::samples;
use crate::scene::Scene;

/// Blobs come to the vendor in parts of so many bytes, so that contents lie across their borders.
const PART: usize = 299_968;

/// Three services, and a case with such a bundle.
pub(crate) struct DeskBundle {
    pub(crate) scene: Scene,
    /// The vendor's id of it.
    pub(crate) bundle_id: String,
    /// The partner's.
    pub(crate) local_id: String,
    pub(crate) ticket_id: String,
    pub(crate) case_id: String,
    pub(crate) manifest: Vec<u8>,
}

/// What a manifest's bytes and the blobs that it names are.
pub(crate) type Contents = (Vec<u8>, Vec<Vec<u8>>);

/// A log of more than a megabyte: a line of 64 bytes, with its number, again and again. In some of them there is something to be found.
pub(crate) fn log() -> Vec<u8> {
    let mut log = Vec::new();
    for number in 1..=20_000 {
        let what = match number {
            // Where the first 64 KiB end, and the first part, is within the word in these.
            1024 | 4687 | 20_000 => "Fehler: Gerät nicht bereit",
            _ => "alles in Ordnung",
        };
        let mut line = format!("{number:06} {what}");
        while line.len() < 63 {
            line.push('.');
        }
        line.push('\n');
        // So much further lie the others.
        if number == 1 {
            line.insert_str(0, &"#".repeat(54));
        }
        log.extend_from_slice(line.as_bytes());
    }
    log
}

fn entry(path: &str, collector: &str, content: &[u8], masked: &[(&str, u64)]) -> Entry {
    Entry {
        path: path.into(),
        media_type: "text/plain".into(),
        size_bytes: content.len() as u64,
        sha256: Digest::of(content),
        collector: collector.into(),
        failed: None,
        packed: None,
        masked: Masked(masked.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect::<BTreeMap<_, _>>()),
    }
}

/// The bundle.
pub(crate) fn contents() -> Contents {
    let (log, binary, os) = (log(), b"\x7fELF\0 Fehler".to_vec(), b"os\n".to_vec());
    let (first, second) = (b"Fehler in the first note\r\n".as_slice(), b"second note".as_slice());
    let packed = |path: &str, offset, content: &[u8]| Entry {
        packed: Some(Packed { pack: 0, offset }),
        ..entry(path, "notes", content, &[])
    };
    let pack = [first, second].concat();
    let entries = vec![
        entry("empty.txt", "os", b"", &[]),
        Entry { failed: Some("permission denied".into()), ..entry("journal.txt", "journal", b"", &[]) },
        entry("logs/app.log", "logs", &log, &[("email", 3)]),
        entry("logs/core", "logs", &binary, &[]),
        packed("notes/a.txt", 0, first),
        packed("notes/b.txt", first.len() as u64, second),
        entry("os.txt", "os", &os, &[("email", 1), ("host", 2)]),
    ];
    let manifest = Manifest {
        format: 1,
        profile: "linux-host/1".into(),
        collected_at: World::system().now(),
        redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
        ticket: None,
        pseudonyms_for: None,
        packs: vec![Pack { sha256: Digest::of(&pack), size_bytes: pack.len() as u64 }],
        entries,
    };
    (manifest.write().unwrap().0, vec![log, binary, os, pack])
}

impl DeskBundle {
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with(database, World::system()).await
    }

    /// The same; the vendor's clock is this world's.
    pub(crate) async fn start_with(database: &Database, vendor_world: World) -> Self {
        // All that happens on the way is more than a test's stack should hold.
        Box::pin(Self::furnish(database, vendor_world)).await
    }

    async fn furnish(database: &Database, vendor_world: World) -> Self {
        let scene = Scene::start_with(database, vendor_world).await;
        let (ticket, _) = scene.worked_ticket().await;
        let contents = contents();
        scene.bring(&contents).await;
        let local_id = scene.upload(&ticket.ticket_id, &contents).await;
        scene.escalate(&ticket.ticket_id, &local_id).await;
        let ticket = scene.until_state(&ticket.ticket_id, partner::TicketState::Escalated).await;
        let case_id = ticket.escalation.unwrap().case_id;
        let bundle_id = scene.desk_case(&case_id).await.case.unwrap().bundle_id;
        Self { scene, bundle_id, local_id, ticket_id: ticket.ticket_id, case_id, manifest: contents.0 }
    }

    /// An engineer.
    pub(crate) fn engineer(&self) -> BundleDeskServiceClient<BearerChannel> {
        BundleDeskServiceClient::new(self.scene.vendor_staff(&["support-engineer"]))
    }

    /// Another one.
    pub(crate) fn other_engineer(&self) -> BundleDeskServiceClient<BearerChannel> {
        let token = self.scene.vendor_ground.staff_token("linus", &["support-engineer"]);
        BundleDeskServiceClient::new(self.scene.vendor_ground.bearer(self.scene.vendor.address, &token))
    }
}

impl Scene {
    pub(crate) fn bundles_of_north(&self) -> BundleServiceClient<Channel> {
        BundleServiceClient::new(self.north_at_vendor()).max_encoding_message_size(16 * 1024 * 1024)
    }

    /// Brings blobs to the vendor as north, in parts.
    async fn bring(&self, (manifest, blobs): &Contents) {
        for content in blobs.iter().chain([manifest]) {
            let mut messages = Vec::new();
            for (index, part) in content.chunks(PART).enumerate() {
                let offset_bytes = i64::try_from(index * PART).unwrap();
                let blob = (index == 0).then(|| samples::blob(content));
                messages.push(vendor::WriteBlobRequest { blob, offset_bytes, part: part.to_vec().into() });
            }
            let query = vendor::QueryBlobRequest { blob: Some(samples::blob(content)) };
            if !self.bundles_of_north().query_blob(query).await.unwrap().into_inner().complete {
                let written = self.bundles_of_north().write_blob(tokio_stream::iter(messages)).await.unwrap();
                assert!(written.into_inner().complete);
            }
        }
    }

    /// Commits a bundle at the vendor that no case holds; returns its id there.
    pub(crate) async fn commit_without_case(&self, ticket_id: &str, contents: &Contents) -> String {
        self.upload(ticket_id, contents).await;
        let manifest = Some(samples::blob(&contents.0));
        let commit = partner::CommitBundleRequest { ticket_id: ticket_id.into(), manifest: manifest.clone() };
        let signed = self.diagnostics().commit_bundle(commit).await.unwrap().into_inner();
        self.bring(contents).await;
        let commit = vendor::CommitBundleRequest { manifest, manifest_signature: signed.manifest_signature };
        self.bundles_of_north().commit_bundle(commit).await.unwrap().into_inner().bundle.unwrap().bundle_id
    }
}

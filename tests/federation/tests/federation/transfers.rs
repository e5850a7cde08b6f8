//! Bundles on their way, as whoever hands them over does it: cut, begun again, two at once, and packs that are not what they say.
//!
//! Proves B03.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::{Error, Reason, World};
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Pack, Packed, Redaction};
use vouch_host::testing::refused;
use vouch_host::uploads::{self, BlobRef, Near, Outlet, Told};
use vouch_storage::blobs::Blobs;
use vouch_storage::on_both_engines;

use crate::bundles::{Scene, blob, content};
use crate::road::Road;
use crate::samples;
use crate::scene::{self, until};

const MIB: usize = 1024 * 1024;

/// Contents in memory, of which no more than so much is given: then it waits, as a slow disk does, until somebody stops waiting.
struct Halting {
    contents: BTreeMap<[u8; 32], Bytes>,
    at: u64,
}

impl Near for Halting {
    async fn read(&self, mut outlet: Outlet) -> Result<(), Error> {
        let content = self.contents[&outlet.blob().sha256].clone();
        loop {
            let begin = usize::try_from(outlet.offset()).unwrap();
            if outlet.offset() >= self.at {
                std::future::pending::<()>().await;
            }
            let piece = content.slice(begin..content.len().min(begin + MIB));
            if piece.is_empty() || !outlet.send(piece).await {
                return Ok(());
            }
        }
    }
}

fn reference(content: &[u8]) -> BlobRef {
    BlobRef { sha256: Digest::of(content).0, size_bytes: content.len() as u64 }
}

fn near(contents: &[&[u8]], at: u64) -> Halting {
    let contents = contents.iter().map(|content| (Digest::of(content).0, Bytes::copy_from_slice(content)));
    Halting { contents: contents.collect(), at }
}

fn nobody() -> Told {
    Arc::new(|_, _| ())
}

/// Sends until all of it is there, as whoever is cut begins again.
async fn send(client: &BundleServiceClient<Channel>, contents: &[&[u8]]) {
    let blobs: Vec<_> = contents.iter().map(|content| reference(content)).collect();
    let near = near(contents, u64::MAX);
    until(async || match uploads::send(&near, client, &blobs, &nobody()).await.unwrap() {
        Ok(()) => Some(()),
        Err(status) => {
            // Somebody else is at the same blob.
            assert_eq!(vouch_contract::status::reason_of(&status), "OFFSET_MISMATCH", "{status:?}");
            None
        }
    })
    .await;
}

/// A bundle of one pack with two contents; the second entry says this digest.
fn packed(first: &[u8], second: &[u8], said: Digest) -> (Vec<u8>, Digest, Vec<u8>) {
    let pack = [first, second].concat();
    let entry = |path: &str, content: &[u8], sha256: Digest, offset: usize| Entry {
        path: path.into(),
        media_type: "text/plain".into(),
        size_bytes: content.len() as u64,
        sha256,
        collector: "logs".into(),
        failed: None,
        packed: Some(Packed { pack: 0, offset: offset as u64 }),
        masked: Masked::default(),
    };
    let manifest = Manifest {
        format: 1,
        profile: "linux-host/1".into(),
        collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
        redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
        ticket: None,
        pseudonyms_for: None,
        packs: vec![Pack { sha256: Digest::of(&pack), size_bytes: pack.len() as u64 }],
        entries: vec![entry("a.log", first, Digest::of(first), 0), entry("b.log", second, said, first.len())],
    };
    let (bytes, root) = manifest.write().unwrap();
    (bytes, root, pack)
}

on_both_engines! {
    async fn b03_an_upload_that_is_cut_again_and_again_goes_on_at_the_last_committed_part(database: Database) {
        let scene = Scene::start(&database).await;
        let road = Road::to(scene.side.address()).await;
        let sender = BundleServiceClient::new(scene.side.partner_at("north", &scene.authorities[0], road.address));
        let mut direct = scene.north();
        let content = content(7 * MIB + 4711);
        let named = reference(&content);
        let begun: Arc<Mutex<Vec<u64>>> = Arc::default();
        // Before the first part, within, twice at one place, and between the last part and its verification.
        let cuts = [0, 1, 3, 3, 6].map(|mib| mib * MIB as u64).into_iter().chain([named.size_bytes]);
        let mut expected = vec![0];
        for at in cuts {
            expected.push(at);
            let (sender, heard, near) = (sender.clone(), begun.clone(), near(&[&content], at));
            let sending = tokio::spawn(async move {
                let (first, before) = (Mutex::new(true), heard.lock().unwrap().len());
                let begun = heard.clone();
                let told: Told = Arc::new(move |_, offset| {
                    if std::mem::take(&mut *first.lock().unwrap()) {
                        heard.lock().unwrap().push(offset);
                    }
                });
                loop {
                    let outcome = uploads::send(&near, &sender, &[named], &told).await.unwrap();
                    // The end of the connection before may be heard only now.
                    if begun.lock().unwrap().len() > before {
                        return outcome;
                    }
                }
            });
            let query = || pb::QueryBlobRequest { blob: Some(uploads::write_blob(&named)) };
            let mut asking = direct.clone();
            until(async || {
                let there = asking.query_blob(query()).await.unwrap().into_inner();
                assert!(!there.complete);
                (there.committed_bytes == uploads::size(at)).then_some(())
            })
            .await;
            // It is under way, so that the cut finds a stream.
            until(async || (begun.lock().unwrap().len() == expected.len() - 1).then_some(())).await;
            // What is about to begin when the road is cut begins on the mended one, and is cut again.
            until(async || {
                road.cut();
                sending.is_finished().then_some(())
            })
            .await;
            assert!(sending.await.unwrap().is_err(), "it was cut at {at}");
        }
        let told: Told = {
            let begun = begun.clone();
            Arc::new(move |_, offset| begun.lock().unwrap().push(offset))
        };
        let whole = near(&[&content], u64::MAX);
        while uploads::send(&whole, &sender, &[named], &told).await.unwrap().is_err() {
            assert_eq!(begun.lock().unwrap().len(), expected.len() - 1, "it was not cut any more");
        }
        assert_eq!(*begun.lock().unwrap(), expected, "each went on where the one before it was cut");
        let missing = pb::FindMissingBlobsRequest { blobs: vec![blob(&content)] };
        assert!(direct.find_missing_blobs(missing).await.unwrap().into_inner().missing.is_empty());
    }

    async fn b03_two_who_hand_over_the_same_at_once_both_end_with_all_of_it(database: Database) {
        let scene = Scene::start(&database).await;
        let contents: Vec<Vec<u8>> = (0..6).map(|number| content(MIB * number / 2 + 10 + number)).collect();
        let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let (one, other) = (scene.north(), scene.north());
        tokio::join!(send(&one, &contents), send(&other, &contents));
        let missing = pb::FindMissingBlobsRequest { blobs: contents.iter().map(|content| blob(content)).collect() };
        assert!(scene.north().find_missing_blobs(missing).await.unwrap().into_inner().missing.is_empty());
    }

    async fn b03_a_packed_entry_that_lies_is_refused_and_a_pack_is_read_once(database: Database) {
        let scene = Scene::start(&database).await;
        let commit = |manifest: &[u8], root: Digest| pb::CommitBundleRequest {
            manifest: Some(blob(manifest)),
            manifest_signature: scene.sign("north", root, "standard/1"),
        };
        let (lying, lying_root, pack) = packed(b"first", b"second", Digest::of(b"secand"));
        let (manifest, root, _) = packed(b"first", b"second", Digest::of(b"second"));
        send(&scene.north(), &[&lying, &manifest]).await;
        let early = scene.north().commit_bundle(commit(&manifest, root)).await;
        assert_eq!(refused(early), (Code::FailedPrecondition, "BUNDLE_INCOMPLETE".into()), "its pack is not there");
        send(&scene.north(), &[&pack]).await;
        let status = scene.north().commit_bundle(commit(&lying, lying_root)).await.unwrap_err();
        assert!(status.message().contains("b.log"), "{status:?}");
        assert_eq!(refused(Err::<(), _>(status)), (Code::FailedPrecondition, "DIGEST_MISMATCH".into()));

        let bundle = scene.north().commit_bundle(commit(&manifest, root)).await.unwrap().into_inner().bundle.unwrap();
        assert_eq!((bundle.entries, bundle.size_bytes), (2, 11));
        // Nobody reads it once more: it is gone from the disk.
        let folder = scene.side.ground.path().join("blobs").join(Digest::of(&pack).to_string());
        std::fs::remove_dir_all(folder).unwrap();
        let again = scene.north().commit_bundle(commit(&manifest, root)).await.unwrap().into_inner().bundle.unwrap();
        // Until a case holds it, it is kept for a while from its last commit on.
        assert_eq!(pb::Bundle { expire_time: bundle.expire_time, ..again }, bundle);
        let other = scene.north().commit_bundle(commit(&lying, lying_root)).await;
        let lost = (Code::DataLoss, "CONTENT_DAMAGED".into());
        assert_eq!(refused(other), lost, "what was verified of it was another layout");
    }

    async fn b03_a_packed_entry_that_lies_is_refused_at_the_partner(database: Database) {
        let scene = scene::Scene::start(&database).await;
        let ticket_id = scene.open_ticket().await.ticket_id;
        let (lying, _, pack) = packed(b"first", b"second", Digest::of(b"secand"));
        let (manifest, ..) = packed(b"first", b"second", Digest::of(b"second"));
        for content in [&lying, &manifest, &pack] {
            let request = partner::WriteBlobRequest {
                ticket_id: ticket_id.clone(),
                blob: Some(samples::blob(content)),
                offset_bytes: 0,
                part: content.clone().into(),
            };
            scene.diagnostics().write_blob(tokio_stream::iter([request])).await.unwrap();
        }
        let commit = |manifest: &[u8]| partner::CommitBundleRequest {
            ticket_id: ticket_id.clone(),
            manifest: Some(samples::blob(manifest)),
        };
        let lied = scene.diagnostics().commit_bundle(commit(&lying)).await;
        assert_eq!(refused(lied), (Code::FailedPrecondition, "DIGEST_MISMATCH".into()));
        let bundle = scene.diagnostics().commit_bundle(commit(&manifest)).await.unwrap().into_inner().bundle.unwrap();
        assert_eq!((bundle.entries, bundle.size_bytes), (2, 11));
    }
}

on_both_engines! {
    async fn b03_a_stream_whose_beginning_another_one_replaced_is_read_once_more(database: Database) {
        let store = database.open(&vouch_vendor::MIGRATIONS).await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(store, folder.path(), World::system()).unwrap();
        let content = content(300);
        let named = reference(&content);
        let part = |range: std::ops::Range<usize>| Bytes::copy_from_slice(&content[range]);
        let (parts, receiver) = mpsc::channel(1);
        let taking = {
            let blobs = blobs.clone();
            tokio::spawn(async move { blobs.take("north", &named, receiver).await })
        };
        parts.send((0, part(0..100))).await.unwrap();
        until(async || (blobs.progress("north", &named).await.unwrap().committed_bytes == 100).then_some(())).await;
        // Somebody else ends it with something else, and begins anew with something else.
        blobs.append("north", &named, 100, part(0..200)).await.unwrap();
        assert_eq!(blobs.verify("north", &named).await.unwrap_err().reason(), Reason::DigestMismatch);
        assert_eq!(blobs.progress("north", &named).await.unwrap().committed_bytes, 0);
        blobs.append("north", &named, 0, part(1..101)).await.unwrap();
        parts.send((100, part(100..300))).await.unwrap();
        drop(parts);
        assert_eq!(taking.await.unwrap().unwrap_err().reason(), Reason::DigestMismatch, "what it sent was right");
        assert!(!blobs.progress("north", &named).await.unwrap().complete);

        let (parts, receiver) = mpsc::channel(3);
        for begin in [0, 100, 200] {
            parts.send((begin as u64, part(begin..begin + 100))).await.unwrap();
        }
        drop(parts);
        assert!(blobs.take("north", &named, receiver).await.unwrap().complete);
        assert_eq!(blobs.read("north", &named, 300).await.unwrap().unwrap(), content);
    }
}

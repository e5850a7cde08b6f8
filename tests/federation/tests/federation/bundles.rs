//! A partner hands diagnostics over to the vendor.
//!
//! Proves B03.

use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::World;
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Redaction};
use vouch_host::testing::{fields, refused};
use vouch_identity::development::Authority;
use vouch_proof::{ManifestSignature, SigningKey};
use vouch_storage::blobs::{BlobRef, Blobs};
use vouch_storage::on_both_engines;
use vouch_storage::testing::Database;

use crate::support::VendorSide;

/// A vendor, and two partners with their authorities and signing keys.
pub(crate) struct Scene {
    pub(crate) side: VendorSide,
    pub(crate) authorities: [Authority; 2],
    key: SigningKey,
}

impl Scene {
    pub(crate) async fn start(database: &Database) -> Self {
        let side = VendorSide::start(database).await;
        let authorities = [Authority::new("north").unwrap(), Authority::new("south").unwrap()];
        let key = SigningKey::generate(&World::system()).unwrap();
        side.register("north", &authorities[0], &format!(r#"{{"keys":[{}]}}"#, key.public_jwk())).await;
        side.register("south", &authorities[1], r#"{"keys":[]}"#).await;
        Self { side, authorities, key }
    }

    pub(crate) fn north(&self) -> BundleServiceClient<Channel> {
        let client = BundleServiceClient::new(self.side.partner("north", &self.authorities[0]));
        client.max_encoding_message_size(16 * 1024 * 1024)
    }

    fn south(&self) -> BundleServiceClient<Channel> {
        BundleServiceClient::new(self.side.partner("south", &self.authorities[1]))
    }

    pub(crate) fn sign(&self, partner: &str, root: Digest, policy: &str) -> String {
        let claims = ManifestSignature {
            iss: partner.into(),
            iat: World::system().now().as_second(),
            root: root.to_string(),
            redaction: policy.into(),
        };
        claims.sign(&self.key).unwrap()
    }
}

pub(crate) fn blob(content: &[u8]) -> pb::BlobRef {
    let size_bytes = i64::try_from(content.len()).unwrap();
    pb::BlobRef { sha256: Digest::of(content).0.to_vec().into(), size_bytes }
}

/// Sends parts of some content, from an offset on, as a stream that ends there.
async fn send(
    client: &mut BundleServiceClient<Channel>,
    named: pb::BlobRef,
    content: &[u8],
    offset: usize,
    part: usize,
) -> Result<Response<pb::WriteBlobResponse>, Status> {
    let mut messages = Vec::new();
    let mut at = offset;
    for piece in content[offset..].chunks(part) {
        let first = (at == offset).then(|| named.clone());
        let offset_bytes = i64::try_from(at).unwrap();
        messages.push(pb::WriteBlobRequest { blob: first, offset_bytes, part: piece.to_vec().into() });
        at += piece.len();
    }
    client.write_blob(tokio_stream::iter(messages)).await
}

pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

fn manifest(entries: &[(&str, &[u8])]) -> (Vec<u8>, Digest) {
    let entries = entries.iter().map(|(path, content)| Entry {
        path: (*path).into(),
        media_type: "text/plain".into(),
        size_bytes: content.len() as u64,
        sha256: Digest::of(content),
        collector: "logs".into(),
        failed: None,
        packed: None,
        masked: Masked::default(),
    });
    let redaction = Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None };
    let manifest = Manifest {
        format: 1,
        profile: "linux-host/1".into(),
        ticket: None,
        pseudonyms_for: None,
        collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
        redaction,
        packs: Vec::new(),
        entries: entries.collect(),
    };
    manifest.write().unwrap()
}

on_both_engines! {
    async fn b03_an_upload_that_was_cut_goes_on_at_the_last_committed_part(database: Database) {
        let scene = Scene::start(&database).await;
        let content = content(20 * 1024 * 1024 + 7);
        let named = blob(&content);
        let query = || pb::QueryBlobRequest { blob: Some(named.clone()) };
        assert_eq!(scene.north().query_blob(query()).await.unwrap().into_inner().committed_bytes, 0);

        let cut = 12 * 1024 * 1024;
        let sent = send(&mut scene.north(), named.clone(), &content[..cut], 0, 4 * 1024 * 1024).await.unwrap();
        assert!(!sent.into_inner().complete);
        let there = scene.north().query_blob(query()).await.unwrap().into_inner();
        assert_eq!(there.committed_bytes, i64::try_from(cut).unwrap());
        let bare = pb::WriteBlobRequest { blob: Some(named.clone()), ..Default::default() };
        let asked = scene.north().write_blob(tokio_stream::iter([bare])).await.unwrap().into_inner();
        assert_eq!((asked.complete, asked.committed_bytes), (false, there.committed_bytes), "nothing to verify yet");
        let elsewhere = send(&mut scene.north(), named.clone(), &content, cut + 1, 1024 * 1024).await;
        assert_eq!(refused(elsewhere), (Code::FailedPrecondition, "OFFSET_MISMATCH".into()));

        let rest = send(&mut scene.north(), named.clone(), &content, cut, 8 * 1024 * 1024).await.unwrap().into_inner();
        assert_eq!((rest.complete, rest.committed_bytes), (true, named.size_bytes));
        let missing = pb::FindMissingBlobsRequest { blobs: vec![named.clone(), blob(b"other"), named.clone()] };
        let answer = scene.north().find_missing_blobs(missing.clone()).await.unwrap().into_inner();
        assert_eq!(answer.missing, [blob(b"other")]);
        let answer = scene.south().find_missing_blobs(missing).await.unwrap().into_inner();
        assert_eq!(answer.missing.len(), 2, "what another partner uploaded is missing");
    }

    async fn b03_content_with_another_digest_is_refused_and_starts_over(database: Database) {
        let scene = Scene::start(&database).await;
        let named = blob(b"what was announced");
        let corrupted = send(&mut scene.north(), named.clone(), b"what was delivered", 0, 5).await;
        assert_eq!(refused(corrupted), (Code::FailedPrecondition, "DIGEST_MISMATCH".into()));
        let query = pb::QueryBlobRequest { blob: Some(named.clone()) };
        assert_eq!(scene.north().query_blob(query).await.unwrap().into_inner().committed_bytes, 0);
        let again = send(&mut scene.north(), named, b"what was announced", 0, 5).await.unwrap().into_inner();
        assert!(again.complete);
    }

    async fn b03_two_uploads_of_one_blob_at_once_end_as_one(database: Database) {
        let scene = Scene::start(&database).await;
        let content = content(300_000);
        let named = blob(&content);
        let uploads = [(); 4].map(|()| {
            let (mut client, named, content) = (scene.north(), named.clone(), content.clone());
            tokio::spawn(async move { send(&mut client, named, &content, 0, 10_000).await })
        });
        for upload in uploads {
            if let Err(status) = upload.await.unwrap() {
                assert_eq!(vouch_contract::status::reason_of(&status), "OFFSET_MISMATCH", "{status:?}");
            }
        }
        // Whoever was cut off goes on where the blob stands; together they made it whole, or one of them does now.
        let query = pb::QueryBlobRequest { blob: Some(named.clone()) };
        let there = scene.north().query_blob(query).await.unwrap().into_inner();
        if !there.complete {
            let offset = usize::try_from(there.committed_bytes).unwrap();
            assert!(send(&mut scene.north(), named, &content, offset, 10_000).await.unwrap().into_inner().complete);
        }
    }

    async fn b03_a_bundle_is_committed_once_it_is_whole_and_signed_by_its_partner(database: Database) {
        let scene = Scene::start(&database).await;
        let (bytes, root) = manifest(&[("a.log", b"first"), ("b.log", b"second"), ("empty", b"")]);
        let commit = |manifest_signature: String| pb::CommitBundleRequest {
            manifest: Some(blob(&bytes)),
            manifest_signature,
        };
        let signature = scene.sign("north", root, "standard/1");
        let incomplete = (Code::FailedPrecondition, "BUNDLE_INCOMPLETE".to_owned());
        assert_eq!(refused(scene.north().commit_bundle(commit(signature.clone())).await), incomplete, "no manifest");
        for content in [bytes.as_slice(), b"first"] {
            send(&mut scene.north(), blob(content), content, 0, 1024).await.unwrap();
        }
        assert_eq!(refused(scene.north().commit_bundle(commit(signature.clone())).await), incomplete, "a blob is missing");
        send(&mut scene.north(), blob(b"second"), b"second", 0, 1024).await.unwrap();

        let unsigned = (Code::FailedPrecondition, "MANIFEST_UNSIGNED".to_owned());
        for wrong in [
            scene.sign("south", root, "standard/1"),
            scene.sign("north", Digest::of(b"another"), "standard/1"),
            scene.sign("north", root, "none/1"),
            "not.a.signature".into(),
        ] {
            assert_eq!(refused(scene.north().commit_bundle(commit(wrong)).await), unsigned);
        }
        let bundle = scene.north().commit_bundle(commit(signature.clone())).await.unwrap().into_inner().bundle.unwrap();
        assert_eq!((bundle.entries, bundle.size_bytes, bundle.committed), (3, 11, true));
        assert_eq!(bundle.root.as_ref(), root.0);
        let again = scene.north().commit_bundle(commit(signature)).await.unwrap().into_inner().bundle.unwrap();
        assert!(again.expire_time.unwrap().seconds >= bundle.expire_time.unwrap().seconds, "kept from now on");
        let again = pb::Bundle { expire_time: bundle.expire_time, ..again };
        assert_eq!(again, bundle, "the same manifest is the same bundle");
    }

    async fn bad_uploads_are_refused_with_the_field(database: Database) {
        let scene = Scene::start(&database).await;
        let bad = pb::BlobRef { sha256: vec![1; 31].into(), size_bytes: 0 };
        let upload = send(&mut scene.north(), bad.clone(), b"x", 0, 1).await;
        assert_eq!(fields(upload), ["blob.sha256", "blob.size_bytes"]);
        let missing = pb::FindMissingBlobsRequest { blobs: vec![bad.clone()] };
        let expected = ["blobs[0].sha256", "blobs[0].size_bytes"];
        assert_eq!(fields(scene.north().find_missing_blobs(missing).await), expected);
        let many = pb::FindMissingBlobsRequest { blobs: vec![blob(b"x"); 5001] };
        assert_eq!(fields(scene.north().find_missing_blobs(many).await), ["blobs"]);
        assert_eq!(fields(scene.north().query_blob(pb::QueryBlobRequest { blob: None }).await), ["blob"]);
        let empty = tokio_stream::iter(Vec::new());
        assert_eq!(fields(scene.north().write_blob(empty).await), ["blob"]);
        let too_much = send(&mut scene.north(), blob(b"12"), b"123", 0, 3).await;
        assert_eq!(fields(too_much), ["part"]);
        let large = content(20_000);
        let crumbs = send(&mut scene.north(), blob(&large), &large[..2], 0, 1).await;
        assert_eq!(fields(crumbs), ["part"], "a part costs as much as it is small");
        let commit = pb::CommitBundleRequest { manifest: Some(bad), manifest_signature: String::new() };
        let expected = ["manifest.sha256", "manifest.size_bytes", "manifest_signature"];
        assert_eq!(fields(scene.north().commit_bundle(commit).await), expected);
        let (no_manifest, reference) = (b"no manifest", blob(b"no manifest"));
        send(&mut scene.north(), reference.clone(), no_manifest, 0, 100).await.unwrap();
        let commit = pb::CommitBundleRequest { manifest: Some(reference), manifest_signature: "a.b.c".into() };
        assert_eq!(fields(scene.north().commit_bundle(commit).await), ["manifest"]);
    }
}

on_both_engines! {
    async fn b03_what_was_cut_between_the_last_part_and_its_verification_is_verified_later(database: Database) {
        let store = database.open(&vouch_vendor::MIGRATIONS).await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = || Blobs::local(store.clone(), folder.path(), World::system()).unwrap();
        let named = BlobRef { sha256: Digest::of(b"content").0, size_bytes: 7 };
        blobs().append("north", &named, 0, b"cont".as_slice().into()).await.unwrap();
        blobs().append("north", &named, 4, b"ent".as_slice().into()).await.unwrap();
        assert!(!blobs().progress("north", &named).await.unwrap().complete);
        assert!(blobs().read("north", &named, 100).await.unwrap().is_none(), "not before it is verified");
        assert!(blobs().verify("north", &named).await.unwrap().complete);
        assert_eq!(blobs().read("north", &named, 100).await.unwrap().unwrap(), b"content");
        assert!(blobs().read("south", &named, 100).await.unwrap().is_none());
        assert!(blobs().append("north", &named, 7, b"x".as_slice().into()).await.is_err(), "complete is complete");
    }
}

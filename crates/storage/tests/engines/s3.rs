//! Blobs in a bucket, against a server that speaks S3. `tests/s3/run` starts one and names it in `VOUCH_MOTO`; without it nothing is
//! tried.
//!
//! Proves B03, W23.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::SignedDuration;
use vouch_core::testing::ManualClock;
use vouch_core::{Reason, World};
use vouch_storage::blobs::{self, BlobRef, Blobs, Bucket, ORPHAN_AGE, Place};
use vouch_storage::testing::Database;
use vouch_storage::{Engine, Store};

use super::MIGRATIONS;

fn named(content: &[u8]) -> BlobRef {
    let sha256 = digest(&SHA256, content).as_ref().try_into().unwrap();
    BlobRef { sha256, size_bytes: content.len() as u64 }
}

async fn pin(store: &Store, blob: BlobRef) {
    let pinned = store.write(|mut tx| async move {
        blobs::pin(&mut tx, "north", &BTreeSet::from([blob]), "bun_1").await?;
        Ok((tx, ()))
    });
    pinned.await.unwrap();
}

#[tokio::test]
async fn b03_w23_in_a_bucket_parts_are_resumed_read_pinned_and_given_up_as_in_a_folder() {
    let Some(endpoint) = std::env::var_os("VOUCH_MOTO") else {
        return eprintln!("VOUCH_MOTO names no server that speaks S3: nothing was tried");
    };
    let (database, folder) = (Database::fresh(Engine::Sqlite).await, tempfile::tempdir().unwrap());
    let store = database.open(&MIGRATIONS).await;
    let clock = ManualClock::at(&World::system().now().to_string());
    let credentials = folder.path().join("key");
    std::fs::write(&credentials, "an-id\na-secret\n").unwrap();
    let bucket = |prefix: String| Bucket {
        name: "vouch".into(),
        endpoint: endpoint.to_str().unwrap().into(),
        region: "eu-central-1".into(),
        prefix,
        credentials: Some(credentials.clone()),
    };
    let prefix = format!("run-{}", u64::from_be_bytes(World::system().random()));
    let open = || Blobs::open(store.clone(), &Place::S3(bucket(prefix.clone())), clock.world()).unwrap();

    // Three parts, with the connection cut after the first; larger than one part may be.
    let content: Vec<u8> = (0..18 * 1024 * 1024_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let (blob, part) = (named(&content), blobs::MAX_PART_BYTES);
    open().append("north", &blob, 0, content[..part].to_vec().into()).await.unwrap();
    let blobs = open();
    assert_eq!(blobs.ask("north", &blob).await.unwrap().committed_bytes, part as u64);
    let elsewhere = blobs.append("north", &blob, 1, content[1..2].to_vec().into()).await;
    assert_eq!(elsewhere.unwrap_err().reason(), Reason::OffsetMismatch);
    for begin in [part, 2 * part] {
        let end = content.len().min(begin + part);
        blobs.append("north", &blob, begin as u64, content[begin..end].to_vec().into()).await.unwrap();
    }
    assert!(blobs.verify("north", &blob).await.unwrap().complete);
    assert_eq!(blobs.read("north", &blob, u64::MAX).await.unwrap().unwrap(), content);
    let middle = blobs.read_from("north", &blob, part as u64 + 3).await.unwrap().unwrap();
    assert_eq!(middle, content[part + 3..2 * part]);

    let loose = named(b"nobody commits this");
    blobs.append("north", &loose, 0, b"nobody commits this".as_slice().into()).await.unwrap();
    pin(&store, blob).await;
    clock.advance_seconds((ORPHAN_AGE + SignedDuration::from_hours(2)).as_secs());
    assert_eq!(blobs.sweep().await.unwrap(), 1);
    assert_eq!(blobs.sweep_orphans().await.unwrap(), 0, "what is pinned is named by its rows");
    assert!(blobs.read("north", &blob, u64::MAX).await.unwrap().is_some());

    // Another database knows none of these objects.
    let other = Database::fresh(Engine::Sqlite).await;
    let other = other.open(&MIGRATIONS).await;
    let elsewhere = Blobs::open(other.clone(), &Place::S3(bucket("another-prefix".into())), clock.world()).unwrap();
    assert_eq!(elsewhere.sweep_orphans().await.unwrap(), 0, "what lies under another prefix is not its own");
    let stranger = Blobs::open(other, &Place::S3(bucket(prefix.clone())), clock.world()).unwrap();
    assert_eq!(stranger.sweep_orphans().await.unwrap(), 3);
    assert!(blobs.read("north", &blob, u64::MAX).await.is_err());
}

#[tokio::test]
async fn a_bucket_whose_key_cannot_be_read_keeps_a_service_from_starting() {
    let (database, folder) = (Database::fresh(Engine::Sqlite).await, tempfile::tempdir().unwrap());
    let store = database.open(&MIGRATIONS).await;
    let credentials = folder.path().join("key");
    std::fs::write(&credentials, "one line only").unwrap();
    let bucket =
        Bucket { name: "vouch".into(), region: "eu".into(), credentials: Some(credentials), ..Default::default() };
    let refused = Blobs::open(store, &Place::S3(bucket), World::system()).unwrap_err().to_string();
    assert!(refused.contains("two lines") && !refused.contains("one line only"), "{refused}");
}

//! Content is kept for as long as somebody relies on it, and given up after that; and nobody stores more than is allowed.
//!
//! Proves B03, W23.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;
use vouch_core::testing::ManualClock;
use vouch_core::{Error, Reason, World};
use vouch_storage::blobs::{self, BlobRef, Blobs, LEASE, ORPHAN_AGE, Quota};
use vouch_storage::testing::{Database, ENGINES};
use vouch_storage::{Store, on_both_engines};

use super::MIGRATIONS;

const HOUR: i64 = 60 * 60;

/// Blobs in a folder, at a time that a test moves.
struct Ground {
    store: Store,
    blobs: Blobs,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Ground {
    async fn new(database: &Database) -> Self {
        let (store, folder) = (database.open(&MIGRATIONS).await, tempfile::tempdir().unwrap());
        // Files have the system's time, whatever the test's clock says.
        let clock = ManualClock::at(&World::system().now().to_string());
        let blobs = Blobs::local(store.clone(), folder.path(), clock.world()).unwrap();
        Self { store, blobs, clock, folder }
    }

    async fn upload(&self, owner: &str, content: &[u8]) -> BlobRef {
        let blob = named(content);
        self.blobs.append(owner, &blob, 0, content.to_vec().into()).await.unwrap();
        assert!(self.blobs.verify(owner, &blob).await.unwrap().complete);
        blob
    }

    async fn pin(&self, owner: &str, some: &[BlobRef], pin: &str) -> Result<(), Error> {
        let some: &BTreeSet<BlobRef> = &some.iter().copied().collect();
        let pinned = self.store.write(|mut tx| async move {
            blobs::pin(&mut tx, owner, some, pin).await?;
            Ok((tx, ()))
        });
        pinned.await
    }

    async fn unpin(&self, owner: &str, pin: &str) {
        let unpinned = self.store.write(|mut tx| async move {
            blobs::unpin(&mut tx, owner, pin).await?;
            Ok((tx, ()))
        });
        unpinned.await.unwrap();
    }

    /// Waits until whoever was refused has let go of what it locked. On PostgreSQL that is a moment after the refusal is told, when its
    /// connection is given back; and whoever collects passes over what is locked.
    async fn let_go(&self) {
        let mut tx = self.store.begin().await.unwrap();
        sqlx::query("UPDATE blobs SET pinned = pinned").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn is_there(&self, owner: &str, blob: &BlobRef) -> bool {
        self.blobs.read(owner, blob, u64::MAX).await.unwrap().is_some()
    }

    fn hours_pass(&self, hours: i64) {
        self.clock.advance_seconds(hours * HOUR);
    }

    /// The files in the folder, with what is within it.
    fn files(&self) -> Vec<PathBuf> {
        files(self.folder.path())
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub(super) fn named(content: &[u8]) -> BlobRef {
    let sha256 = digest(&SHA256, content).as_ref().try_into().unwrap();
    BlobRef { sha256, size_bytes: content.len() as u64 }
}

pub(super) fn reason<T: std::fmt::Debug>(refused: Result<T, Error>) -> Reason {
    refused.unwrap_err().reason()
}

on_both_engines! {
    async fn w23_what_nothing_pins_is_given_up_when_its_lease_is_over_and_each_touch_renews_it(database: Database) {
        let ground = Ground::new(&database).await;
        let lease = LEASE.as_hours();
        for touch in ["none", "found", "asked for", "written"] {
            let content = format!("content that is {touch}");
            let (first, rest) = content.as_bytes().split_at(7);
            let blob = named(content.as_bytes());
            ground.blobs.append("north", &blob, 0, first.to_vec().into()).await.unwrap();
            if touch == "found" {
                ground.blobs.append("north", &blob, 7, rest.to_vec().into()).await.unwrap();
                ground.blobs.verify("north", &blob).await.unwrap();
            }
            ground.hours_pass(lease - 1);
            ground.blobs.sweep().await.unwrap();
            match touch {
                "found" => assert!(ground.blobs.missing("north", &[blob]).await.unwrap().is_empty()),
                "asked for" => assert_eq!(ground.blobs.ask("north", &blob).await.unwrap().committed_bytes, 7),
                "written" => {
                    ground.blobs.append("north", &blob, 7, rest.to_vec().into()).await.unwrap();
                }
                _ => {}
            }
            ground.hours_pass(3);
            ground.blobs.sweep().await.unwrap();
            let there = ground.blobs.progress("north", &blob).await.unwrap().committed_bytes > 0;
            assert_eq!(there, touch != "none", "{touch}");
            ground.hours_pass(lease + 1);
            ground.blobs.sweep().await.unwrap();
            assert_eq!(ground.blobs.ask("north", &blob).await.unwrap().committed_bytes, 0, "{touch}");
            assert_eq!(ground.files(), Vec::<PathBuf>::new(), "{touch}");
            assert_eq!(ground.blobs.missing("north", &[blob]).await.unwrap(), [blob]);
        }
    }

    async fn w23_what_is_pinned_stays_until_the_last_pin_is_gone(database: Database) {
        let ground = Ground::new(&database).await;
        let both = ground.upload("north", b"in both bundles").await;
        let one = ground.upload("north", b"in one bundle").await;
        ground.pin("north", &[both, one], "bun_1").await.unwrap();
        ground.pin("north", &[both], "bun_2").await.unwrap();
        ground.pin("north", &[both], "bun_2").await.unwrap();
        let foreign = ground.upload("south", b"in both bundles").await;
        for (unpinned, expected) in [("", [true, true]), ("bun_1", [true, false]), ("bun_2", [false, false])] {
            ground.unpin("north", unpinned).await;
            ground.hours_pass(1000);
            ground.blobs.sweep().await.unwrap();
            assert_eq!([ground.is_there("north", &both).await, ground.is_there("north", &one).await], expected);
        }
        assert!(!ground.is_there("south", &foreign).await, "another owner's pins keep nothing");
        assert!(ground.files().is_empty());
    }

    async fn b03_only_what_is_there_whole_is_pinned_and_all_of_it_or_nothing(database: Database) {
        let ground = Ground::new(&database).await;
        let whole = ground.upload("north", b"whole").await;
        let partial = named(b"not yet whole");
        ground.blobs.append("north", &partial, 0, b"not".as_slice().into()).await.unwrap();
        let elsewhere = ground.upload("south", b"south's").await;
        let other_size = BlobRef { size_bytes: whole.size_bytes + 1, ..whole };
        for lacking in [partial, elsewhere, named(b"never uploaded"), other_size] {
            assert_eq!(reason(ground.pin("north", &[whole, lacking], "bun_1").await), Reason::BundleIncomplete);
        }
        ground.let_go().await;
        ground.hours_pass(1000);
        assert_eq!(ground.blobs.sweep().await.unwrap(), 3, "what was refused pins nothing");
    }

    async fn b03_w23_a_bundle_that_is_committed_while_its_content_is_given_up_has_all_of_it_or_is_refused(database: Database) {
        let ground = Ground::new(&database).await;
        for round in 0..20_u8 {
            let content = [round; 100];
            let (blob, other) = (ground.upload("north", &content).await, ground.upload("north", &[round; 101]).await);
            ground.hours_pass(26);
            let (both, pin) = ([blob, other], format!("bun_{round}"));
            let (pinned, swept, again) = tokio::join!(
                ground.pin("north", &both, &pin),
                ground.blobs.sweep(),
                ground.blobs.sweep(),
            );
            swept.unwrap();
            again.unwrap();
            ground.let_go().await;
            ground.blobs.sweep().await.unwrap();
            match pinned {
                Ok(()) => {
                    let read = ground.blobs.read("north", &blob, 1000).await.unwrap();
                    assert_eq!(read.as_deref(), Some(content.as_slice()));
                    assert!(ground.is_there("north", &other).await);
                }
                Err(error) => {
                    assert_eq!(error.reason(), Reason::BundleIncomplete);
                    assert!(!ground.is_there("north", &blob).await && !ground.is_there("north", &other).await);
                }
            }
        }
    }

    async fn a_quota_holds_to_the_byte_and_is_free_again_when_content_is_given_up(database: Database) {
        let ground = Ground::new(&database).await;
        let quota = Quota::of("north", "the partner north", 100, "ask the vendor");
        let within = quota.clone().and_within("tkt_1", "ticket 1", 60, "close it");
        let (ticket, partner) = (ground.blobs.counted_on(within), ground.blobs.counted_on(quota));
        let stored = async |account| ground.blobs.stored_bytes(account).await.unwrap();
        let put = async |blobs: &Blobs, content: &[u8]| {
            blobs.append("north", &named(content), 0, content.to_vec().into()).await
        };
        put(&ticket, &[1; 60]).await.unwrap();
        let refused = put(&ticket, &[2; 1]).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::StorageQuotaExceeded);
        let told = refused.to_string();
        assert!(told.contains("ticket 1 has 60 of 60 bytes") && told.ends_with("close it"), "{told}");
        put(&partner, &[2; 40]).await.unwrap();
        assert_eq!(reason(put(&partner, &[3; 1]).await), Reason::StorageQuotaExceeded, "an inner account counts on the outer");
        assert_eq!(reason(put(&partner, &[4; 101]).await), Reason::StorageQuotaExceeded);
        assert_eq!(ground.files().len(), 2, "what is refused is written nowhere");
        ground.blobs.verify("north", &named(&[1; 60])).await.unwrap();
        assert_eq!(reason(put(&partner, &[1; 60]).await), Reason::OffsetMismatch, "what is there costs nothing again");
        assert_eq!((stored("north").await, stored("north/tkt_1").await), (100, 60));

        // Content that is not what was announced is given up at once, and with it its place.
        let wrong = named(&[9; 40]);
        ground.hours_pass(26);
        ground.blobs.sweep().await.unwrap();
        assert_eq!((stored("north").await, stored("north/tkt_1").await), (0, 0));
        ticket.append("north", &wrong, 0, vec![8; 40].into()).await.unwrap();
        assert_eq!(reason(ticket.verify("north", &wrong).await), Reason::DigestMismatch);
        assert_eq!((stored("north").await, ground.files().len()), (0, 0));
    }

    async fn a_stream_is_counted_part_by_part_and_leaves_nothing_of_what_is_refused(database: Database) {
        let ground = Ground::new(&database).await;
        let quota = Quota::of("north", "the partner", 100, "ask").and_within("tkt_1", "the ticket", 1000, "ask");
        let blobs = ground.blobs.counted_on(quota);
        let stored = async || (blobs.stored_bytes("north").await.unwrap(), blobs.stored_bytes("north/tkt_1").await.unwrap());
        let take = async |blob: &BlobRef, parts: &[(u64, Vec<u8>)]| {
            let (sender, receiver) = tokio::sync::mpsc::channel(parts.len());
            for (offset, part) in parts {
                sender.try_send((*offset, part.clone().into())).unwrap();
            }
            drop(sender);
            blobs.take("north", blob, receiver).await
        };
        let large = named(&[1; 130]);
        let parts = [(0, vec![1; 50]), (50, vec![1; 50]), (100, vec![1; 30])];
        assert_eq!(reason(take(&large, &parts).await), Reason::StorageQuotaExceeded);
        assert_eq!((stored().await, ground.files().len()), ((100, 100), 2), "what was committed stays");
        assert_eq!(blobs.progress("north", &large).await.unwrap().committed_bytes, 100);

        ground.hours_pass(26);
        blobs.sweep().await.unwrap();
        assert_eq!((stored().await, ground.files().len()), ((0, 0), 0));
        let wrong = [(0, vec![2; 50]), (50, vec![2; 50])];
        assert_eq!(reason(take(&named(&[3; 100]), &wrong).await), Reason::DigestMismatch);
        assert_eq!((stored().await, ground.files().len()), ((0, 0), 0), "its place is free at once");
        assert!(take(&named(&[2; 100]), &wrong).await.unwrap().complete);
    }

    async fn b03_what_was_verified_to_lie_in_a_pack_is_forgotten_when_the_pack_is_given_up(database: Database) {
        let ground = Ground::new(&database).await;
        let pack = ground.upload("north", b"a pack").await;
        let known = async || ground.blobs.layouts("north", &[pack]).await.unwrap();
        ground.blobs.keep_layouts("north", &[(pack, [7; 32])]).await.unwrap();
        assert_eq!(known().await.get(&pack.sha256), Some(&[7; 32]));
        assert!(ground.blobs.layouts("south", &[pack]).await.unwrap().is_empty());
        ground.hours_pass(26);
        ground.blobs.sweep().await.unwrap();
        assert!(known().await.is_empty());
        ground.upload("north", b"a pack").await;
        assert!(known().await.is_empty(), "what comes again is read again");
    }

    async fn many_uploads_at_once_never_store_more_than_is_allowed(database: Database) {
        let ground = Ground::new(&database).await;
        let quota = Quota::of("north", "the partner", 75, "ask").and_within("tkt_1", "the ticket", 1000, "ask");
        let uploads = (0..24_u8).map(|n| {
            let blobs = ground.blobs.counted_on(quota.clone());
            let content = vec![n; 10];
            tokio::spawn(async move { blobs.append("north", &named(&content), 0, content.clone().into()).await })
        });
        let mut stored = 0;
        for upload in uploads.collect::<Vec<_>>() {
            match upload.await.unwrap() {
                Ok(_) => stored += 10,
                Err(error) => assert_eq!(error.reason(), Reason::StorageQuotaExceeded),
            }
        }
        assert_eq!((stored, ground.blobs.stored_bytes("north").await.unwrap(), ground.files().len()), (70, 70, 7));
    }

    async fn w23_whoever_is_killed_while_giving_up_leaves_what_the_next_one_finishes(database: Database) {
        let ground = Ground::new(&database).await;
        let kept = ground.upload("north", b"kept").await;
        ground.pin("north", &[kept], "bun_1").await.unwrap();
        let before = ground.files();
        ground.upload("north", b"given up").await;
        let object = ground.files().into_iter().find(|file| !before.contains(file)).unwrap();
        // A folder in the place of the file cannot be deleted as one: as if the process ended between rows and objects.
        let aside = ground.folder.path().join("aside");
        std::fs::rename(&object, &aside).unwrap();
        std::fs::create_dir(&object).unwrap();
        ground.hours_pass(26);
        assert!(ground.blobs.sweep().await.is_err());
        assert!(!ground.is_there("north", &named(b"given up")).await, "no row names it any more");
        std::fs::remove_dir(&object).unwrap();
        std::fs::rename(&aside, &object).unwrap();
        ground.blobs.sweep().await.unwrap();
        assert_eq!(ground.files(), before);
        // Killed after the objects and before the tombstones: they are gone already.
        ground.upload("north", b"given up").await;
        std::fs::remove_file(ground.files().into_iter().find(|file| !before.contains(file)).unwrap()).unwrap();
        ground.hours_pass(26);
        ground.blobs.sweep().await.unwrap();
        assert!(ground.is_there("north", &kept).await);
    }

    async fn w23_what_no_row_names_is_found_once_it_is_a_day_old(database: Database) {
        let ground = Ground::new(&database).await;
        let kept = ground.upload("north", b"kept").await;
        ground.pin("north", &[kept], "bun_1").await.unwrap();
        let partial = named(b"being uploaded");
        ground.blobs.append("north", &partial, 0, b"being".as_slice().into()).await.unwrap();
        let named = ground.files();
        let folder = ground.folder.path().join("0f".repeat(32));
        std::fs::create_dir(&folder).unwrap();
        for unnamed in ["a1".repeat(16), "a2".repeat(16), format!("{}#1", "a3".repeat(16))] {
            std::fs::write(folder.join(unnamed), b"written, and never named").unwrap();
        }
        assert_eq!(ground.blobs.sweep_orphans().await.unwrap(), 0, "it may be on its way");
        assert_eq!(ground.files().len(), named.len() + 3);
        ground.clock.advance_seconds((ORPHAN_AGE + SignedDuration::from_mins(1)).as_secs());
        assert_eq!(ground.blobs.sweep_orphans().await.unwrap(), 3);
        assert_eq!(ground.files(), named);
        assert!(ground.is_there("north", &kept).await);
        // What is not named as this program names objects is somebody else's.
        std::fs::write(folder.join("notes.txt"), b"of an operator").unwrap();
        ground.clock.advance_seconds((ORPHAN_AGE + SignedDuration::from_mins(1)).as_secs());
        assert_eq!(ground.blobs.sweep_orphans().await.unwrap(), 0);
    }
}

/// What happens to one of a few contents.
#[derive(Debug, Clone)]
enum Happening {
    Write(u8),
    Verify(u8),
    Commit(BTreeSet<u8>, u8),
    Release(u8),
    Find(u8),
    Wait(i64),
    Sweep,
    SweepOrphans,
}

fn happening() -> impl Strategy<Value = Happening> {
    let content = 0..5_u8;
    prop_oneof![
        4 => content.clone().prop_map(Happening::Write),
        4 => content.clone().prop_map(Happening::Verify),
        3 => (prop::collection::btree_set(content.clone(), 1..3), 0..3_u8).prop_map(|(c, b)| Happening::Commit(c, b)),
        2 => (0..3_u8).prop_map(Happening::Release),
        2 => content.prop_map(Happening::Find),
        3 => (1..40_i64).prop_map(Happening::Wait),
        3 => Just(Happening::Sweep),
        1 => Just(Happening::SweepOrphans),
    ]
}

/// A content of two parts.
fn content(n: u8) -> Vec<u8> {
    vec![n; 20 + usize::from(n)]
}

/// Lets things happen, and looks after each whether everything that a bundle pins can be read.
async fn live(ground: &Ground, happenings: &[Happening]) {
    let account = Quota::of("north", "the partner", 1000, "ask");
    let blobs = ground.blobs.counted_on(account);
    let mut bundles: Vec<BTreeSet<u8>> = vec![BTreeSet::new(); 3];
    for happening in happenings {
        match happening {
            Happening::Write(n) => {
                let (content, blob) = (content(*n), named(&content(*n)));
                let there = blobs.ask("north", &blob).await.unwrap();
                if !there.complete && there.committed_bytes < blob.size_bytes {
                    let begin = usize::try_from(there.committed_bytes).unwrap();
                    let end = content.len().min(begin + 15);
                    let part = content[begin..end].to_vec().into();
                    blobs.append("north", &blob, there.committed_bytes, part).await.unwrap();
                }
            }
            Happening::Verify(n) => {
                blobs.verify("north", &named(&content(*n))).await.unwrap();
            }
            Happening::Commit(contents, bundle) => {
                let named: Vec<BlobRef> = contents.iter().map(|n| named(&content(*n))).collect();
                let missing = blobs.missing("north", &named).await.unwrap();
                let pinned = ground.pin("north", &named, &format!("bun_{bundle}")).await;
                assert_eq!(pinned.is_ok(), missing.is_empty(), "what was found a moment ago is there");
                if pinned.is_ok() {
                    bundles[usize::from(*bundle)].extend(contents);
                }
            }
            Happening::Release(bundle) => {
                ground.unpin("north", &format!("bun_{bundle}")).await;
                bundles[usize::from(*bundle)].clear();
            }
            Happening::Find(n) => {
                blobs.missing("north", &[named(&content(*n))]).await.unwrap();
            }
            Happening::Wait(hours) => ground.hours_pass(*hours),
            Happening::Sweep => {
                blobs.sweep().await.unwrap();
            }
            Happening::SweepOrphans => {
                assert_eq!(blobs.sweep_orphans().await.unwrap(), 0, "nobody was killed");
            }
        }
        for n in bundles.iter().flatten() {
            let read = blobs.read("north", &named(&content(*n)), 1000).await.unwrap();
            assert_eq!(read, Some(content(*n)), "{happening:?}");
        }
    }
    for bundle in 0..3 {
        ground.unpin("north", &format!("bun_{bundle}")).await;
    }
    ground.hours_pass(26);
    blobs.sweep().await.unwrap();
    assert_eq!((blobs.stored_bytes("north").await.unwrap(), ground.files().len()), (0, 0));
}

#[test]
fn w23_whatever_happens_what_is_pinned_can_be_read_and_in_the_end_nothing_is_left() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for engine in ENGINES {
        let database = runtime.block_on(Database::fresh(*engine));
        let ground = runtime.block_on(Ground::new(&database));
        let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
        let lives = prop::collection::vec(happening(), 1..40);
        let lived = runner.run(&lives, |happenings| {
            runtime.block_on(live(&ground, &happenings));
            Ok(())
        });
        lived.unwrap();
    }
}

//! What cannot be deleted keeps nothing else from going, and nobody deletes what is somebody else's by now.
//!
//! Proves W23.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sqlx::Row;
use tokio::sync::oneshot;
use vouch_core::testing::ManualClock;
use vouch_core::{Reason, World};
use vouch_storage::blobs::{BlobRef, Blobs, LEASE, ORPHAN_AGE};
use vouch_storage::testing::Database;
use vouch_storage::{Store, on_both_engines};

use super::MIGRATIONS;
use super::keeping::{named, reason};

/// Objects in memory, with troubles that a test makes.
#[derive(Debug, Default)]
struct Troubled {
    objects: InMemory,
    /// These cannot be deleted.
    stuck: Arc<Mutex<BTreeSet<ObjectPath>>>,
    /// The next one that was read waits here before it learns what it read.
    gate: Mutex<Option<Gate>>,
}

#[derive(Debug)]
struct Gate {
    reached: oneshot::Sender<()>,
    go_on: oneshot::Receiver<()>,
}

impl Troubled {
    fn stick(&self, objects: impl IntoIterator<Item = ObjectPath>) {
        *self.stuck.lock().unwrap() = objects.into_iter().collect();
    }

    /// Has the next one that reads wait.
    fn close_gate(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, is_there), (go, go_on)) = (oneshot::channel(), oneshot::channel());
        *self.gate.lock().unwrap() = Some(Gate { reached, go_on });
        (is_there, go)
    }

    async fn names(&self) -> Vec<ObjectPath> {
        let mut names: Vec<_> = self.objects.list(None).map(|object| object.unwrap().location).collect().await;
        names.sort();
        names
    }
}

impl fmt::Display for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects with troubles")
    }
}

#[async_trait]
impl ObjectStore for Troubled {
    async fn put_opts(&self, location: &ObjectPath, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.objects.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        let got = self.objects.get_opts(location, options).await;
        let gate = self.gate.lock().unwrap().take();
        if let Some(Gate { reached, go_on }) = gate {
            reached.send(()).unwrap();
            go_on.await.unwrap();
        }
        got
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        let stuck = self.stuck.clone();
        let deletable = locations.map(move |location| match location {
            Ok(path) if stuck.lock().unwrap().contains(&path) => {
                Err(object_store::Error::Generic { store: "troubled", source: format!("{path} is stuck").into() })
            }
            location => location,
        });
        self.objects.delete_stream(deletable.boxed())
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

struct Ground {
    store: Store,
    objects: Arc<Troubled>,
    blobs: Blobs,
    clock: Arc<ManualClock>,
}

impl Ground {
    async fn new(database: &Database) -> Self {
        let (store, objects) = (database.open(&MIGRATIONS).await, Arc::new(Troubled::default()));
        // Objects have the system's time, whatever the test's clock says.
        let clock = ManualClock::at(&World::system().now().to_string());
        let blobs = Blobs::in_store(store.clone(), objects.clone(), clock.world());
        Self { store, objects, blobs, clock }
    }

    /// Commits a blob in these parts, and does not verify it.
    async fn append(&self, blob: &BlobRef, parts: &[&'static [u8]]) {
        let mut offset = 0;
        for part in parts {
            offset = self.blobs.append("north", blob, offset, (*part).into()).await.unwrap().committed_bytes;
        }
    }

    /// An object that a blob had, with its tombstone.
    async fn buried(&self, number: usize) -> ObjectPath {
        self.buried_part(number, number).await
    }

    async fn buried_part(&self, blob: usize, part: usize) -> ObjectPath {
        let name = format!("{blob:064x}/{part:032x}");
        let path = ObjectPath::from(name.as_str());
        self.objects.put(&path, PutPayload::from_static(b"x")).await.unwrap();
        let mut tx = self.store.begin().await.unwrap();
        let insert = sqlx::query("INSERT INTO blob_tombstones (object, buried_at) VALUES ($1, 0)").bind(name);
        insert.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        path
    }

    async fn tombstones(&self) -> Vec<ObjectPath> {
        let sql = "SELECT object FROM blob_tombstones ORDER BY object";
        let rows = sqlx::query(sql).fetch_all(self.store.reader()).await.unwrap();
        rows.iter().map(|row| ObjectPath::from(row.get::<String, _>(0))).collect()
    }
}

on_both_engines! {
    async fn w23_what_cannot_be_deleted_keeps_nothing_behind_it_from_going_however_much_that_is(database: Database) {
        let ground = Ground::new(&database).await;
        let mut buried = Vec::new();
        // More than are looked for at a time, twice.
        for number in 0..410 {
            buried.push(ground.buried(number).await);
        }
        let stuck = [0, 1, 150, 199, 200, 405].map(|number: usize| buried[number].clone());
        ground.objects.stick(stuck.clone());
        for _ in 0..2 {
            let error = ground.blobs.sweep().await.unwrap_err();
            assert_eq!(error.reason(), Reason::Unavailable);
            assert_eq!((ground.objects.names().await, ground.tombstones().await), (stuck.to_vec(), stuck.to_vec()));
        }
        ground.objects.stick([stuck[2].clone()]);
        assert!(ground.blobs.sweep().await.is_err());
        assert_eq!(ground.tombstones().await, [stuck[2].clone()]);
        ground.objects.stick([]);
        assert_eq!(ground.blobs.sweep().await.unwrap(), 0);
        assert_eq!((ground.objects.names().await, ground.tombstones().await), (vec![], vec![]));
    }

    async fn a_blob_of_which_nothing_can_be_deleted_keeps_no_other_one_however_many_parts_it_has(database: Database) {
        let ground = Ground::new(&database).await;
        let mut stuck = Vec::new();
        for part in 0..25 {
            stuck.push(ground.buried_part(0, part).await);
        }
        ground.buried(1).await;
        ground.objects.stick(stuck.clone());
        assert!(ground.blobs.sweep().await.is_err());
        assert_eq!((ground.objects.names().await, ground.tombstones().await), (stuck.clone(), stuck));
    }

    async fn a_store_that_deletes_nothing_at_all_is_left_alone_until_the_next_time(database: Database) {
        let ground = Ground::new(&database).await;
        let mut buried = Vec::new();
        for number in 0..12 {
            buried.push(ground.buried(number).await);
        }
        ground.objects.stick(buried[..10].iter().cloned());
        assert!(ground.blobs.sweep().await.is_err());
        assert_eq!(ground.objects.names().await, buried, "after ten failures in a row nothing more is tried");
        ground.objects.stick(buried[..9].iter().cloned());
        assert!(ground.blobs.sweep().await.is_err());
        assert_eq!(ground.objects.names().await, buried[..9]);
    }

    async fn w23_every_blob_whose_time_is_over_is_given_up_although_an_object_is_stuck(database: Database) {
        let ground = Ground::new(&database).await;
        // More than go in one transaction.
        for number in 0..40_u8 {
            let content = [number; 5];
            ground.blobs.append("north", &named(&content), 0, content.to_vec().into()).await.unwrap();
        }
        let stuck = ground.objects.names().await[0].clone();
        ground.objects.stick([stuck.clone()]);
        ground.clock.advance_seconds(LEASE.as_secs() + 2 * 60 * 60);
        assert!(ground.blobs.sweep().await.is_err());
        assert_eq!((ground.objects.names().await, ground.tombstones().await), (vec![stuck.clone()], vec![stuck]));
    }

    async fn what_no_row_names_goes_although_another_one_is_stuck(database: Database) {
        let ground = Ground::new(&database).await;
        for number in 0..5 {
            let path = ObjectPath::from(format!("{number:064x}/{number:032x}"));
            ground.objects.put(&path, PutPayload::from_static(b"never named")).await.unwrap();
        }
        let stuck = ground.objects.names().await[0].clone();
        ground.objects.stick([stuck.clone()]);
        ground.clock.advance_seconds(ORPHAN_AGE.as_secs() + 60);
        assert!(ground.blobs.sweep_orphans().await.is_err());
        assert_eq!(ground.objects.names().await, [stuck]);
        ground.objects.stick([]);
        assert_eq!(ground.blobs.sweep_orphans().await.unwrap(), 1);
    }

    async fn what_is_thrown_away_goes_behind_a_part_that_is_stuck_and_takes_nobody_elses(database: Database) {
        let ground = Ground::new(&database).await;
        let blob = named(b"what was announced");
        let others = named(b"others'");
        ground.blobs.append("south", &others, 0, b"others'".as_slice().into()).await.unwrap();
        ground.append(&others, &[b"ours"]).await;
        let kept = ground.objects.names().await;
        ground.append(&blob, &[b"what ", b"was not ", b"what?"]).await;
        let thrown: Vec<_> = ground.objects.names().await.into_iter().filter(|name| !kept.contains(name)).collect();
        assert_eq!(thrown.len(), 3);
        ground.objects.stick([thrown[0].clone()]);
        assert_eq!(reason(ground.blobs.verify("north", &blob).await), Reason::DigestMismatch);
        let mut left = [kept.clone(), vec![thrown[0].clone()]].concat();
        left.sort();
        assert_eq!(ground.objects.names().await, left);
        assert_eq!(ground.blobs.progress("north", &blob).await.unwrap().committed_bytes, 0, "it starts over");
        ground.objects.stick([]);
        ground.blobs.sweep().await.unwrap();
        assert_eq!((ground.objects.names().await, ground.tombstones().await), (kept, vec![]));
    }

    async fn who_reads_what_was_thrown_away_meanwhile_leaves_what_was_uploaded_after_it(database: Database) {
        let ground = Ground::new(&database).await;
        let blob = named(b"right");
        ground.append(&blob, &[b"wrong"]).await;
        let (reached, go) = ground.objects.close_gate();
        let blobs = ground.blobs.clone();
        let slow = tokio::spawn(async move { blobs.verify("north", &blob).await });
        reached.await.unwrap();
        assert_eq!(reason(ground.blobs.verify("north", &blob).await), Reason::DigestMismatch);
        ground.append(&blob, &[b"right"]).await;
        let there = ground.objects.names().await;
        go.send(()).unwrap();
        assert_eq!(reason(slow.await.unwrap()), Reason::DigestMismatch, "that is what it read");
        assert_eq!(ground.objects.names().await, there);
        assert!(ground.blobs.verify("north", &blob).await.unwrap().complete);
        assert_eq!(ground.blobs.read("north", &blob, 100).await.unwrap().as_deref(), Some(b"right".as_slice()));
    }
}

//! Collecting what nothing pins and nobody has a lease on.
//!
//! First the rows go, in small transactions that leave a tombstone for each object; then the objects; then the tombstones. Whoever
//! is killed in between leaves what the next one finishes. Objects that no row ever named, because a process ended between writing
//! one and naming it, are found by looking through the store.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sqlx::AnyConnection;
use vouch_core::Error;

use super::quota::Freed;
use super::{BlobRef, Blobs, unavailable};
use crate::many::{self, Column, Rows};
use crate::{Dialect, StoreError, WriteError, row};

/// How many blobs go in one transaction.
const IN_ONE_TRANSACTION: usize = 32;
/// How many objects are deleted, or looked up, at a time.
const OBJECTS_AT_A_TIME: usize = 200;
/// After so many blobs, one behind another, of which no object can be deleted, the store is taken to be down.
const FAILURES_IN_A_ROW: usize = 10;
/// An object that no row names is one that is being uploaded, until it is as old as this.
pub const ORPHAN_AGE: SignedDuration = SignedDuration::from_hours(24);

/// `<sha256>/<random>`.
fn is_named_here(location: &ObjectPath) -> bool {
    let mut parts = location.as_ref().rsplit('/');
    let is_hexadecimal = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    is_hexadecimal(parts.next(), 32) && is_hexadecimal(parts.next(), 64)
}

/// By what objects are looked for.
const OBJECT: [(&str, Column); 1] = [("object", Column::Text)];

impl Blobs {
    /// Collects everything whose time is over. Returns how many blobs went.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let mut gone = 0;
        loop {
            let buried = self.bury_due().await?;
            gone += buried as u64;
            if buried < IN_ONE_TRANSACTION {
                break;
            }
        }
        self.delete_buried().await?;
        Ok(gone)
    }

    /// Deletes objects that no row names and that are older than [`ORPHAN_AGE`]. Returns how many went. What is not named as this program
    /// names objects is somebody else's.
    pub async fn sweep_orphans(&self) -> Result<u64, Error> {
        let before = self.world.now() - ORPHAN_AGE;
        let mut listed = self.objects.list(None).try_chunks(OBJECTS_AT_A_TIME);
        let (mut gone, mut failures) = (0, Failures::default());
        while let Some(some) = listed.try_next().await.map_err(|error| unavailable(error.1))? {
            let old = some
                .into_iter()
                .filter(|object| is_older(object, before) && is_named_here(&object.location))
                .map(|object| object.location.into());
            let orphans = self.unnamed(old.collect()).await?;
            gone += self.delete_objects(orphans, &mut failures).await?.len() as u64;
        }
        if let Some(folder) = self.folder.clone() {
            let cleared = tokio::task::spawn_blocking(move || clear_staged(&folder, before)).await;
            gone += cleared.map_err(Error::internal)?.map_err(|error| Error::Unavailable(error.into()))?;
        }
        failures.result().map(|()| gone)
    }

    /// Throws away the parts of a blob that is not what was announced, from this first one on: the upload starts over.
    pub(super) async fn throw_away(&self, owner: &str, blob: &BlobRef, first: &str) -> Result<(), Error> {
        let now = self.world.now();
        let parts = self.parts(owner, blob).await?;
        let buried = self.store.write(|mut tx| async move {
            // Ordering: the blob's row first, which a part that is being committed locks, too. Parts go all at once, and each object is
            // written once: what somebody else uploaded meanwhile has another first one, and stays.
            let gone = sqlx::query(
                "DELETE FROM blobs WHERE owner = $1 AND sha256 = $2 AND complete = 0 AND EXISTS (
                     SELECT 1 FROM blob_parts WHERE owner = $1 AND sha256 = $2 AND offset_bytes = 0 AND object = $3)",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(first)
            .execute(&mut *tx)
            .await?;
            if gone.rows_affected() == 1 {
                let mut freed = Freed::default();
                bury(&mut tx, owner, &blob.sha256, now, &mut freed).await?;
                freed.credit(&mut tx).await?;
            }
            Ok((tx, gone.rows_affected() == 1))
        });
        if buried.await? {
            for (object, _) in parts {
                // What cannot be deleted now has its tombstone, and is swept.
                if let Err(error) = self.objects.delete(&ObjectPath::from(object.as_str())).await {
                    tracing::debug!(object, %error, "a part that was refused could not be deleted yet");
                }
            }
        }
        Ok(())
    }

    /// Deletes the rows of blobs whose time is over, and leaves tombstones of their objects.
    async fn bury_due(&self) -> Result<usize, Error> {
        let now = self.world.now();
        // Ordering: looked for among the readers first, so that nothing to collect costs no write.
        let mut reader = self.store.reader().acquire().await.map_err(StoreError::from)?;
        if due_fetch(&mut reader, now, 1, "").await?.is_empty() {
            return Ok(0);
        }
        drop(reader);
        self.store
            .write(|mut tx| async move {
                // Whoever holds a row now is about to pin or to lease it: it is passed over, and nobody waits.
                let lock = Dialect::of(&tx).claim();
                let due = due_fetch(&mut tx, now, IN_ONE_TRANSACTION, lock).await?;
                let mut freed = Freed::default();
                for (owner, sha256) in &due {
                    let gone = sqlx::query("DELETE FROM blobs WHERE owner = $1 AND sha256 = $2 AND pinned = 0")
                        .bind(owner)
                        .bind(sha256.as_slice())
                        .execute(&mut *tx)
                        .await?;
                    if gone.rows_affected() == 1 {
                        bury(&mut tx, owner, sha256, now, &mut freed).await?;
                    }
                }
                freed.credit(&mut tx).await?;
                Ok((tx, due.len()))
            })
            .await
    }

    /// Deletes the objects that have a tombstone, then the tombstones. One that cannot be deleted keeps its own, and keeps none behind it from
    /// going.
    async fn delete_buried(&self) -> Result<(), Error> {
        let (mut after, mut failures) = (String::new(), Failures::default());
        loop {
            let rows = sqlx::query("SELECT object FROM blob_tombstones WHERE object > $1 ORDER BY object LIMIT $2")
                .bind(&after)
                .bind(i64::try_from(OBJECTS_AT_A_TIME).map_err(Error::internal)?)
                .fetch_all(self.store.reader())
                .await
                .map_err(StoreError::from)?;
            let buried: Vec<String> = rows.iter().map(|found| row::text(found, "object")).collect::<Result<_, _>>()?;
            let Some(last) = buried.last() else { return failures.result() };
            after.clone_from(last);
            let gone = &self.delete_objects(buried, &mut failures).await?;
            if gone.is_empty() {
                continue;
            }
            let forgotten = self.store.write(|mut tx| async move {
                let names = Rows::of(Dialect::of(&tx), gone.iter().map(|object| [object.as_str().into()]));
                let delete = many::select(&OBJECT, &names, |these| {
                    format!("DELETE FROM blob_tombstones WHERE object IN {these}")
                });
                delete.execute(&mut *tx).await?;
                Ok((tx, ()))
            });
            forgotten.await?;
        }
    }

    /// Deletes these objects, as far as they can be; returns those that are gone. After too many failures in a row it is left for later.
    async fn delete_objects(&self, objects: Vec<String>, failures: &mut Failures) -> Result<Vec<String>, Error> {
        let mut gone = Vec::with_capacity(objects.len());
        for object in objects {
            match self.objects.delete(&ObjectPath::from(object.as_str())).await {
                // Whoever was killed before the tombstones went had deleted it, or another replica did.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                    failures.in_a_row = 0;
                    gone.push(object);
                }
                Err(error) => failures.add(&object, unavailable(error))?,
            }
        }
        Ok(gone)
    }

    /// Those of these objects that neither a part nor a tombstone names.
    async fn unnamed(&self, objects: Vec<String>) -> Result<Vec<String>, Error> {
        if objects.is_empty() {
            return Ok(objects);
        }
        let mut reader = self.store.reader().acquire().await.map_err(StoreError::from)?;
        let mut named = std::collections::BTreeSet::new();
        let names = Rows::of(Dialect::of(&reader), objects.iter().map(|object| [object.as_str().into()]));
        for table in ["blob_parts", "blob_tombstones"] {
            let query =
                many::select(&OBJECT, &names, |these| format!("SELECT object FROM {table} WHERE object IN {these}"));
            for found in query.fetch_all(&mut *reader).await.map_err(StoreError::from)? {
                named.insert(row::text(&found, "object")?);
            }
        }
        Ok(objects.into_iter().filter(|object| !named.contains(object)).collect())
    }
}

/// What could not be deleted.
#[derive(Debug, Default)]
struct Failures {
    first: Option<Error>,
    in_a_row: usize,
    /// The blob of the last one: its objects lie in one place, and what keeps one keeps all of them.
    blob: String,
}

impl Failures {
    /// Notes one. So many in a row are not the objects' fault: each is tried for long, and the next time is soon enough.
    fn add(&mut self, object: &str, error: Error) -> Result<(), Error> {
        let blob = object.split('/').next().unwrap_or_default();
        if self.in_a_row == 0 || self.blob != blob {
            self.in_a_row += 1;
            blob.clone_into(&mut self.blob);
        }
        if self.in_a_row >= FAILURES_IN_A_ROW {
            return Err(error);
        }
        if self.first.is_none() {
            self.first = Some(error);
        }
        Ok(())
    }

    fn result(self) -> Result<(), Error> {
        self.first.map_or(Ok(()), Err)
    }
}

/// Blobs that nothing pins and whose lease is over, the longest first.
async fn due_fetch(
    connection: &mut AnyConnection,
    now: Timestamp,
    most: usize,
    lock: &'static str,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let sql = format!(
        "SELECT owner, sha256 FROM blobs WHERE pinned = 0 AND leased_until <= $1 ORDER BY leased_until LIMIT $2{lock}"
    );
    // The text is a constant and a suffix of the dialect's.
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.as_microsecond())
        .bind(row::as_bigint(most as u64)?)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| Ok((row::text(found, "owner")?, row::bytes(found, "sha256")?))).collect()
}

/// Deletes the parts of a blob whose row is gone, and leaves tombstones of their objects.
async fn bury(
    connection: &mut AnyConnection,
    owner: &str,
    sha256: &[u8],
    now: Timestamp,
    freed: &mut Freed,
) -> Result<(), WriteError> {
    freed.add_parts(connection, owner, sha256).await?;
    sqlx::query(
        "INSERT INTO blob_tombstones (object, buried_at)
         SELECT object, CAST($3 AS BIGINT) FROM blob_parts WHERE owner = $1 AND sha256 = $2",
    )
    .bind(owner)
    .bind(sha256)
    .bind(now.as_microsecond())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM blob_parts WHERE owner = $1 AND sha256 = $2")
        .bind(owner)
        .bind(sha256)
        .execute(connection)
        .await?;
    Ok(())
}

fn is_older(object: &ObjectMeta, before: Timestamp) -> bool {
    object.last_modified.timestamp_micros() < before.as_microsecond()
}

/// Deletes files that were being written when the process ended. The store gives them a name with `#` and does not list them.
fn clear_staged(folder: &Path, before: Timestamp) -> std::io::Result<u64> {
    let before = SystemTime::from(before);
    let (mut folders, mut gone) = (vec![PathBuf::from(folder)], 0);
    while let Some(folder) = folders.pop() {
        // A folder that went meanwhile has nothing to clear.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains('#') && meta.modified()? < before {
                std::fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
    }
    Ok(gone)
}

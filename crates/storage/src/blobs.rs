//! Content-addressed blobs in parts: resumable, verified by digest, each owner's apart.
//!
//! A part is an object of the object store, written and synced before the row that names it. A blob whose parts were cut off
//! goes on at the last committed one; a blob whose content is not what was announced loses its parts. Memory stays flat
//! whatever the size.

mod lease;
mod objects;
mod quota;
mod ranges;
mod sweep;

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::TryStreamExt;
use jiff::SignedDuration;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use vouch_core::{Error, Kind, Reason, World};

use crate::{Store, StoreError, WriteError, row};

pub use lease::{LEASE, pin, unpin};
pub use objects::{Bucket, Place};
pub use quota::Quota;
pub use sweep::ORPHAN_AGE;

/// The largest part.
pub const MAX_PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts a blob has at most.
const MAX_PARTS: u64 = 10_000;
/// The largest blob.
pub const MAX_BLOB_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// A piece of content, named by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobRef {
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Its size.
    pub size_bytes: u64,
}

/// How much of a blob is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes are committed.
    pub committed_bytes: u64,
    /// Whether the whole is there and its digest verified.
    pub complete: bool,
}

/// Blobs of a service: rows in its database, parts in an object store.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Store,
    objects: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    folder: Option<Arc<Path>>,
    world: World,
    /// How long content stays that nothing pins.
    lease: SignedDuration,
    /// Where what is uploaded is counted.
    quota: Option<Arc<Quota>>,
}

impl Blobs {
    /// How much of a blob is there.
    pub async fn progress(&self, owner: &str, blob: &BlobRef) -> Result<Progress, Error> {
        let mut snapshot = self.store.snapshot().await?;
        Ok(progress_fetch(&mut snapshot, owner, blob).await?)
    }

    /// Commits the next part of a blob. `OFFSET_MISMATCH` when it does not begin where the last one ended. The last part is
    /// followed by [`Blobs::verify`].
    pub async fn append(&self, owner: &str, blob: &BlobRef, offset: u64, part: Bytes) -> Result<Progress, Error> {
        let before = self.progress(owner, blob).await?;
        let end = offset + part.len() as u64;
        if before.complete || before.committed_bytes != offset {
            return Err(offset_mismatch(before));
        }
        if part.is_empty() || part.len() > MAX_PART_BYTES || end > blob.size_bytes {
            return Err(Error::field("part", "must be 1 byte to 8 MiB, and not reach beyond the blob's size"));
        }
        // Each part costs an object, a row and a sync, whatever its size.
        if end < blob.size_bytes && (part.len() as u64) < blob.size_bytes / MAX_PARTS {
            let least = blob.size_bytes / MAX_PARTS;
            return Err(Error::field("part", format!("must be at least {least} bytes in a blob of this size")));
        }
        self.check_room(part.len() as u64).await?;
        // Ordering: the object first. A row never names a part that is not there; a part that no row names, because the process
        // ended in between, takes up space and does no other harm.
        let object = format!("{}/{}", hex(&blob.sha256), hex(&self.world.random::<16>()));
        let (bytes, size) = (part.len() as u64, row::as_bigint(part.len() as u64)?);
        let path = ObjectPath::from(object.as_str());
        self.objects.put(&path, PutPayload::from_bytes(part)).await.map_err(unavailable)?;
        let (start, end_at) = (row::as_bigint(offset)?, row::as_bigint(end)?);
        let (whole, object) = (row::as_bigint(blob.size_bytes)?, &object);
        let (leased_until, quota) = (self.leased_until(self.world.now()), self.quota.as_deref());
        let committed = self.store.write(|mut tx| async move {
            sqlx::query(
                "INSERT INTO blobs (owner, sha256, size_bytes, committed_bytes, complete) VALUES ($1, $2, $3, 0, 0)
                 ON CONFLICT (owner, sha256) DO NOTHING",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(whole)
            .execute(&mut *tx)
            .await?;
            let moved = sqlx::query(
                "UPDATE blobs SET committed_bytes = $4, leased_until = $6
                 WHERE owner = $1 AND sha256 = $2 AND committed_bytes = $3 AND complete = 0 AND size_bytes = $5",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(start)
            .bind(end_at)
            .bind(whole)
            .bind(leased_until)
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() != 1 {
                return Err(WriteError::Refused(offset_mismatch(before)));
            }
            sqlx::query(
                "INSERT INTO blob_parts (owner, sha256, offset_bytes, size_bytes, object, account)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(start)
            .bind(size)
            .bind(object)
            .bind(quota.map_or("", Quota::account))
            .execute(&mut *tx)
            .await?;
            // Ordering: the accounts last, because many uploads share them.
            quota::charge(&mut tx, quota, bytes).await?;
            Ok((tx, ()))
        });
        if let Err(error) = committed.await {
            // Somebody else committed this part meanwhile, or there is no room for it: the one that was just written is nobody's.
            // After a failure it may have been committed all the same; if not, it is found later as one that no row names.
            if matches!(error, Error::Refused { .. }) {
                let _ = self.objects.delete(&path).await;
            }
            return Err(error);
        }
        Ok(Progress { committed_bytes: end, complete: false })
    }

    /// Reads a blob that is all there once more and marks it complete. `DIGEST_MISMATCH` when its content is not what was
    /// announced: then its parts are thrown away and it starts over.
    pub async fn verify(&self, owner: &str, blob: &BlobRef) -> Result<Progress, Error> {
        let progress = self.progress(owner, blob).await?;
        if progress.complete || progress.committed_bytes != blob.size_bytes {
            return Ok(progress);
        }
        let objects = self.parts(owner, blob).await?;
        let mut context = Context::new(&SHA256);
        for object in &objects {
            let got = self.objects.get(&ObjectPath::from(object.as_str())).await.map_err(unavailable)?;
            let mut chunks = got.into_stream();
            while let Some(chunk) = chunks.try_next().await.map_err(unavailable)? {
                context.update(&chunk);
            }
        }
        if context.finish().as_ref() == blob.sha256 {
            let sql = "UPDATE blobs SET complete = 1 WHERE owner = $1 AND sha256 = $2 AND committed_bytes = size_bytes";
            self.change(sql, owner, blob).await?;
            return Ok(Progress { complete: true, ..progress });
        }
        self.throw_away(owner, blob).await?;
        let message = "the content does not have the digest that was announced; its parts were thrown away".to_owned();
        Err(Error::Refused { kind: Kind::Refused, reason: Reason::DigestMismatch, message })
    }

    /// Reads a complete blob into memory; `None` when it is not complete or larger than `most`.
    pub async fn read(&self, owner: &str, blob: &BlobRef, most: u64) -> Result<Option<Vec<u8>>, Error> {
        if blob.size_bytes > most || !self.progress(owner, blob).await?.complete {
            return Ok(None);
        }
        let mut content = Vec::new();
        for object in self.parts(owner, blob).await? {
            let got = self.objects.get(&ObjectPath::from(object.as_str())).await.map_err(unavailable)?;
            content.extend_from_slice(&got.bytes().await.map_err(unavailable)?);
        }
        Ok(Some(content))
    }

    /// Reads on from a place in a complete blob, to the end of the part in which it lies; empty at the blob's end. `None` when
    /// the blob is not complete.
    pub async fn read_from(&self, owner: &str, blob: &BlobRef, offset: u64) -> Result<Option<Bytes>, Error> {
        if !self.progress(owner, blob).await?.complete {
            return Ok(None);
        }
        let found = sqlx::query(
            "SELECT offset_bytes, size_bytes, object FROM blob_parts
             WHERE owner = $1 AND sha256 = $2 AND offset_bytes <= $3 ORDER BY offset_bytes DESC LIMIT 1",
        )
        .bind(owner)
        .bind(blob.sha256.as_slice())
        .bind(row::as_bigint(offset)?)
        .fetch_one(self.store.reader())
        .await
        .map_err(StoreError::from)?;
        let begins: u64 = row::number(&found, "offset_bytes")?;
        let size: u64 = row::number(&found, "size_bytes")?;
        let within = (offset - begins).min(size);
        if within == size {
            return Ok(Some(Bytes::new()));
        }
        let object = ObjectPath::from(row::text(&found, "object")?.as_str());
        self.objects.get_range(&object, within..size).await.map(Some).map_err(unavailable)
    }

    async fn parts(&self, owner: &str, blob: &BlobRef) -> Result<Vec<String>, Error> {
        let rows = sqlx::query("SELECT object FROM blob_parts WHERE owner = $1 AND sha256 = $2 ORDER BY offset_bytes")
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .fetch_all(self.store.reader())
            .await
            .map_err(StoreError::from)?;
        Ok(rows.iter().map(|found| row::text(found, "object")).collect::<Result<_, _>>()?)
    }

    async fn change(&self, sql: &'static str, owner: &str, blob: &BlobRef) -> Result<(), Error> {
        self.store
            .write(|mut tx| async move {
                sqlx::query(sql).bind(owner).bind(blob.sha256.as_slice()).execute(&mut *tx).await?;
                Ok((tx, ()))
            })
            .await
    }
}

async fn progress_fetch(
    connection: &mut sqlx::AnyConnection,
    owner: &str,
    blob: &BlobRef,
) -> Result<Progress, StoreError> {
    let found = sqlx::query(
        "SELECT size_bytes, committed_bytes, complete FROM blobs WHERE owner = $1 AND sha256 = $2 AND size_bytes = $3",
    )
    .bind(owner)
    .bind(blob.sha256.as_slice())
    .bind(row::as_bigint(blob.size_bytes)?)
    .fetch_optional(connection)
    .await?;
    match found {
        None => Ok(Progress::default()),
        Some(found) => Ok(Progress {
            committed_bytes: row::number(&found, "committed_bytes")?,
            complete: row::flag(&found, "complete")?,
        }),
    }
}

fn offset_mismatch(progress: Progress) -> Error {
    let message = if progress.complete {
        "the blob is complete already".to_owned()
    } else {
        format!("the upload goes on at byte {}", progress.committed_bytes)
    };
    Error::Refused { kind: Kind::Refused, reason: Reason::OffsetMismatch, message }
}

fn unavailable(error: object_store::Error) -> Error {
    Error::Unavailable(Box::new(error))
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

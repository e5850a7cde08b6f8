//! Content-addressed blobs in parts: resumable, verified by digest, each owner's apart.
//!
//! A part is an object of the object store, written and synced before the row that names it. A blob whose parts were cut off
//! goes on at the last committed one; a blob whose content is not what was announced loses its parts. Memory stays flat
//! whatever the size.
//!
//! `upload` takes the parts of one stream, which `quota` counts; `ranges` reads. `lease` says for how long content is kept, and `sweep`
//! gives the rest up. `layouts` remembers what was verified to lie in a pack.

mod layouts;
mod lease;
mod objects;
mod quota;
mod ranges;
mod sweep;
mod upload;

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use jiff::SignedDuration;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use vouch_core::{Error, Kind, Reason, World};

use crate::many::{Column, Rows};
use crate::{Dialect, Store, StoreError, row};

pub use layouts::Layout;
pub use lease::{LEASE, pin, unpin};
pub use objects::{Bucket, Place};
pub use quota::Quota;
pub use sweep::ORPHAN_AGE;
pub use upload::Part;

/// The largest part.
pub const MAX_PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts a blob has at most.
const MAX_PARTS: u64 = 10_000;
/// How many blobs one statement names.
const IN_ONE_STATEMENT: usize = 5000;
/// By what blobs are looked for.
const DIGEST: [(&str, Column); 1] = [("sha256", Column::Bytes)];
/// How much of an object is read at a time.
const PIECE: u64 = 1024 * 1024;
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
        let staged = self.upload(owner, *blob).stage(offset, part).await?;
        self.commit(owner, blob, &staged).await
    }

    /// Reads a blob that is all there once more and marks it complete. `DIGEST_MISMATCH` when its content is not what was
    /// announced: then its parts are thrown away and it starts over.
    pub async fn verify(&self, owner: &str, blob: &BlobRef) -> Result<Progress, Error> {
        let progress = self.progress(owner, blob).await?;
        if progress.complete || progress.committed_bytes != blob.size_bytes {
            return Ok(progress);
        }
        let parts = self.parts(owner, blob).await?;
        let Some(first) = parts.first() else { return Ok(progress) };
        let mut context = Context::new(&SHA256);
        for (object, size) in &parts {
            context = self.digest(object, *size, context).await?;
        }
        if context.finish().as_ref() != blob.sha256 {
            self.throw_away(owner, blob, &first.0).await?;
            let message =
                "the content does not have the digest that was announced; its parts were thrown away".to_owned();
            return Err(Error::Refused { kind: Kind::Refused, reason: Reason::DigestMismatch, message });
        }
        // Whoever threw these parts away and uploaded others meanwhile has them verified for itself.
        let complete = self.complete(owner, blob, &first.0).await?;
        Ok(Progress { complete, ..progress })
    }

    /// Digests an object on from what was digested before.
    async fn digest(&self, object: &str, size: u64, mut context: Context) -> Result<Context, Error> {
        let path = ObjectPath::from(object);
        let mut offset = 0;
        while offset < size {
            let end = size.min(offset + PIECE);
            let piece = self.objects.get_range(&path, offset..end).await.map_err(unavailable)?;
            context = update(context, piece).await?;
            offset = end;
        }
        Ok(context)
    }

    /// Marks a blob complete whose parts, from this first one on, were verified. False where they are not its parts any more:
    /// parts go all at once, and each object is written once.
    async fn complete(&self, owner: &str, blob: &BlobRef, first: &str) -> Result<bool, Error> {
        self.store
            .write(|mut tx| async move {
                let completed = sqlx::query(
                    "UPDATE blobs SET complete = 1
                     WHERE owner = $1 AND sha256 = $2 AND size_bytes = $3 AND committed_bytes = size_bytes AND EXISTS (
                         SELECT 1 FROM blob_parts WHERE owner = $1 AND sha256 = $2 AND offset_bytes = 0 AND object = $4)",
                )
                .bind(owner)
                .bind(blob.sha256.as_slice())
                .bind(row::as_bigint(blob.size_bytes)?)
                .bind(first)
                .execute(&mut *tx)
                .await?;
                Ok((tx, completed.rows_affected() == 1))
            })
            .await
    }

    /// Reads a complete blob into memory; `None` when it is not complete or larger than `most`.
    pub async fn read(&self, owner: &str, blob: &BlobRef, most: u64) -> Result<Option<Vec<u8>>, Error> {
        if blob.size_bytes > most || !self.progress(owner, blob).await?.complete {
            return Ok(None);
        }
        let mut content = Vec::new();
        for (object, _) in self.parts(owner, blob).await? {
            let got = self.objects.get(&ObjectPath::from(object.as_str())).await.map_err(unavailable)?;
            content.extend_from_slice(&got.bytes().await.map_err(unavailable)?);
        }
        // Swept meanwhile, it is not there.
        Ok(Some(content).filter(|content| content.len() as u64 == blob.size_bytes))
    }

    /// The objects of a blob in their order, with their sizes.
    async fn parts(&self, owner: &str, blob: &BlobRef) -> Result<Vec<(String, u64)>, Error> {
        let rows = sqlx::query(
            "SELECT object, size_bytes FROM blob_parts WHERE owner = $1 AND sha256 = $2 ORDER BY offset_bytes",
        )
        .bind(owner)
        .bind(blob.sha256.as_slice())
        .fetch_all(self.store.reader())
        .await
        .map_err(StoreError::from)?;
        let part = |found| Ok((row::text(found, "object")?, row::number(found, "size_bytes")?));
        Ok(rows.iter().map(part).collect::<Result<_, StoreError>>()?)
    }
}

/// Digests some bytes, where nobody waits for it.
async fn update(mut context: Context, bytes: Bytes) -> Result<Context, Error> {
    let digested = tokio::task::spawn_blocking(move || {
        context.update(&bytes);
        context
    });
    digested.await.map_err(Error::internal)
}

/// The digests of blobs, as many at a time as one statement names.
fn in_statements<'b>(dialect: Dialect, blobs: impl IntoIterator<Item = &'b BlobRef>) -> Vec<Rows<1>> {
    let digests: Vec<&[u8]> = blobs.into_iter().map(|blob| blob.sha256.as_slice()).collect();
    digests
        .chunks(IN_ONE_STATEMENT)
        .map(|some| Rows::of(dialect, some.iter().map(|sha256| [(*sha256).into()])))
        .collect()
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

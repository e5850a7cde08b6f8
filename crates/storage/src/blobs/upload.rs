//! One stream of parts of one blob: while a part is committed, the next is written, and the one after that is read.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::sync::mpsc;
use vouch_core::Error;

use super::quota::{self, Quota};
use super::{
    BlobRef, Blobs, MAX_PART_BYTES, MAX_PARTS, Progress, hex, offset_mismatch, progress_fetch, unavailable, update,
};
use crate::{WriteError, row};

/// A part, and where in the blob it begins.
pub type Part = (u64, Bytes);

/// What is known of a blob while a stream of its parts is taken.
pub(super) struct Upload<'u> {
    blobs: &'u Blobs,
    owner: &'u str,
    blob: BlobRef,
    /// Where the next part begins; unknown before the first.
    next: Option<u64>,
    first: Option<String>,
    digest: Digesting,
}

/// The digest of what has passed.
enum Digesting {
    /// The stream has not begun.
    Ready,
    /// It began at the blob's first byte.
    Whole(Context),
    /// It goes on with what another one began: the blob is read once more when it is whole.
    Rest,
}

/// A part that is on disk, and that no row names yet.
pub(super) struct Staged {
    object: String,
    offset: u64,
    size: u64,
}

impl Blobs {
    /// Takes parts of a blob as they come, commits each, and verifies the blob once it is whole. `OFFSET_MISMATCH` when one does not
    /// begin where the last one ended. What was committed stays, and no more than four parts are in memory.
    pub async fn take(&self, owner: &str, blob: &BlobRef, mut parts: mpsc::Receiver<Part>) -> Result<Progress, Error> {
        let mut upload = self.upload(owner, *blob);
        let (sender, staged) = mpsc::channel(1);
        // Each ends with its end of the channel, so that neither waits for the other in vain.
        let staging = async {
            let onward = sender;
            while let Some((offset, part)) = parts.recv().await {
                let staged = upload.stage(offset, part).await?;
                if let Err(mpsc::error::SendError(staged)) = onward.send(staged).await {
                    self.discard(&staged).await;
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        let committing = async {
            let mut written = staged;
            while let Some(staged) = written.recv().await {
                if let Err(error) = self.commit(owner, blob, &staged).await {
                    // What was written behind it is nobody's.
                    written.close();
                    while let Some(staged) = written.recv().await {
                        self.discard(&staged).await;
                    }
                    return Err(error);
                }
            }
            Ok::<_, Error>(())
        };
        let (staged, committed) = tokio::join!(staging, committing);
        committed.and(staged)?;
        upload.finish().await
    }

    /// Begins to take parts of a blob.
    pub(super) fn upload<'u>(&'u self, owner: &'u str, blob: BlobRef) -> Upload<'u> {
        Upload { blobs: self, owner, blob, next: None, first: None, digest: Digesting::Ready }
    }

    /// Commits a part that is on disk.
    pub(super) async fn commit(&self, owner: &str, blob: &BlobRef, staged: &Staged) -> Result<Progress, Error> {
        let (start, end) = (row::as_bigint(staged.offset)?, row::as_bigint(staged.offset + staged.size)?);
        let (whole, object) = (row::as_bigint(blob.size_bytes)?, &staged.object);
        let (leased_until, quota) = (self.leased_until(self.world.now()), self.quota.as_deref());
        let committed = self.store.write(|mut tx| async move {
            if start == 0 {
                sqlx::query(
                    "INSERT INTO blobs (owner, sha256, size_bytes, committed_bytes, complete) VALUES ($1, $2, $3, 0, 0)
                     ON CONFLICT (owner, sha256) DO NOTHING",
                )
                .bind(owner)
                .bind(blob.sha256.as_slice())
                .bind(whole)
                .execute(&mut *tx)
                .await?;
            }
            let moved = sqlx::query(
                "UPDATE blobs SET committed_bytes = $4, leased_until = $6
                 WHERE owner = $1 AND sha256 = $2 AND committed_bytes = $3 AND complete = 0 AND size_bytes = $5",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(start)
            .bind(end)
            .bind(whole)
            .bind(leased_until)
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() != 1 {
                let stands = progress_fetch(&mut tx, owner, blob).await?;
                return Err(WriteError::Refused(offset_mismatch(stands)));
            }
            sqlx::query(
                "INSERT INTO blob_parts (owner, sha256, offset_bytes, size_bytes, object, account)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(owner)
            .bind(blob.sha256.as_slice())
            .bind(start)
            .bind(end - start)
            .bind(object)
            .bind(quota.map_or("", Quota::account))
            .execute(&mut *tx)
            .await?;
            // Ordering: the accounts last, because many uploads share them.
            quota::charge(&mut tx, quota, staged.size).await?;
            Ok((tx, ()))
        });
        if let Err(error) = committed.await {
            // Somebody else committed this part meanwhile, or there is no room for it: the one that was just written is nobody's.
            // After a failure it may have been committed all the same; if not, it is found later as one that no row names.
            if matches!(error, Error::Refused { .. }) {
                self.discard(staged).await;
            }
            return Err(error);
        }
        Ok(Progress { committed_bytes: staged.offset + staged.size, complete: false })
    }

    /// Takes away what was written to disk and is not committed.
    async fn discard(&self, staged: &Staged) {
        let _ = self.objects.delete(&ObjectPath::from(staged.object.as_str())).await;
    }
}

impl Upload<'_> {
    /// Writes a part to disk.
    pub(super) async fn stage(&mut self, offset: u64, part: Bytes) -> Result<Staged, Error> {
        let next = match self.next {
            Some(next) => next,
            None => self.begin().await?,
        };
        if next != offset {
            return Err(offset_mismatch(Progress { committed_bytes: next, complete: false }));
        }
        let (size, whole) = (part.len() as u64, self.blob.size_bytes);
        if part.is_empty() || part.len() > MAX_PART_BYTES || size > whole - offset {
            return Err(Error::field("part", "must be 1 byte to 8 MiB, and not reach beyond the blob's size"));
        }
        // Each part costs an object, a row and a sync, whatever its size.
        if size < whole - offset && size < whole / MAX_PARTS {
            return Err(Error::field(
                "part",
                format!("must be at least {} bytes in a blob of this size", whole / MAX_PARTS),
            ));
        }
        let blobs = self.blobs;
        blobs.check_room(size).await?;
        let object = format!("{}/{}", hex(&self.blob.sha256), hex(&blobs.world.random::<16>()));
        let path = ObjectPath::from(object.as_str());
        let digesting = std::mem::replace(&mut self.digest, Digesting::Rest);
        let digested = async {
            match digesting {
                Digesting::Ready if offset == 0 => {
                    update(Context::new(&SHA256), part.clone()).await.map(Digesting::Whole)
                }
                Digesting::Whole(context) => update(context, part.clone()).await.map(Digesting::Whole),
                Digesting::Ready | Digesting::Rest => Ok(Digesting::Rest),
            }
        };
        // Ordering: the object before its row. A row never names a part that is not there; a part that no row names, because the
        // process ended in between, takes up space until it is found to be one that no row names.
        let (put, digest) = tokio::join!(blobs.objects.put(&path, PutPayload::from_bytes(part.clone())), digested);
        put.map_err(unavailable)?;
        self.digest = digest?;
        self.next = Some(offset + size);
        if self.first.is_none() {
            self.first = Some(object.clone());
        }
        Ok(Staged { object, offset, size })
    }

    /// Marks the blob complete if it is whole. It is read once more only where this stream did not bring all of it.
    async fn finish(self) -> Result<Progress, Error> {
        let Self { blobs, owner, blob, next, first, digest } = self;
        if let (Digesting::Whole(context), Some(first)) = (digest, first)
            && next == Some(blob.size_bytes)
            && context.finish().as_ref() == blob.sha256
            // Parts are committed one behind the other: those behind this stream's first are all its own.
            && blobs.complete(owner, &blob, &first).await?
        {
            return Ok(Progress { committed_bytes: blob.size_bytes, complete: true });
        }
        blobs.verify(owner, &blob).await
    }

    /// Where the blob stands.
    async fn begin(&self) -> Result<u64, Error> {
        let progress = self.blobs.progress(self.owner, &self.blob).await?;
        if progress.complete { Err(offset_mismatch(progress)) } else { Ok(progress.committed_bytes) }
    }
}

//! Parts of complete blobs, for those who look into them.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;
use vouch_core::{Error, Kind, Reason};

use super::{BlobRef, Blobs, MAX_PART_BYTES, unavailable};
use crate::{StoreError, row};

impl Blobs {
    /// The complete blob of an owner with this digest.
    pub async fn find(&self, owner: &str, sha256: [u8; 32]) -> Result<Option<BlobRef>, Error> {
        let found = sqlx::query("SELECT size_bytes FROM blobs WHERE owner = $1 AND sha256 = $2 AND complete = 1")
            .bind(owner)
            .bind(sha256.as_slice())
            .fetch_optional(self.store.reader())
            .await
            .map_err(StoreError::from)?;
        let size = found.map(|found| row::number(&found, "size_bytes")).transpose()?;
        Ok(size.map(|size_bytes| BlobRef { sha256, size_bytes }))
    }

    /// Reads on from a place in a complete blob, to the end of the part in which it lies: [`Blobs::read_range`] without a bound.
    pub async fn read_from(&self, owner: &str, blob: &BlobRef, offset: u64) -> Result<Option<Bytes>, Error> {
        self.read_range(owner, blob, offset, MAX_PART_BYTES as u64).await
    }

    /// Reads on from a place in a complete blob: at most `most` bytes, and no further than the part goes in which the place lies;
    /// empty at the blob's end. `None` when the blob is not complete, or went meanwhile. `CONTENT_DAMAGED` when the part is not there,
    /// or is shorter than it was.
    pub async fn read_range(
        &self,
        owner: &str,
        blob: &BlobRef,
        offset: u64,
        most: u64,
    ) -> Result<Option<Bytes>, Error> {
        let found = sqlx::query(
            "SELECT p.offset_bytes, p.size_bytes, p.object FROM blob_parts p
             JOIN blobs b ON b.owner = p.owner AND b.sha256 = p.sha256
             WHERE p.owner = $1 AND p.sha256 = $2 AND p.offset_bytes <= $3 AND b.complete = 1 AND b.size_bytes = $4
             ORDER BY p.offset_bytes DESC LIMIT 1",
        )
        .bind(owner)
        .bind(blob.sha256.as_slice())
        .bind(row::as_bigint(offset)?)
        .bind(row::as_bigint(blob.size_bytes)?)
        .fetch_optional(self.store.reader())
        .await
        .map_err(StoreError::from)?;
        let Some(found) = found else { return Ok(None) };
        let begins: u64 = row::number(&found, "offset_bytes")?;
        let size: u64 = row::number(&found, "size_bytes")?;
        let from = (offset - begins).min(size);
        let until = from.saturating_add(most).min(size);
        if from == until {
            return Ok(Some(Bytes::new()));
        }
        let object = ObjectPath::from(row::text(&found, "object")?.as_str());
        match self.objects.get_range(&object, from..until).await {
            Ok(content) if content.len() as u64 == until - from => Ok(Some(content)),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => self.lost(owner, blob, &object).await,
            // What a store says of an object that is too short differs from one to the next.
            Err(error) => match self.objects.head(&object).await {
                Ok(about) if about.size < until => self.lost(owner, blob, &object).await,
                _ => Err(unavailable(error)),
            },
        }
    }

    /// What a part that is not there whole means: whoever gives a blob up deletes its rows before its objects.
    async fn lost(&self, owner: &str, blob: &BlobRef, object: &ObjectPath) -> Result<Option<Bytes>, Error> {
        if self.progress(owner, blob).await?.complete { Err(damaged(object)) } else { Ok(None) }
    }
}

fn damaged(object: &ObjectPath) -> Error {
    tracing::error!(blob.object = %object, "a part of a blob is lost or cut");
    let message = "a part of the content is lost where it is kept".to_owned();
    Error::Refused { kind: Kind::Damaged, reason: Reason::ContentDamaged, message }
}

#[cfg(test)]
mod tests {
    use vouch_core::World;

    use super::*;
    use crate::Migrations;

    crate::on_both_engines! {
        async fn a_range_goes_no_further_than_its_part_and_is_damaged_when_that_is_lost(database: Database) {
            let store = database.open(&Migrations::new(&[], &[])).await;
            let folder = tempfile::tempdir().unwrap();
            let blobs = Blobs::local(store, folder.path(), World::system()).unwrap();
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"abcdef").as_ref());
            let blob = BlobRef { sha256, size_bytes: 6 };
            blobs.append("north", &blob, 0, b"abcd".as_slice().into()).await.unwrap();
            blobs.append("north", &blob, 4, b"ef".as_slice().into()).await.unwrap();
            let read = async |offset, most| blobs.read_range("north", &blob, offset, most).await;
            assert!(read(0, 6).await.unwrap().is_none() && blobs.find("north", sha256).await.unwrap().is_none());
            blobs.verify("north", &blob).await.unwrap();
            assert_eq!(blobs.find("north", sha256).await.unwrap(), Some(blob));
            assert!(blobs.find("south", sha256).await.unwrap().is_none());
            for (offset, most, expected) in
                [(0, 6, "abcd"), (1, 2, "bc"), (3, 2, "d"), (4, 6, "ef"), (5, 1, "f"), (6, 1, ""), (9, 1, ""), (2, 0, "")]
            {
                assert_eq!(read(offset, most).await.unwrap().unwrap(), expected.as_bytes(), "{offset} {most}");
            }
            let parts = folder.path().join(crate::blobs::hex(&sha256));
            for part in std::fs::read_dir(parts).unwrap() {
                std::fs::write(part.unwrap().path(), b"a").unwrap();
            }
            assert_eq!(read(0, 4).await.unwrap_err().reason(), Reason::ContentDamaged, "the part is too short");
            assert_eq!(read(0, 1).await.unwrap().unwrap(), b"a".as_slice());
        }
    }
}

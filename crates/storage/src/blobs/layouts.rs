//! What was verified to lie in packs, remembered beside them: it goes when they go.

use std::collections::BTreeMap;

use vouch_core::Error;

use super::{BlobRef, Blobs, IN_ONE_QUERY, of_these};
use crate::{StoreError, row};

/// What lies in a pack, as a digest.
pub type Layout = [u8; 32];

impl Blobs {
    /// Of these blobs of an owner, those whose layout was verified, each with it.
    pub async fn layouts(&self, owner: &str, blobs: &[BlobRef]) -> Result<BTreeMap<[u8; 32], Layout>, Error> {
        let mut snapshot = self.store.snapshot().await?;
        let sql = "SELECT sha256, verified_layout FROM blobs
                   WHERE owner = $1 AND complete = 1 AND verified_layout IS NOT NULL AND sha256 IN";
        let mut layouts = BTreeMap::new();
        for some in blobs.chunks(IN_ONE_QUERY) {
            for found in of_these(&mut snapshot, sql, owner, some).await? {
                layouts.insert(read(&found, "sha256")?, read(&found, "verified_layout")?);
            }
        }
        Ok(layouts)
    }

    /// Remembers what was verified to lie in complete blobs of an owner.
    pub async fn keep_layouts(&self, owner: &str, verified: &[(BlobRef, Layout)]) -> Result<(), Error> {
        self.store
            .write(|mut tx| async move {
                for (blob, layout) in verified {
                    sqlx::query(
                        "UPDATE blobs SET verified_layout = $3 WHERE owner = $1 AND sha256 = $2 AND complete = 1",
                    )
                    .bind(owner)
                    .bind(blob.sha256.as_slice())
                    .bind(layout.as_slice())
                    .execute(&mut *tx)
                    .await?;
                }
                Ok((tx, ()))
            })
            .await
    }
}

fn read(found: &sqlx::any::AnyRow, column: &'static str) -> Result<[u8; 32], StoreError> {
    row::array(found, column)
}

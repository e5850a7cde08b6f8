//! What was verified to lie in packs, remembered beside them: it goes when they go.

use std::collections::BTreeMap;

use vouch_core::Error;

use super::{BlobRef, Blobs, DIGEST, in_statements};
use crate::{Dialect, StoreError, many, row};

/// What lies in a pack, as a digest.
pub type Layout = [u8; 32];

impl Blobs {
    /// Of these blobs of an owner, those whose layout was verified, each with it.
    pub async fn layouts(&self, owner: &str, blobs: &[BlobRef]) -> Result<BTreeMap<[u8; 32], Layout>, Error> {
        let mut snapshot = self.store.snapshot().await?;
        let mut layouts = BTreeMap::new();
        for digests in in_statements(Dialect::of(&snapshot), blobs) {
            let query = many::select(&DIGEST, &digests, |these| {
                format!(
                    "SELECT sha256, verified_layout FROM blobs
                     WHERE owner = $2 AND complete = 1 AND verified_layout IS NOT NULL AND sha256 IN {these}"
                )
            });
            for found in query.bind(owner.to_owned()).fetch_all(&mut *snapshot).await.map_err(StoreError::from)? {
                layouts.insert(row::array(&found, "sha256")?, row::array(&found, "verified_layout")?);
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

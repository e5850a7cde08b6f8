//! Which history a database holds. Whoever restores one from a back-up empties `store_epoch`: then a new history begins, and
//! cursors into the old one are recognised.

use vouch_core::{Error, World};

use crate::{Store, row};

/// The name of the history that this database holds; the first to ask gives it one.
pub async fn epoch(store: &Store, world: &World) -> Result<String, Error> {
    let fresh = data_encoding::HEXLOWER.encode(&world.random::<8>());
    let fresh = &fresh;
    store
        .write(|mut tx| async move {
            sqlx::query("INSERT INTO store_epoch (only_row, epoch) VALUES (1, $1) ON CONFLICT DO NOTHING")
                .bind(fresh)
                .execute(&mut *tx)
                .await?;
            let found = sqlx::query("SELECT epoch FROM store_epoch").fetch_one(&mut *tx).await?;
            let epoch = row::text(&found, "epoch")?;
            Ok((tx, epoch))
        })
        .await
}

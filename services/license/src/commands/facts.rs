//! Packing what checks know, for rows that were written before there was such a column.

use vouch_core::Error;
use vouch_storage::{Store, WriteError};

use crate::store::{agreements, changes, licenses};

/// How many rows one transaction packs.
const IN_ONE_GO: i64 = 500;

/// Packs every row that is not yet. At a start, before facts are read: on a new database, and on every later start, it finds
/// nothing.
pub async fn pack_all(store: &Store) -> Result<(), Error> {
    loop {
        let packed = store
            .write(|mut tx| async move {
                let licenses = licenses::license_list_unpacked(&mut tx, IN_ONE_GO).await?;
                let agreements = agreements::agreement_list_unpacked(&mut tx, IN_ONE_GO).await?;
                let packed = licenses.len() + agreements.len();
                if packed > 0 {
                    let revision = changes::revision_next(&mut tx).await?;
                    for license in &licenses {
                        licenses::license_update_state(&mut tx, license, revision).await?;
                    }
                    for agreement in &agreements {
                        agreements::agreement_update(&mut tx, agreement).await?;
                        changes::end_user_stamp(&mut tx, &agreement.terms.end_user_id, revision).await?;
                    }
                }
                Ok::<_, WriteError>((tx, packed))
            })
            .await?;
        if packed == 0 {
            return Ok(());
        }
        tracing::info!(rows = packed, "facts were packed for checks");
    }
}

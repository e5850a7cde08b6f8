//! Packing what checks know, for rows that were written before there was such a column.

use vouch_core::{Error, World};
use vouch_storage::{Store, WriteError};

use crate::store::{agreements, changes, history, incidents, licenses};

/// How many rows one transaction packs.
const IN_ONE_GO: i64 = 500;

/// Begins the history, on a database whose versions before this one kept none.
pub async fn begin_history(store: &Store, world: &World) -> Result<(), Error> {
    let now = world.now();
    store
        .write(|mut tx| async move {
            history::history_begin(&mut tx, now).await?;
            Ok::<_, WriteError>((tx, ()))
        })
        .await
}

/// Packs every row that is not yet. At a start, before facts are read: on a new database, and on every later start, it finds
/// nothing.
///
/// A replica of an older version must not run beside this one: it changes rows and not their facts.
pub async fn pack_all(store: &Store) -> Result<(), Error> {
    let dialect = store.dialect();
    loop {
        let packed = store
            .write(|mut tx| async move {
                let licenses = licenses::license_lock_unpacked(&mut tx, dialect, IN_ONE_GO).await?;
                let agreements = agreements::agreement_lock_unpacked(&mut tx, dialect, IN_ONE_GO).await?;
                for agreement in &agreements {
                    incidents::account_lock(&mut tx, dialect, &agreement.terms.end_user_id).await?;
                }
                let packed = licenses.len() + agreements.len();
                if packed > 0 {
                    let revision = changes::revision_next(&mut tx).await?;
                    for license in &licenses {
                        licenses::license_pack(&mut tx, license, revision).await?;
                    }
                    for agreement in &agreements {
                        agreements::agreement_pack(&mut tx, agreement).await?;
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

//! Recording who reads a bundle.

use jiff::Timestamp;
use vouch_core::Error;
use vouch_core::id::BundleId;
use vouch_storage::Store;

use crate::domain::bundle_read::{ONE_RECORD, Reader, Reading};
use crate::store::bundle_reads::{read_count_again, read_insert};
use crate::store::bundles::bundle_lock;

/// Records a reading, in a transaction of its own.
///
/// Ordering: it is committed before anything of the bundle is given. Whoever reads the record may learn of a reading that was cut
/// off; nobody reads without one.
pub async fn record(
    store: &Store,
    bundle_id: BundleId,
    reader: &Reader,
    reading: &Reading,
    now: Timestamp,
) -> Result<(), Error> {
    store
        .write(|mut tx| async move {
            // Readings of one bundle are numbered, and two at once are one record where they are the same.
            bundle_lock(&mut tx, store.dialect(), bundle_id).await?;
            if !read_count_again(&mut tx, bundle_id, reader, reading, now - ONE_RECORD, now).await? {
                read_insert(&mut tx, bundle_id, reader, reading, now).await?;
            }
            Ok((tx, ()))
        })
        .await
}

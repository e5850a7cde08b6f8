//! Who may rely on content being there: whoever uploads it for as long as the lease, a committed bundle for as long as it pins it.
//!
//! Invariant: `pinned` and the rows of `blob_pins` change only under the lock of their blob's row, which whoever collects takes as
//! well. So content that is being collected cannot be pinned, and content that is pinned cannot be collected.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::{Error, Kind, Reason};

use super::{BlobRef, Blobs, DIGEST, Progress, in_statements};
use crate::{Dialect, StoreError, WriteError, many, row};

/// How long content stays that nothing pins, after it was last written, asked for or found to be there.
pub const LEASE: SignedDuration = SignedDuration::from_hours(24);
/// By which part of itself a lease is given longer than promised, so that whoever asks again and again causes one write.
const AHEAD: i32 = 24;

impl Blobs {
    /// The same blobs, leased for another time than [`LEASE`].
    #[must_use]
    pub fn leased_for(self, lease: SignedDuration) -> Self {
        Self { lease, ..self }
    }

    /// Which of these blobs an owner does not have whole, in the order asked, each once. What is there is leased anew.
    pub async fn missing(&self, owner: &str, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, Error> {
        let asked: BTreeSet<BlobRef> = blobs.iter().copied().collect();
        let short = self.promised(self.world.now());
        let (mut there, mut ending) = (BTreeSet::new(), BTreeSet::new());
        let mut snapshot = self.store.snapshot().await?;
        for (blob, leased_until) in whole_fetch(&mut snapshot, owner, &asked, "").await? {
            let found = if leased_until < short { &mut ending } else { &mut there };
            found.insert(blob);
        }
        drop(snapshot);
        if !ending.is_empty() {
            there.extend(self.renew(owner, &ending).await?);
        }
        let mut seen = BTreeSet::new();
        Ok(blobs.iter().filter(|blob| seen.insert(**blob) && !there.contains(*blob)).copied().collect())
    }

    /// How much of a blob is there, for somebody who will go on with it: it is leased anew.
    pub async fn ask(&self, owner: &str, blob: &BlobRef) -> Result<Progress, Error> {
        let now = self.world.now();
        let (short, until) = (self.promised(now).as_microsecond(), self.leased_until(now));
        let found = sqlx::query(
            "SELECT owner FROM blobs WHERE owner = $1 AND sha256 = $2 AND size_bytes = $3 AND leased_until < $4",
        )
        .bind(owner)
        .bind(blob.sha256.as_slice())
        .bind(row::as_bigint(blob.size_bytes)?)
        .bind(short)
        .fetch_optional(self.store.reader())
        .await
        .map_err(StoreError::from)?;
        if found.is_some() {
            let renewed = self.store.write(|mut tx| async move {
                sqlx::query(
                    "UPDATE blobs SET leased_until = $3 WHERE owner = $1 AND sha256 = $2 AND leased_until < $3",
                )
                .bind(owner)
                .bind(blob.sha256.as_slice())
                .bind(until)
                .execute(&mut *tx)
                .await?;
                Ok((tx, ()))
            });
            renewed.await?;
        }
        // Ordering: what is told was read after the lease was given.
        self.progress(owner, blob).await
    }

    /// Until when content is leased that is touched now, in microseconds.
    pub(super) fn leased_until(&self, now: Timestamp) -> i64 {
        (now + self.lease + self.lease / AHEAD).as_microsecond()
    }

    /// Until when it must be leased to need no renewal.
    fn promised(&self, now: Timestamp) -> Timestamp {
        now + self.lease
    }

    /// Leases these anew; returns those that are there still.
    async fn renew(&self, owner: &str, blobs: &BTreeSet<BlobRef>) -> Result<BTreeSet<BlobRef>, Error> {
        let until = self.leased_until(self.world.now());
        self.store
            .write(|mut tx| async move {
                let lock = Dialect::of(&tx).for_update();
                let found = whole_fetch(&mut tx, owner, blobs, lock).await?;
                for digests in in_statements(Dialect::of(&tx), blobs) {
                    let renewed = many::select(&DIGEST, &digests, |these| {
                        format!(
                            "UPDATE blobs SET leased_until = $3 WHERE owner = $2 AND complete = 1 AND leased_until < $3
                             AND sha256 IN {these}"
                        )
                    });
                    renewed.bind(owner.to_owned()).bind(until).execute(&mut *tx).await?;
                }
                Ok((tx, found.into_iter().map(|(blob, _)| blob).collect()))
            })
            .await
    }
}

/// Pins blobs of an owner in the transaction of whatever names them, under a name that is its own: content that is pinned is never
/// collected. `BUNDLE_INCOMPLETE` when some of them are not there whole, or were collected meanwhile. Pinned again, nothing changes.
///
/// Ordering: whoever pins or unpins locks what the name stands for first, then the blobs by their digests.
pub async fn pin(
    connection: &mut AnyConnection,
    owner: &str,
    blobs: &BTreeSet<BlobRef>,
    pin: &str,
) -> Result<(), WriteError> {
    let lock = Dialect::of(connection).for_update();
    let there = whole_fetch(connection, owner, blobs, lock).await?;
    if there.len() != blobs.len() {
        let missing = blobs.len() - there.len();
        let message = format!("{missing} of {} blobs are missing; ask FindMissingBlobs which", blobs.len());
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::BundleIncomplete, message }.into());
    }
    for digests in in_statements(Dialect::of(connection), blobs) {
        let pinned = many::select(&DIGEST, &digests, |these| {
            format!("UPDATE blobs SET pinned = 1 WHERE owner = $2 AND pinned = 0 AND sha256 IN {these}")
        });
        pinned.bind(owner.to_owned()).execute(&mut *connection).await?;
        let insert = many::insert("blob_pins", &DIGEST, &["owner", "pin"], &digests, "ON CONFLICT DO NOTHING");
        insert.bind(owner.to_owned()).bind(pin.to_owned()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes the pins with a name away. What nothing else pins may be collected as soon as its lease is over.
pub async fn unpin(connection: &mut AnyConnection, owner: &str, pin: &str) -> Result<(), WriteError> {
    let lock = Dialect::of(connection).for_update();
    let named = "sha256 IN (SELECT p.sha256 FROM blob_pins p WHERE p.owner = $1 AND p.pin = $2)";
    // Ordering: the rows of the blobs are locked before it is looked who else pins them, which is a statement of its own.
    for sql in [
        format!("SELECT sha256 FROM blobs WHERE owner = $1 AND {named} ORDER BY sha256{lock}"),
        format!(
            "UPDATE blobs SET pinned = 0 WHERE owner = $1 AND {named} AND NOT EXISTS (SELECT 1 FROM blob_pins other
                 WHERE other.owner = blobs.owner AND other.sha256 = blobs.sha256 AND other.pin <> $2)"
        ),
        "DELETE FROM blob_pins WHERE owner = $1 AND pin = $2".to_owned(),
    ] {
        // The texts are constants and a suffix of the dialect's.
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).bind(pin).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Those of these blobs that an owner has whole, by their digests, each with the end of its lease.
async fn whole_fetch(
    connection: &mut AnyConnection,
    owner: &str,
    blobs: &BTreeSet<BlobRef>,
    lock: &'static str,
) -> Result<Vec<(BlobRef, Timestamp)>, StoreError> {
    let mut found = Vec::with_capacity(blobs.len());
    for digests in in_statements(Dialect::of(connection), blobs) {
        let query = many::select(&DIGEST, &digests, |these| {
            format!(
                "SELECT sha256, size_bytes, leased_until FROM blobs
                 WHERE owner = $2 AND complete = 1 AND sha256 IN {these} ORDER BY sha256{lock}"
            )
        });
        for one in query.bind(owner.to_owned()).fetch_all(&mut *connection).await? {
            let blob = BlobRef { sha256: row::array(&one, "sha256")?, size_bytes: row::number(&one, "size_bytes")? };
            // Asked for with another size, it is another blob.
            if blobs.contains(&blob) {
                found.push((blob, row::instant(&one, "leased_until")?));
            }
        }
    }
    Ok(found)
}

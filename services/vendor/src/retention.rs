//! Giving up what is kept no longer: contents of bundles whose time is over, and what nobody committed.

use jiff::Timestamp;
use vouch_core::id::BundleId;
use vouch_core::{Error, World};
use vouch_host::uploads;
use vouch_storage::blobs::{self, Blobs};
use vouch_storage::{Store, WriteError, analyses};

use crate::domain::bundle::Bundle;
use crate::domain::retention::{Holder, kept_until};
use crate::store::retention::{bundle_claim, bundle_settle, bundles_to_settle, holders_fetch};

/// How many bundles are looked for at a time.
const AT_A_TIME: i64 = 50;

/// Keeps diagnostics for as long as was promised, and no longer.
#[derive(Debug, Clone)]
pub struct Retention {
    store: Store,
    blobs: Blobs,
    world: World,
}

impl Retention {
    /// Keeps what lies in these blobs.
    pub fn new(store: Store, blobs: Blobs, world: World) -> Self {
        Self { store, blobs, world }
    }

    /// Gives up everything whose time is over. Each bundle and every few blobs are a transaction of their own.
    pub async fn run(&self) -> Result<(), Error> {
        let due = |after| async move {
            let mut snapshot = self.store.snapshot().await?;
            Ok(bundles_to_settle(&mut snapshot, self.world.now(), after, AT_A_TIME).await?)
        };
        uploads::settle_all(due, |id| self.settle(id)).await?;
        self.blobs.sweep().await?;
        Ok(())
    }

    /// Deletes what no row names, where a process ended between writing and naming it.
    pub async fn run_orphans(&self) -> Result<(), Error> {
        let gone = self.blobs.sweep_orphans().await?;
        if gone > 0 {
            tracing::info!(objects = gone, "objects that no row named were deleted");
        }
        Ok(())
    }

    /// Decides until when a bundle is kept, unless somebody else holds its row.
    async fn settle(&self, id: BundleId) -> Result<(), Error> {
        let now = self.world.now();
        let settled = self
            .store
            .write(|mut tx| async move {
                // Whoever holds the row has a case hold the bundle, or commits it anew.
                let Some(bundle) = bundle_claim(&mut tx, self.store.dialect(), id).await? else {
                    return Ok((tx, None));
                };
                // Ordering: who holds it is read after its row was locked, in a statement of its own.
                let holders = holders_fetch(&mut tx, id).await?;
                let bundle = settled(bundle, &holders, now);
                if bundle.content_deleted_at.is_some() {
                    blobs::unpin(&mut tx, bundle.partner_id.as_str(), &id.to_string()).await?;
                    // What was found in it quotes it.
                    analyses::forget(&mut tx, id).await?;
                }
                bundle_settle(&mut tx, &bundle).await?;
                Ok::<_, WriteError>((tx, Some(bundle)))
            })
            .await?;
        if let Some(bundle) = settled.as_ref().filter(|bundle| bundle.content_deleted_at.is_some()) {
            tracing::info!(bundle.id = %id, partner.id = %bundle.partner_id, "the contents of a bundle were given up");
        }
        Ok(())
    }
}

/// The bundle as it stands now.
fn settled(bundle: Bundle, holders: &[Holder], now: Timestamp) -> Bundle {
    // One from before retention was promised is kept for good.
    let Some(retention) = bundle.retention else { return Bundle { expires_at: None, ..bundle } };
    let unheld = bundle.expires_at.unwrap_or(bundle.committed_at + retention);
    let expires_at = kept_until(holders, retention, unheld);
    let content_deleted_at = expires_at.filter(|until| *until <= now).map(|_| now);
    Bundle { expires_at, content_deleted_at, ..bundle }
}

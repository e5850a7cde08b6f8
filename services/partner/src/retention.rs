//! Giving up what is kept no longer: contents of bundles whose time is over, and what nobody committed.

use jiff::Timestamp;
use vouch_core::id::BundleId;
use vouch_core::{Error, World};
use vouch_host::uploads;
use vouch_storage::blobs::{self, Blobs};
use vouch_storage::{Store, WriteError, analyses};

use crate::domain::retention::kept_until;
use crate::domain::ticket::{Bundle, TicketState};
use crate::store::pseudonyms::table_delete;
use crate::store::retention::{bundle_claim, bundle_settle, bundles_to_settle, ticket_of};
use crate::transfer::owner;

/// How many bundles are looked for at a time.
const AT_A_TIME: i64 = 50;

/// Keeps diagnostics for as long as they are needed, and no longer.
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
                // Whoever holds the row hands the bundle over, or commits it anew.
                let Some(bundle) = bundle_claim(&mut tx, self.store.dialect(), id).await? else {
                    return Ok((tx, None));
                };
                // Ordering: the ticket is read after the bundle's row was locked, in a statement of its own.
                let ticket = ticket_of(&mut tx, bundle.ticket_id).await?;
                let bundle = settled(bundle, ticket.state, now);
                if bundle.content_deleted_at.is_some() {
                    blobs::unpin(&mut tx, &owner(&ticket), &id.to_string()).await?;
                    // What pseudonyms stand for, and what was quoted, goes with the contents.
                    table_delete(&mut tx, id).await?;
                    analyses::forget(&mut tx, id).await?;
                }
                bundle_settle(&mut tx, &bundle).await?;
                Ok::<_, WriteError>((tx, Some(bundle)))
            })
            .await?;
        if let Some(bundle) = settled.as_ref().filter(|bundle| bundle.content_deleted_at.is_some()) {
            tracing::info!(bundle.id = %id, ticket.id = %bundle.ticket_id, "the contents of a bundle were given up");
        }
        Ok(())
    }
}

/// The bundle as it stands now.
fn settled(bundle: Bundle, state: TicketState, now: Timestamp) -> Bundle {
    // One from before retention was kept is kept for good.
    let Some(retention) = bundle.retention else { return Bundle { expires_at: None, ..bundle } };
    let expires_at = kept_until(state, bundle.expires_at, retention, now);
    let content_deleted_at = expires_at.filter(|until| *until <= now).map(|_| now);
    Bundle { expires_at, content_deleted_at, ..bundle }
}

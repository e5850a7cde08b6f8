//! The registry as a stream: every partner, then each as it changes, and signs of life.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tonic::Status;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_host::Rpc;

use crate::registry::Registry;
use crate::store::partners;

/// How often a stream without changes gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How many partners one message carries: each may have authorities and keys of 64 KiB.
const IN_ONE_MESSAGE: usize = 16;

/// One caller's watch.
pub(super) struct Watch {
    rpc: Rpc,
    registry: Arc<Registry>,
    changes: watch::Receiver<i64>,
    /// The revision of each partner that was sent.
    sent: BTreeMap<PartnerId, i64>,
}

impl Watch {
    pub(super) fn new(rpc: Rpc, registry: Arc<Registry>) -> Self {
        let changes = registry.changes();
        Self { rpc, registry, changes, sent: BTreeMap::new() }
    }

    /// Sends until the caller goes.
    pub(super) async fn run(
        mut self,
        sender: mpsc::Sender<Result<pb::WatchPartnersResponse, Status>>,
    ) -> Result<(), Status> {
        loop {
            // Ordering: marked as seen before the registry is read, so that a change in between is looked at again.
            self.changes.mark_unchanged();
            let is_first = self.sent.is_empty();
            let changed = self.changed().await.map_err(|error| self.rpc.status(&error))?;
            for partners in changed.chunks(IN_ONE_MESSAGE) {
                let message = pb::WatchPartnersResponse { partners: partners.to_vec(), complete: !is_first };
                if sender.send(Ok(message)).await.is_err() {
                    return Ok(());
                }
            }
            loop {
                // A sign of life says that what was sent is all there is: only who can still ask the database may say so.
                if self.registry.refresh().await.is_ok() {
                    let sign_of_life = pb::WatchPartnersResponse { partners: Vec::new(), complete: true };
                    if sender.send(Ok(sign_of_life)).await.is_err() {
                        return Ok(());
                    }
                }
                match tokio::time::timeout(SIGN_OF_LIFE, self.changes.changed()).await {
                    Ok(Ok(())) => break,
                    // The registry itself is gone: the service stops.
                    Ok(Err(_)) => return Ok(()),
                    Err(_elapsed) => {}
                }
            }
        }
    }

    /// The partners that are not as they were sent.
    async fn changed(&mut self) -> Result<Vec<pb::Partner>, Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        let mut changed = Vec::new();
        for partner in partners::partner_all(&mut snapshot).await? {
            if self.sent.insert(partner.id.clone(), partner.revision) != Some(partner.revision) {
                changed.push(partner.into());
            }
        }
        Ok(changed)
    }
}

//! Who is registered, in memory: asked on every request, refreshed with every change of the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use vouch_core::Error;
use vouch_host::Trust;
use vouch_identity::{CallerKind, Identity, SpiffeId, TrustDomain, WorkloadDirectory};
use vouch_storage::{Store, StoreError};

use crate::domain::partner::Partner;
use crate::store::partners;

/// The registry as the gate sees it: the operator's own workloads, and the partners'.
#[derive(Debug)]
pub struct Registry {
    store: Store,
    trust: Arc<Trust>,
    configured: Vec<SpiffeId>,
    workloads: ArcSwap<BTreeMap<SpiffeId, Arc<Identity>>>,
    /// The revision that was read last; whoever watches the registry waits for it to change.
    seen: watch::Sender<i64>,
    /// One reading at a time: an older one must not end after a newer one.
    reading: tokio::sync::Mutex<()>,
}

impl Registry {
    /// Reads the registry for the first time.
    pub async fn open(store: Store, trust: Arc<Trust>, configured: Vec<SpiffeId>) -> Result<Self, Error> {
        let registry = Self {
            store,
            trust,
            configured,
            workloads: ArcSwap::default(),
            seen: watch::Sender::new(-1),
            reading: tokio::sync::Mutex::default(),
        };
        registry.refresh().await?;
        Ok(registry)
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.seen.subscribe()
    }

    /// Reads the registry again if it was changed, here or by another replica.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _one_at_a_time = self.reading.lock().await;
        let mut snapshot = self.store.snapshot().await?;
        let revision = partners::registry_revision(&mut snapshot).await?;
        if *self.seen.borrow() == revision {
            return Ok(());
        }
        let mut workloads = BTreeMap::new();
        let mut bundles = Vec::new();
        for partner in partners::partner_all(&mut snapshot).await? {
            workloads.extend(partner.profile.spiffe_ids.iter().map(|id| (id.clone(), workload(id, &partner))));
            bundles.extend(domains(&partner));
        }
        for id in &self.configured {
            let own = Identity::workload(id.clone(), CallerKind::VendorWorkload, None);
            workloads.insert(id.clone(), Arc::new(own));
        }
        snapshot.commit().await.map_err(StoreError::from)?;
        self.trust.set_registered(bundles).map_err(Error::internal)?;
        self.workloads.store(Arc::new(workloads));
        self.seen.send_replace(revision);
        Ok(())
    }
}

impl WorkloadDirectory for Registry {
    fn find(&self, id: &SpiffeId) -> Option<Arc<Identity>> {
        self.workloads.load().get(id).cloned()
    }
}

fn workload(id: &SpiffeId, partner: &Partner) -> Arc<Identity> {
    Arc::new(Identity::workload(id.clone(), id.path().kind(), Some(partner.id.clone())))
}

fn domains(partner: &Partner) -> impl Iterator<Item = (TrustDomain, String)> {
    partner.profile.trust_domains().into_iter().map(|domain| (domain, partner.profile.trust_bundle_pem.clone()))
}

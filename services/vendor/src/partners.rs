//! Who may call, as the licence service's registry has it: followed over RPC, held in memory.
//!
//! When the licence service does not answer, what was heard last stands; how old that is, the gate is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use tokio::sync::watch;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_core::World;
use vouch_core::code::PartnerId;
use vouch_host::Trust;
use vouch_identity::{CallerKind, Identity, SpiffeId, TrustDomain, WorkloadDirectory};
use vouch_proof::KeySet;

use crate::domain::admission::Standing;

/// A feed older than this tells nothing about revocations.
pub(crate) const STALE: SignedDuration = SignedDuration::from_secs(60);
/// A feed that is silent for so long is broken: signs of life come every 5 seconds.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// A partner as the registry has it.
#[derive(Debug, Clone)]
struct Known {
    in_good_standing: bool,
    workloads: Vec<SpiffeId>,
    authorities: String,
    manifest_keys: KeySet,
}

/// The partners that the licence service knows.
#[derive(Debug)]
pub struct Partners {
    client: PartnerRegistryServiceClient<Channel>,
    trust: Arc<Trust>,
    configured: Vec<SpiffeId>,
    world: World,
    known: ArcSwap<BTreeMap<PartnerId, Known>>,
    workloads: ArcSwap<BTreeMap<SpiffeId, Arc<Identity>>>,
    /// When the feed gave its last sign of life, in microseconds; the smallest number while it never did.
    heard_at: AtomicI64,
    tried: watch::Sender<bool>,
    /// Tells of every change.
    changes: watch::Sender<u64>,
}

impl Partners {
    /// Knows nobody but the operator's own workloads yet.
    pub fn new(channel: Channel, trust: Arc<Trust>, configured: Vec<SpiffeId>, world: World) -> Self {
        let partners = Self {
            client: PartnerRegistryServiceClient::new(channel),
            trust,
            configured,
            world,
            known: ArcSwap::default(),
            workloads: ArcSwap::default(),
            heard_at: AtomicI64::new(i64::MIN),
            tried: watch::Sender::new(false),
            changes: watch::Sender::new(0),
        };
        partners.workloads.store(Arc::new(partners.own()));
        partners
    }

    /// Follows the registry until the stream ends.
    pub async fn follow(&self) -> Result<(), String> {
        let ended = self.follow_once().await;
        self.tried.send_replace(true);
        ended
    }

    async fn follow_once(&self) -> Result<(), String> {
        let told = |status: tonic::Status| format!("the licence service answered {:?}", status.code());
        let stream = self.client.clone().watch_partners(pb::WatchPartnersRequest {}).await;
        let mut stream = stream.map_err(told)?.into_inner();
        // A stream begins with every partner: who is not among them is gone.
        let mut known = BTreeMap::new();
        let mut taken = false;
        loop {
            let message = tokio::time::timeout(SILENCE, stream.message()).await;
            let message = message.map_err(|_| "the registry fell silent".to_owned())?.map_err(told)?;
            let Some(message) = message else { return Err("the stream of the registry ended".into()) };
            taken &= message.partners.is_empty();
            for partner in message.partners {
                let id = PartnerId::parse(&partner.partner_id)?;
                known.insert(id, read(partner)?);
            }
            if message.complete {
                if !taken {
                    self.take(known.clone())?;
                    taken = true;
                }
                self.heard_at.store(self.world.now().as_microsecond(), Ordering::Release);
                self.tried.send_replace(true);
            }
        }
    }

    /// Resolves when the registry was heard whole for the first time, or could not be heard.
    pub async fn tried(&self) {
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
    }

    /// Resolves when a workload is no longer registered.
    pub async fn gone(&self, workload: Option<&SpiffeId>) {
        let mut changes = self.changes.subscribe();
        while workload.is_some_and(|id| self.find(id).is_some()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// The keys with which a partner signs manifests; none for one that is not known.
    pub fn manifest_keys(&self, partner: &PartnerId) -> KeySet {
        self.known.load().get(partner).map(|known| known.manifest_keys.clone()).unwrap_or_default()
    }

    /// A partner's standing now.
    pub fn standing(&self, partner: &PartnerId) -> Standing {
        let heard_at = self.heard_at.load(Ordering::Acquire);
        let age = self.world.now().as_microsecond().saturating_sub(heard_at);
        if SignedDuration::from_micros(age) > STALE {
            return Standing::Unknown;
        }
        let is_good = self.known.load().get(partner).is_some_and(|known| known.in_good_standing);
        if is_good { Standing::Good } else { Standing::Revoked }
    }

    fn own(&self) -> BTreeMap<SpiffeId, Arc<Identity>> {
        let own = |id: &SpiffeId| Arc::new(Identity::workload(id.clone(), CallerKind::VendorWorkload, None));
        self.configured.iter().map(|id| (id.clone(), own(id))).collect()
    }

    fn take(&self, known: BTreeMap<PartnerId, Known>) -> Result<(), String> {
        let mut workloads = self.own();
        let mut bundles: Vec<(TrustDomain, String)> = Vec::new();
        for (id, partner) in &known {
            for name in &partner.workloads {
                bundles.push((name.domain().clone(), partner.authorities.clone()));
                let workload = Identity::workload(name.clone(), name.path().kind(), Some(id.clone()));
                workloads.insert(name.clone(), Arc::new(workload));
            }
        }
        bundles.dedup();
        self.trust.set_registered(bundles)?;
        self.workloads.store(Arc::new(workloads));
        self.known.store(Arc::new(known));
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }
}

impl WorkloadDirectory for Partners {
    fn find(&self, id: &SpiffeId) -> Option<Arc<Identity>> {
        self.workloads.load().get(id).cloned()
    }
}

fn read(partner: pb::Partner) -> Result<Known, String> {
    let in_good_standing = partner.standing() == pb::PartnerStanding::Good;
    let names = partner.spiffe_ids.iter().map(|name| SpiffeId::parse(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(Known {
        in_good_standing,
        // The vendor's own are the operator's to name.
        workloads: names.into_iter().filter(|name| name.path().kind() != CallerKind::VendorWorkload).collect(),
        authorities: partner.trust_bundle_pem,
        manifest_keys: KeySet::from_jwks(&partner.manifest_jwks)?,
    })
}

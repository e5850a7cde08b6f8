//! Who may call, as the licence service's registry has it: followed over RPC, held in memory.
//!
//! When the licence service does not answer, what was read last stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tonic::transport::Channel;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_core::code::PartnerId;
use vouch_host::Trust;
use vouch_identity::{CallerKind, SpiffeId, TrustDomain, Workload, WorkloadDirectory};
use vouch_proof::KeySet;

/// The partners that the licence service knows.
#[derive(Debug)]
pub struct Partners {
    client: PartnerRegistryServiceClient<Channel>,
    trust: Arc<Trust>,
    configured: Vec<SpiffeId>,
    workloads: ArcSwap<BTreeMap<SpiffeId, Workload>>,
    manifest_keys: ArcSwap<BTreeMap<PartnerId, KeySet>>,
}

impl Partners {
    /// Knows nobody but the operator's own workloads yet.
    pub fn new(channel: Channel, trust: Arc<Trust>, configured: Vec<SpiffeId>) -> Self {
        let client = PartnerRegistryServiceClient::new(channel);
        let partners =
            Self { client, trust, configured, workloads: ArcSwap::default(), manifest_keys: ArcSwap::default() };
        partners.workloads.store(Arc::new(partners.own()));
        partners
    }

    /// Reads the registry.
    pub async fn follow(&self) -> Result<(), String> {
        let mut workloads = self.own();
        let (mut bundles, mut manifest_keys) = (Vec::new(), BTreeMap::new());
        let mut page_token = String::new();
        loop {
            let page = PageRequest { page_size: 200, page_token };
            let request = pb::ListPartnersRequest { page: Some(page) };
            let answer =
                self.client.clone().list_partners(request).await.map_err(|status| {
                    format!("the licence service answered {:?}: {}", status.code(), status.message())
                })?;
            let answer = answer.into_inner();
            for partner in answer.partners {
                add(&partner, &mut workloads, &mut bundles)?;
                let keys = KeySet::from_jwks(&partner.manifest_jwks)?;
                manifest_keys.insert(PartnerId::parse(&partner.partner_id)?, keys);
            }
            page_token = answer.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        self.trust.set_registered(bundles)?;
        self.workloads.store(Arc::new(workloads));
        self.manifest_keys.store(Arc::new(manifest_keys));
        Ok(())
    }

    /// The keys with which a partner signs manifests; none for one that is not known.
    pub fn manifest_keys(&self, partner: &PartnerId) -> KeySet {
        self.manifest_keys.load().get(partner).cloned().unwrap_or_default()
    }

    fn own(&self) -> BTreeMap<SpiffeId, Workload> {
        let own = Workload { kind: CallerKind::VendorWorkload, partner: None };
        self.configured.iter().map(|id| (id.clone(), own.clone())).collect()
    }
}

impl WorkloadDirectory for Partners {
    fn find(&self, id: &SpiffeId) -> Option<Workload> {
        self.workloads.load().get(id).cloned()
    }
}

fn add(
    partner: &pb::Partner,
    workloads: &mut BTreeMap<SpiffeId, Workload>,
    bundles: &mut Vec<(TrustDomain, String)>,
) -> Result<(), String> {
    let id = PartnerId::parse(&partner.partner_id)?;
    for name in &partner.spiffe_ids {
        let name = SpiffeId::parse(name)?;
        let kind = name.path().kind();
        // The vendor's own are the operator's to name.
        if kind == CallerKind::VendorWorkload {
            continue;
        }
        bundles.push((name.domain().clone(), partner.trust_bundle_pem.clone()));
        workloads.insert(name, Workload { kind, partner: Some(id.clone()) });
    }
    bundles.dedup();
    Ok(())
}

//! The keys that verify entitlement proofs, as the licence service publishes them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1::GetKeySetRequest;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::World;
use vouch_proof::{EntitlementProof, KeySet, VerifyError};

/// An unknown key makes the set be fetched anew at most this often: anybody can name a key that is not there.
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The licence service's keys, fetched over RPC and held in memory.
#[derive(Debug)]
pub struct ProofKeys {
    client: EntitlementServiceClient<Channel>,
    world: World,
    issuer: String,
    audience: String,
    keys: ArcSwap<KeySet>,
    /// When the set was fetched last because of an unknown key.
    asked_at: Mutex<Option<Timestamp>>,
}

impl ProofKeys {
    /// No keys yet. Proofs must name this issuer and this audience.
    pub fn new(channel: Channel, world: World, issuer: String, audience: String) -> Self {
        let client = EntitlementServiceClient::new(channel);
        Self { client, world, issuer, audience, keys: ArcSwap::default(), asked_at: Mutex::new(None) }
    }

    /// Fetches the keys.
    pub async fn fetch(&self) -> Result<(), String> {
        let answer = self.client.clone().get_key_set(GetKeySetRequest {}).await;
        let answer = answer.map_err(|status| format!("the licence service answered {:?}", status.code()))?;
        let keys = KeySet::from_jwks(&answer.into_inner().key_set.unwrap_or_default().jwks)?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Verifies a proof: genuine, by this issuer, for this audience, in its time.
    pub async fn verify(&self, proof: &str, now: Timestamp) -> Result<EntitlementProof, VerifyError> {
        let verify = || EntitlementProof::verify(proof, &self.keys.load(), &self.issuer, &self.audience, now);
        match verify() {
            Err(VerifyError::UnknownKey) if self.fetch_for_unknown_key().await => verify(),
            verified => verified,
        }
    }

    async fn fetch_for_unknown_key(&self) -> bool {
        let now = self.world.now();
        let mut asked_at = self.asked_at.lock().await;
        if asked_at.is_some_and(|at| now.duration_since(at) < AT_MOST_EVERY) {
            // Somebody asked a moment ago; what came of it is there.
            return true;
        }
        match self.fetch().await {
            Ok(()) => *asked_at = Some(now),
            Err(problem) => tracing::warn!(problem, "the keys that verify proofs could not be fetched"),
        }
        true
    }
}

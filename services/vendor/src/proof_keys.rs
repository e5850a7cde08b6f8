//! The keys that verify entitlement proofs, as the licence service publishes them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tonic::transport::Channel;
use vouch_contract::pb::license::v1::GetKeySetRequest;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::{Error, World};
use vouch_proof::{EntitlementProof, KeySet, VerifyError};

/// An unknown key makes the set be fetched anew at most this often: anybody can name a key that is not there.
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// One that failed is tried again sooner.
const AFTER_A_FAILURE: SignedDuration = SignedDuration::from_secs(5);
/// How old the set becomes before it is fetched by itself.
const OLD: SignedDuration = SignedDuration::from_mins(5);
/// How long the licence service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The licence service's keys, fetched over RPC and held in memory.
#[derive(Debug)]
pub struct ProofKeys {
    client: EntitlementServiceClient<Channel>,
    world: World,
    issuer: String,
    audience: String,
    keys: ArcSwap<KeySet>,
    asked: Mutex<Asked>,
}

/// What came of asking for keys.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    succeeded_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl ProofKeys {
    /// No keys yet. Proofs must name this issuer and this audience.
    pub fn new(channel: Channel, world: World, issuer: String, audience: String) -> Self {
        let client = EntitlementServiceClient::new(channel);
        Self { client, world, issuer, audience, keys: ArcSwap::default(), asked: Mutex::default() }
    }

    /// Fetches the keys where they are old, or where the last time failed.
    pub async fn keep_fresh(&self) -> Result<(), String> {
        let is_fresh = self.last().succeeded_at.is_some_and(|at| self.world.now().duration_since(at) < OLD);
        if is_fresh { Ok(()) } else { self.fetch().await }
    }

    /// Verifies a proof: genuine, by this issuer, for this audience, in its time. Unavailable where its key is not known, and the
    /// licence service cannot be asked for it.
    pub async fn verify(&self, proof: &str, now: Timestamp) -> Result<Result<EntitlementProof, VerifyError>, Error> {
        let verify = || EntitlementProof::verify(proof, &self.keys.load(), &self.issuer, &self.audience, now);
        let verified = verify();
        if verified != Err(VerifyError::UnknownKey) {
            return Ok(verified);
        }
        let asked = self.last();
        let lately = |at: Option<Timestamp>, span| at.is_some_and(|at| now.duration_since(at) < span);
        if lately(asked.succeeded_at, AT_MOST_EVERY) {
            return Ok(verified);
        }
        if !lately(asked.failed_at, AFTER_A_FAILURE) && self.fetch().await.is_ok() {
            return Ok(verify());
        }
        Err(Error::Unavailable("the keys that verify proofs cannot be fetched now".into()))
    }

    async fn fetch(&self) -> Result<(), String> {
        let fetched = self.fetch_once().await;
        let now = self.world.now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(()) => *asked = Asked { succeeded_at: Some(now), failed_at: None },
            Err(_) => asked.failed_at = Some(now),
        }
        fetched
    }

    async fn fetch_once(&self) -> Result<(), String> {
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(PATIENCE, client.get_key_set(GetKeySetRequest {})).await;
        let answer = answer.map_err(|_| "the licence service did not answer in time".to_owned())?;
        let answer = answer.map_err(|status| format!("the licence service answered {:?}", status.code()))?;
        let keys = KeySet::from_jwks(&answer.into_inner().key_set.unwrap_or_default().jwks)?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    fn last(&self) -> Asked {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

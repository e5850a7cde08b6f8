//! A service's signing keys: kept sealed in its store, held ready in memory.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use vouch_contract::{convert, pb};
use vouch_core::{Error, World};
use vouch_proof::{KeyRing, RingKey, SigningKey};
use vouch_storage::signing_keys::{self, StoredKey};
use vouch_storage::{Secrets, Store};

/// How long a published key set may be cached.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The signing keys of one purpose.
#[derive(Debug)]
pub struct SigningKeys {
    purpose: &'static str,
    store: Store,
    secrets: Arc<Secrets>,
    world: World,
    ring: ArcSwap<KeyRing>,
}

impl SigningKeys {
    /// Reads the keys of a purpose; makes the first one where there is none. Replicas that start at the same time may each
    /// make one: both are published, and the younger signs.
    pub async fn open(purpose: &'static str, store: Store, secrets: Arc<Secrets>, world: World) -> Result<Self, Error> {
        let keys = Self { purpose, store, secrets, world, ring: ArcSwap::default() };
        keys.reload().await?;
        if keys.ring.load().signer(keys.world.now()).is_none() {
            keys.add_first().await?;
            keys.reload().await?;
        }
        Ok(keys)
    }

    /// Reads the keys again: another replica may have added or retired one.
    pub async fn reload(&self) -> Result<(), Error> {
        let mut connection = self.store.reader().acquire().await.map_err(vouch_storage::StoreError::from)?;
        let stored = signing_keys::list(&mut connection, self.purpose, self.world.now()).await?;
        drop(connection);
        let keys = stored.iter().map(|key| self.unseal(key)).collect::<Result<Vec<_>, Error>>()?;
        self.ring.store(Arc::new(KeyRing::new(keys)));
        Ok(())
    }

    /// Signs with the key that is in use.
    pub fn sign<T>(&self, sign: impl FnOnce(&SigningKey) -> Result<T, vouch_proof::KeyError>) -> Result<T, Error> {
        let ring = self.ring.load();
        let key = ring.signer(self.world.now()).ok_or_else(|| Error::internal("no signing key is active"))?;
        sign(key).map_err(Error::internal)
    }

    /// The public keys, as the contract publishes them.
    pub fn published(&self) -> Result<pb::common::v1::KeySet, Error> {
        let now = self.world.now();
        let keys = self.ring.load().published(now).map_err(Error::internal)?;
        Ok(pb::common::v1::KeySet { jwks: keys.to_jwks(), fresh_until: Some(convert::timestamp(now + FRESH_FOR)) })
    }

    async fn add_first(&self) -> Result<(), Error> {
        let key = SigningKey::generate(&self.world).map_err(Error::internal)?;
        let stored = StoredKey {
            kid: key.kid().to_owned(),
            sealed_private: self.secrets.seal(key.kid(), key.pkcs8()).map_err(Error::internal)?,
            public_jwk: key.public_jwk(),
            active_from: self.world.now(),
            retires_at: None,
        };
        let (purpose, stored) = (self.purpose, &stored);
        self.store
            .write(|mut tx| async move {
                signing_keys::insert(&mut tx, purpose, stored).await?;
                Ok((tx, ()))
            })
            .await?;
        tracing::info!(key.id = %stored.kid, key.purpose = purpose, "made the first signing key");
        Ok(())
    }

    fn unseal(&self, stored: &StoredKey) -> Result<RingKey, Error> {
        let pkcs8 = self.secrets.open(&stored.kid, &stored.sealed_private).map_err(Error::internal)?;
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(Error::internal)?;
        Ok(RingKey { key, active_from: stored.active_from, retires_at: stored.retires_at })
    }
}

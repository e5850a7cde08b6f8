//! A service's signing keys: kept sealed in its store, held ready in memory.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_contract::{convert, pb};
use vouch_core::{Error, World};
use vouch_proof::{KeyRing, ROTATION_OVERLAP, RingKey, SigningKey};
use vouch_storage::signing_keys::{self, StoredKey};
use vouch_storage::{Secrets, Store, StoreError, WriteError};

/// How long a published key set may be cached.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);

/// How a key comes to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// In good order: the next key is published at once and signs after the overlap; the present one is published for as long
    /// as what it signed is in use.
    Planned,
    /// The keys that there are may be in wrong hands: they are withdrawn now, and the next one signs at once. What they signed is
    /// void as soon as verifiers fetch the key set again.
    Compromised,
}

/// The signing keys of one purpose.
#[derive(Debug)]
pub struct SigningKeys {
    purpose: &'static str,
    store: Store,
    secrets: Arc<Secrets>,
    world: World,
    /// How long what a key signed is in use: for so long it stays published after its last signature.
    in_use: SignedDuration,
    ring: ArcSwap<KeyRing>,
}

impl SigningKeys {
    /// Reads the keys of a purpose; makes the first one where there is none. Replicas that start at the same time may each
    /// make one: both are published, and the younger signs.
    pub async fn open(
        purpose: &'static str,
        in_use: SignedDuration,
        store: Store,
        secrets: Arc<Secrets>,
        world: World,
    ) -> Result<Self, Error> {
        let keys = Self { purpose, store, secrets, world, in_use, ring: ArcSwap::default() };
        keys.reload().await?;
        if keys.ring.load().signer(keys.world.now()).is_none() {
            keys.add_first().await?;
            keys.reload().await?;
        }
        Ok(keys)
    }

    /// Reads the keys again: another replica may have added or retired one.
    pub async fn reload(&self) -> Result<(), Error> {
        let mut connection = self.store.reader().acquire().await.map_err(StoreError::from)?;
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

    /// Makes the next key in a transaction of the caller's, who calls [`Self::reload`] after the commit; from when on it signs.
    /// Refused while a next key waits already, in good order.
    pub async fn rotate(&self, tx: &mut AnyConnection, rotation: Rotation) -> Result<Timestamp, WriteError> {
        let now = self.world.now();
        let present = self.present(tx, now).await?;
        let active_from = match rotation {
            Rotation::Planned => {
                if present.iter().any(|key| key.active_from > now) {
                    return Err(Error::StateConflict {
                        what: "signing key",
                        id: self.purpose.to_owned(),
                        state: "waiting for its successor",
                        step: "be rotated again",
                    }
                    .into());
                }
                let active_from = now + ROTATION_OVERLAP;
                signing_keys::retire(tx, self.purpose, active_from + self.in_use).await?;
                active_from
            }
            Rotation::Compromised => {
                signing_keys::retire(tx, self.purpose, now).await?;
                now
            }
        };
        let made = self.make(active_from)?;
        signing_keys::insert(tx, self.purpose, &made).await?;
        tracing::info!(key.id = %made.kid, key.purpose = self.purpose, ?rotation, "made the next signing key");
        Ok(active_from)
    }

    /// Makes the next key when the youngest has signed for so long.
    pub async fn rotate_after(&self, age: SignedDuration) -> Result<(), Error> {
        let is_due = |active_from: Timestamp| active_from + age <= self.world.now();
        if !self.ring.load().youngest().is_some_and(is_due) {
            return Ok(());
        }
        self.store
            .write(|mut tx| async move {
                // Another replica may have been faster: then the youngest is not due any more, and nothing is made.
                let present = self.present(&mut tx, self.world.now()).await?;
                if present.iter().all(|key| is_due(key.active_from)) {
                    self.rotate(&mut tx, Rotation::Planned).await?;
                }
                Ok::<_, WriteError>((tx, ()))
            })
            .await?;
        self.reload().await
    }

    /// The keys that there are, none of which anybody else changes until the transaction ends.
    async fn present(&self, tx: &mut AnyConnection, now: Timestamp) -> Result<Vec<StoredKey>, StoreError> {
        signing_keys::lock(tx, self.store.dialect(), self.purpose, now).await?;
        // Ordering: read again once locked. Who waited for the lock is given the rows that were there before, and not the one that
        // the other one added.
        signing_keys::list(tx, self.purpose, now).await
    }

    async fn add_first(&self) -> Result<(), Error> {
        let (purpose, stored) = (self.purpose, &self.make(self.world.now())?);
        self.store
            .write(|mut tx| async move {
                signing_keys::insert(&mut tx, purpose, stored).await?;
                Ok((tx, ()))
            })
            .await?;
        tracing::info!(key.id = %stored.kid, key.purpose = purpose, "made the first signing key");
        Ok(())
    }

    fn make(&self, active_from: Timestamp) -> Result<StoredKey, Error> {
        let key = SigningKey::generate(&self.world).map_err(Error::internal)?;
        Ok(StoredKey {
            kid: key.kid().to_owned(),
            sealed_private: self.secrets.seal(key.kid(), key.pkcs8()).map_err(Error::internal)?,
            public_jwk: key.public_jwk(),
            active_from,
            retires_at: None,
        })
    }

    fn unseal(&self, stored: &StoredKey) -> Result<RingKey, Error> {
        let pkcs8 = self.secrets.open(&stored.kid, &stored.sealed_private).map_err(Error::internal)?;
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(Error::internal)?;
        Ok(RingKey { key, active_from: stored.active_from, retires_at: stored.retires_at })
    }
}

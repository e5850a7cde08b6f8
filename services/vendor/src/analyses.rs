//! Looking for known problems in the bundles that partners committed, by the profiles that they name: beside admission, which never waits
//! for it.

use vouch_core::code::ProfileTitle;
use vouch_core::{Error, World};
use vouch_diagnostics::profile::Profile;
use vouch_host::analyses as engine;
use vouch_storage::Store;
use vouch_storage::analyses::{Due, Found};
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::store::{bundles, profiles};

/// Analyses bundles.
#[derive(Debug, Clone)]
pub struct Analyses {
    store: Store,
    world: World,
    blobs: Blobs,
}

impl Analyses {
    /// Analyses what the store says, over these blobs.
    pub fn new(store: Store, world: World, blobs: Blobs) -> Self {
        Self { store, world, blobs }
    }

    /// Analyses every bundle that is due.
    pub async fn run_due(&self) -> Result<(), Error> {
        engine::run_due(&self.store, &self.world, |due| async move { self.look(&due).await }).await
    }

    /// What is found in a bundle; `None` when the profile that it names was never published.
    async fn look(&self, due: &Due) -> Result<Option<Found>, Error> {
        let Ok(ProfileTitle { name, version }) = ProfileTitle::parse(&due.profile) else { return Ok(None) };
        let mut snapshot = self.store.snapshot().await?;
        let published = profiles::profile_fetch(&mut snapshot, &name, Some(version)).await?;
        let bundle = bundles::bundle_place(&mut snapshot, due.bundle_id).await?;
        drop(snapshot);
        let Some(published) = published else { return Ok(None) };
        let (partner_id, root) = bundle.ok_or_else(|| Error::internal("a bundle that is to be analysed is gone"))?;
        let text = String::from_utf8(published.content).map_err(Error::internal)?;
        let profile = Profile::parse(&text).map_err(Error::internal)?;
        let manifest = BlobRef { sha256: root.0, size_bytes: due.manifest_bytes };
        engine::look(&self.blobs, partner_id.as_str(), &manifest, profile).await.map(Some)
    }
}

//! Looking for known problems in the bundles of tickets, by the profiles that they name, so that an agent reads the article before the
//! ticket is escalated.

use vouch_core::code::ProfileTitle;
use vouch_core::{Error, World};
use vouch_diagnostics::profile::Profile;
use vouch_host::analyses as engine;
use vouch_storage::Store;
use vouch_storage::analyses::{Due, Found};
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::profiles::Profiles;
use crate::store::analyses::bundle_place;
use crate::transfer::owner_of;

/// Analyses bundles.
#[derive(Debug, Clone)]
pub struct Analyses {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// Diagnostics.
    pub blobs: Blobs,
    /// The vendors' profiles.
    pub profiles: Profiles,
}

impl Analyses {
    /// Analyses every bundle that is due.
    pub async fn run_due(&self) -> Result<(), Error> {
        engine::run_due(&self.store, &self.world, |due| async move { self.look(&due).await }).await
    }

    /// What is found in a bundle; `None` when the vendor has published no such profile. A vendor that does not answer is asked again later.
    async fn look(&self, due: &Due) -> Result<Option<Found>, Error> {
        let Ok(ProfileTitle { name, version }) = ProfileTitle::parse(&due.profile) else { return Ok(None) };
        let mut snapshot = self.store.snapshot().await?;
        let place = bundle_place(&mut snapshot, due.bundle_id).await?;
        drop(snapshot);
        let place = place.ok_or_else(|| Error::internal("a bundle that is to be analysed is gone"))?;
        let Some(kept) = self.profiles.get(&place.vendor_id, &name, Some(version)).await? else { return Ok(None) };
        let text = String::from_utf8(kept.content).map_err(Error::internal)?;
        // A later edition of this program may know fields that this one does not.
        let profile = Profile::parse(&text).map_err(Error::internal)?;
        let manifest = BlobRef { sha256: place.root.0, size_bytes: due.manifest_bytes };
        let owner = owner_of(&place.partner_id, place.customer_id);
        engine::look(&self.blobs, &owner, &manifest, profile).await.map(Some)
    }
}

//! A vendor service for a test. Its licence service does not answer: what needs one is tested in the federation's tests.

use vouch_core::World;
use vouch_host::testing::{BearerChannel, Ground, Running};
use vouch_storage::testing::Database;
use vouch_vendor::{BlobSettings, LicenseService, VendorConfig};

/// A running vendor service.
pub(crate) struct Service {
    pub(crate) ground: Ground,
    pub(crate) running: Running,
}

impl Service {
    /// Starts a service.
    pub(crate) async fn start(database: &Database) -> Self {
        let ground = Ground::new(vouch_vendor::DOMAIN, "vendor");
        let authorities = ground.path().join("vendor-ca.pem");
        let license = LicenseService::at("https://127.0.0.1:1".into(), authorities);
        let name = vouch_vendor::DOMAIN.to_owned();
        let blobs = BlobSettings { folder: ground.path().join("blobs"), ..Default::default() };
        let running = Running::start(ground.config(database.config.clone()), |config, listeners, shutdown| {
            let own = VendorConfig { name, license, blobs, ..Default::default() };
            vouch_vendor::serve(config, own, World::system(), listeners, shutdown)
        })
        .await;
        Self { ground, running }
    }

    pub(crate) fn staff(&self, roles: &[&str]) -> BearerChannel {
        self.ground.bearer(self.running.address, &self.ground.staff_token("ada", roles))
    }
}

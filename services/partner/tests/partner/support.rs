//! A partner service for a test.

use vouch_core::World;
use vouch_host::testing::{BearerChannel, Ground, Running};
use vouch_partner::{BlobSettings, PartnerConfig, VendorEntry};
use vouch_storage::testing::Database;

/// A running partner service.
pub(crate) struct Service {
    pub(crate) ground: Ground,
    pub(crate) running: Running,
}

impl Service {
    /// Starts a service that serves one vendor.
    pub(crate) async fn start(database: &Database) -> Self {
        let ground = Ground::new(vouch_partner::DOMAIN, "partner");
        let vendor = VendorEntry {
            id: "acme".into(),
            name: "Acme".into(),
            license_address: "https://127.0.0.1:1".into(),
            vendor_address: "https://127.0.0.1:1".into(),
            authorities: ground.path().join("vendor-ca.pem"),
            audience: "vendor.vouch".into(),
        };
        let blobs = BlobSettings { folder: ground.path().join("blobs"), ..Default::default() };
        let config = PartnerConfig { blobs, vendors: vec![vendor], ..Default::default() };
        let running = Running::start(ground.config(database.config.clone()), |host, listeners, shutdown| {
            vouch_partner::serve(host, config, World::system(), listeners, shutdown)
        })
        .await;
        Self { ground, running }
    }

    /// An agent of a partner organisation.
    pub(crate) fn agent(&self, partner: &str) -> BearerChannel {
        self.ground.bearer(self.running.address, &self.ground.partner_token("ada", partner, &["agent"]))
    }
}

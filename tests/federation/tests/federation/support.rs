//! A vendor's two services for a test: the licence service, and the vendor service that follows its registry.

use std::net::SocketAddr;

use tonic::transport::Channel;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::knowledge_service_client::KnowledgeServiceClient;
use vouch_core::World;
use vouch_host::testing::{Ground, Running, call_bare, fresh};
use vouch_identity::development::Authority;
use vouch_license::LicenseConfig;
use vouch_storage::Engine;
use vouch_storage::testing::Database;
use vouch_vendor::{BlobSettings, LicenseService, VendorConfig};

/// A vendor's two services.
pub(crate) struct VendorSide {
    license_ground: Ground,
    license: Running,
    pub(crate) ground: Ground,
    vendor: Running,
    _database: Database,
}

impl VendorSide {
    /// Starts both; the vendor service on the given database.
    pub(crate) async fn start(database: &Database) -> Self {
        let license_database = Database::fresh(Engine::Sqlite).await;
        let ground = Ground::new(vouch_vendor::DOMAIN, "vendor");
        // One vendor, one authority.
        let license_ground = Ground::with_vendor(vouch_license::DOMAIN, "license", &ground);
        let config = license_ground.config(license_database.config.clone());
        let license = Running::start(config, |config, listeners, shutdown| {
            vouch_license::serve(config, LicenseConfig::default(), World::system(), listeners, shutdown)
        })
        .await;
        let config = VendorConfig {
            name: vouch_vendor::DOMAIN.into(),
            license: LicenseService::at(format!("https://{}", license.address), ground.path().join("vendor-ca.pem")),
            blobs: BlobSettings { folder: ground.path().join("blobs"), ..Default::default() },
            ..Default::default()
        };
        let vendor = Running::start(ground.config(database.config.clone()), |host, listeners, shutdown| {
            vouch_vendor::serve(host, config, World::system(), listeners, shutdown)
        })
        .await;
        Self { license_ground, license, ground, vendor, _database: license_database }
    }

    /// Registers a partner, and waits until the vendor service lets it in.
    pub(crate) async fn register(&self, id: &str, authority: &Authority, manifest_jwks: &str) {
        let token = self.license_ground.staff_token("ada", &["partner-manager"]);
        let channel = self.license_ground.bearer(self.license.address, &token);
        let request = crate::samples::registration(id, authority, manifest_jwks);
        PartnerRegistryServiceClient::new(channel).register_partner(request).await.unwrap();
        // Let in as soon as the vendor has read the registry: asked until then, for at most as long as a test may take.
        let let_in = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while call_bare(self.partner(id, authority), "/vouch.vendor.v1.KeySetService/GetKeySet").await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        let_in.await.unwrap();
    }

    pub(crate) async fn publish(&self, title: &str, audience: vendor::ArticleAudience) -> vendor::Article {
        let token = self.ground.staff_token("ada", &["knowledge-editor"]);
        let channel = self.ground.bearer(self.vendor.address, &token);
        let article = vendor::Article {
            product_id: "atlas".into(),
            title: title.into(),
            body: "Clean up.".into(),
            audience: audience.into(),
            ..Default::default()
        };
        let request = vendor::PublishArticleRequest { request_id: fresh(), article: Some(article) };
        KnowledgeServiceClient::new(channel).publish_article(request).await.unwrap().into_inner().article.unwrap()
    }

    /// A partner's channel to the vendor service.
    pub(crate) fn partner(&self, id: &str, authority: &Authority) -> Channel {
        self.partner_at(id, authority, self.address())
    }

    /// The same by another way.
    pub(crate) fn partner_at(&self, id: &str, authority: &Authority, address: SocketAddr) -> Channel {
        self.ground.workload(address, authority, &format!("spiffe://{id}.example/partner/{id}"))
    }

    /// Where the vendor service is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.vendor.address
    }
}

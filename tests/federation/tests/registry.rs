//! The vendor service follows the licence service's registry of partners.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::knowledge_service_client::KnowledgeServiceClient;
use vouch_core::World;
use vouch_host::testing::{Ground, Running, fresh, refused};
use vouch_identity::development::Authority;
use vouch_license::LicenseConfig;
use vouch_storage::Engine;
use vouch_storage::testing::Database;
use vouch_vendor::{LicenseService, VendorConfig};

const NORTH: &str = "spiffe://north.example/partner/north";

/// A vendor's two services.
struct VendorSide {
    license_ground: Ground,
    license: Running,
    ground: Ground,
    vendor: Running,
    _databases: [Database; 2],
}

impl VendorSide {
    async fn start() -> Self {
        let databases = [Database::fresh(Engine::Sqlite).await, Database::fresh(Engine::Sqlite).await];
        let ground = Ground::new(vouch_vendor::DOMAIN, "vendor");
        // One vendor, one authority.
        let license_ground = Ground::with_vendor(vouch_license::DOMAIN, "license", &ground);
        let config = license_ground.config(databases[0].config.clone());
        let license = Running::start(config, |config, listeners, shutdown| {
            vouch_license::serve(config, LicenseConfig::default(), World::system(), listeners, shutdown)
        })
        .await;
        let authorities = ground.path().join("vendor-ca.pem");
        let followed = LicenseService { address: format!("https://{}", license.address), authorities };
        let vendor = Running::start(ground.config(databases[1].config.clone()), |config, listeners, shutdown| {
            vouch_vendor::serve(config, VendorConfig { license: followed }, World::system(), listeners, shutdown)
        })
        .await;
        Self { license_ground, license, ground, vendor, _databases: databases }
    }

    async fn register(&self, authority: &Authority) {
        let token = self.license_ground.staff_token("ada", &["partner-manager"]);
        let channel = self.license_ground.bearer(self.license.address, &token);
        let partner = license::Partner {
            partner_id: "north".into(),
            name: "North".into(),
            programme: license::PartnerProgramme::SolutionProvider.into(),
            spiffe_ids: vec![NORTH.into()],
            trust_bundle_pem: authority.certificate_pem().into(),
            manifest_jwks: r#"{"keys":[]}"#.into(),
            support_contact: Some(license::SupportContact {
                name: "Desk".into(),
                email: "help@north.example".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = license::RegisterPartnerRequest { request_id: fresh(), partner: Some(partner) };
        PartnerRegistryServiceClient::new(channel).register_partner(request).await.unwrap();
    }

    async fn publish(&self, title: &str, audience: vendor::ArticleAudience) -> vendor::Article {
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

    fn partner(&self, authority: &Authority) -> Channel {
        self.ground.workload(self.vendor.address, authority, NORTH)
    }
}

#[tokio::test]
async fn b01_a_partner_registered_with_one_service_is_let_in_by_the_other() {
    let side = VendorSide::start().await;
    let north = Authority::new("north").unwrap();
    side.publish("Disk", vendor::ArticleAudience::Public).await;
    side.publish("Disk at partners", vendor::ArticleAudience::Partner).await;
    let internal = side.publish("Disk inside", vendor::ArticleAudience::Internal).await;
    side.register(&north).await;

    let search = || vendor::SearchArticlesRequest { product_id: "atlas".into(), query: "disk".into(), page: None };
    // Let in as soon as the vendor has read the registry: ask until then, for at most as long as a test may take.
    let found = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            if let Ok(found) = KnowledgeServiceClient::new(side.partner(&north)).search_articles(search()).await {
                return found.into_inner().articles;
            }
            tokio::task::yield_now().await;
        }
    });
    let titles: Vec<_> = found.await.expect("in time").into_iter().map(|article| article.title).collect();
    assert_eq!(titles, ["Disk at partners", "Disk"], "what is written for partners, and nothing internal");
    let get = vendor::GetArticleRequest { article_id: internal.article_id };
    let answer = KnowledgeServiceClient::new(side.partner(&north)).get_article(get).await;
    assert_eq!(refused(answer).1, "NOT_FOUND");
    let stranger = Authority::new("stranger").unwrap();
    assert!(KnowledgeServiceClient::new(side.partner(&stranger)).search_articles(search()).await.is_err());
}

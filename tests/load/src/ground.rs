//! The licence service on ground of its own, and the catalogue that its licences name.

use std::path::Path;
use std::time::{Duration, Instant};

use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_core::World;
use vouch_host::testing::{BearerChannel, Ground, Running, fresh};
use vouch_identity::development::Authority;
use vouch_license::LicenseConfig;
use vouch_storage::{Store, StoreConfig};

/// The partner's workload, which asks.
pub(crate) const NORTH: &str = "spiffe://north.example/partner/north";

/// A database file with a licence service's data, and the ground on which the service is started.
pub(crate) struct Stage {
    pub(crate) ground: Ground,
    north: Authority,
    config: StoreConfig,
}

impl Stage {
    /// A new database in a folder, with a catalogue and a partner.
    pub(crate) async fn lay(folder: &Path, name: &str) -> Self {
        Self::lay_on(config(&folder.join(name))).await
    }

    /// The same on any fresh database.
    pub(crate) async fn lay_on(config: StoreConfig) -> Self {
        let ground = Ground::new(vouch_license::DOMAIN, "license");
        let stage = Self { ground, north: Authority::new("north").unwrap(), config };
        let (running, _) = stage.start().await;
        stage.enter_catalogue(&running).await;
        stop(running).await;
        stage
    }

    /// The database's file.
    pub(crate) fn file(&self) -> &Path {
        match &self.config {
            StoreConfig::Sqlite { path, .. } => path,
            StoreConfig::Postgres { .. } => panic!("this measurement is of a database in a file"),
        }
    }

    /// How the service opens it.
    pub(crate) fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// A channel of an administrator, with a token of five minutes.
    pub(crate) fn administrator(&self, address: std::net::SocketAddr) -> BearerChannel {
        self.ground.bearer(address, &self.ground.staff_token("ada", &["license-administrator", "partner-manager"]))
    }

    /// The database itself, while no service has it.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.config, &vouch_license::MIGRATIONS).await.unwrap()
    }

    /// Starts the service; how long it took until it answered.
    pub(crate) async fn start(&self) -> (Running, Duration) {
        let began = Instant::now();
        let running = Running::start(self.ground.config(self.config.clone()), |config, listeners, shutdown| {
            vouch_license::serve(config, LicenseConfig::default(), World::system(), listeners, shutdown)
        })
        .await;
        let mut anybody = EntitlementServiceClient::new(self.ground.anonymous(running.address));
        while anybody.get_key_set(pb::GetKeySetRequest {}).await.is_err() {
            tokio::task::yield_now().await;
        }
        (running, began.elapsed())
    }

    /// A channel of the partner's workload: a connection of its own.
    pub(crate) fn partner(&self, address: std::net::SocketAddr) -> Channel {
        self.ground.workload(address, &self.north, NORTH)
    }

    async fn enter_catalogue(&self, running: &Running) {
        let staff = || self.administrator(running.address);
        let mut catalog = CatalogServiceClient::new(staff());
        let tier = pb::Tier {
            tier_id: "standard".into(),
            name: "Standard".into(),
            assisted: true,
            channels: vec![common::Channel::Portal.into(), common::Channel::Email.into()],
            severities: vec![
                common::Severity::One.into(),
                common::Severity::Two.into(),
                common::Severity::Three.into(),
            ],
            coverage: "business-hours".into(),
            priority: 10,
            charging: pb::Charging::Included.into(),
            early_access: false,
        };
        catalog.create_tier(pb::CreateTierRequest { request_id: fresh(), tier: Some(tier) }).await.unwrap();
        let product = pb::Product {
            product_id: "atlas".into(),
            name: "Atlas Server".into(),
            basis: pb::EntitlementBasis::Either.into(),
            default_tier_id: "standard".into(),
            ..pb::Product::default()
        };
        let product = pb::CreateProductRequest { request_id: fresh(), product: Some(product) };
        catalog.create_product(product).await.unwrap();
        let release =
            pb::Release { version: "7.2.1".into(), released_on: "2026-01-15".into(), ..pb::Release::default() };
        let release =
            pb::PublishReleaseRequest { request_id: fresh(), product_id: "atlas".into(), release: Some(release) };
        catalog.publish_release(release).await.unwrap();
        let partner = pb::Partner {
            partner_id: "north".into(),
            name: "North Systems".into(),
            programme: pb::PartnerProgramme::SolutionProvider.into(),
            spiffe_ids: vec![NORTH.into()],
            trust_bundle_pem: self.north.certificate_pem().into(),
            manifest_jwks: r#"{"keys":[]}"#.into(),
            support_contact: Some(pb::SupportContact {
                name: "North help desk".into(),
                email: "help@north.example".into(),
                ..pb::SupportContact::default()
            }),
            ..pb::Partner::default()
        };
        let partner = pb::RegisterPartnerRequest { request_id: fresh(), partner: Some(partner) };
        PartnerRegistryServiceClient::new(staff()).register_partner(partner).await.unwrap();
    }
}

/// A database file, as a service opens it.
pub(crate) fn config(file: &Path) -> StoreConfig {
    StoreConfig::parse(&format!("sqlite:{}", file.display()), 4).unwrap()
}

/// Stops a service and waits for its end.
pub(crate) async fn stop(mut running: Running) {
    running.tell_to_stop();
    running.stopped().await.unwrap();
}

//! A licence service for a test, with a catalogue, a partner and a covered end user.

use std::net::SocketAddr;

use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_core::World;
use vouch_host::config::HostConfig;
use vouch_host::testing::{BearerChannel, Ground, Running, fresh};
use vouch_identity::development::Authority;
use vouch_license::{LicenseConfig, MailConfig};
use vouch_storage::testing::Database;
use vouch_storage::{Engine, Store, StoreConfig};

pub(crate) const NORTH: &str = "spiffe://north.example/partner/north";
pub(crate) const NORTH_RESELLER: &str = "spiffe://north.example/reseller/north";
pub(crate) const SOUTH: &str = "spiffe://south.example/partner/south";
pub(crate) const VENDOR: &str = "spiffe://vendor.example/vendor/vendor";
pub(crate) const ADA: &str = "ada@contoso.example";
pub(crate) const ALL_ROLES: &[&str] = &["license-administrator", "account-manager", "partner-manager"];

/// A running service.
pub(crate) struct Service {
    pub(crate) ground: Ground,
    pub(crate) north: Authority,
    pub(crate) south: Authority,
    pub(crate) running: Running,
    world: World,
    _database: Option<Database>,
}

impl Service {
    /// Starts a service on an embedded database of its own: for tests of what no engine has a part in.
    pub(crate) async fn alone() -> Self {
        let database = Database::fresh(Engine::Sqlite).await;
        let service = Self::start(&database).await;
        Self { _database: Some(database), ..service }
    }

    /// Starts a service on a fresh database.
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with(database, World::system(), |_| {}).await
    }

    /// Starts a service with its own world and a changed configuration.
    pub(crate) async fn start_with(database: &Database, world: World, change: impl FnOnce(&mut HostConfig)) -> Self {
        let ground = Ground::new(vouch_license::DOMAIN, "license");
        let authority = |name| Authority::new(name).unwrap();
        let mut config = ground.config(database.config.clone());
        change(&mut config);
        let running = run(config, LicenseConfig::default(), world.clone()).await;
        Self { ground, north: authority("north"), south: authority("south"), running, world, _database: None }
    }

    /// Starts a service that sends letters through a mail server.
    pub(crate) async fn start_with_mail(database: &Database, world: World, smtp: &str) -> Self {
        let ground = Ground::new(vouch_license::DOMAIN, "license");
        let authority = |name| Authority::new(name).unwrap();
        let running = run(ground.config(database.config.clone()), mailing(smtp), world.clone()).await;
        Self { ground, north: authority("north"), south: authority("south"), running, world, _database: None }
    }

    /// Stops the service and starts it again on the same ground and data.
    pub(crate) async fn restart(self, database: &Database) -> Self {
        self.restart_as(database, LicenseConfig::default()).await
    }

    /// The same, with a mail server from then on.
    pub(crate) async fn restart_with_mail(self, database: &Database, smtp: &str) -> Self {
        self.restart_as(database, mailing(smtp)).await
    }

    async fn restart_as(mut self, database: &Database, own: LicenseConfig) -> Self {
        self.running.tell_to_stop();
        self.running.stopped().await.unwrap();
        let running = run(self.ground.config(database.config.clone()), own, self.world.clone()).await;
        Self { running, ..self }
    }

    /// Stops the service, has something done with its data while nobody else has them, and starts it again.
    pub(crate) async fn restart_after(mut self, database: &Database, done: impl AsyncFnOnce(&Store)) -> Self {
        self.running.tell_to_stop();
        self.running.stopped().await.unwrap();
        let store = database.open(&vouch_license::MIGRATIONS).await;
        done(&store).await;
        store.close().await;
        drop(store);
        let config = self.ground.config(database.config.clone());
        let running = run(config, LicenseConfig::default(), self.world.clone()).await;
        Self { running, ..self }
    }

    /// Another replica on the same ground and the same database, where the engine serves several.
    pub(crate) async fn replica(&self, database: &Database) -> Option<Running> {
        match database.config {
            StoreConfig::Sqlite { .. } => None,
            StoreConfig::Postgres { .. } => {
                let config = self.ground.config(database.config.clone());
                Some(run(config, LicenseConfig::default(), self.world.clone()).await)
            }
        }
    }

    /// Sets a licence's state; the revision with which checks know of it.
    pub(crate) async fn set_state(&self, license: &pb::License, state: pb::LicenseState) -> i64 {
        let get = pb::GetLicenseRequest { license_id: license.license_id.clone() };
        let etag = self.licenses().get_license(get).await.unwrap().into_inner().license.unwrap().etag;
        let (license_id, note) = (license.license_id.clone(), "told so".into());
        let set = pb::SetLicenseStateRequest { request_id: fresh(), license_id, etag, state: state.into(), note };
        self.licenses().set_license_state(set).await.unwrap().into_inner().facts_revision
    }

    fn address(&self) -> SocketAddr {
        self.running.address
    }

    pub(crate) fn staff(&self) -> BearerChannel {
        // Tokens are judged by the service's clock, so this one is issued at its time.
        let token = self.ground.staff.token(&self.world, vouch_license::DOMAIN, "ada", None, ALL_ROLES, 300).unwrap();
        self.ground.bearer(self.address(), &token)
    }

    pub(crate) fn anonymous(&self) -> Channel {
        self.ground.anonymous(self.address())
    }

    pub(crate) fn partner(&self) -> Channel {
        self.ground.workload(self.address(), &self.north, NORTH)
    }

    pub(crate) fn other_partner(&self) -> Channel {
        self.ground.workload(self.address(), &self.south, SOUTH)
    }

    pub(crate) fn reseller(&self) -> Channel {
        self.ground.workload(self.address(), &self.north, NORTH_RESELLER)
    }

    pub(crate) fn vendor(&self) -> Channel {
        self.ground.workload(self.address(), &self.ground.vendor, VENDOR)
    }

    pub(crate) fn catalog(&self) -> CatalogServiceClient<BearerChannel> {
        CatalogServiceClient::new(self.staff())
    }

    pub(crate) fn licenses(&self) -> LicenseServiceClient<BearerChannel> {
        LicenseServiceClient::new(self.staff())
    }

    pub(crate) fn agreements(&self) -> AgreementServiceClient<BearerChannel> {
        AgreementServiceClient::new(self.staff())
    }

    pub(crate) fn registry(&self) -> PartnerRegistryServiceClient<BearerChannel> {
        PartnerRegistryServiceClient::new(self.staff())
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<BearerChannel> {
        IncidentServiceClient::new(self.staff())
    }

    pub(crate) fn entitlement(&self) -> EntitlementServiceClient<Channel> {
        EntitlementServiceClient::new(self.partner())
    }

    /// Enters a catalogue and two partners.
    pub(crate) async fn with_catalogue(self) -> Self {
        for (id, charging) in [("standard", pb::Charging::Included), ("prepaid", pb::Charging::Prepaid)] {
            self.catalog().create_tier(tier_request(id, charging)).await.unwrap();
        }
        let product = pb::Product {
            product_id: "atlas".into(),
            name: "Atlas Server".into(),
            basis: pb::EntitlementBasis::Either.into(),
            default_tier_id: "standard".into(),
            ..pb::Product::default()
        };
        let request = pb::CreateProductRequest { request_id: fresh(), product: Some(product) };
        self.catalog().create_product(request).await.unwrap();
        self.catalog().publish_release(release_request("7.2.1", "2026-01-15")).await.unwrap();
        self.registry().register_partner(Self::partner_request("north", &self.north)).await.unwrap();
        self.registry().register_partner(Self::partner_request("south", &self.south)).await.unwrap();
        self
    }

    /// Enters a licence for Contoso with north responsible, and an agreement of a tier that names Ada.
    pub(crate) async fn cover(&self, tier_id: &str) -> Covered {
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license("contoso")) };
        let created = self.licenses().create_license(request).await.unwrap().into_inner();
        let request =
            pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement("contoso", tier_id)) };
        let agreement = self.agreements().create_agreement(request).await.unwrap().into_inner().agreement.unwrap();
        let request = name_request(&agreement.agreement_id, ADA);
        let named = self.agreements().name_liaison(request).await.unwrap().into_inner();
        Covered {
            license: created.license.unwrap(),
            license_key: created.license_key,
            agreement: named.agreement.unwrap(),
        }
    }

    pub(crate) fn partner_request(id: &str, authority: &Authority) -> pb::RegisterPartnerRequest {
        let partner = pb::Partner {
            partner_id: id.into(),
            name: format!("{id} Systems"),
            programme: pb::PartnerProgramme::SolutionProvider.into(),
            spiffe_ids: vec![
                format!("spiffe://{id}.example/partner/{id}"),
                format!("spiffe://{id}.example/reseller/{id}"),
            ],
            trust_bundle_pem: authority.certificate_pem().into(),
            manifest_jwks: r#"{"keys":[]}"#.into(),
            support_contact: Some(pb::SupportContact {
                name: format!("{id} help desk"),
                email: format!("help@{id}.example"),
                phone: "+49 30 123456".into(),
                portal_url: format!("https://{id}.example/support"),
            }),
            ..pb::Partner::default()
        };
        pb::RegisterPartnerRequest { request_id: fresh(), partner: Some(partner) }
    }
}

async fn run(config: HostConfig, own: LicenseConfig, world: World) -> Running {
    Running::start(config, |config, listeners, shutdown| vouch_license::serve(config, own, world, listeners, shutdown))
        .await
}

fn mailing(smtp: &str) -> LicenseConfig {
    let mail = MailConfig { from: "Acme <support@acme.example>".into(), smtp: Some(smtp.into()), ..Default::default() };
    LicenseConfig { mail: Some(mail), ..LicenseConfig::default() }
}

/// A covered end user.
pub(crate) struct Covered {
    pub(crate) license: pb::License,
    pub(crate) license_key: String,
    pub(crate) agreement: pb::Agreement,
}

impl Covered {
    /// The question whether Ada may be helped.
    pub(crate) fn question(&self) -> pb::EntitlementQuestion {
        pb::EntitlementQuestion {
            license: Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(self.license_key.clone())) }),
            partner_id: String::new(),
            product_id: "atlas".into(),
            version: "7.2.1".into(),
            severity: common::Severity::Two.into(),
            channel: common::Channel::Portal.into(),
            contact_email: ADA.into(),
        }
    }

    /// A request for a proof for an escalation.
    pub(crate) fn proof_request(&self, escalation_id: &str) -> pb::IssueEntitlementProofRequest {
        pb::IssueEntitlementProofRequest {
            question: Some(self.question()),
            escalation_id: escalation_id.into(),
            bundle_root: vec![7; 32].into(),
            audience: "vendor.vouch".into(),
            ..Default::default()
        }
    }
}

/// A fresh escalation id.
pub(crate) fn escalation() -> String {
    World::system().id::<vouch_core::id::EscalationTag>().to_string()
}

pub(crate) fn tier_request(id: &str, charging: pb::Charging) -> pb::CreateTierRequest {
    let tier = pb::Tier {
        tier_id: id.into(),
        name: id.into(),
        assisted: true,
        channels: vec![common::Channel::Portal.into(), common::Channel::Email.into()],
        severities: vec![common::Severity::One.into(), common::Severity::Two.into()],
        coverage: "business-hours".into(),
        priority: 10,
        charging: charging.into(),
        early_access: id == "premium",
    };
    pb::CreateTierRequest { request_id: fresh(), tier: Some(tier) }
}

pub(crate) fn release_request(version: &str, released_on: &str) -> pb::PublishReleaseRequest {
    let release = pb::Release { version: version.into(), released_on: released_on.into(), ..pb::Release::default() };
    pb::PublishReleaseRequest { request_id: fresh(), product_id: "atlas".into(), release: Some(release) }
}

pub(crate) fn license(end_user_id: &str) -> pb::License {
    pb::License {
        product_id: "atlas".into(),
        quantity: 25,
        end_user: Some(pb::EndUser { end_user_id: end_user_id.into(), name: format!("{end_user_id} Ltd") }),
        responsible_partner_id: "north".into(),
        valid_from: "2026-01-01".into(),
        valid_until: "2099-12-31".into(),
        grace_days: 14,
        zone: "America/Denver".into(),
        ..pb::License::default()
    }
}

pub(crate) fn agreement(end_user_id: &str, tier_id: &str) -> pb::Agreement {
    pb::Agreement {
        end_user_id: end_user_id.into(),
        tier_id: tier_id.into(),
        valid_from: "2026-01-01".into(),
        valid_until: "2099-12-31".into(),
        zone: "America/Denver".into(),
        liaison_seats: 2,
        ..pb::Agreement::default()
    }
}

pub(crate) fn name_request(agreement_id: &str, email: &str) -> pb::NameLiaisonRequest {
    let liaison = pb::Liaison { name: "Ada".into(), email: email.into(), ..pb::Liaison::default() };
    pb::NameLiaisonRequest { request_id: fresh(), agreement_id: agreement_id.into(), liaison: Some(liaison) }
}

pub(crate) fn invalid() -> (Code, String) {
    (Code::InvalidArgument, "INVALID_FIELD".into())
}

pub(crate) fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

pub(crate) fn exists() -> (Code, String) {
    (Code::AlreadyExists, "ALREADY_EXISTS".into())
}

/// The dates for which days are refused that another agreement covers.
pub(crate) fn overlaps(status: &Status) -> Vec<String> {
    let reason = vouch_contract::status::reason_of(status);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "AGREEMENT_OVERLAPS"));
    let found = vouch_contract::status::findings(status).unwrap().findings;
    found.into_iter().map(|finding| finding.subject).collect()
}

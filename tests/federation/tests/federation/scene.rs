//! The three services together, with a catalogue, a policy, a covered end user and two partners.

use std::time::Duration;

use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::partner::v1::end_user_service_client::EndUserServiceClient;
use vouch_contract::pb::partner::v1::key_set_service_client::KeySetServiceClient;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::admission_policy_service_client::AdmissionPolicyServiceClient;
use vouch_contract::pb::vendor::v1::calendar_service_client::CalendarServiceClient;
use vouch_contract::pb::vendor::v1::case_desk_service_client::CaseDeskServiceClient;
use vouch_contract::pb::vendor::v1::escalation_service_client::EscalationServiceClient;
use vouch_core::World;
use vouch_host::testing::{BearerChannel, Ground, Running, call_bare, fresh};
use vouch_identity::development::Authority;
use vouch_license::LicenseConfig;
use vouch_partner::{Organisation, PartnerConfig, VendorEntry};
use vouch_storage::testing::Database;
use vouch_vendor::{LicenseService, VendorConfig};

use crate::samples;

/// The named contact of the covered end user.
pub(crate) const ADA: &str = "ada@contoso.example";

/// The region that the vendor promises.
pub(crate) const REGION: &str = "eu-central";
/// How much a ticket may have stored at the partner.
pub(crate) const TICKET_BYTES: u64 = 24 * 1024 * 1024;
/// How much south may have stored at the vendor.
pub(crate) const SOUTH_BYTES: u64 = 1000;

/// Three services, in this process, over real sockets.
pub(crate) struct Scene {
    pub(crate) license_ground: Ground,
    pub(crate) license: Running,
    pub(crate) vendor_ground: Ground,
    pub(crate) vendor: Running,
    pub(crate) partner_ground: Ground,
    pub(crate) partner: Running,
    pub(crate) north: Authority,
    pub(crate) south: Authority,
    pub(crate) license_id: String,
    pub(crate) license_key: String,
    pub(crate) customer_id: String,
    /// What the licence service and the partner live in.
    pub(crate) world: World,
    _databases: [Database; 2],
}

impl Scene {
    /// Starts all three on the engine of the given database; the vendor's clock is `world`'s.
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with(database, World::system()).await
    }

    pub(crate) async fn start_with(database: &Database, vendor_world: World) -> Self {
        Self::start_in(database, World::system(), vendor_world).await
    }

    /// The same, with the licence service and the partner in a world of their own.
    pub(crate) async fn start_in(database: &Database, world: World, vendor_world: World) -> Self {
        let engine = database.config.engine();
        let databases = [Database::fresh(engine).await, Database::fresh(engine).await];
        let vendor_ground = Ground::new(vouch_vendor::DOMAIN, "vendor");
        let license_ground = Ground::with_vendor(vouch_license::DOMAIN, "license", &vendor_ground);
        let partner_ground = Ground::with_vendor(vouch_partner::DOMAIN, "partner", &vendor_ground);
        let (north, south) = (Authority::new("north").unwrap(), Authority::new("south").unwrap());

        let config = license_ground.config(databases[0].config.clone());
        let license = Running::start(config, |config, listeners, shutdown| {
            vouch_license::serve(config, LicenseConfig::default(), world.clone(), listeners, shutdown)
        })
        .await;
        let authorities = vendor_ground.path().join("vendor-ca.pem");
        let license_address = format!("https://{}", license.address);
        let vendor = start_vendor(&vendor_ground, &license_address, database, vendor_world).await;

        let own = north.workload("spiffe://north.example/partner/north").unwrap();
        partner_ground.write("north.pem", own.certificate_pem.as_bytes());
        partner_ground.write("north-key.pem", own.key_pem.as_bytes());
        let file = |name: &str| partner_ground.path().join(name);
        let config = PartnerConfig {
            blobs: vouch_partner::BlobSettings { folder: file("blobs"), ..Default::default() },
            diagnostics: vouch_partner::DiagnosticsSettings {
                sweep_seconds: 1,
                bytes_per_ticket: TICKET_BYTES,
                ..Default::default()
            },
            organisations: vec![Organisation {
                id: "north".into(),
                certificate: file("north.pem"),
                key: file("north-key.pem"),
            }],
            vendors: vec![VendorEntry {
                id: "acme".into(),
                name: "Acme".into(),
                license_address,
                vendor_address: format!("https://{}", vendor.address),
                authorities,
                audience: vouch_vendor::DOMAIN.into(),
            }],
        };
        let host = partner_ground.config(databases[1].config.clone());
        let partner = Running::start(host, |host, listeners, shutdown| {
            vouch_partner::serve(host, config, world.clone(), listeners, shutdown)
        })
        .await;
        let mut scene = Self {
            license_ground,
            license,
            vendor_ground,
            vendor,
            partner_ground,
            partner,
            north,
            south,
            license_id: String::new(),
            license_key: String::new(),
            customer_id: String::new(),
            world,
            _databases: databases,
        };
        scene.enter().await;
        scene
    }

    /// Enters catalogue, partners, cover, policy and the partner's customer.
    async fn enter(&mut self) {
        let mut catalog = CatalogServiceClient::new(self.license_staff());
        catalog.create_tier(samples::tier("premium", license::Charging::Prepaid)).await.unwrap();
        catalog.create_product(samples::product()).await.unwrap();
        catalog.publish_release(samples::release()).await.unwrap();
        let manifest_jwks = self.manifest_jwks().await;
        let mut registry = PartnerRegistryServiceClient::new(self.license_staff());
        registry.register_partner(samples::registration("north", &self.north, &manifest_jwks)).await.unwrap();
        registry.register_partner(samples::registration("south", &self.south, r#"{"keys":[]}"#)).await.unwrap();
        let mut licenses = LicenseServiceClient::new(self.license_staff());
        let created = licenses.create_license(samples::license()).await.unwrap().into_inner();
        self.license_id = created.license.unwrap().license_id;
        self.license_key = created.license_key;
        let mut agreements = AgreementServiceClient::new(self.license_staff());
        let agreed = agreements.create_agreement(samples::agreement()).await.unwrap().into_inner().agreement.unwrap();
        agreements.name_liaison(samples::liaison(&agreed.agreement_id)).await.unwrap();
        self.incidents().grant_incidents(samples::pack()).await.unwrap();

        let mut policies = AdmissionPolicyServiceClient::new(self.vendor_staff(&["policy-manager"]));
        policies.publish_admission_policy(samples::policy()).await.unwrap();
        let mut calendars = CalendarServiceClient::new(self.vendor_staff(&["policy-manager"]));
        calendars.publish_coverage(samples::coverage()).await.unwrap();

        let customer = partner::Customer {
            name: "Contoso Ltd".into(),
            organisation: "contoso".into(),
            licenses: vec![partner::CustomerLicense { vendor_id: "acme".into(), license_id: self.license_id.clone() }],
            ..Default::default()
        };
        let request = partner::CreateCustomerRequest { request_id: fresh(), customer: Some(customer) };
        let mut end_users = EndUserServiceClient::new(self.agent());
        self.customer_id = end_users.create_customer(request).await.unwrap().into_inner().customer.unwrap().customer_id;
        // Let in as soon as the vendor has heard of it.
        until(async || {
            call_bare(self.north_at_vendor(), "/vouch.vendor.v1.KeySetService/GetKeySet").await.ok()?;
            call_bare(self.south_at_vendor(), "/vouch.vendor.v1.KeySetService/GetKeySet").await.ok()
        })
        .await;
    }

    /// Starts the vendor service again on its data, once it was stopped.
    pub(crate) async fn start_vendor_again(&mut self, database: &Database) {
        let license_address = format!("https://{}", self.license.address);
        self.vendor = start_vendor(&self.vendor_ground, &license_address, database, World::system()).await;
    }

    /// Waits until proofs are younger than the vendor's feed of licences: they name whole seconds, and a scene is set in less.
    pub(crate) async fn until_followed(&self) {
        let began = World::system().now().as_second();
        until(async || {
            call_bare(self.north_at_vendor(), "/vouch.vendor.v1.KeySetService/GetKeySet").await.ok()?;
            (World::system().now().as_second() > began).then_some(())
        })
        .await;
    }

    async fn manifest_jwks(&self) -> String {
        let mut keys = KeySetServiceClient::new(self.partner_ground.anonymous(self.partner.address));
        keys.get_key_set(partner::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap().jwks
    }

    pub(crate) fn license_staff(&self) -> BearerChannel {
        let roles = ["license-administrator", "account-manager", "partner-manager"];
        // Tokens are judged by the service's clock, so this one is issued at its time.
        let token = self.license_ground.staff.token(&self.world, vouch_license::DOMAIN, "root", None, &roles, 300);
        self.license_ground.bearer(self.license.address, &token.unwrap())
    }

    /// Sets the state of the covered end user's licence.
    pub(crate) async fn set_license_state(&self, state: license::LicenseState) {
        let mut licenses = LicenseServiceClient::new(self.license_staff());
        let get = license::GetLicenseRequest { license_id: self.license_id.clone() };
        let found = licenses.get_license(get).await.unwrap().into_inner().license.unwrap();
        let request = license::SetLicenseStateRequest {
            request_id: fresh(),
            license_id: found.license_id,
            etag: found.etag,
            state: state.into(),
            note: "told so".into(),
        };
        licenses.set_license_state(request).await.unwrap();
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<BearerChannel> {
        IncidentServiceClient::new(self.license_staff())
    }

    pub(crate) fn registry(&self) -> PartnerRegistryServiceClient<BearerChannel> {
        PartnerRegistryServiceClient::new(self.license_staff())
    }

    pub(crate) fn vendor_staff(&self, roles: &[&str]) -> BearerChannel {
        self.vendor_ground.bearer(self.vendor.address, &self.vendor_ground.staff_token("grace", roles))
    }

    /// An engineer of the vendor.
    pub(crate) fn desk(&self) -> CaseDeskServiceClient<BearerChannel> {
        CaseDeskServiceClient::new(self.vendor_staff(&["support-engineer"]))
    }

    pub(crate) fn agent(&self) -> BearerChannel {
        self.partner_staff(&["agent", "partner-manager"])
    }

    /// A person of the partner.
    pub(crate) fn partner_staff(&self, roles: &[&str]) -> BearerChannel {
        let issuer = &self.partner_ground.partner_staff;
        let token = issuer.token(&self.world, vouch_partner::DOMAIN, "bob", Some("north"), roles, 300);
        self.partner_ground.bearer(self.partner.address, &token.unwrap())
    }

    /// An agent's tickets.
    pub(crate) fn tickets(&self) -> TicketServiceClient<BearerChannel> {
        TicketServiceClient::new(self.agent())
    }

    /// An agent's diagnostics.
    pub(crate) fn diagnostics(&self) -> DiagnosticsServiceClient<BearerChannel> {
        DiagnosticsServiceClient::new(self.agent()).max_encoding_message_size(16 * 1024 * 1024)
    }

    /// An agent of another partner organisation of the same deployment.
    pub(crate) fn other_agent(&self) -> BearerChannel {
        let token = self.partner_ground.partner_token("mallory", "south", &["agent"]);
        self.partner_ground.bearer(self.partner.address, &token)
    }

    /// A person of the covered end user, at the partner.
    pub(crate) fn customer(&self) -> BearerChannel {
        self.partner_ground.bearer(self.partner.address, &self.partner_ground.end_user_token("eve", "contoso"))
    }

    pub(crate) fn north_at_vendor(&self) -> Channel {
        self.vendor_ground.workload(self.vendor.address, &self.north, "spiffe://north.example/partner/north")
    }

    pub(crate) fn south_at_vendor(&self) -> Channel {
        self.vendor_ground.workload(self.vendor.address, &self.south, "spiffe://south.example/partner/south")
    }

    /// North's own calls to the gate, past its partner service.
    pub(crate) fn gate(&self) -> EscalationServiceClient<Channel> {
        EscalationServiceClient::new(self.north_at_vendor())
    }

    /// Another partner's.
    pub(crate) fn other_gate(&self) -> EscalationServiceClient<Channel> {
        EscalationServiceClient::new(self.south_at_vendor())
    }

    pub(crate) fn north_at_license(&self) -> Channel {
        self.license_ground.workload(self.license.address, &self.north, "spiffe://north.example/partner/north")
    }

    /// North's own calls to the licence service.
    pub(crate) fn entitlement(&self) -> EntitlementServiceClient<Channel> {
        EntitlementServiceClient::new(self.north_at_license())
    }

    /// How many of the covered end user's incidents are available, reserved and captured.
    pub(crate) async fn account(&self) -> (i64, i64, i64) {
        let request = license::GetIncidentAccountRequest { end_user_id: "contoso".into() };
        let account = self.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
        (account.available, account.reserved, account.captured)
    }

    /// Waits until the account is so.
    pub(crate) async fn until_account(&self, wanted: (i64, i64, i64)) {
        until(async || (self.account().await == wanted).then_some(())).await;
    }

    /// Asks whether the ticket's contact is entitled.
    pub(crate) async fn verify(&self, ticket_id: &str) -> partner::Ticket {
        let request = partner::VerifyEntitlementRequest { request_id: fresh(), ticket_id: ticket_id.into() };
        self.tickets().verify_entitlement(request).await.unwrap().into_inner().ticket.unwrap()
    }

    /// A ticket whose end user is entitled, before anything else.
    pub(crate) async fn verified_ticket(&self) -> partner::Ticket {
        self.verify(&self.open_ticket().await.ticket_id).await
    }

    /// Opens a ticket and does everything that the vendor requires before it is escalated; returns it with its bundle.
    pub(crate) async fn worked_ticket(&self) -> (partner::Ticket, String) {
        let ticket = self.open_ticket().await;
        let id = ticket.ticket_id.clone();
        let verify = partner::VerifyEntitlementRequest { request_id: fresh(), ticket_id: id.clone() };
        self.tickets().verify_entitlement(verify).await.unwrap();
        let search =
            partner::SearchKnowledgeRequest { request_id: fresh(), ticket_id: id.clone(), query: "spool".into() };
        self.tickets().search_knowledge(search).await.unwrap();
        for record in samples::records() {
            let request = partner::RecordTroubleshootingRequest {
                request_id: fresh(),
                ticket_id: id.clone(),
                record: Some(record),
            };
            self.tickets().record_troubleshooting(request).await.unwrap();
        }
        let etag = self.ticket(&id).await.etag;
        let confirm = partner::ConfirmStatementRequest { request_id: fresh(), ticket_id: id.clone(), etag };
        let confirmed = self.tickets().confirm_statement(confirm).await.unwrap().into_inner().ticket.unwrap();
        let bundle_id = self.upload(&id, &samples::manifest(&samples::ARTEFACTS)).await;
        (confirmed, bundle_id)
    }

    pub(crate) async fn open_ticket(&self) -> partner::Ticket {
        let request = self.open_request();
        self.tickets().open_ticket(request).await.unwrap().into_inner().ticket.unwrap()
    }

    pub(crate) fn open_request(&self) -> partner::OpenTicketRequest {
        partner::OpenTicketRequest {
            request_id: fresh(),
            customer_id: self.customer_id.clone(),
            contact_email: ADA.into(),
            vendor_id: "acme".into(),
            problem: Some(samples::problem()),
            channel: common::Channel::Portal.into(),
            test_case: false,
        }
    }

    /// Uploads a bundle for a ticket to the partner and commits it. It asks what is missing first, as everybody does: what is there is
    /// leased by that, and is not collected meanwhile.
    pub(crate) async fn upload(&self, ticket_id: &str, (manifest, blobs): &(Vec<u8>, Vec<Vec<u8>>)) -> String {
        let contents: Vec<_> = blobs.iter().chain([manifest]).collect();
        let asked = partner::FindMissingBlobsRequest {
            ticket_id: ticket_id.into(),
            blobs: contents.iter().map(|content| samples::blob(content)).collect(),
        };
        let missing = self.diagnostics().find_missing_blobs(asked).await.unwrap().into_inner().missing;
        for blob in missing {
            let content = contents.iter().find(|content| samples::blob(content) == blob).unwrap();
            let (ticket_id, part) = (ticket_id.into(), Vec::clone(content).into());
            let request = partner::WriteBlobRequest { ticket_id, blob: Some(blob), offset_bytes: 0, part };
            self.diagnostics().write_blob(tokio_stream::iter([request])).await.unwrap();
        }
        let manifest = Some(samples::blob(manifest));
        let request = partner::CommitBundleRequest { ticket_id: ticket_id.into(), manifest };
        self.diagnostics().commit_bundle(request).await.unwrap().into_inner().bundle.unwrap().bundle_id
    }

    pub(crate) async fn ticket(&self, ticket_id: &str) -> partner::Ticket {
        let request = partner::GetTicketRequest { ticket_id: ticket_id.into(), ..Default::default() };
        self.tickets().get_ticket(request).await.unwrap().into_inner().ticket.unwrap()
    }

    /// Hands a ticket over and returns at once.
    pub(crate) async fn escalate(&self, ticket_id: &str, bundle_id: &str) -> partner::Ticket {
        let request = partner::EscalateTicketRequest {
            request_id: fresh(),
            ticket_id: ticket_id.into(),
            bundle_id: bundle_id.into(),
        };
        self.tickets().escalate_ticket(request).await.unwrap().into_inner().ticket.unwrap()
    }

    /// Waits until a ticket is in a state, and everything that was to be sent is in the joint history.
    pub(crate) async fn until_state(&self, ticket_id: &str, state: partner::TicketState) -> partner::Ticket {
        until(async || {
            let ticket = self.ticket(ticket_id).await;
            let pending = ticket.escalation.as_ref().map_or(0, |escalation| escalation.pending);
            (ticket.state() == state && pending == 0).then_some(ticket)
        })
        .await
    }

    /// A ticket that the vendor has a case for; returns it with the case's id.
    pub(crate) async fn escalated(&self) -> (partner::Ticket, String) {
        let (ticket, bundle_id) = self.worked_ticket().await;
        self.escalate(&ticket.ticket_id, &bundle_id).await;
        let ticket = self.until_state(&ticket.ticket_id, partner::TicketState::Escalated).await;
        let case_id = ticket.escalation.clone().unwrap().case_id;
        (ticket, case_id)
    }

    pub(crate) async fn desk_case(&self, case_id: &str) -> vendor::GetDeskCaseResponse {
        let request = vendor::GetDeskCaseRequest { case_id: case_id.into(), ..Default::default() };
        self.desk().get_desk_case(request).await.unwrap().into_inner()
    }
}

async fn start_vendor(ground: &Ground, license_address: &str, database: &Database, world: World) -> Running {
    let authorities = ground.path().join("vendor-ca.pem");
    let config = VendorConfig {
        name: vouch_vendor::DOMAIN.into(),
        license: LicenseService::at(license_address.into(), authorities),
        blobs: vouch_vendor::BlobSettings { folder: ground.path().join("blobs"), ..Default::default() },
        diagnostics: vouch_vendor::DiagnosticsSettings {
            sweep_seconds: 1,
            region: REGION.into(),
            bytes_of: [("south".into(), SOUTH_BYTES)].into(),
            ..Default::default()
        },
    };
    Running::start(ground.config(database.config.clone()), |host, listeners, shutdown| {
        vouch_vendor::serve(host, config, world, listeners, shutdown)
    })
    .await
}

/// Asks again and again until there is an answer, for at most as long as a test may take. Nothing sleeps: each question is an RPC.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let answered = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    answered.await.unwrap()
}

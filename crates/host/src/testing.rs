//! Running a service inside a test: an authority, an issuer and certificates made on the spot.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use vouch_core::World;
use vouch_identity::development::{Authority, TokenIssuer};
use vouch_storage::StoreConfig;

use crate::client::{self, ClientIdentity, ClientTls};
use crate::config::{
    HostConfig, IssuerConfig, LimitsConfig, ListenConfig, LogConfig, LogFormat, TlsConfig,
};

/// The vendor's trust domain in tests.
pub const VENDOR_DOMAIN: &str = "vendor.example";

/// Everything around a service under test.
#[derive(Debug)]
pub struct Ground {
    folder: TempDir,
    /// The vendor's authority: it also signs the certificate that the service shows.
    pub vendor: Authority,
    /// The issuer of the vendor's staff.
    pub staff: TokenIssuer,
    /// The issuer of end users.
    pub end_users: TokenIssuer,
    audience: &'static str,
}

impl Ground {
    /// Ground for a service with the given audience of tokens.
    pub fn new(audience: &'static str, service: &str) -> Self {
        let log = LogConfig { format: LogFormat::Text, level: "error".into() };
        crate::telemetry::start_logs(&log).expect("a filter");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let vendor = Authority::new("vendor").expect("an authority");
        let ground = Self {
            folder,
            vendor,
            staff: TokenIssuer::new("https://staff.vendor.example").expect("an issuer"),
            end_users: TokenIssuer::new("https://id.customers.example").expect("an issuer"),
            audience,
        };
        let own = ground.vendor.workload(&format!("spiffe://{VENDOR_DOMAIN}/vendor/{service}")).expect("a certificate");
        ground.write("service.pem", own.certificate_pem.as_bytes());
        ground.write("service-key.pem", own.key_pem.as_bytes());
        ground.write("vendor-ca.pem", ground.vendor.certificate_pem().as_bytes());
        ground.write("root.key", &World::system().random::<32>());
        ground.write("staff.jwks", ground.staff.jwks().expect("keys").as_bytes());
        ground.write("end-users.jwks", ground.end_users.jwks().expect("keys").as_bytes());
        ground
    }

    /// The folder with its files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).expect("a file is written");
    }

    /// A configuration on this ground, on free ports.
    pub fn config(&self, store: StoreConfig) -> HostConfig {
        let file = |name: &str| self.folder.path().join(name);
        let issuer = |issuer: &TokenIssuer, kind: &str, jwks: &str| IssuerConfig {
            issuer: issuer.issuer.clone(),
            audience: self.audience.into(),
            kind: kind.into(),
            organisation: None,
            algorithms: vec!["ES256".into()],
            jwks_file: Some(file(jwks)),
            jwks_url: None,
        };
        HostConfig {
            listen: ListenConfig::default(),
            tls: TlsConfig { certificate: file("service.pem"), key: file("service-key.pem") },
            trust: vec![(vouch_identity::TrustDomain::parse(VENDOR_DOMAIN).expect("a trust domain"), file("vendor-ca.pem"))],
            workloads: vec![vouch_identity::SpiffeId::parse("spiffe://vendor.example/vendor/vendor").expect("an id")],
            issuers: vec![
                issuer(&self.staff, "vendor-staff", "staff.jwks"),
                issuer(&self.end_users, "end-user", "end-users.jwks"),
            ],
            store,
            root_secret: file("root.key"),
            limits: LimitsConfig { drain_seconds: 5, ..LimitsConfig::default() },
            log: LogConfig { format: LogFormat::Text, level: "warn".into() },
        }
    }

    /// A bearer token of the vendor's staff.
    pub fn staff_token(&self, subject: &str, roles: &[&str]) -> String {
        self.staff.token(&World::system(), self.audience, subject, None, roles, 300).expect("a token")
    }

    /// A bearer token of an end user.
    pub fn end_user_token(&self, subject: &str, organisation: &str) -> String {
        self.end_users.token(&World::system(), self.audience, subject, Some(organisation), &[], 300).expect("a token")
    }

    /// A channel that shows no certificate.
    pub fn anonymous(&self, address: SocketAddr) -> Channel {
        self.channel(address, None)
    }

    /// A channel that shows a workload's certificate, signed by the given authority.
    pub fn workload(&self, address: SocketAddr, authority: &Authority, spiffe_id: &str) -> Channel {
        let identity = authority.workload(spiffe_id).expect("a certificate");
        let identity =
            ClientIdentity { certificate: identity.certificate_pem.as_bytes(), key: identity.key_pem.as_bytes() };
        self.channel(address, Some(identity))
    }

    /// A channel that carries a bearer token.
    pub fn bearer(&self, address: SocketAddr, token: &str) -> BearerChannel {
        with_bearer(self.anonymous(address), token)
    }

    fn channel(&self, address: SocketAddr, identity: Option<ClientIdentity<'_>>) -> Channel {
        let tls = ClientTls::new(self.vendor.certificate_pem().as_bytes(), identity).expect("the files fit");
        client::channel(&format!("https://{address}"), Arc::new(tls)).expect("an address")
    }
}

/// A channel whose requests carry a bearer token.
pub type BearerChannel = InterceptedService<Channel, Bearer>;

/// Adds a bearer token to every request.
#[derive(Debug, Clone)]
pub struct Bearer(AsciiMetadataValue);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The same channel, with a bearer token on every request.
pub fn with_bearer(channel: Channel, token: &str) -> BearerChannel {
    let value = format!("Bearer {token}").parse().expect("a token is ASCII");
    InterceptedService::new(channel, Bearer(value))
}

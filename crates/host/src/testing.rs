//! Running a service inside a test: an authority, an issuer and certificates made on the spot.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_core::World;
use vouch_identity::development::{Authority, TokenIssuer};
use vouch_storage::StoreConfig;

use crate::client::{self, ClientIdentity, ClientTls};
use crate::config::{HostConfig, IssuerConfig, LimitsConfig, ListenConfig, LogConfig, LogFormat, TlsConfig};
use crate::{Listeners, ServeError};

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
    /// The issuer of partners' staff.
    pub partner_staff: TokenIssuer,
    /// The issuer of end users.
    pub end_users: TokenIssuer,
    audience: &'static str,
}

impl Ground {
    /// Ground for a service with the given audience of tokens.
    pub fn new(audience: &'static str, service: &str) -> Self {
        let log = LogConfig { format: LogFormat::Text, level: "error".into() };
        crate::telemetry::start_logs(&log).expect("a filter");
        Self::lay(audience, service, Authority::new("vendor").expect("an authority"))
    }

    /// Ground for another service of the same vendor.
    pub fn with_vendor(audience: &'static str, service: &str, other: &Self) -> Self {
        let vendor = Authority::restore(other.vendor.certificate_pem(), other.vendor.key_pem());
        Self::lay(audience, service, vendor.expect("an authority"))
    }

    fn lay(audience: &'static str, service: &str, vendor: Authority) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ground = Self {
            folder,
            vendor,
            staff: TokenIssuer::new("https://staff.vendor.example").expect("an issuer"),
            partner_staff: TokenIssuer::new("https://id.partners.example").expect("an issuer"),
            end_users: TokenIssuer::new("https://id.customers.example").expect("an issuer"),
            audience,
        };
        let own = ground.vendor.workload(&format!("spiffe://{VENDOR_DOMAIN}/vendor/{service}")).expect("a certificate");
        ground.write("service.pem", own.certificate_pem.as_bytes());
        ground.write("service-key.pem", own.key_pem.as_bytes());
        ground.write("vendor-ca.pem", ground.vendor.certificate_pem().as_bytes());
        ground.write("root.key", &World::system().random::<32>());
        ground.write("staff.jwks", ground.staff.jwks().expect("keys").as_bytes());
        ground.write("partner-staff.jwks", ground.partner_staff.jwks().expect("keys").as_bytes());
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
            trust: vec![(
                vouch_identity::TrustDomain::parse(VENDOR_DOMAIN).expect("a trust domain"),
                file("vendor-ca.pem"),
            )],
            workloads: vec![vouch_identity::SpiffeId::parse("spiffe://vendor.example/vendor/vendor").expect("an id")],
            issuers: vec![
                issuer(&self.staff, "vendor-staff", "staff.jwks"),
                issuer(&self.partner_staff, "partner-staff", "partner-staff.jwks"),
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

    /// A bearer token of a partner's staff.
    pub fn partner_token(&self, subject: &str, partner: &str, roles: &[&str]) -> String {
        let world = World::system();
        self.partner_staff.token(&world, self.audience, subject, Some(partner), roles, 300).expect("a token")
    }

    /// A bearer token of an end user, whose address is `subject@organisation.example`.
    pub fn end_user_token(&self, subject: &str, organisation: &str) -> String {
        let (world, email) = (World::system(), format!("{subject}@{organisation}.example"));
        self.end_users
            .token_with_email(&world, self.audience, subject, Some(organisation), &[], Some(&email), 300)
            .expect("a token")
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

/// A service that runs inside a test.
#[derive(Debug)]
pub struct Running {
    /// Where gRPC is served.
    pub address: SocketAddr,
    /// Where the operator is answered.
    pub ops: SocketAddr,
    /// Where browsers are served.
    pub browsers: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// Binds free ports and starts a service on them. `serve` gets the configuration, the listeners, and what resolves when
    /// the service is to stop.
    pub async fn start<F, Fut>(config: HostConfig, serve: F) -> Self
    where
        F: FnOnce(HostConfig, Listeners, Pin<Box<dyn Future<Output = ()> + Send>>) -> Fut,
        Fut: Future<Output = Result<(), ServeError>> + Send + 'static,
    {
        let listeners = Listeners::bind(&config).await.expect("free ports");
        let (address, ops) = (listeners.rpc_address(), listeners.ops_address());
        let browsers = listeners.browsers_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = Box::pin(async move {
            let _ = stopped.await;
        });
        let task = tokio::spawn(serve(config, listeners, shutdown));
        Self { address, ops, browsers, stop: Some(stop), task }
    }

    /// Tells the service to stop, without waiting for it.
    pub fn tell_to_stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Stops the service, so that another one can take its place on the same data.
    pub async fn stop(&mut self) -> Result<(), ServeError> {
        self.tell_to_stop();
        (&mut self.task).await.expect("a service does not panic")
    }

    /// Waits until the service has stopped.
    pub async fn stopped(self) -> Result<(), ServeError> {
        self.task.await.expect("a service does not panic")
    }
}

/// A request id that no other test uses.
pub fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("request-{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

/// The code and reason of a refusal.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("a refusal");
    (status.code(), vouch_contract::status::reason_of(&status))
}

/// The fields that a refusal names.
pub fn fields<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = answer.expect_err("a refusal");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    vouch_contract::status::fields_of(&status)
}

/// Calls an RPC with an empty request and waits for the first answer: the cells of an access matrix. A stream may go on.
pub async fn call_bare<C>(channel: C, path: &str) -> Result<(), Status>
where
    C: tonic::client::GrpcService<tonic::body::Body>,
    C::Error: Into<tonic::codegen::StdError>,
    C::ResponseBody: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    call_with(channel, path, ()).await
}

/// The same, with a request of whatever type.
pub async fn call_with<C, M>(channel: C, path: &str, request: M) -> Result<(), Status>
where
    M: prost::Message + 'static,
    C: tonic::client::GrpcService<tonic::body::Body>,
    C::Error: Into<tonic::codegen::StdError>,
    C::ResponseBody: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.into().to_string()))?;
    let path = path.parse().map_err(|_| Status::invalid_argument("no path"))?;
    let codec = tonic_prost::ProstCodec::<M, ()>::default();
    let mut answers = client.server_streaming(tonic::Request::new(request), path, codec).await?.into_inner();
    answers.message().await.map(|_| ())
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

//! From bound sockets to a drained stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_web::GrpcWebLayer;
use vouch_core::World;
use vouch_identity::{Access, AccessLayer, AccessRules, Guide, Issuers, TrustBundles, WorkloadDirectory};
use vouch_storage::{Secrets, SecretsError, Store, StoreError};

use crate::config::HostConfig;
use crate::connections::{ClientCertificates, Connections, ServerTls};
use crate::ops::{self, Readiness};
use crate::{Edge, EdgeLayer, Jobs, SigningKeys, Trust, browsers, jwks, telemetry};

/// Why a service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A socket could not be bound or served.
    #[error("{what}")]
    Listen {
        /// What was tried.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store could not be opened.
    #[error("the store could not be opened")]
    Store(#[from] StoreError),
    /// The root secret cannot be used.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A file or the contract itself cannot be used.
    #[error("{0}")]
    Setup(String),
    /// Starting failed inside.
    #[error(transparent)]
    Start(#[from] vouch_core::Error),
}

/// The sockets of a service, bound before anything else.
#[derive(Debug)]
pub struct Listeners {
    rpc: TcpListener,
    ops: TcpListener,
    browsers: Option<TcpListener>,
}

impl Listeners {
    /// Binds the sockets that the configuration names; port 0 takes a free one.
    pub async fn bind(config: &HostConfig) -> Result<Self, ServeError> {
        let browsers = match config.listen.browsers {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self { rpc: bind(config.listen.address).await?, ops: bind(config.listen.ops).await?, browsers })
    }

    /// Where gRPC is served.
    pub fn rpc_address(&self) -> SocketAddr {
        address(&self.rpc)
    }

    /// Where the operator is answered.
    pub fn ops_address(&self) -> SocketAddr {
        address(&self.ops)
    }

    /// Where browsers are served.
    pub fn browsers_address(&self) -> Option<SocketAddr> {
        self.browsers.as_ref().map(address)
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { what: format!("cannot listen on {address}"), source: source.into() })
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// A service that is being put together: its ground is laid, its routes are not.
pub struct Server {
    /// The database, its schema up to date.
    pub store: Store,
    /// The keys under which secrets are kept.
    pub secrets: Arc<Secrets>,
    /// Whose certificates are believed.
    pub trust: Arc<Trust>,
    /// Clock and entropy.
    pub world: World,
    /// The service's loops.
    pub jobs: Jobs,
    /// Who tells customers where to turn, where the service serves none.
    pub guide: Option<Arc<dyn Guide>>,
    config: HostConfig,
    domain: &'static str,
    issuers: Issuers,
    tls: Vec<Arc<ServerTls>>,
    readiness: Readiness,
    stop: watch::Sender<bool>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// How often files are looked at for changes, and the store for a sign of life.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often signing keys are looked at: well within the time for which a new one is published before it signs.
const LOOK_FOR_KEYS: Duration = Duration::from_secs(30);
/// How often keys are fetched anew.
const FETCH_AGAIN: Duration = Duration::from_mins(5);
/// How often stored results past their time are swept out.
const SWEEP: Duration = Duration::from_hours(1);

impl Server {
    /// Lays the ground: opens the store and brings its schema up to date, reads secrets, certificates and keys.
    pub async fn prepare(
        config: HostConfig,
        domain: &'static str,
        migrations: &vouch_storage::Migrations,
        world: World,
    ) -> Result<Self, ServeError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let secrets = Arc::new(Secrets::from_file(&config.root_secret)?);
        let trust =
            Trust::new(TrustBundles::empty(provider.clone()), config.trust.clone()).map_err(ServeError::Setup)?;
        let believed = config.issuers.iter().map(crate::config::IssuerConfig::to_issuer).collect::<Result<_, _>>();
        let issuers = Issuers::new(believed.map_err(ServeError::Setup)?);
        jwks::read_files(&issuers, &config.issuers).map_err(ServeError::Setup)?;
        if let Err(error) = jwks::fetch(&issuers, &config.issuers, &provider).await {
            // The issuer may come up later; until then its tokens are refused.
            tracing::warn!(%error, "an issuer's keys could not be fetched");
        }
        let store = Store::open(&config.store, migrations).await?;
        let (stop, stopped) = watch::channel(false);
        Ok(Self {
            store,
            secrets,
            trust: Arc::new(trust),
            world,
            jobs: Jobs::new(stopped),
            guide: None,
            config,
            domain,
            issuers,
            tls: Vec::new(),
            readiness: Readiness::default(),
            stop,
            provider,
        })
    }

    /// The vendor's own services that the operator lets call.
    pub fn configured_workloads(&self) -> &[vouch_identity::SpiffeId] {
        &self.config.workloads
    }

    /// Opens the signing keys of a purpose, and keeps looking for changes that other replicas make to them. What a key signed is in
    /// use for so long.
    pub async fn signing_keys(
        &mut self,
        purpose: &'static str,
        in_use: SignedDuration,
    ) -> Result<Arc<SigningKeys>, ServeError> {
        let (store, secrets, world) = (self.store.clone(), self.secrets.clone(), self.world.clone());
        let keys = Arc::new(SigningKeys::open(purpose, in_use, store, secrets, world).await?);
        let watched = keys.clone();
        self.jobs.every("look for changes of the keys", LOOK_FOR_KEYS, move || {
            let keys = watched.clone();
            async move { keys.reload().await }
        });
        Ok(keys)
    }

    /// Turns true when the service stops: streams and loops end then.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The largest message that a handler may be sent.
    pub fn message_bytes(&self) -> usize {
        self.config.limits.message_bytes
    }

    /// Serves until `shutdown` resolves, then drains: not serving, no new connections, requests under way to their end or
    /// to the deadline, loops ended, store closed.
    pub async fn serve(
        mut self,
        routes: Routes,
        directory: Arc<dyn WorkloadDirectory>,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let rules = AccessRules::from_contract(vouch_contract::pool()).map_err(ServeError::Setup)?;
        telemetry::metrics();
        let issuers = std::mem::replace(&mut self.issuers, Issuers::new(Vec::new()));
        let access = Arc::new(Access {
            rules,
            bundles: self.trust.bundles().clone(),
            issuers,
            directory,
            domain: self.domain,
            world: self.world.clone(),
            guide: self.guide.take(),
        });
        let health = HealthReporter::new();
        // Ordering: told before the first connection is answered, so that nobody who asks is told "unknown".
        tell(&self.readiness, &health, self.domain).await;
        let routes = with_infrastructure(routes, &health)?;

        let (rpc, rpc_address) = (listeners.rpc, listeners.browsers.as_ref().map(address));
        let mut serving = vec![self.spawn_rpc(rpc, ClientCertificates::Optional, routes.clone(), access.clone())?];
        if let Some(browsers) = listeners.browsers {
            serving.push(self.spawn_rpc(browsers, ClientCertificates::Never, routes, access.clone())?);
            tracing::info!(listen.address = ?rpc_address, "serving browsers");
        }
        let ops = tokio::spawn(ops::serve(listeners.ops, self.readiness.clone(), self.stopped()));
        self.spawn_jobs(access, health.clone());

        self.store.ping().await?;
        self.readiness.set(true);
        tell(&self.readiness, &health, self.domain).await;
        tracing::info!(service = self.domain, "ready");
        shutdown.await;

        // Ordering: those who ask whether to send work here hear no before the first request is turned away.
        self.readiness.stop();
        tell(&self.readiness, &health, self.domain).await;
        tracing::info!(service = self.domain, "stopping");
        let _ = self.stop.send(true);
        let (deadline, domain) = (self.config.limits.drain(), self.domain);
        let Self { store, jobs, .. } = self;
        let drained = tokio::time::timeout(deadline, async move {
            for task in &mut serving {
                let _ = task.await;
            }
            jobs.join().await;
            let _ = ops.await;
            store.close().await;
        });
        if drained.await.is_err() {
            tracing::warn!("requests were still under way at the deadline; they end with the process");
        }
        tracing::info!(service = domain, "stopped");
        Ok(())
    }

    fn spawn_rpc(
        &mut self,
        listener: TcpListener,
        client_certificates: ClientCertificates,
        routes: Routes,
        access: Arc<Access>,
    ) -> Result<tokio::task::JoinHandle<Result<(), tonic::transport::Error>>, ServeError> {
        let files = &self.config.tls;
        let read = |path: &std::path::Path| {
            std::fs::read(path).map_err(|error| ServeError::Setup(format!("{}: {error}", path.display())))
        };
        let tls = ServerTls::new(
            self.provider.clone(),
            self.trust.bundles().clone(),
            client_certificates,
            &read(&files.certificate)?,
            &read(&files.key)?,
        );
        let tls = Arc::new(tls.map_err(ServeError::Setup)?);
        self.tls.push(tls.clone());

        let limits = &self.config.limits;
        let age = Duration::from_mins(limits.connection_minutes);
        // Pages call the listener without client certificates; the other one does not pay for their headers.
        let cors = match client_certificates {
            ClientCertificates::Optional => None,
            ClientCertificates::Never => Some(browsers::cors(&self.config.listen.origins)),
        };
        let server = tonic::transport::Server::builder()
            .accept_http1(true)
            .max_concurrent_streams(limits.requests_per_connection)
            .max_connection_age(age)
            .max_connection_age_grace(limits.drain())
            .http2_keepalive_interval(Some(Duration::from_mins(1)))
            .http2_max_pending_accept_reset_streams(Some(64))
            .http2_max_header_list_size(16 * 1024)
            .layer(tower::util::option_layer(cors))
            .layer(GrpcWebLayer::new())
            .layer(EdgeLayer(Edge { domain: self.domain, longest: limits.request() }))
            .layer(AccessLayer(access))
            .add_routes(routes);
        let incoming = Connections::accept(listener, tls, limits.connections);
        Ok(tokio::spawn(server.serve_with_incoming_shutdown(incoming, self.stopped())))
    }

    fn spawn_jobs(&mut self, access: Arc<Access>, health: HealthReporter) {
        let (config, trust, tls) = (self.config.clone(), self.trust.clone(), self.tls.clone());
        let for_files = access.clone();
        self.jobs.every("reload certificates and keys", LOOK_AGAIN, move || {
            // Each on its own: a bundle that cannot be read must not keep an old certificate in use.
            let certificates =
                tls.iter().map(|tls| tls.reload(&config.tls.certificate, &config.tls.key)).collect::<Vec<_>>();
            let others = [trust.reload(), jwks::read_files(&for_files.issuers, &config.issuers)];
            let outcome = jwks::all(certificates.into_iter().chain(others));
            std::future::ready(outcome)
        });
        let (configs, provider) = (self.config.issuers.clone(), self.provider.clone());
        if configs.iter().any(|config| config.jwks_url.is_some()) {
            self.jobs.every("fetch issuers' keys", FETCH_AGAIN, move || {
                let (access, configs, provider) = (access.clone(), configs.clone(), provider.clone());
                async move { jwks::fetch(&access.issuers, &configs, &provider).await }
            });
        }
        let (store, readiness, domain) = (self.store.clone(), self.readiness.clone(), self.domain);
        self.jobs.every("ask the store for a sign of life", LOOK_AGAIN, move || {
            let (store, readiness, health) = (store.clone(), readiness.clone(), health.clone());
            async move {
                let alive = store.ping().await;
                readiness.set(alive.is_ok());
                tell(&readiness, &health, domain).await;
                alive
            }
        });
        // Without upkeep the samples of histograms pile up until somebody asks for them.
        self.jobs.every("keep the metrics small", LOOK_AGAIN, || {
            telemetry::metrics().run_upkeep();
            std::future::ready(Ok::<(), String>(()))
        });
        let (store, world) = (self.store.clone(), self.world.clone());
        self.jobs.every("sweep stored results", SWEEP, move || {
            let (store, now) = (store.clone(), world.now());
            async move {
                let mut tx = store.begin().await?;
                vouch_storage::results::sweep(&mut tx, now).await?;
                tx.commit().await.map_err(StoreError::from)
            }
        });
    }

    /// Resolves when the service stops.
    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stop.subscribe();
        async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    }
}

/// Adds health, which anybody may ask, and reflection, which known callers may.
fn with_infrastructure(routes: Routes, health: &HealthReporter) -> Result<Routes, ServeError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(vouch_contract::DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| ServeError::Setup(error.to_string()))?;
    let health = tonic_health::pb::health_server::HealthServer::new(
        tonic_health::server::HealthService::from_health_reporter(health.clone()),
    );
    Ok(routes.add_service(health).add_service(reflection))
}

/// Tells those who ask for the health of this service, or of one of its RPC services, how it is.
async fn tell(readiness: &Readiness, health: &HealthReporter, domain: &str) {
    let status = if readiness.get() { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status("", status).await;
    let package = format!("vouch.{}.", domain.split('.').next().unwrap_or_default());
    for service in vouch_contract::services().filter(|service| service.full_name().starts_with(&package)) {
        health.set_service_status(service.full_name(), status).await;
    }
}

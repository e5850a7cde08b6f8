//! The vendor service: the back line.
//!
//! Run by the vendor; called by partner services and vendor engineers. It follows the licence service's registry to know who
//! its partners are, keeps the knowledge base, takes bundles of diagnostics in, and publishes the keys that verify its
//! receipts. The gate and the cases are in the contract and come here next; what is not served answers `NOT_SERVED`.
//!
//! Read in this order: `domain` (the rules), `store` (the only SQL), `grpc` (one file for each RPC service),
//! [`partners`] (who may call), [`Vendor`] (the service as a program).
//!
//! It deliberately does not know licences, agreements or keys of licences: it knows what a proof says.

pub mod commands;
mod config;
pub mod domain;
mod grpc;
pub mod partners;
pub mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use vouch_core::World;
use vouch_host::client::{self, ClientFiles};
use vouch_host::config::{HostConfig, Loaded};
use vouch_host::{Listeners, Rpc, ServeError, Server, Service};
use vouch_storage::blobs::Blobs;

pub use config::{BlobSettings, LicenseService, VendorConfig};
pub use store::MIGRATIONS;

/// The service's name in errors.
pub const DOMAIN: &str = "vendor.vouch";

/// How often the registry of partners is read.
const FOLLOW: Duration = Duration::from_millis(500);
/// How long the first reading of the registry may hold up the start.
const FIRST_READ: Duration = Duration::from_secs(2);
/// How often the files of the client's certificate are read again.
const RELOAD: Duration = Duration::from_secs(5);
/// Serves until `shutdown` resolves.
pub async fn serve(
    host: HostConfig,
    config: VendorConfig,
    world: World,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let files = ClientFiles {
        authorities: config.license.authorities,
        certificate: host.tls.certificate.clone(),
        key: host.tls.key.clone(),
    };
    let tls = Arc::new(files.read().map_err(ServeError::Setup)?);
    let channel = client::channel(&config.license.address, tls.clone()).map_err(ServeError::Setup)?;
    let mut server = Server::prepare(host, DOMAIN, &MIGRATIONS, world.clone()).await?;
    let (store, secrets) = (server.store.clone(), server.secrets.clone());
    let keys = server.signing_keys("receipt").await?;
    let configured = server.configured_workloads().to_vec();
    let partners = Arc::new(partners::Partners::new(channel, server.trust.clone(), configured));

    // Known before the first request, where the licence service answers; nobody has to wait for one that does not.
    match tokio::time::timeout(FIRST_READ, partners.follow()).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => tracing::warn!(problem, "the registry of partners could not be read yet"),
        Err(_) => tracing::warn!("the licence service does not answer yet"),
    }
    server.jobs.every("reload the certificate shown to the licence service", RELOAD, move || {
        std::future::ready(files.reload(&tls))
    });
    let followed = partners.clone();
    server.jobs.every("follow the registry of partners", FOLLOW, move || {
        let partners = followed.clone();
        async move { partners.follow().await }
    });
    let blobs = Blobs::local(store.clone(), &config.blobs.folder, world.clone())?;
    let handlers =
        grpc::Handlers { rpc: Rpc { domain: DOMAIN, store, secrets, world }, keys, partners: partners.clone(), blobs };
    let routes = handlers.routes(server.message_bytes());
    server.serve(routes, partners, listeners, shutdown).await
}

/// The service as a program.
#[derive(Debug)]
pub struct Vendor;

impl Service for Vendor {
    type Config = VendorConfig;
    const NAME: &'static str = "vouch-vendor";
    const ABOUT: &'static str = "The vendor service: the back line";

    fn configure(loaded: &mut Loaded) -> VendorConfig {
        VendorConfig::take(loaded)
    }

    fn show(config: &VendorConfig) -> String {
        toml::to_string(config).map(|own| format!("\n{own}")).unwrap_or_default()
    }

    async fn serve(
        host: HostConfig,
        config: VendorConfig,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        serve(host, config, World::system(), listeners, shutdown).await
    }
}

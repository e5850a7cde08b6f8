//! The partner service: the front line.
//!
//! Run by a partner; one deployment may host several partner organisations. Called by partner portals, agents, and end users
//! through a portal. It keeps end-user organisations and the directory of vendors, and publishes the keys that verify the
//! manifests it signs. Tickets, diagnostics and the outbox are in the contract and come here next; what is not served
//! answers `NOT_SERVED`.
//!
//! Read in this order: `domain` (the rules), `store` (the only SQL), `grpc` (one file for each RPC service), [`Partner`] (the
//! service as a program).
//!
//! It deliberately does not know a vendor's rules of entitlement or admission: it asks.

mod config;
pub mod domain;
mod grpc;
pub mod store;

use std::future::Future;
use std::sync::Arc;

use vouch_core::World;
use vouch_host::config::{HostConfig, Loaded};
use vouch_host::{Listeners, Rpc, ServeError, Server, Service};
use vouch_identity::{SpiffeId, Workload, WorkloadDirectory};

pub use config::{PartnerConfig, VendorEntry};
pub use store::MIGRATIONS;

/// The service's name in errors.
pub const DOMAIN: &str = "partner.vouch";

/// Nobody's systems call a partner service by certificate alone: its callers are people, and portals that act for them.
#[derive(Debug)]
struct NoWorkloads;

impl WorkloadDirectory for NoWorkloads {
    fn find(&self, _id: &SpiffeId) -> Option<Workload> {
        None
    }
}

/// Serves until `shutdown` resolves.
pub async fn serve(
    host: HostConfig,
    config: PartnerConfig,
    world: World,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let mut server = Server::prepare(host, DOMAIN, &MIGRATIONS, world.clone()).await?;
    let (store, secrets) = (server.store.clone(), server.secrets.clone());
    let keys = server.signing_keys("manifest").await?;
    let rpc = Rpc { domain: DOMAIN, store, secrets, world };
    let handlers = grpc::Handlers { rpc, keys, vendors: config.vendors.into() };
    let routes = handlers.routes(server.message_bytes());
    server.serve(routes, Arc::new(NoWorkloads), listeners, shutdown).await
}

/// The service as a program.
#[derive(Debug)]
pub struct Partner;

impl Service for Partner {
    type Config = PartnerConfig;
    const NAME: &'static str = "vouch-partner";
    const ABOUT: &'static str = "The partner service: the front line";

    fn configure(loaded: &mut Loaded) -> PartnerConfig {
        PartnerConfig::take(loaded)
    }

    fn show(config: &PartnerConfig) -> String {
        toml::to_string(config).map(|own| format!("\n{own}")).unwrap_or_default()
    }

    async fn serve(
        host: HostConfig,
        config: PartnerConfig,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        serve(host, config, World::system(), listeners, shutdown).await
    }
}

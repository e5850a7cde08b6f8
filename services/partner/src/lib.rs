//! The partner service: the front line.
//!
//! Run by a partner; one deployment may host several partner organisations. Called by partner portals, agents, and end users
//! through a portal. It keeps end-user organisations and the directory of vendors, tickets with their notes, and diagnostics; it
//! hands tickets over to vendors through its outbox, follows the vendors' feeds, and publishes the keys that verify the
//! manifests it signs.
//!
//! Read in this order: `domain` (the rules: `ticket`, and `handover`, what follows from a vendor's answers), `commands` (lock,
//! ask, write), `store` (the only SQL), `grpc` (one file for each RPC service), [`links`] (the ways to vendors), [`sender`] (the
//! outbox) with [`transfer`] (bundles) and `charging` (incidents), [`follower`] (the feeds), [`liaisons`] (notices of removed
//! ones), [`profiles`] (what vendors want to be collected) with [`analyses`] (known problems in bundles), [`retention`] (what is given
//! up), [`Partner`] (the service as a program).
//!
//! It deliberately does not know a vendor's rules of entitlement or admission: it asks.

pub mod analyses;
pub mod categories;
mod charging;
pub mod commands;
mod config;
pub mod domain;
pub mod follower;
mod grpc;
pub mod liaisons;
pub mod links;
pub mod profiles;
pub mod promised;
pub mod retention;
pub mod sender;
pub mod store;
pub mod transfer;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use vouch_core::World;
use vouch_host::config::{HostConfig, Loaded};
use vouch_host::{Bell, Listeners, Rpc, ServeError, Server, Service};
use vouch_identity::{Identity, SpiffeId, WorkloadDirectory};
use vouch_storage::blobs::Blobs;
use vouch_storage::outbox;

pub use config::{BlobSettings, DiagnosticsSettings, Organisation, PartnerConfig, VendorEntry};
pub use store::MIGRATIONS;

/// The service's name in errors.
pub const DOMAIN: &str = "partner.vouch";

/// How many tickets are sent at a time: a long upload holds up no other ticket.
const SENDERS: usize = 4;
/// How often the outbox is looked at without a bell: what failed is due again after a pause.
const SEND: Duration = Duration::from_millis(500);
/// How soon a feed is followed again when its stream ended.
const FOLLOW: Duration = Duration::from_millis(200);
/// How often vendors are asked for new profiles.
const FETCH_PROFILES: Duration = Duration::from_secs(5);
/// How often it is looked whether a bundle is to be analysed.
const ANALYSE: Duration = Duration::from_millis(500);
/// How often it is looked whether a ticket's grace has ended.
const LAPSE: Duration = Duration::from_secs(1);
/// How often the object store is looked through for what no row names.
const LIST: Duration = Duration::from_hours(6);
/// How often the files of the organisations' certificates are read again.
const RELOAD: Duration = Duration::from_secs(5);

/// Nobody's systems call a partner service by certificate alone: its callers are people, and portals that act for them.
#[derive(Debug)]
struct NoWorkloads;

impl WorkloadDirectory for NoWorkloads {
    fn find(&self, _id: &SpiffeId) -> Option<Arc<Identity>> {
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
    let keys = server.signing_keys("manifest", vouch_proof::ROTATION_OVERLAP).await?;
    let links = links::Links::open(&config).map_err(ServeError::Setup)?;
    let blobs =
        Blobs::open(store.clone(), &config.blobs.place(), world.clone())?.leased_for(config.diagnostics.lease());
    outbox::recover(&store).await?;
    let bell = Bell::default();
    for _ in 0..SENDERS {
        let (store, world) = (store.clone(), world.clone());
        let sender = sender::Sender { store, world, blobs: blobs.clone(), links: links.clone() };
        let rung = bell.clone();
        server.jobs.at_once_and_every("send to vendors", Duration::ZERO, move || {
            let (sender, mut listener) = (sender.clone(), rung.listen());
            async move {
                let sent = sender.send_due().await;
                listener.rung(SEND).await;
                sent
            }
        });
    }
    for link in links.all() {
        let link = link.clone();
        let follower = follower::Follower { store: store.clone(), world: world.clone() };
        server.jobs.at_once_and_every("follow a vendor's feed", FOLLOW, move || {
            let (follower, link) = (follower.clone(), link.clone());
            async move { follower.follow(&link).await }
        });
    }
    let liaisons = liaisons::Liaisons { store: store.clone(), world: world.clone(), bell: bell.clone() };
    for link in links.all() {
        let (liaisons, link) = (liaisons.clone(), link.clone());
        server.jobs.at_once_and_every("follow a vendor's notices of liaisons", FOLLOW, move || {
            let (liaisons, link) = (liaisons.clone(), link.clone());
            async move { liaisons.follow(&link).await }
        });
    }
    server.jobs.every("close tickets that no liaison stands behind", LAPSE, move || {
        let liaisons = liaisons.clone();
        async move { liaisons.lapse_due().await }
    });
    let profiles = profiles::Profiles { store: store.clone(), world: world.clone(), links: links.clone() };
    let vendors: BTreeSet<_> = links.all().map(|link| link.vendor_id.clone()).collect();
    for vendor_id in vendors {
        let profiles = profiles.clone();
        server.jobs.at_once_and_every("keep a vendor's profiles", FETCH_PROFILES, move || {
            let (profiles, vendor_id) = (profiles.clone(), vendor_id.clone());
            async move { profiles.follow(&vendor_id).await }
        });
    }
    vouch_storage::analyses::recover(&store, world.now()).await?;
    let analyses = analyses::Analyses {
        store: store.clone(),
        world: world.clone(),
        blobs: blobs.clone(),
        profiles: profiles.clone(),
    };
    server.jobs.at_once_and_every("analyse bundles", ANALYSE, move || {
        let analyses = analyses.clone();
        async move { analyses.run_due().await }
    });
    let retention = retention::Retention::new(store.clone(), blobs.clone(), world.clone());
    let kept = retention.clone();
    let sweep = Duration::from_secs(config.diagnostics.sweep_seconds);
    server.jobs.every("give up diagnostics that are kept no longer", sweep, move || {
        let retention = kept.clone();
        async move { retention.run().await }
    });
    server.jobs.every("delete objects that no row names", LIST, move || {
        let retention = retention.clone();
        async move { retention.run_orphans().await }
    });
    let reloaded = links.clone();
    server
        .jobs
        .every("reload the certificates shown to vendors", RELOAD, move || std::future::ready(reloaded.reload()));
    let handlers = grpc::Handlers {
        rpc: Rpc { domain: DOMAIN, store, secrets, world },
        keys,
        vendors: config.vendors.into(),
        links,
        categories: Arc::default(),
        profiles,
        promised: Arc::default(),
        blobs,
        diagnostics: config.diagnostics.into(),
        bell,
    };
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

//! The vendor service: the back line.
//!
//! Run by the vendor; called by partner services and vendor engineers. It follows the licence service's registry to know who
//! its partners are, and its feed of entitlements to know which proofs count no more; keeps the knowledge base, takes bundles of
//! diagnostics in, judges escalations at its gate, keeps the cases behind it with their joint history, and publishes the keys that
//! verify its receipts. What is not served answers `NOT_SERVED`.
//!
//! Read in this order: `domain` (the rules: `admission` is the gate, `case` what stands behind it), `commands` (lock, ask,
//! write), `store` (the only SQL), [`history`] (events as bytes), `grpc` (one file for each RPC service), [`partners`] (who may
//! call), [`entitlements`] (which licences were revoked), [`catalogue`] (which products there are), [`feed`] (what partners watch), [`manifests`], [`contents`] and
//! [`searching`] (how engineers read bundles back), [`settlements`] (what the licence service is told), [`analyses`] (known problems
//! in bundles), [`retention`] (what is given up), [`Vendor`] (the service as a program).
//!
//! It deliberately does not know licences, agreements or keys of licences: it knows what a proof says, and which licences were
//! suspended or revoked so lately that a proof may be older.

pub mod analyses;
pub mod catalogue;
pub mod commands;
mod config;
pub mod contents;
pub mod domain;
pub mod entitlements;
pub mod feed;
mod grpc;
pub mod guide;
pub mod history;
pub mod manifests;
pub mod partners;
pub mod proof_keys;
pub mod published;
pub mod retention;
pub mod searching;
pub mod settlements;
pub mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use vouch_core::World;
use vouch_host::client::{self, ClientFiles};
use vouch_host::config::{HostConfig, Loaded};
use vouch_host::{Bell, Listeners, Rpc, ServeError, Server, Service};
use vouch_storage::blobs::Blobs;
use vouch_storage::outbox;

pub use config::{BlobSettings, DiagnosticsSettings, LicenseService, VendorConfig};
pub use store::MIGRATIONS;

/// The service's name in errors.
pub const DOMAIN: &str = "vendor.vouch";

/// How soon a feed of the licence service is followed again when its stream ended.
const FOLLOW: Duration = Duration::from_millis(200);
/// How long the first reading of these feeds may hold up the start.
const FIRST_READ: Duration = Duration::from_secs(2);
/// How often it is looked whether the keys that verify proofs are old.
const FETCH_KEYS: Duration = Duration::from_secs(5);
/// How often the outbox is looked at without a bell: what failed is due again after a pause.
const SEND: Duration = Duration::from_millis(500);
/// How often it is looked whether a bundle is to be analysed.
const ANALYSE: Duration = Duration::from_millis(500);
/// How often the files of the client's certificate are read again.
const RELOAD: Duration = Duration::from_secs(5);
/// How often the object store is looked through for what no row names.
const LIST: Duration = Duration::from_hours(6);

/// Serves until `shutdown` resolves.
pub async fn serve(
    host: HostConfig,
    config: VendorConfig,
    world: World,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let files = ClientFiles {
        authorities: config.license.authorities.clone(),
        certificate: host.tls.certificate.clone(),
        key: host.tls.key.clone(),
    };
    let tls = Arc::new(files.read().map_err(ServeError::Setup)?);
    let channel = client::channel(&config.license.address, tls.clone()).map_err(ServeError::Setup)?;
    let mut server = Server::prepare(host, DOMAIN, &MIGRATIONS, world.clone()).await?;
    let (store, secrets) = (server.store.clone(), server.secrets.clone());
    let keys = server.signing_keys("receipt", vouch_proof::ROTATION_OVERLAP).await?;
    let configured = server.configured_workloads().to_vec();
    let partners = Arc::new(partners::Partners::new(channel.clone(), server.trust.clone(), configured, world.clone()));
    let proof_keys =
        proof_keys::ProofKeys::new(channel.clone(), world.clone(), config.license.issuer.clone(), config.name.clone());
    let proof_keys = Arc::new(proof_keys);
    server.guide = Some(Arc::new(guide::Directory::new(channel.clone(), world.clone())));

    server.jobs.every("reload the certificate shown to the licence service", RELOAD, move || {
        std::future::ready(files.reload(&tls))
    });
    let followed = partners.clone();
    server.jobs.at_once_and_every("follow the registry of partners", FOLLOW, move || {
        let partners = followed.clone();
        async move { partners.follow().await }
    });
    let entitlements = entitlements::Entitlements::new(channel.clone(), store.clone(), world.clone());
    let entitlements = Arc::new(entitlements);
    let followed = entitlements.clone();
    server.jobs.at_once_and_every("follow the feed of entitlements", FOLLOW, move || {
        let entitlements = followed.clone();
        async move { entitlements.follow().await }
    });
    let fetched = proof_keys.clone();
    server.jobs.at_once_and_every("fetch the keys that verify proofs", FETCH_KEYS, move || {
        let keys = fetched.clone();
        async move { keys.keep_fresh().await }
    });
    outbox::recover(&store).await?;
    let bell = Bell::default();
    let catalogue = catalogue::Catalogue::new(channel.clone());
    let settlements = settlements::Settlements::new(store.clone(), world.clone(), channel);
    let rung = bell.clone();
    server.jobs.at_once_and_every("settle holds", Duration::ZERO, move || {
        let (settlements, mut listener) = (settlements.clone(), rung.listen());
        async move {
            let sent = settlements.send_due().await;
            listener.rung(SEND).await;
            sent
        }
    });
    let blobs =
        Blobs::open(store.clone(), &config.blobs.place(), world.clone())?.leased_for(config.diagnostics.lease());
    vouch_storage::analyses::recover(&store, world.now()).await?;
    let analyses = analyses::Analyses::new(store.clone(), world.clone(), blobs.clone());
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
    let epoch = vouch_storage::epoch(&store, &world).await?.into();
    // Known before the first request, where the licence service answers; nobody has to wait for one that does not.
    let tried = async { tokio::join!(partners.tried(), entitlements.tried()) };
    let _ = tokio::time::timeout(FIRST_READ, tried).await;
    let handlers = grpc::Handlers {
        rpc: Rpc { domain: DOMAIN, store, secrets, world },
        keys,
        partners: partners.clone(),
        entitlements,
        catalogue,
        manifests: manifests::Manifests::new(blobs.clone()),
        searches: searching::Searches::default(),
        blobs,
        diagnostics: config.diagnostics.into(),
        proof_keys,
        name: config.name.into(),
        epoch,
        bell,
        stopping: server.stopping(),
    };
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
        // `name` is written in a section of its own, as it is read.
        let own = toml::Table::try_from(config).unwrap_or_default();
        let mut shown = toml::Table::new();
        for (key, value) in own {
            if key == "name" {
                shown.insert("vendor".into(), toml::Table::from_iter([(key, value)]).into());
            } else {
                shown.insert(key, value);
            }
        }
        format!("\n{shown}")
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

//! The licence service: who may be helped, and the proof of it.
//!
//! Run by the vendor; called by partner services, reseller systems, the vendor service and licence administrators. It owns
//! products and releases, tiers, licences, agreements with their named contacts, prepaid incidents, and the registry of
//! partners.
//!
//! Read in this order: `domain` (the rules), `commands` (what is locked, asked and written), `store` (the only SQL), `grpc`
//! (one file for each RPC service), `mail` and `notices` (letters to end users), [`Book`](book::Book) (what checks
//! know, in memory), [`Registry`](registry::Registry) (who is registered, in memory), [`License`] (the
//! service as a program).
//!
//! It deliberately does not know tickets, cases or diagnostics: of a bundle it sees a digest, of an escalation an id.

pub mod book;
pub mod commands;
mod config;
pub mod domain;
mod grpc;
mod mail;
mod notices;
pub mod registry;
pub mod store;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use vouch_core::World;
use vouch_host::config::{HostConfig, Loaded};
use vouch_host::{Listeners, Rpc, ServeError, Server, Service};

pub use config::LicenseConfig;
pub use mail::MailConfig;
pub use store::MIGRATIONS;

/// The service's name in errors.
pub const DOMAIN: &str = "license.vouch";

/// How often the registry is looked at for changes by other replicas: well under the second in which they must be seen.
const LOOK_FOR_CHANGES: Duration = Duration::from_millis(500);
/// How often facts that another replica changed are looked for: well under the second in which a revocation must be seen.
const FOLLOW_FACTS: Duration = Duration::from_millis(250);
/// How often the age of the signing key is looked at.
const ROTATE_KEYS: Duration = Duration::from_hours(1);
/// How often holds that nobody settled are looked for.
const LET_LAPSE: Duration = Duration::from_mins(10);
/// How often notices of changes of liaisons are looked for whose day has begun.
const APPLY_NOTICES: Duration = Duration::from_secs(1);
/// How often packs that have ended and anniversaries that have passed are looked for.
const APPLY_DUE: Duration = Duration::from_mins(1);
/// How often letters that are due are looked for.
const SEND_LETTERS: Duration = Duration::from_millis(500);
/// How often letters that could not be sent for a day are tried once more.
const TRY_PARKED: Duration = Duration::from_hours(1);

/// Serves until `shutdown` resolves.
pub async fn serve(
    host: HostConfig,
    config: LicenseConfig,
    world: World,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let mut server = Server::prepare(host, DOMAIN, &MIGRATIONS, world.clone()).await?;
    let (store, secrets) = (server.store.clone(), server.secrets.clone());
    let keys = server.signing_keys("entitlement", vouch_proof::LicenseFile::MAX_LIFETIME).await?;
    let age = SignedDuration::from_hours(24 * i64::from(config.rotate_keys_days));
    let rotated = keys.clone();
    server.jobs.at_once_and_every("rotate signing keys", ROTATE_KEYS, move || {
        let keys = rotated.clone();
        async move { keys.rotate_after(age).await }
    });
    let configured = server.configured_workloads().to_vec();
    let registry = Arc::new(registry::Registry::open(store.clone(), server.trust.clone(), configured).await?);

    let watched = registry.clone();
    server.jobs.every("look for changes of the registry", LOOK_FOR_CHANGES, move || {
        let registry = watched.clone();
        async move { registry.refresh().await }
    });
    commands::facts::begin_history(&store, &world).await?;
    commands::facts::pack_all(&store).await?;
    let book = Arc::new(book::Book::open(store.clone(), world.clone()).await?);
    let followed = book.clone();
    server.jobs.every("follow the facts", FOLLOW_FACTS, move || {
        let book = followed.clone();
        async move { book.refresh().await }
    });
    let (lapsing, of_world) = (store.clone(), world.clone());
    server.jobs.every("let holds lapse", LET_LAPSE, move || {
        let (store, world) = (lapsing.clone(), of_world.clone());
        async move { commands::incidents::lapse(&store, &world).await.map(|_| ()) }
    });
    let (noticing, of_world) = (store.clone(), world.clone());
    server.jobs.at_once_and_every("apply notices of changes of liaisons", APPLY_NOTICES, move || {
        let (store, world) = (noticing.clone(), of_world.clone());
        async move { commands::liaison_notices::apply_due(&store, &world).await.map(|_| ()) }
    });
    let (counted, of_world) = (store.clone(), world.clone());
    server.jobs.every("apply what time does to incidents", APPLY_DUE, move || {
        let (store, world) = (counted.clone(), of_world.clone());
        async move { commands::incidents::apply_due(&store, &world).await.map(|_| ()) }
    });
    if let Some(mail) = &config.mail {
        vouch_storage::outbox::recover(&store).await?;
        let mailer = mail::Mailer::new(mail).map_err(ServeError::Setup)?;
        if let Some(folder) = &mail.folder {
            let cannot = |error| ServeError::Setup(format!("{} cannot be made: {error}", folder.display()));
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        let notices = Arc::new(notices::Notices { store: store.clone(), world: world.clone(), mailer });
        server.jobs.at_once_and_every("send support contacts", SEND_LETTERS, move || {
            let notices = notices.clone();
            async move { notices.send_due().await }
        });
        let parked = store.clone();
        server.jobs.every("try parked letters once more", TRY_PARKED, move || {
            let store = parked.clone();
            async move { vouch_storage::outbox::unpark(&store).await }
        });
    } else {
        tracing::warn!("no [mail] is configured: support contacts are not sent to end users, and wait");
    }
    let handlers = grpc::Handlers {
        rpc: Rpc { domain: DOMAIN, store, secrets, world },
        keys,
        registry: registry.clone(),
        book,
        issuer: config.issuer.into(),
        callers: Arc::default(),
        addresses: Arc::default(),
        stopping: server.stopping(),
    };
    let routes = handlers.routes(server.message_bytes());
    server.serve(routes, registry, listeners, shutdown).await
}

/// The service as a program.
#[derive(Debug)]
pub struct License;

impl Service for License {
    type Config = LicenseConfig;
    const NAME: &'static str = "vouch-license";
    const ABOUT: &'static str = "The licence service: checks and proofs of entitlement";

    fn configure(loaded: &mut Loaded) -> LicenseConfig {
        LicenseConfig::take(loaded)
    }

    fn show(config: &LicenseConfig) -> String {
        let own = toml::to_string(config).map(|own| format!("\n[license]\n{own}")).unwrap_or_default();
        let mail = config.mail.as_ref().and_then(|mail| toml::to_string(mail).ok());
        own + &mail.map(|mail| format!("\n[mail]\n{mail}")).unwrap_or_default()
    }

    async fn serve(
        host: HostConfig,
        config: LicenseConfig,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        serve(host, config, World::system(), listeners, shutdown).await
    }
}

//! How many statements an answer takes: its time must not tell a licence of somebody else's from none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use tracing::span::Id;
use tracing::{Event, Instrument, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::{Channel, Reason, Severity, World};
use vouch_identity::SpiffeId;
use vouch_license::MIGRATIONS;
use vouch_license::commands::past::check_at;
use vouch_license::commands::proofs::{Holder, Surroundings, issue};
use vouch_license::domain::entitlement::{LicenseRef, ProofRequest, Question, Viewer};
use vouch_license::domain::license_key::LicenseKey;
use vouch_storage::testing::Database;
use vouch_storage::{Secrets, Store, StoreConfig, on_both_engines};

use crate::support::{ADA, NORTH, SOUTH, Service};

/// Counts what is sent to a database within a span. PostgreSQL's driver reports each statement on the thread of the test; SQLite's takes
/// each to a thread of its own, and enters the span there.
struct Counting {
    sent: Arc<AtomicUsize>,
    test: ThreadId,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" && context.event_span(event).is_some() {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        if std::thread::current().id() != self.test {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How many statements something takes on a database.
async fn statements<T>(database: &Database, work: impl AsyncFnOnce(Store) -> T) -> (usize, T) {
    // One connection at a time: opening another one, or not, is no statement of the work.
    let alone = match database.config.clone() {
        StoreConfig::Sqlite { path, .. } => StoreConfig::Sqlite { path, readers: 1 },
        StoreConfig::Postgres { url, .. } => StoreConfig::Postgres { url, connections: 1 },
    };
    let store = Store::open(&alone, &MIGRATIONS).await.unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = Counting { sent: sent.clone(), test: std::thread::current().id() };
    let of_interest =
        Targets::new().with_target("sqlx::query", LevelFilter::DEBUG).with_target("counted", LevelFilter::INFO);
    let _here =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(counting.with_filter(of_interest)));
    let span = tracing::info_span!(target: "counted", "counted");
    let done = work(store.clone()).instrument(span).await;
    // What its connections were still told is done once they are closed.
    store.close().await;
    (sent.load(Ordering::Relaxed), done)
}

/// A licence of north's, with an agreement and a named person, and who asks for it.
struct Scene {
    database: Database,
    secrets: Secrets,
    key: LicenseKey,
}

impl Scene {
    async fn start(database: Database) -> Self {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let secrets = Secrets::from_file(&service.ground.config(database.config.clone()).root_secret).unwrap();
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();
        Self { database, secrets, key: LicenseKey::parse(&covered.license_key).unwrap() }
    }

    fn question(partner: &str, key: &LicenseKey) -> Question {
        Question {
            license: LicenseRef::Key(key.clone()),
            partner_id: PartnerId::parse(partner).ok(),
            product_id: ProductId::parse("atlas").ok(),
            version: Some("7.2.1".into()),
            severity: Some(Severity::Two),
            channel: Some(Channel::Portal),
            contact_email: Some(ADA.into()),
        }
    }

    /// The statements of a check for an instant in the past, and what it found.
    async fn checked(&self, partner: &str, key: &LicenseKey) -> (usize, Vec<Reason>) {
        let (question, now) = (Self::question(partner, key), World::system().now());
        let viewer = Viewer::Partner(PartnerId::parse(partner).unwrap());
        let check = async |store: Store| check_at(&store, &self.secrets, &question, &viewer, now).await.unwrap();
        let (sent, answer) = statements(&self.database, check).await;
        (sent, answer.findings.reasons())
    }

    /// The statements of asking for a proof, and whether it was issued.
    async fn proven(&self, (partner, workload): (&str, &str), key: &LicenseKey) -> (usize, bool) {
        let world = World::system();
        let holder =
            Holder { partner_id: PartnerId::parse(partner).unwrap(), workload: SpiffeId::parse(workload).unwrap() };
        let request = ProofRequest {
            question: Self::question(partner, key),
            escalation_id: world.id(),
            bundle_root: [7; 32],
            audience: "vendor.vouch".into(),
            charge: None,
        };
        let prove = async |store: Store| {
            let (dialect, secrets, now) = (store.dialect(), &self.secrets, world.now());
            let around = Surroundings { dialect, secrets, world: &world, issuer: "license.vouch", now };
            let (holder, request) = (&holder, &request);
            store.write(|tx| issue(tx, around, holder, request)).await.is_ok()
        };
        statements(&self.database, prove).await
    }
}

on_both_engines! {
    async fn a_foreign_key_takes_no_statement_more_than_an_unknown_one(database: Database) {
        let scene = Scene::start(database).await;
        let unknown = LicenseKey::from_random(World::system().random());

        let (own, found) = scene.checked("north", &scene.key).await;
        assert!(found.is_empty(), "{found:?}");
        let foreign = scene.checked("south", &scene.key).await;
        assert_eq!(foreign.1, [Reason::LicenseNotFound]);
        assert_eq!(foreign, scene.checked("south", &unknown).await, "as of an instant");
        assert!(own > foreign.0 && foreign.0 > 0, "they are counted: {own} and {}", foreign.0);

        let (own, issued) = scene.proven(("north", NORTH), &scene.key).await;
        assert!(issued);
        let foreign = scene.proven(("south", SOUTH), &scene.key).await;
        assert_eq!(foreign, scene.proven(("south", SOUTH), &unknown).await, "for a proof");
        assert!(own > foreign.0 && foreign.0 > 0 && !foreign.1, "they are counted: {own} and {}", foreign.0);
    }
}

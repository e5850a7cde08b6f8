//! Proofs, measured: the service against a bare program that runs the same statements on the same kind of pool, in turns.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::id::{EscalationTag, LicenseId};
use vouch_core::{Channel, Severity, World};
use vouch_identity::SpiffeId;
use vouch_license::commands::proofs::{self, Holder, Surroundings};
use vouch_license::domain::entitlement::{LicenseRef, ProofRequest, Question};
use vouch_license::store::changes;
use vouch_storage::testing::{Database, ENGINES};
use vouch_storage::{Secrets, Store, WriteError};

use crate::drive::{Driven, Load, drive};
use crate::ground::{NORTH, Stage, stop};
use crate::seed;

/// Licences in the database.
const LICENSES: usize = 10_000;

#[derive(Args)]
pub(crate) struct ProofArguments {
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often each is measured, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Callers at a time.
    #[arg(long, default_value_t = 32)]
    callers: usize,
}

pub(crate) async fn run(arguments: &ProofArguments) -> ExitCode {
    tracing::subscriber::set_global_default(Counter).unwrap();
    println!("| engine | proofs/s | bare/s | ratio (least to most) | one row/s | ratio | statements |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for engine in ENGINES.iter().copied() {
        let database = Database::fresh(engine).await;
        let stage = Stage::lay_on(database.config.clone()).await;
        let store = stage.store().await;
        let ids: Arc<[LicenseId]> = seed::seed(&store, LICENSES).await.into();
        let statements = Bare::new(store.clone(), ids.clone()).statements().await;
        store.close().await;
        drop(store);
        let (mut proofs, mut bares, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            proofs.push(service(arguments, &stage, ids.clone()).await);
            let store = stage.store().await;
            bares.push(bare(arguments, Bare::new(store.clone(), ids.clone())).await);
            rows.push(one_row(arguments, store.clone()).await);
            store.close().await;
        }
        let ratios = |others: &[Driven]| {
            let mut all: Vec<f64> =
                proofs.iter().zip(others).map(|(one, other)| one.per_second / other.per_second).collect();
            all.sort_by(f64::total_cmp);
            (all[0], all[all.len() / 2], all[all.len() - 1])
        };
        let ((least, ratio, most), (_, to_row, _)) = (ratios(&bares), ratios(&rows));
        println!(
            "| {engine:?} | {:.0} | {:.0} | {ratio:.2} ({least:.2} to {most:.2}) | {:.0} | {to_row:.2} | {statements} |",
            median(&proofs),
            median(&bares),
            median(&rows)
        );
    }
    ExitCode::SUCCESS
}

fn median(driven: &[Driven]) -> f64 {
    let mut all: Vec<f64> = driven.iter().map(|one| one.per_second).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn load(arguments: &ProofArguments, connections: usize) -> Load {
    let time = Duration::from_secs(arguments.seconds);
    Load { connections, in_flight: arguments.callers / connections, time }
}

async fn service(arguments: &ProofArguments, stage: &Stage, ids: Arc<[LicenseId]>) -> Driven {
    let (running, _) = stage.start().await;
    let world = World::system();
    let connect = || EntitlementServiceClient::new(stage.partner(running.address));
    let call = move |mut client: EntitlementServiceClient<tonic::transport::Channel>, number: u64| {
        let place = usize::try_from(number % ids.len() as u64).unwrap();
        let license = pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(ids[place].to_string())) };
        let question = pb::EntitlementQuestion {
            license: Some(license),
            partner_id: String::new(),
            product_id: "atlas".into(),
            version: "7.2.1".into(),
            severity: common::Severity::Two.into(),
            channel: common::Channel::Portal.into(),
            contact_email: seed::contact(place / seed::LICENSES_EACH),
        };
        let request = pb::IssueEntitlementProofRequest {
            question: Some(question),
            escalation_id: world.id::<EscalationTag>().to_string(),
            bundle_root: vec![7; 32].into(),
            audience: "vendor.vouch".into(),
            ..Default::default()
        };
        async move {
            client.issue_entitlement_proof(request).await.unwrap();
        }
    };
    let driven = drive(load(arguments, 4.min(arguments.callers)), connect, call).await;
    stop(running).await;
    driven
}

/// The bare program: what the service runs inside its transaction, without anybody who asks for it and without a signature.
#[derive(Clone)]
struct Bare {
    store: Store,
    ids: Arc<[LicenseId]>,
    secrets: Arc<Secrets>,
    holder: Arc<Holder>,
    world: World,
}

impl Bare {
    fn new(store: Store, ids: Arc<[LicenseId]>) -> Self {
        let holder =
            Holder { partner_id: PartnerId::parse("north").unwrap(), workload: SpiffeId::parse(NORTH).unwrap() };
        let secrets = Arc::new(Secrets::from_root(&[7; 32]).unwrap());
        Self { store, ids, secrets, holder: Arc::new(holder), world: World::system() }
    }

    async fn issue(&self, number: u64) {
        let place = usize::try_from(number % self.ids.len() as u64).unwrap();
        let request = ProofRequest {
            question: Question {
                license: LicenseRef::Id(self.ids[place]),
                partner_id: Some(self.holder.partner_id.clone()),
                product_id: ProductId::parse("atlas").ok(),
                version: Some("7.2.1".into()),
                severity: Some(Severity::Two),
                channel: Some(Channel::Portal),
                contact_email: Some(seed::contact(place / seed::LICENSES_EACH)),
            },
            escalation_id: self.world.id(),
            bundle_root: [7; 32],
            audience: "vendor.vouch".into(),
            charge: None,
        };
        let around = Surroundings {
            dialect: self.store.dialect(),
            secrets: &self.secrets,
            world: &self.world,
            issuer: "license.vouch",
            now: self.world.now(),
        };
        let (holder, request) = (&*self.holder, &request);
        self.store.write(|tx| proofs::issue(tx, around, holder, request)).await.unwrap();
    }

    /// How many statements one proof takes, begin and commit not counted.
    async fn statements(&self) -> usize {
        let before = STATEMENTS.load(Ordering::SeqCst);
        COUNTS.store(true, Ordering::SeqCst);
        self.issue(0).await;
        COUNTS.store(false, Ordering::SeqCst);
        STATEMENTS.load(Ordering::SeqCst) - before
    }
}

async fn bare(arguments: &ProofArguments, bare: Bare) -> Driven {
    let call = |bare: Bare, number: u64| async move { bare.issue(number).await };
    drive(load(arguments, 1), || bare.clone(), call).await
}

/// Commits of one row each: the least that anything durable takes.
async fn one_row(arguments: &ProofArguments, store: Store) -> Driven {
    let call = |store: Store, _: u64| async move {
        let commit = store.write(|mut tx| async move {
            let revision = changes::revision_next(&mut tx).await?;
            Ok::<_, WriteError>((tx, revision))
        });
        commit.await.unwrap();
    };
    drive(load(arguments, 1), || store.clone(), call).await
}

/// How many statements were counted.
static STATEMENTS: AtomicUsize = AtomicUsize::new(0);
/// Whether statements are counted now.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// Counts the statements that sqlx tells of: from every thread, since SQLite's are told by a thread of its own.
#[derive(Debug)]
struct Counter;

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked each time: outside of the counting it costs a look at a flag.
        if is_statement(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        COUNTS.load(Ordering::Relaxed) && is_statement(metadata)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        STATEMENTS.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn is_statement(metadata: &Metadata<'_>) -> bool {
    metadata.target() == concat!("sqlx", "::query")
}

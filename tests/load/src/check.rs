//! Checks of entitlement, measured.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::id::LicenseId;

use crate::drive::{Driven, Load, drive, spread};
use crate::ground::{Stage, stop};
use crate::report::{Report, Row, Streamed};
use crate::{echo, hold, seed};

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// Licences in the largest database; a tenth and a hundredth are measured, too.
    #[arg(long, default_value_t = 1_000_000)]
    licenses: usize,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often echo and service are measured, alternating.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Calls in flight on each connection.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Questions in one message of a stream.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// A file for the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(arguments: &CheckArguments) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let empty = Stage::lay(folder.path(), "empty.db").await;
    let mut report = Report::new(hold::measure(empty.file()));
    for licenses in [arguments.licenses / 100, arguments.licenses / 10, arguments.licenses] {
        let stage = Stage::lay(folder.path(), &format!("{licenses}.db")).await;
        let store = stage.store().await;
        let ids: Arc<[LicenseId]> = seed::seed(&store, licenses).await.into();
        store.close().await;
        drop(store);
        let held = hold::measure(stage.file());
        let (running, ready) = stage.start().await;
        let (echo, service) = alternate(arguments, &stage, running.address, &ids).await;
        report.rows.push(Row::new(held, ready, &echo, &service));
        report.tell_last();
        if licenses == arguments.licenses {
            report.stream = Some(stream(arguments, &stage, running.address, &ids).await);
        }
        stop(running).await;
    }
    report.tell();
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&report).unwrap()).unwrap();
    }
    ExitCode::SUCCESS
}

/// Measures echo and service in turns, each with the same requests.
async fn alternate(
    arguments: &CheckArguments,
    stage: &Stage,
    service: std::net::SocketAddr,
    ids: &Arc<[LicenseId]>,
) -> (Vec<Driven>, Vec<Driven>) {
    let mut asking = EntitlementServiceClient::new(stage.partner(service));
    let answer = asking.check_entitlement(request(ids, 0)).await.unwrap().into_inner();
    assert_eq!(answer.answer.as_ref().unwrap().verdict(), pb::Verdict::Entitled, "{answer:?}");
    let config = stage.ground.config(stage.config().clone());
    let echo = echo::serve(&config, answer).await;
    let load = |seconds| Load {
        connections: arguments.connections,
        in_flight: arguments.in_flight,
        time: Duration::from_secs(seconds),
    };
    let ask = |ids: Arc<[LicenseId]>| {
        move |mut client: EntitlementServiceClient<Channel>, number: u64| {
            let request = request(&ids, number);
            async move {
                client.check_entitlement(request).await.unwrap();
            }
        }
    };
    let of_echo = || EntitlementServiceClient::new(stage.ground.anonymous(echo));
    let of_service = || EntitlementServiceClient::new(stage.partner(service));
    // To warm both up.
    drive(load(1), of_echo, ask(ids.clone())).await;
    drive(load(1), of_service, ask(ids.clone())).await;
    let (mut echoes, mut services) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        echoes.push(drive(load(arguments.seconds), of_echo, ask(ids.clone())).await);
        services.push(drive(load(arguments.seconds), of_service, ask(ids.clone())).await);
    }
    (echoes, services)
}

/// A whole question about one of the licences: everything that a portal knows.
fn request(ids: &[LicenseId], number: u64) -> pb::CheckEntitlementRequest {
    let place = usize::try_from(number % ids.len() as u64).unwrap();
    let question = pb::EntitlementQuestion {
        license: Some(by_id(&ids[place])),
        partner_id: String::new(),
        product_id: "atlas".into(),
        version: "7.2.1".into(),
        severity: common::Severity::Two.into(),
        channel: common::Channel::Portal.into(),
        contact_email: seed::contact(place / seed::LICENSES_EACH),
    };
    pb::CheckEntitlementRequest { question: Some(question), ..Default::default() }
}

fn by_id(id: &LicenseId) -> pb::LicenseRef {
    pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(id.to_string())) }
}

/// Messages that wait on each stream, so that neither side waits for the other.
const AHEAD: usize = 4;

/// Streams batches of questions by licence id, on a connection for each core.
async fn stream(
    arguments: &CheckArguments,
    stage: &Stage,
    service: std::net::SocketAddr,
    ids: &Arc<[LicenseId]>,
) -> Streamed {
    let mut rates = Vec::new();
    for _ in 0..arguments.rounds {
        let began = Instant::now();
        let time = Duration::from_secs(arguments.seconds);
        let streams: Vec<_> = (0..2_u64)
            .map(|which| {
                let client = EntitlementServiceClient::new(stage.partner(service));
                tokio::spawn(ask_batches(client, ids.clone(), which << 32, arguments.batch, began + time))
            })
            .collect();
        let mut answers = 0;
        for stream in streams {
            answers += stream.await.unwrap();
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of some millions")]
        rates.push(answers as f64 / began.elapsed().as_secs_f64());
    }
    Streamed::new(arguments.batch, rates)
}

async fn ask_batches(
    mut client: EntitlementServiceClient<Channel>,
    ids: Arc<[LicenseId]>,
    seed: u64,
    batch: usize,
    until: Instant,
) -> usize {
    // Questions are made before the clock runs: what is measured is asking and answering.
    let requests: Vec<_> = (0..64_u64)
        .map(|message| {
            let question = |number: u64| {
                let place = spread(seed + (message << 16) + number) % ids.len() as u64;
                let license = Some(by_id(&ids[usize::try_from(place).unwrap()]));
                pb::EntitlementQuestion { license, ..Default::default() }
            };
            let questions = (0..batch as u64).map(question).collect();
            pb::StreamCheckEntitlementsRequest { questions, omit_cover: true, ..Default::default() }
        })
        .collect();
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        for request in requests.iter().cycle() {
            if Instant::now() >= until || sender.send(request.clone()).await.is_err() {
                return;
            }
        }
    });
    let mut answers = client.stream_check_entitlements(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        count += answer.items.len();
    }
    count
}

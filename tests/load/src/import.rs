//! Import of a catalogue, measured: over the wire, in batches, as the command does it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;

use vouch_storage::testing::{Database, ENGINES};

use crate::ground::{Stage, stop};

/// Licences in one message.
const BATCH: usize = 2000;
/// Licences of one end user.
const EACH: usize = 5;

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// Rows of the catalogue.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
}

pub(crate) async fn run(arguments: &ImportArguments) -> ExitCode {
    println!("| engine | rows | seconds | rows/s | again, seconds | resident beyond before |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for engine in ENGINES.iter().copied() {
        let database = Database::fresh(engine).await;
        let stage = Stage::lay_on(database.config.clone()).await;
        let (running, _) = stage.start().await;
        let before = crate::hold::resident_bytes();
        let mut seconds = [0.0; 2];
        let mut most = 0;
        for (round, seconds) in seconds.iter_mut().enumerate() {
            let client = LicenseServiceClient::new(stage.administrator(running.address));
            let began = Instant::now();
            let (created, unchanged, resident) = send(client, arguments.rows).await;
            *seconds = began.elapsed().as_secs_f64();
            most = most.max(resident);
            let expected = if round == 0 { (arguments.rows, 0) } else { (0, arguments.rows) };
            assert_eq!((created, unchanged), expected, "round {round}");
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of some millions")]
        let rate = arguments.rows as f64 / seconds[0];
        println!(
            "| {engine:?} | {} | {:.1} | {rate:.0} | {:.1} | {} MiB |",
            arguments.rows,
            seconds[0],
            seconds[1],
            most.saturating_sub(before) >> 20
        );
        stop(running).await;
    }
    ExitCode::SUCCESS
}

/// Sends a catalogue: how many were entered, how many were there already, and the most memory that the process had.
async fn send(
    mut client: LicenseServiceClient<vouch_host::testing::BearerChannel>,
    rows: usize,
) -> (usize, usize, u64) {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        for first in (0..rows).step_by(BATCH) {
            let licenses = (first..rows.min(first + BATCH)).map(row).collect();
            if sender.blocking_send(pb::ImportLicensesRequest { dry_run: false, licenses }).is_err() {
                return;
            }
        }
    });
    let mut answers = client.import_licenses(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let (mut created, mut unchanged, mut most) = (0, 0, 0);
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(answer.problems.is_empty(), "{:?}", answer.problems);
        created += usize::try_from(answer.created).unwrap();
        unchanged += usize::try_from(answer.unchanged).unwrap();
        most = most.max(crate::hold::resident_bytes());
    }
    (created, unchanged, most)
}

fn row(number: usize) -> pb::ImportedLicense {
    let end_user = number / EACH;
    let license = pb::License {
        product_id: "atlas".into(),
        quantity: 25,
        end_user: Some(pb::EndUser {
            end_user_id: format!("customer-{end_user}"),
            name: format!("Customer {end_user} Ltd"),
        }),
        responsible_partner_id: "north".into(),
        valid_from: "2026-01-01".into(),
        valid_until: "2036-12-31".into(),
        grace_days: 14,
        maintenance_until: "2036-12-31".into(),
        zone: "America/Denver".into(),
        order_reference: format!("PO-{number}"),
        ..pb::License::default()
    };
    // The keys of another system, in no order.
    let license_key = format!("ACME-{:016X}", crate::drive::spread(number as u64));
    pb::ImportedLicense { license: Some(license), license_key, ..Default::default() }
}

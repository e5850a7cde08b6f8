//! Large blobs: a sealed bundle handed over to the vendor service, against a bare stream of as many bytes, in turns.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use vouch_core::World;
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{CollectError, Evidence, Found, seal};

use super::vendor::VendorSide;
use super::{Sent, end, own, peak_bytes, receiver, sent, word};
use crate::redact::logs;
use crate::report::spread;

/// Bytes of one blob.
const BLOB: u64 = 256 << 20;

#[derive(Args)]
pub(crate) struct UploadArguments {
    /// Gibibytes of contents. As much room is needed on the disk, and 2 GiB beside it: what a receiver keeps goes with its turn.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=4))]
    gib: u64,
    /// How often each is measured, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the bulk lies while it is measured; it is taken away at the end.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What one turn measured.
struct Turn {
    bytes: u64,
    sent: Sent,
    receiver_bytes: u64,
}

pub(crate) async fn run(arguments: &UploadArguments) -> ExitCode {
    let bytes = arguments.gib << 30;
    let folder = tempfile::Builder::new().prefix("vouch-upload-").tempdir_in(&arguments.folder).unwrap();
    eprintln!("needs {} GiB of room in {}", arguments.gib + 2, arguments.folder.display());
    eprintln!("  sealing, which masks all of it: some minutes");
    let sealed = folder.path().join("large.vouch");
    let bundle = make(&sealed, bytes);
    // Masking changes lengths a little.
    let sealed_bytes = bundle.manifest().blobs().values().sum();
    let side = VendorSide::lay(folder.path()).await;
    let signature = side.sign(bundle.root(), &bundle.manifest().redaction.policy);
    drop(bundle);
    let (mut bares, mut services) = (Vec::new(), Vec::new());
    for round in 1..=arguments.rounds {
        bares.push(bare(folder.path(), side.ground.path(), bytes));
        services.push(service(folder.path(), &side, &sealed, &signature, sealed_bytes).await);
        eprintln!("  measured {round} of {}", arguments.rounds);
    }
    side.stop().await;
    report(bytes, &bares, &services);
    ExitCode::SUCCESS
}

/// The vendor service on a folder of its own, and one who hands the bundle over.
async fn service(folder: &Path, side: &VendorSide, sealed: &Path, signature: &str, bytes: u64) -> Turn {
    let kept = tempfile::tempdir_in(folder).unwrap();
    let vendor = side.start(kept.path()).await;
    let words = ["send", &vendor.address, word(side.ground.path()), word(sealed), signature];
    let sent = sent(&mut own(&words));
    let receiver_bytes = vendor.peak_bytes();
    vendor.end();
    Turn { bytes, sent, receiver_bytes }
}

/// The bare program.
fn bare(folder: &Path, ground: &Path, bytes: u64) -> Turn {
    let kept = tempfile::tempdir_in(folder).unwrap();
    let (child, address) = receiver(&mut own(&["bare-receive", word(kept.path()), word(ground)]), "rpc");
    let (blobs, each) = ((bytes / BLOB).to_string(), BLOB.to_string());
    let sent = sent(&mut own(&["bare-send", &address, word(ground), &blobs, &each]));
    let receiver_bytes = peak_bytes(&child.id().to_string());
    end(child);
    Turn { bytes, sent, receiver_bytes }
}

fn report(bytes: u64, bares: &[Turn], services: &[Turn]) {
    #[expect(clippy::cast_precision_loss, reason = "some gigabytes")]
    let rate = |turn: &Turn| turn.bytes as f64 / 1e6 / turn.sent.seconds;
    let cell = |turns: &[Turn]| {
        let [least, median, most] = spread(turns.iter().map(rate).collect());
        format!("{median:.0} ({least:.0} to {most:.0})")
    };
    let [least, ratio, most] = spread(bares.iter().zip(services).map(|(bare, one)| rate(one) / rate(bare)).collect());
    let peak = |turns: &[Turn], of: fn(&Turn) -> u64| turns.iter().map(of).max().unwrap_or_default() >> 20;
    let [_, open, _] = spread(services.iter().map(|turn| turn.sent.open_seconds).collect());
    println!("{} GiB in blobs of {} MiB, megabytes (1,000,000 bytes) a second:\n", bytes >> 30, BLOB >> 20);
    println!("| bare | service | ratio (least to most) | sender at most | service at most | bare receiver at most |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {} | {} | {ratio:.2} ({least:.2} to {most:.2}) | {} MiB | {} MiB | {} MiB |",
        cell(bares),
        cell(services),
        peak(services, |turn| turn.sent.peak_bytes),
        peak(services, |turn| turn.receiver_bytes),
        peak(bares, |turn| turn.receiver_bytes),
    );
    println!("\nOpening and verifying the sealed file beforehand: {open:.1} s.");
}

/// Seals contents of so many bytes together.
fn make(sealed: &Path, bytes: u64) -> SealedBundle {
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let text = logs(8 << 20).into_iter().flat_map(|file| file.text).collect();
    let mut evidence = Large { text, blobs: bytes / BLOB };
    seal(&mut evidence, learner, &[7; 32], World::system().now(), sealed, &mut |_| {}).unwrap()
}

/// Logs again and again, each beginning otherwise.
struct Large {
    text: Vec<u8>,
    blobs: u64,
}

impl Evidence for Large {
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError> {
        for number in 0..self.blobs {
            let head = format!("log {number}\n").into_bytes();
            let mut content = Again { head, text: &self.text, at: 0 }.take(BLOB);
            let path = format!("logs/{number}.log");
            each(Found {
                path: &path,
                collector: "logs",
                content: Ok(&mut content),
                link: None,
                changed_at: None,
                done: (number, self.blobs),
            })?;
        }
        Ok(())
    }

    fn profile(&self) -> String {
        "linux-host/1".into()
    }
}

/// A head, and a text without end.
struct Again<'t> {
    head: Vec<u8>,
    text: &'t [u8],
    at: usize,
}

impl Read for Again<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = if self.at < self.head.len() {
            &self.head[self.at..]
        } else {
            &self.text[(self.at - self.head.len()) % self.text.len()..]
        };
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

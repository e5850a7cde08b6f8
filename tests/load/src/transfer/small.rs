//! Many small files: collected, masked, sealed, handed over to the vendor service and committed there.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use vouch_core::World;
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::{CollectError, Evidence, Found, seal};

use super::vendor::VendorSide;
use super::{own, sent, word};
use crate::drive::spread as mixed;
use crate::redact::logs;

#[derive(Args)]
pub(crate) struct SmallArguments {
    /// Files.
    #[arg(long, default_value_t = 100_000)]
    files: usize,
    /// Where they lie, packed, while it is measured; all of it is taken away at the end.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    folder: PathBuf,
}

pub(crate) async fn run(arguments: &SmallArguments) -> ExitCode {
    let folder = tempfile::Builder::new().prefix("vouch-small-").tempdir_in(&arguments.folder).unwrap();
    let sealed = folder.path().join("small.vouch");
    let text: Vec<u8> = logs(4 << 20).into_iter().flat_map(|file| file.text).collect();
    let mut evidence = Small { text, files: arguments.files };
    let side = VendorSide::lay(folder.path()).await;
    let vendor = side.start(folder.path()).await;

    let began = Instant::now();
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let bundle = seal(&mut evidence, learner, &[7; 32], World::system().now(), &sealed, &mut |_| {}).unwrap();
    let seal_seconds = began.elapsed().as_secs_f64();
    let signature = side.sign(bundle.root(), &bundle.manifest().redaction.policy);
    let (blobs, entries) = (bundle.blobs().count(), bundle.manifest().entries.len());
    let bytes: u64 = bundle.manifest().blobs().values().sum();
    let manifest = bundle.manifest_bytes().len();
    drop(bundle);
    let sent = sent(&mut own(&["send", &vendor.address, word(side.ground.path()), word(&sealed), &signature]));
    let peak = vendor.peak_bytes();
    vendor.end();
    side.stop().await;

    #[expect(clippy::cast_precision_loss, reason = "some hundred thousands")]
    let rate = entries as f64 / (seal_seconds + sent.open_seconds + sent.seconds);
    println!(
        "| entries | MiB | blobs | manifest | sealed in | opened in | sent and committed in | entries/s | vendor at most |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {entries} | {} | {blobs} | {} MiB | {seal_seconds:.1} s | {:.1} s | {:.1} s | {rate:.0} | {} MiB |",
        bytes >> 20,
        manifest >> 20,
        sent.open_seconds,
        sent.seconds,
        peak >> 20
    );
    ExitCode::SUCCESS
}

/// Pieces of logs, of 100 to 1,100 bytes, no two the same.
struct Small {
    text: Vec<u8>,
    files: usize,
}

impl Evidence for Small {
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError> {
        for number in 0..self.files {
            let chance = usize::try_from(mixed(number as u64) >> 33).unwrap_or_default();
            let begin = chance % (self.text.len() - 1100);
            let piece = &self.text[begin..begin + 100 + chance % 1000];
            let content = [format!("file {number}\n").as_bytes(), piece].concat();
            let path = format!("logs/{}/{number}.log", number % 100);
            let done = (number as u64, self.files as u64);
            each(Found {
                path: &path,
                collector: "logs",
                content: Ok(&mut content.as_slice()),
                link: None,
                changed_at: None,
                done,
            })?;
        }
        Ok(())
    }

    fn profile(&self) -> String {
        "linux-host/1".into()
    }
}

//! Redaction, measured: learning and masking of log text on one core, without archives and without disks. Beside it `sos clean`, if it is here.

mod logs;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use vouch_diagnostics::redaction::{Learner, Outcome, Policy};

use self::logs::LogFile;
pub(crate) use self::logs::logs;
use crate::report::spread;

#[derive(Args)]
pub(crate) struct RedactArguments {
    /// Mebibytes of text.
    #[arg(long, default_value_t = 64)]
    mebibytes: usize,
    /// How often it is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Mebibytes for `sos clean`, which is slow; 0 to leave it out.
    #[arg(long, default_value_t = 4)]
    sos_mebibytes: usize,
    /// Writes what was measured, for machines.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was measured, in megabytes (1,000,000 bytes) a second: smallest, median, largest over the rounds.
#[derive(Debug, Serialize)]
struct Report {
    bytes: usize,
    masked: u64,
    learn: [f64; 3],
    mask: [f64; 3],
    both: [f64; 3],
    /// The same kind of text with `sos clean`.
    sos: Option<f64>,
}

/// One round.
struct Round {
    learn: Duration,
    mask: Duration,
    masked: u64,
}

pub(crate) fn run(arguments: &RedactArguments) -> ExitCode {
    let files = logs(arguments.mebibytes << 20);
    let bytes = files.iter().map(|file| file.text.len()).sum();
    let rounds: Vec<Round> = (0..arguments.rounds).map(|_| round(&files)).collect();
    let rate =
        |time: fn(&Round) -> Duration| spread(rounds.iter().map(|round| megabytes(bytes, time(round))).collect());
    let report = Report {
        bytes,
        masked: rounds[0].masked,
        learn: rate(|round| round.learn),
        mask: rate(|round| round.mask),
        both: rate(|round| round.learn + round.mask),
        sos: (arguments.sos_mebibytes > 0).then(|| sos(arguments.sos_mebibytes << 20)).flatten(),
    };
    tell(&report);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
    }
    ExitCode::SUCCESS
}

/// Learns from all of it and masks all of it, as sealing does. What the automata cost is in it.
fn round(files: &[LogFile]) -> Round {
    let began = Instant::now();
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    for file in files {
        learner.read(file.path, &mut file.text.as_slice()).unwrap();
    }
    let mut redactor = learner.finish(&[7; 32]).unwrap();
    let learn = began.elapsed();
    let began = Instant::now();
    let mut masked = 0;
    for file in files {
        match redactor.mask(file.path, &mut file.text.as_slice(), &mut io::sink()).unwrap() {
            Outcome::Written(counts) => masked += counts.0.values().sum::<u64>(),
            Outcome::Dropped(reason) => panic!("{}: {reason}", file.path),
        }
    }
    Round { learn, mask: began.elapsed(), masked }
}

fn tell(report: &Report) {
    println!(
        "{} bytes of logs, of which {} places are masked; megabytes a second on one core, median (least to most)\n",
        report.bytes, report.masked
    );
    println!("| learn | mask | both | sos clean | ratio |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    let cell = |[least, median, most]: [f64; 3]| format!("{median:.0} ({least:.0} to {most:.0})");
    let (sos, ratio) = match report.sos {
        Some(sos) => (format!("{sos:.2}"), format!("{:.0}", report.both[1] / sos)),
        None => ("not here".to_owned(), String::new()),
    };
    println!("| {} | {} | {} | {sos} | {ratio} |", cell(report.learn), cell(report.mask), cell(report.both));
}

/// How fast `sos clean` is on such text: what it takes for a report with the text, less what it takes for one without.
fn sos(bytes: usize) -> Option<f64> {
    let (with, without) = (clean(&logs(bytes))?, clean(&logs(0))?);
    Some(megabytes(bytes, with.saturating_sub(without)))
}

/// Runs `sos clean` on a folder that is laid out as a report is. None, if there is no such program or it does not like the folder.
fn clean(files: &[LogFile]) -> Option<Duration> {
    let folder = tempfile::tempdir().ok()?;
    let report = folder.path().join("sosreport-wren-42-2026-06-08-abcdefg");
    for name in ["sos_logs", "sos_commands/host", "tmp"] {
        std::fs::create_dir_all(report.join(name)).ok()?;
    }
    write(&report, "sos_commands/host/hostname", b"wren-42\n")?;
    for file in files {
        write(&report, file.path, &file.text)?;
    }
    let mut command = Command::new("sos");
    command
        .args(["clean", "--batch", "--quiet", "--threads", "1", "--no-update", "--map"])
        .arg(folder.path().join("map"));
    command.arg("--tmp-dir").arg(folder.path()).arg(&report).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().ok()?;
    status.success().then(|| began.elapsed())
}

fn write(folder: &Path, path: &str, text: &[u8]) -> Option<()> {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent()?).ok()?;
    std::fs::write(path, text).ok()
}

#[expect(clippy::cast_precision_loss, reason = "a count of some millions")]
fn megabytes(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

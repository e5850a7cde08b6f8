//! How fast: each subcommand measures a service against a bare program, alternating, in one run, and prints ratios.
//!
//! `cargo run --release -p vouch-load -- check` is the one for checks of entitlement, `-- proof` for proofs, `-- import` for catalogues,
//! `-- redact` for redaction, `-- upload` for large bundles, `-- small` for many small files. What they measured, and where, stands in `README.md` beside them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on says so by panicking")]

mod check;
mod drive;
mod echo;
mod ground;
mod hold;
mod import;
mod proof;
mod redact;
mod report;
mod seed;
mod transfer;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures services against bare programs, in one run")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks of entitlement: against a bare echo, by number of licences, in streams; memory and readiness.
    Check(check::CheckArguments),
    /// Proofs: against a bare program that runs the same statements, and against commits of one row.
    Proof(proof::ProofArguments),
    /// Import of a catalogue, over the wire, on both engines.
    Import(import::ImportArguments),
    /// Redaction of log text on one core, without archives: learning and masking. Beside it, what `sos clean` takes.
    Redact(redact::RedactArguments),
    /// A bundle of large blobs to the vendor service, against a bare stream of as many bytes: throughput, and memory of each side.
    Upload(transfer::UploadArguments),
    /// Many small files: sealed, handed over and committed at the vendor.
    Small(transfer::SmallArguments),
    /// One side of `upload` or `small`: what they start for themselves.
    #[command(hide = true, subcommand)]
    Side(transfer::SideCommand),
    /// Opens the book of a database and tells what it takes: what `check` starts for itself.
    #[command(hide = true)]
    Hold(hold::HoldArguments),
}

fn main() -> ExitCode {
    // PostgreSQL as it runs in production: what is measured is what a commit costs.
    vouch_storage::testing::commit_for_good();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match Arguments::parse().command {
        Command::Check(arguments) => runtime.block_on(check::run(&arguments)),
        Command::Proof(arguments) => runtime.block_on(proof::run(&arguments)),
        Command::Import(arguments) => runtime.block_on(import::run(&arguments)),
        Command::Redact(arguments) => redact::run(&arguments),
        Command::Upload(arguments) => runtime.block_on(transfer::run_upload(&arguments)),
        Command::Small(arguments) => runtime.block_on(transfer::run_small(&arguments)),
        Command::Side(command) => runtime.block_on(transfer::run_side(&command)),
        Command::Hold(arguments) => runtime.block_on(hold::run(&arguments)),
    }
}

//! How fast: each subcommand measures a service against a bare program, alternating, in one run, and prints ratios.
//!
//! `cargo run --release -p vouch-load -- check` is the one for checks of entitlement. What it measured, and where, stands in
//! `README.md` beside it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on says so by panicking")]

mod check;
mod drive;
mod echo;
mod ground;
mod hold;
mod report;
mod seed;

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
    /// Opens the book of a database and tells what it takes: what `check` starts for itself.
    #[command(hide = true)]
    Hold(hold::HoldArguments),
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match Arguments::parse().command {
        Command::Check(arguments) => runtime.block_on(check::run(&arguments)),
        Command::Hold(arguments) => runtime.block_on(hold::run(&arguments)),
    }
}

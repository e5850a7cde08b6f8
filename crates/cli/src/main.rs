//! `vouch`: the whole federation on one machine, and its tools.
//!
//! Read in this order: `folder` (a data folder with an authority, issuers and configurations), `services` (three processes on it), `up` (until Ctrl-C),
//! `sample` (a catalogue to try things on), `demo` (the whole story), `contract` (a command for every RPC, made from the contract),
//! `catalogue` (licences from files and into them), `call` (any RPC, JSON in and out), `verify` (signed texts, offline), `collect` (diagnostics into a sealed file, offline), `bundle` (what is in one), `upload` (one on its way to the partner),
//! `profile` (what is collected and looked for), `judgement` (what a profile says of a bundle); `reach` and `refusal` (what is told where a
//! service does not answer, or refuses).

mod bundle;
mod call;
mod catalogue;
mod collect;
mod contract;
mod demo;
mod folder;
mod identities;
mod judgement;
mod lacking;
mod near;
mod output;
mod profile;
mod reach;
mod refusal;
mod sample;
mod services;
mod severity;
mod token;
mod up;
mod upload;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Support escalations that a vendor can trust.
#[derive(Parser)]
#[command(name = "vouch", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the three services on one data folder, with an authority, issuers and a sample catalogue.
    Up(up::UpArguments),
    /// Tell the whole story on fresh services: a ticket, its escalation, every refusal, the solution. Exits non-zero when any
    /// step deviates.
    Demo(demo::DemoArguments),
    /// Print a bearer token for a person of the data folder's issuers.
    Token(token::TokenArguments),
    /// Call any RPC with a JSON request, and print the answer as JSON.
    Call(call::CallArguments),
    /// Verify a proof, a receipt, a licence file, or the signature of a manifest or a profile offline.
    Verify(verify::VerifyArguments),
    /// Collect diagnostics of this host, or take an archive in, and seal them redacted: without a network.
    Collect(collect::CollectArguments),
    /// Look into a sealed bundle, compare two, hand one over.
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Check, publish or fetch a profile: what is collected, what is required, what is looked for.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Run one service as a process of its own.
    #[command(subcommand)]
    Serve(Serve),
}

/// One of the three services.
#[derive(Subcommand)]
enum Serve {
    /// The licence service.
    License(ServeArguments),
    /// The vendor service.
    Vendor(ServeArguments),
    /// The partner service.
    Partner(ServeArguments),
}

#[derive(Args)]
struct ServeArguments {
    /// The configuration file (TOML).
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Stop when standard input ends: with the process that holds it.
    #[arg(long)]
    leash: bool,
    /// Check the configuration and print what comes of it, without secrets; serve nothing.
    #[arg(long, conflicts_with = "leash")]
    check: bool,
}

impl ServeArguments {
    async fn run<S: vouch_host::Service>(&self) -> ExitCode {
        let config = self.config.as_deref();
        if self.check {
            vouch_host::check::<S>(config).await
        } else {
            vouch_host::run_with::<S>(config, self.leash).await
        }
    }
}

/// Where `vouch up` keeps its data.
#[derive(Args)]
struct DataFolder {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "vouch-data")]
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut program = catalogue::add(contract::add(Arguments::command()));
    let matches = program.get_matches_mut();
    let for_machines = wants_json(&matches);
    if let Some(outcome) = catalogue::run(&matches).await {
        return ended(outcome, for_machines);
    }
    if let Some(outcome) = contract::run(&matches).await {
        return ended(outcome, for_machines);
    }
    match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => run(arguments.command, for_machines).await,
        Err(error) => error.format(&mut program).exit(),
    }
}

/// Runs a hand-written command.
async fn run(command: Command, for_machines: bool) -> ExitCode {
    let outcome = match command {
        Command::Up(arguments) => up::run(&arguments).await,
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Token(arguments) => token::run(&arguments),
        Command::Call(arguments) => call::run(&arguments).await,
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Collect(arguments) => collect::run(&arguments),
        Command::Bundle(command) => bundle::run(&command).await,
        Command::Profile(command) => profile::run(&command).await,
        Command::Serve(Serve::License(serve)) => {
            return serve.run::<vouch_license::License>().await;
        }
        Command::Serve(Serve::Vendor(serve)) => {
            return serve.run::<vouch_vendor::Vendor>().await;
        }
        Command::Serve(Serve::Partner(serve)) => {
            return serve.run::<vouch_partner::Partner>().await;
        }
    };
    ended(outcome, for_machines)
}

/// Whether a command was asked to tell what comes of it as JSON.
fn wants_json(matches: &ArgMatches) -> bool {
    let within = matches.subcommand().map(|(_, within)| within);
    let is_said = matches.try_get_one::<bool>("json").ok().flatten().copied().unwrap_or_default();
    is_said || within.is_some_and(wants_json)
}

fn ended(outcome: Result<ExitCode, output::Problem>, for_machines: bool) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(problem) => {
            output::problem(&problem, for_machines);
            ExitCode::FAILURE
        }
    }
}

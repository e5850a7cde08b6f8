//! A service's whole command line: read the configuration, serve until told to stop.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, HostConfig, Loaded};
use crate::{Listeners, ServeError, telemetry};

/// What a service brings along to be run.
pub trait Service {
    /// Its own settings, beside those of every service.
    type Config: Send;

    /// The name of its program: `vouch-license`.
    const NAME: &'static str;
    /// One line of what it is.
    const ABOUT: &'static str;

    /// Takes its settings out of what was loaded; problems are noted there.
    fn configure(loaded: &mut Loaded) -> Self::Config;

    /// Its own settings as TOML, for `config`.
    fn show(config: &Self::Config) -> String;

    /// Serves until `shutdown` resolves.
    fn serve(
        host: HostConfig,
        config: Self::Config,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<(), ServeError>> + Send;
}

#[derive(Parser)]
struct Arguments {
    /// The configuration file (TOML); VOUCH_SECTION__NAME in the environment lies over it.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C (the default).
    Serve,
    /// Check the configuration and print what comes of it, without secrets.
    Config,
}

/// Runs a service as a program. What it prints on standard output is for whoever started it: `ready` and the addresses.
pub async fn run<S: Service>() -> ExitCode {
    let command = <Arguments as clap::CommandFactory>::command().name(S::NAME).about(S::ABOUT);
    let arguments = match <Arguments as clap::FromArgMatches>::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let mut loaded = config::load(arguments.config.as_deref(), std::env::vars());
    let host = HostConfig::take(&mut loaded);
    let own = S::configure(&mut loaded);
    let problems = loaded.finish();
    let (Some(host), true) = (host, problems.is_empty()) else {
        eprintln!("{}: the configuration has problems:\n{problems}", S::NAME);
        return ExitCode::from(2);
    };
    if let Some(Command::Config) = arguments.command {
        print!("{}{}", host.show(), S::show(&own));
        return ExitCode::SUCCESS;
    }
    if let Err(problem) = telemetry::start_logs(&host.log) {
        eprintln!("{}: {problem}", S::NAME);
        return ExitCode::from(2);
    }
    match serve::<S>(host, own).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", S::NAME, with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

async fn serve<S: Service>(host: HostConfig, own: S::Config) -> Result<(), ServeError> {
    let listeners = Listeners::bind(&host).await?;
    println!("{} listening rpc={} ops={}", S::NAME, listeners.rpc_address(), listeners.ops_address());
    S::serve(host, own, listeners, told_to_stop()).await
}

/// Resolves on SIGTERM or Ctrl-C.
async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be listened for");
            let _ = interrupted.await;
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n  because {cause}"));
        source = cause.source();
    }
    text
}

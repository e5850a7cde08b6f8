//! A service's whole command line: read the configuration, serve until told to stop.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

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
    /// The configuration file (TOML); `VOUCH_SECTION__NAME` in the environment lies over it.
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

/// Runs a service as a program of its own.
pub async fn run<S: Service>() -> ExitCode {
    let command = <Arguments as clap::CommandFactory>::command().name(S::NAME).about(S::ABOUT);
    let arguments = match <Arguments as clap::FromArgMatches>::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let show_only = matches!(arguments.command, Some(Command::Config));
    start::<S>(arguments.config.as_deref(), show_only, false).await
}

/// Runs a service inside another program's command line. With `leash` it also stops when its standard input ends.
pub async fn run_with<S: Service>(config: Option<&Path>, leash: bool) -> ExitCode {
    start::<S>(config, false, leash).await
}

/// Checks a service's configuration, and prints what comes of it, inside another program's command line.
pub async fn check<S: Service>(config: Option<&Path>) -> ExitCode {
    start::<S>(config, true, false).await
}

/// What it prints on standard output is for whoever started it: one line with the addresses.
async fn start<S: Service>(config: Option<&Path>, show_only: bool, leash: bool) -> ExitCode {
    let mut loaded = config::load(config, std::env::vars());
    let host = HostConfig::take(&mut loaded);
    let own = S::configure(&mut loaded);
    let problems = loaded.finish();
    let (Some(host), true) = (host, problems.is_empty()) else {
        eprintln!("{}: the configuration has problems:\n{problems}", S::NAME);
        return ExitCode::from(2);
    };
    if show_only {
        print!("{}{}", host.show(), S::show(&own));
        return ExitCode::SUCCESS;
    }
    if let Err(problem) = telemetry::start_logs(&host.log) {
        eprintln!("{}: {problem}", S::NAME);
        return ExitCode::from(2);
    }
    match serve::<S>(host, own, leash).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", S::NAME, with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

async fn serve<S: Service>(host: HostConfig, own: S::Config, leash: bool) -> Result<(), ServeError> {
    let mut signals =
        StopSignals::listen().map_err(|error| ServeError::Setup(format!("signals cannot be listened for: {error}")))?;
    let listeners = Listeners::bind(&host).await?;
    println!("{} listening rpc={} ops={}", S::NAME, listeners.rpc_address(), listeners.ops_address());
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            () = signals.received() => {}
            () = input_ended(), if leash => {}
        }
        stop.send_replace(true);
    });
    let is_serving = Arc::new(AtomicBool::new(false));
    let (mut told, begun) = (stopped.clone(), is_serving.clone());
    let shutdown = async move {
        begun.store(true, Ordering::Release);
        let _ = told.wait_for(|stop| *stop).await;
    };
    // While it still prepares (another replica migrates, a key set is fetched) there is nothing to drain, and it ends at once.
    let mut told = stopped;
    let stopped_before = async move {
        let _ = told.wait_for(|stop| *stop).await;
        if is_serving.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        served = S::serve(host, own, listeners, shutdown) => served,
        () = stopped_before => Ok(()),
    }
}

/// Resolves when standard input ends.
async fn input_ended() {
    let (ended, input) = tokio::sync::oneshot::channel();
    // A thread of its own: a read of standard input cannot be called off, and must not hold up the runtime's end.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = input.await;
}

/// SIGTERM and Ctrl-C, listened for from its making on.
///
/// Make it before anybody is told where the program listens: who knows that may stop it, and before a program listens for a
/// signal the signal kills it.
pub struct StopSignals {
    interrupted: Signal,
    terminated: Signal,
}

impl StopSignals {
    /// Starts to listen for them; they no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupted: signal(SignalKind::interrupt())?, terminated: signal(SignalKind::terminate())? })
    }

    /// Resolves when one of them has come.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str("\n  because ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

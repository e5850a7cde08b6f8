//! Loops beside the handlers: each runs now and then until the service stops.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// For how long a job may fail before that is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a job fails.
#[derive(Debug, Clone, Copy)]
enum Failing {
    /// It does not.
    No,
    /// Since then, which nobody was told.
    Since(Instant),
    /// It was told.
    Told,
}

/// The loops of a service.
#[derive(Debug)]
pub struct Jobs {
    tasks: JoinSet<()>,
    stop: watch::Receiver<bool>,
}

impl Jobs {
    /// No loops yet; they end when `stop` turns true.
    pub(crate) fn new(stop: watch::Receiver<bool>) -> Self {
        Self { tasks: JoinSet::new(), stop }
    }

    /// Runs `work` every `pause`, the first time after one pause. When runs have failed for a
    /// while, and when they work again, it is logged; the next one comes all the same.
    pub fn every<F, Fut, E>(&mut self, name: &'static str, pause: Duration, work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        self.run(name, pause, pause, work);
    }

    /// The same, the first time at once: for what follows something until it ends.
    pub fn at_once_and_every<F, Fut, E>(&mut self, name: &'static str, pause: Duration, work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        self.run(name, Duration::ZERO, pause, work);
    }

    fn run<F, Fut, E>(&mut self, name: &'static str, first: Duration, pause: Duration, mut work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        let mut stop = self.stop.clone();
        self.tasks.spawn(async move {
            let (mut failing, mut wait) = (Failing::No, first);
            loop {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    _ = stop.wait_for(|stopped| *stopped) => return,
                }
                wait = pause;
                let began = Instant::now();
                let run = std::panic::AssertUnwindSafe(async { work().await }).catch_unwind();
                // A run that is under way when the service stops is given up: what it does is done again after the next start.
                let outcome = tokio::select! {
                    outcome = run => outcome,
                    _ = stop.wait_for(|stopped| *stopped) => return,
                };
                let outcome = outcome
                    .map_err(|_panic| "it panicked".to_owned())
                    .and_then(|outcome| outcome.map_err(|error| error.to_string()));
                // Told once when it has lasted, and once when it ends: a job that runs twice a second must not fill the log, and a
                // service that another one restarts is no news.
                // What went on for long was no failure while it did: what ended then begins to fail now.
                if began.elapsed() > PATIENCE && matches!(failing, Failing::Since(_)) {
                    failing = Failing::No;
                }
                failing = match (outcome, failing) {
                    (Ok(()), Failing::Told) => {
                        tracing::info!(job = name, "a job that failed runs again");
                        Failing::No
                    }
                    (Ok(()), Failing::No | Failing::Since(_)) => Failing::No,
                    (Err(error), Failing::No) => {
                        tracing::debug!(job = name, %error, "a job failed and will be tried again");
                        Failing::Since(Instant::now())
                    }
                    (Err(error), Failing::Since(since)) if since.elapsed() >= PATIENCE => {
                        tracing::warn!(job = name, %error, "a job fails and is tried again and again");
                        Failing::Told
                    }
                    (Err(error), failing) => {
                        tracing::debug!(job = name, %error, "a job still fails");
                        failing
                    }
                };
            }
        });
    }

    /// Waits until every loop has ended.
    pub(crate) async fn join(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

//! Loops beside the handlers: each runs now and then until the service stops.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// The loops of a service.
#[derive(Debug)]
pub struct Jobs {
    tasks: JoinSet<()>,
    stop: watch::Receiver<bool>,
}

impl Jobs {
    /// No loops yet; they end when `stop` turns true.
    pub(crate) fn new(stop: watch::Receiver<bool>) -> Self {
        Self {
            tasks: JoinSet::new(),
            stop,
        }
    }

    /// Runs `work` every `pause`, the first time after one pause. A run that fails is logged; the next one comes all the
    /// same.
    pub fn every<F, Fut, E>(&mut self, name: &'static str, pause: Duration, mut work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display,
    {
        let mut stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.wait_for(|stopped| *stopped) => return,
                }
                if let Err(error) = work().await {
                    tracing::warn!(job = name, %error, "a job failed and will run again");
                }
            }
        });
    }

    /// Waits until every loop has ended.
    pub(crate) async fn join(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

//! The operator's listener: liveness, readiness, metrics. Plain HTTP on loopback.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry;

/// Whether the service is ready. Truthful: false until the migrations ran and the store answered, false again before
/// requests are drained.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    ready: AtomicBool,
    stopping: AtomicBool,
}

impl Readiness {
    pub(crate) fn set(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::SeqCst);
    }

    /// From now on the service is not ready, whatever a sign of life says.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> bool {
        self.0.ready.load(Ordering::SeqCst) && !self.0.stopping.load(Ordering::SeqCst)
    }
}

/// Answers the operator until `stop` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async || telemetry::metrics().render()))
        .with_state(readiness);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

async fn ready(extract::State(readiness): extract::State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.get() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}

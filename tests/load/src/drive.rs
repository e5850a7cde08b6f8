//! Callers in a closed loop: many connections, several calls in flight on each.

use std::future::Future;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How hard to drive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Connections.
    pub(crate) connections: usize,
    /// Calls in flight on each.
    pub(crate) in_flight: usize,
    /// For how long.
    pub(crate) time: Duration,
}

/// What one drive measured.
#[derive(Debug)]
pub(crate) struct Driven {
    /// Answers a second.
    pub(crate) per_second: f64,
    /// Latencies in microseconds.
    pub(crate) micros: Histogram<u64>,
}

/// Drives: `connect` gives a client for each connection, `call` makes one call with a number that differs from call to call.
pub(crate) async fn drive<C, F, Fut>(load: Load, connect: impl Fn() -> C, call: F) -> Driven
where
    C: Clone + Send + 'static,
    F: Fn(C, u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let callers: Vec<_> = (0..load.connections)
        .flat_map(|connection| {
            let client = connect();
            let call = call.clone();
            (0..load.in_flight).map(move |place| {
                let (client, call) = (client.clone(), call.clone());
                let seed = (connection * load.in_flight + place) as u64;
                tokio::spawn(async move {
                    let mut micros = Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds");
                    let mut number = seed << 32;
                    while began.elapsed() < load.time {
                        let asked = Instant::now();
                        call(client.clone(), spread(number)).await;
                        micros.saturating_record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
                        number += 1;
                    }
                    micros
                })
            })
        })
        .collect();
    let mut micros = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("bounds");
    for caller in callers {
        micros.add(caller.await.expect("a caller")).expect("the same bounds");
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of some millions")]
    let per_second = micros.len() as f64 / began.elapsed().as_secs_f64();
    Driven { per_second, micros }
}

/// Spreads numbers over all of 64 bits: the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

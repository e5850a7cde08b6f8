//! What was measured, as a table for people and as JSON for machines.

use std::time::Duration;

use serde::Serialize;

use crate::drive::Driven;
use crate::hold::Held;

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    empty: Held,
    pub(crate) rows: Vec<Row>,
    pub(crate) stream: Option<Streamed>,
}

/// One size of database.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    licenses: usize,
    read_millis: u64,
    ready_millis: u128,
    resident_bytes: u64,
    /// Medians over the rounds.
    echo_per_second: f64,
    service_per_second: f64,
    echo_p99_micros: u64,
    service_p99_micros: u64,
    /// Medians of the ratios of each round, with the smallest and the largest.
    throughput_ratio: [f64; 3],
    p99_ratio: [f64; 3],
}

/// Checks in streams.
#[derive(Debug, Serialize)]
pub(crate) struct Streamed {
    batch: usize,
    /// Smallest, median, largest over the rounds.
    per_second: [f64; 3],
}

impl Streamed {
    pub(crate) fn new(batch: usize, rates: Vec<f64>) -> Self {
        Self { batch, per_second: spread(rates) }
    }
}

impl Row {
    pub(crate) fn new(held: Held, ready: Duration, echo: &[Driven], service: &[Driven]) -> Self {
        let rate = |driven: &[Driven]| spread(driven.iter().map(|one| one.per_second).collect())[1];
        let p99 = |driven: &Driven| driven.micros.value_at_quantile(0.99);
        let median = |driven: &[Driven]| {
            let mut all: Vec<_> = driven.iter().map(p99).collect();
            all.sort_unstable();
            all[all.len() / 2]
        };
        let pairs = || echo.iter().zip(service);
        #[expect(clippy::cast_precision_loss, reason = "microseconds")]
        let p99_ratios = pairs().map(|(echo, service)| p99(service) as f64 / p99(echo) as f64).collect();
        Self {
            licenses: held.licenses,
            read_millis: held.read_millis,
            ready_millis: ready.as_millis(),
            resident_bytes: held.resident_bytes,
            echo_per_second: rate(echo),
            service_per_second: rate(service),
            echo_p99_micros: median(echo),
            service_p99_micros: median(service),
            throughput_ratio: spread(pairs().map(|(echo, service)| service.per_second / echo.per_second).collect()),
            p99_ratio: spread(p99_ratios),
        }
    }
}

impl Report {
    pub(crate) fn new(empty: Held) -> Self {
        Self { empty, rows: Vec::new(), stream: None }
    }

    /// Bytes of memory for each licence, beyond a book without any.
    fn bytes_each(&self, row: &Row) -> u64 {
        row.resident_bytes.saturating_sub(self.empty.resident_bytes) / row.licenses.max(1) as u64
    }

    /// Tells that a row is done: the whole takes minutes.
    pub(crate) fn tell_last(&self) {
        if let Some(row) = self.rows.last() {
            eprintln!("  measured {} licences: {:.2} of the echo", row.licenses, row.throughput_ratio[1]);
        }
    }

    /// Prints the tables.
    pub(crate) fn tell(&self) {
        println!(
            "| licences | echo/s | check/s | ratio (least to most) | echo p99 | check p99 | ratio | read | ready | bytes each |"
        );
        println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for row in &self.rows {
            let [least, median, most] = row.throughput_ratio;
            println!(
                "| {} | {:.0} | {:.0} | {median:.2} ({least:.2} to {most:.2}) | {} µs | {} µs | {:.2} | {} ms | {} ms | {} |",
                row.licenses,
                row.echo_per_second,
                row.service_per_second,
                row.echo_p99_micros,
                row.service_p99_micros,
                row.p99_ratio[1],
                row.read_millis,
                row.ready_millis,
                self.bytes_each(row),
            );
        }
        if let Some(Streamed { batch, per_second: [least, median, most] }) = &self.stream {
            println!(
                "\nStreams of {batch} questions by licence id: {median:.0} checks a second ({least:.0} to {most:.0})."
            );
        }
    }
}

/// The smallest, the median and the largest.
pub(crate) fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    [values[0], values[last / 2], values[last]]
}

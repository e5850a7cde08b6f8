//! What the book of a database takes: time to read, and memory.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use vouch_core::World;
use vouch_license::book::{Book, Table};
use vouch_storage::Store;

use crate::ground::config;

#[derive(Args)]
pub(crate) struct HoldArguments {
    /// The database's file.
    #[arg(long)]
    database: PathBuf,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Licences in the book.
    pub(crate) licenses: usize,
    /// Resident memory of the process.
    pub(crate) resident_bytes: u64,
    /// How long the reading took.
    pub(crate) read_millis: u64,
}

pub(crate) async fn run(arguments: &HoldArguments) -> ExitCode {
    let store = Store::open(&config(&arguments.database), &vouch_license::MIGRATIONS).await.unwrap();
    let (world, began) = (World::system(), Instant::now());
    let book = Book::open(store, world.clone()).await.unwrap();
    let read_millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (licenses, _) = book.read(world.now(), Table::licenses).unwrap();
    let held = Held { licenses, resident_bytes: resident_bytes(), read_millis };
    println!("{}", serde_json::to_string(&held).unwrap());
    ExitCode::SUCCESS
}

/// Measures in a process of its own, so that nothing else is counted.
pub(crate) fn measure(database: &Path) -> Held {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).args(["hold", "--database"]).arg(database).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Resident memory as Linux counts it: `VmRSS` of proc(5), in KiB.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or_default() * 1024
}

//! Bundles in transfer, measured: large blobs, and many small files. Every side is a process of its own.
//!
//! `vendor` starts the receiving service, `bare` is the least that the same messages allow, `side` is what the processes run, `upload`
//! and `small` measure.

mod bare;
mod side;
mod small;
mod upload;
mod vendor;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

pub(crate) use self::side::{SideCommand, run as run_side};
pub(crate) use self::small::{SmallArguments, run as run_small};
pub(crate) use self::upload::{UploadArguments, run as run_upload};

/// How many bytes one message carries.
const PIECE: usize = 2 * 1024 * 1024;
/// How many blobs travel at a time, here and there.
const IN_FLIGHT: usize = 4;

/// What a sender tells when it is done.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Sent {
    /// How long opening and verifying the sealed file took.
    open_seconds: f64,
    /// How long sending took, until the last answer.
    seconds: f64,
    /// The most memory that the process had.
    peak_bytes: u64,
}

/// This program as another process, with the words of a side.
fn own(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("side").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Runs a sender to its end.
fn sent(command: &mut Command) -> Sent {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "a sender failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Starts a receiver; where it listens is the value of this word in the line that it prints.
fn receiver(command: &mut Command, word: &str) -> (Child, String) {
    use std::io::{BufRead as _, BufReader};

    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let found = line.split_whitespace().find_map(|part| part.strip_prefix(word)?.strip_prefix('='));
    let address = found.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
    (child, address)
}

/// Lets a receiver end: its standard input is its leash.
fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// The most memory that a process had, as Linux counts it: `VmHWM` of proc(5), in KiB.
fn peak_bytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or_default() * 1024
}

/// A path as a word of a command.
fn word(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

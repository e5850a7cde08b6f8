//! The programs as separate processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundles;
mod catalogues;
mod collections;
mod commands;
mod demo;
mod desk;
mod federation;
mod field;
mod front_line;
mod kills;
mod newcomer;
mod postgresql;
mod profiles;
mod proxy;
mod up;
mod uploads;

use std::process::Command;

/// The `vouch` program of this build.
fn vouch() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vouch"))
}

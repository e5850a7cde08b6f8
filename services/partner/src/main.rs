//! `vouch-partner`: the partner service as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    vouch_host::run::<vouch_partner::Partner>().await
}

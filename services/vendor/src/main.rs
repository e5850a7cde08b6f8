//! `vouch-vendor`: the vendor service as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    vouch_host::run::<vouch_vendor::Vendor>().await
}

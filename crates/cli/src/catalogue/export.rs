//! `vouch license export`: every licence, in the form that import takes.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::license::v1 as pb;

use super::files::{Format, Sheet};
use super::rows::row;
use super::{channel_of, client, role_of};
use crate::output::{self, Problem};
use crate::refusal::{self, Called};

/// The most that a page may have.
const PAGE: i32 = 200;

/// Write every licence to a file, in the form that `vouch license import` takes: with digests of keys, and not the keys.
///
/// Only a service with the same root secret can take these digests: import says so where it cannot.
#[derive(Args)]
pub(super) struct ExportArguments {
    /// A new file: .csv, or .jsonl. Left out: standard output.
    file: Option<PathBuf>,
    /// The form of what is written. Where left out, the ending of the file's name says it; standard output is JSON lines.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

pub(super) async fn run(arguments: &ExportArguments, given: &ArgMatches) -> Result<ExitCode, Problem> {
    let json = given.get_flag("json");
    let mut client = client(channel_of(given, std::convert::identity)?);
    let mut sheet = Sheet::new(arguments.file.as_deref(), arguments.format)?;
    let bar = spinner(json || arguments.file.is_none());
    let (mut page_token, mut written) = (String::new(), 0_u64);
    loop {
        let page = Some(PageRequest { page_size: PAGE, page_token });
        let answer = match client.export_licenses(pb::ExportLicensesRequest { page }).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                bar.finish_and_clear();
                let rpc = "license.v1.LicenseService/ExportLicenses";
                return Err(refusal::problem(&status, &Called::plainly(role_of(given), rpc)));
            }
        };
        for license in answer.licenses {
            if !sheet.write(&row(license))? {
                return Ok(ExitCode::SUCCESS);
            }
            written += 1;
        }
        bar.set_message(format!("{} licences", HumanCount(written)));
        bar.tick();
        page_token = answer.page.unwrap_or_default().next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    sheet.finish()?;
    bar.finish_and_clear();
    if let Some(file) = &arguments.file {
        if json {
            output::line(&json!({ "file": file.display().to_string(), "licenses": written }).to_string());
        } else {
            let licences = if written == 1 { "licence" } else { "licences" };
            output::done(&format!("{} {licences} in {}", HumanCount(written), output::path(file)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn spinner(hidden: bool) -> ProgressBar {
    if hidden || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

//! `vouch token`: a bearer token for a person of the data folder.

use std::process::ExitCode;

use clap::Args;

use crate::DataFolder;
use crate::folder::{Folder, SERVICES};
use crate::identities::Role;
use crate::output::{self, Problem};

#[derive(Args)]
pub(crate) struct TokenArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Who the token is for.
    #[arg(long = "as", value_enum)]
    role: Role,
    /// The service that it is for.
    #[arg(long, value_name = "SERVICE", default_value = "license", value_parser = SERVICES)]
    service: String,
}

pub(crate) fn run(arguments: &TokenArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let audience = format!("{}.vouch", arguments.service);
    let token = arguments.role.token(&folder, &audience)?.ok_or_else(|| match arguments.role {
        Role::Anyone => Problem::new("anyone calls without a token"),
        _ => Problem::new("a workload has a certificate and no token")
            .next("Its certificate and key are in the data folder, under identities; the vendor's own under vendor."),
    })?;
    output::line(&token);
    Ok(ExitCode::SUCCESS)
}

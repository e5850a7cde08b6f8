//! `vouch bundle`: what is in a sealed bundle, and whether it is whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use vouch_core::World;
use vouch_diagnostics::CollectError;
use vouch_diagnostics::profile::{Profile, Situation};
use vouch_diagnostics::sealed::SealedBundle;

use crate::collect::{self, Summary};
use crate::judgement::Judgement;
use crate::output::{self, Problem};
use crate::profile;

#[derive(Subcommand)]
pub(crate) enum BundleCommand {
    /// Show what a sealed bundle holds.
    Show(ShowArguments),
    /// Verify that a sealed bundle is whole.
    Verify(VerifyArguments),
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// The sealed bundle.
    file: PathBuf,
    /// Look for the known problems of this profile; by default of the one by which it was collected, if this program has it.
    #[arg(long, value_name = "PROFILE", conflicts_with = "json")]
    profile: Option<String>,
    /// Print the manifest as it is: JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// The sealed bundle.
    file: PathBuf,
}

pub(crate) fn run(command: &BundleCommand) -> Result<ExitCode, Problem> {
    match command {
        BundleCommand::Show(arguments) => show(arguments),
        BundleCommand::Verify(arguments) => {
            let bundle = open(&arguments.file)?;
            let size: u64 = bundle.manifest().blobs().values().sum();
            output::done(&format!("whole: {} blobs with {}", bundle.blobs().count(), HumanBytes(size)));
            output::field("root", &bundle.root().to_string());
            output::remark(
                "Whoever made it could say the same root in the file; the vendor's receipt says which root it took.",
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(file: &Path) -> Result<SealedBundle, Problem> {
    SealedBundle::open(file).map_err(|error| {
        let problem = collect::problem(&CollectError::Sealed(error));
        Problem::new(format!("{} is not to be trusted: {}", file.display(), problem.what))
            .next("Copy it again from where it was made, or collect again.")
    })
}

fn show(arguments: &ShowArguments) -> Result<ExitCode, Problem> {
    let bundle = open(&arguments.file)?;
    if arguments.json {
        output::line(&String::from_utf8_lossy(bundle.manifest_bytes()));
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = bundle.manifest();
    output::heading(&arguments.file.display().to_string());
    output::field("collected", &manifest.collected_at.to_string());
    output::field("redacted by", &manifest.redaction.policy);
    Summary::of(&arguments.file, &bundle).tell();
    let mut artefacts: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for entry in manifest.entries.iter().filter(|entry| entry.failed.is_none()) {
        let (entries, size) = artefacts.entry(&entry.collector).or_default();
        *entries += 1;
        *size += entry.size_bytes;
    }
    output::line("");
    output::heading("Artefacts");
    for (name, (entries, size)) in artefacts {
        output::field(name, &format!("{entries:>5} entries {:>12}", HumanBytes(size).to_string()));
    }
    if let Some(profile) = known(arguments.profile.as_deref(), &manifest.profile)? {
        Judgement::of(&profile, &bundle, &Situation::default(), &World::system())?.tell();
    }
    Ok(ExitCode::SUCCESS)
}

/// The profile that was asked for, or the one by which a bundle was collected, if this program brings it along.
fn known(asked: Option<&str>, title: &str) -> Result<Option<Profile>, Problem> {
    if let Some(name) = asked {
        return profile::find(name).map(Some);
    }
    let name = title.split('/').next().unwrap_or_default();
    let shipped = Profile::shipped(name).and_then(Result::ok);
    Ok(shipped.filter(|profile| profile.title() == title))
}

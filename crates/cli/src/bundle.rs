//! `vouch bundle`: what is in a sealed bundle, whether it is whole, and what differs between two; asking for one, handing it over, and
//! reading what is said of one.

mod diff;
mod entries;
mod request;
mod table;
mod translate;
mod upload;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use serde_json::json;
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
    /// Show what differs between two sealed bundles.
    Diff(diff::DiffArguments),
    /// Write a request for diagnostics, to be taken to the host and run there: vouch collect --request FILE.
    Request(request::RequestArguments),
    /// Upload a sealed bundle to the partner, for a ticket, and commit it.
    ///
    /// Only what the partner does not have yet is sent, several blobs at a time. After a cut it goes on at the last part that arrived;
    /// a command that was killed is simply started again.
    Upload(upload::UploadArguments),
    /// Put the originals in the place of pseudonyms in what a vendor wrote: by the partner, for an agent of the ticket.
    Translate(translate::TranslateArguments),
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
    /// List every entry, and not the first of them only.
    #[arg(long, conflicts_with = "json")]
    all: bool,
    /// Print the content of one entry, by its path.
    #[arg(long, value_name = "PATH", conflicts_with = "json")]
    entry: Option<String>,
}

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// The sealed bundle.
    file: PathBuf,
    /// Print one line of JSON, for machines; one that is not whole has none.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &BundleCommand) -> Result<ExitCode, Problem> {
    match command {
        BundleCommand::Show(arguments) => show(arguments),
        BundleCommand::Diff(arguments) => diff::run(arguments),
        BundleCommand::Request(arguments) => request::run(arguments),
        BundleCommand::Translate(arguments) => translate::run(arguments).await,
        BundleCommand::Upload(arguments) => upload::run(arguments).await,
        BundleCommand::Verify(arguments) => verify(arguments),
    }
}

fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Problem> {
    let bundle = open(&arguments.file)?;
    let (blobs, size): (usize, u64) = (bundle.blobs().count(), bundle.manifest().blobs().values().sum());
    if arguments.json {
        let told = json!({ "file": arguments.file, "root": bundle.root(), "blobs": blobs, "size_bytes": size });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("whole: {} with {}", output::counted(blobs, "blob"), HumanBytes(size)));
    output::field("root", &bundle.root().to_string());
    output::remark(
        "Whoever made it could say the same root in the file; the vendor's receipt says which root it took.",
    );
    Ok(ExitCode::SUCCESS)
}

/// Opens a sealed bundle.
pub(crate) fn open(file: &Path) -> Result<SealedBundle, Problem> {
    if file.try_exists().is_ok_and(|is_there| !is_there) {
        return Err(Problem::unreadable(file, &io::ErrorKind::NotFound.into()));
    }
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
    if let Some(path) = &arguments.entry {
        return print(&bundle, path);
    }
    let manifest = bundle.manifest();
    output::heading(&arguments.file.display().to_string());
    output::field("collected", &manifest.collected_at.to_string());
    output::field("redacted by", &manifest.redaction.policy);
    if let Some(ticket) = &manifest.ticket {
        output::field("for", ticket);
    }
    if let (Some(table), Some(recipient)) = (bundle.pseudonyms(), &manifest.pseudonyms_for) {
        let size = HumanBytes(table.len() as u64);
        output::field(
            "pseudonyms",
            &format!("a table of {size} beside it, which only the partner can read: {recipient}"),
        );
    }
    Summary::of(&arguments.file, &bundle).tell();
    let mut artefacts: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for entry in manifest.entries.iter().filter(|entry| entry.failed.is_none()) {
        let (entries, size) = artefacts.entry(&entry.collector).or_default();
        *entries += 1;
        *size += entry.size_bytes;
    }
    output::line("");
    collect::masked(&manifest.entries);
    output::line("");
    output::heading("Artefacts");
    for (name, (entries, size)) in artefacts {
        let entries = output::counted(entries, "entry");
        output::field(name, &format!("{entries:>13} {:>12}", HumanBytes(size).to_string()));
    }
    output::line("");
    output::heading("Entries");
    for line in entries::lines(&manifest.entries, arguments.all) {
        output::line(&format!("  {line}"));
    }
    if let Some(profile) = known(arguments.profile.as_deref(), &manifest.profile)? {
        Judgement::of(&profile, &bundle, &Situation::default(), &World::system())?.tell();
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one entry as it is.
fn print(bundle: &SealedBundle, path: &str) -> Result<ExitCode, Problem> {
    let Some(entry) = bundle.manifest().entries.iter().find(|entry| entry.path == path) else {
        return Err(
            Problem::new(format!("the bundle has no entry {path}")).next("Its paths are in: bundle show FILE --all")
        );
    };
    if let Some(reason) = &entry.failed {
        return Err(Problem::new(format!("{path} was left out: {reason}")));
    }
    let Some(mut content) = bundle.content(entry) else { return Ok(ExitCode::SUCCESS) };
    let mut out = io::stdout().lock();
    match io::copy(&mut content, &mut out).and_then(|_| out.flush()) {
        // A reader that has gone is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::new(format!("{path} cannot be printed: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
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

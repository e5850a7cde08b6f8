//! `vouch bundle request`: asking for diagnostics, or for more of them with the same pseudonyms.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tempfile::NamedTempFile;
use vouch_core::World;
use vouch_diagnostics::request::{CollectionRequest, PseudonymKey};

use crate::output::{self, Problem};
use crate::{collect, profile};

#[derive(Args)]
pub(crate) struct RequestArguments {
    /// The ticket that it is for; of an earlier request, its ticket.
    #[arg(long, required_unless_present = "like")]
    ticket: Option<String>,
    /// The profile, with its version.
    #[arg(long, value_name = "NAME/VERSION")]
    profile: Option<String>,
    /// A collector that is wanted, as often as there are some; all of the profile, if none is named.
    #[arg(long = "collector", value_name = "NAME")]
    collectors: Vec<String>,
    /// A question to whoever collects, as often as there are some.
    #[arg(long = "question", value_name = "TEXT")]
    questions: Vec<String>,
    /// An earlier request for the same ticket: what is collected has the same pseudonyms.
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(arguments: &RequestArguments) -> Result<ExitCode, Problem> {
    let earlier = arguments.like.as_deref().map(collect::request).transpose()?;
    let (ticket, profile, key) = match &earlier {
        Some(earlier) => (earlier.ticket.as_str(), earlier.profile.as_str(), earlier.pseudonym_key.clone()),
        None => ("", "linux-host/1", PseudonymKey(World::system().random::<32>())),
    };
    let ticket = arguments.ticket.as_deref().unwrap_or(ticket);
    if earlier.as_ref().is_some_and(|earlier| earlier.ticket != ticket) {
        let problem = Problem::new("the earlier request is for another ticket");
        return Err(problem.next("Leave --like out: two tickets never share pseudonyms."));
    }
    let mut request = CollectionRequest::new(ticket, arguments.profile.as_deref().unwrap_or(profile), key);
    request.collectors.clone_from(&arguments.collectors);
    request.questions.clone_from(&arguments.questions);
    let is_known = fits(&request)?;
    let text = request.write().map_err(|error| Problem::new(error.to_string()))?;
    let path = arguments.output.display();
    // It has a key: nobody else reads it here, and nothing is written over.
    written(&arguments.output, &text).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::there(&arguments.output),
        _ => Problem::new(format!("{path} cannot be written: {error}")).next("Choose another file."),
    })?;
    output::done(&format!("written to {path}"));
    if !is_known {
        let unsaid = format!("{} is not here: whether it has these collectors is seen on the host.", request.profile);
        output::remark(&unsaid);
    }
    output::remark(&format!(
        "On the host: {} collect --request {}",
        output::program(),
        output::path(&arguments.output)
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that has its name once it is whole.
fn written(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut writing = NamedTempFile::new_in(folder)?;
    writing.write_all(text.as_bytes())?;
    writing.as_file().sync_all()?;
    writing.persist_noclobber(file).map(drop).map_err(|refused| refused.error)
}

/// Refuses collectors that the profile does not have, where it is here: one that this program brings along, or that was fetched into this
/// folder. Says whether there was nothing left to tell.
fn fits(request: &CollectionRequest) -> Result<bool, Problem> {
    if request.collectors.is_empty() {
        return Ok(true);
    }
    let there = profile::find(profile::requested(&request.profile)).ok();
    let Some(profile) = there.filter(|profile| profile.title() == request.profile) else { return Ok(false) };
    let names: Vec<&str> = profile.collectors.iter().map(|collector| collector.name.as_str()).collect();
    request.fits(&profile.title(), &names).map_err(|error| Problem::new(error.to_string()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_request_is_written_whole_for_nobody_else_to_read_and_over_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("request.toml");
        written(&file, "one").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(written(&file, "two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }
}

//! `vouch collect`: from a host, or from an archive that somebody made, to one sealed and redacted file. Without a network.

mod questions;
mod told;

use std::error::Error as _;
use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use vouch_core::World;
use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::collect::{Plan, learn_host};
use vouch_diagnostics::profile::{Profile, Situation};
use vouch_diagnostics::redaction::{Learner, NameKind, Policy, Refused};
use vouch_diagnostics::request::{CollectionRequest, PseudonymKey};
use vouch_diagnostics::sealed::{SealedBundle, SealedError};
use vouch_diagnostics::{CollectError, Draft, Evidence, Order, Progress, Step, seal_if};

pub(crate) use self::told::{Summary, masked};
use crate::judgement::Judgement;
use crate::output::{self, Problem};
use crate::profile::{self, Origin};

/// The profile of a collection for which nobody names one.
const LINUX_HOST: &str = "linux-host";

#[derive(Args)]
pub(crate) struct CollectArguments {
    /// What to collect: `linux-host`, `postgresql-server`, `kubernetes-node`, a profile that was fetched (`NAME/VERSION`), or a file with
    /// one (TOML); by default what is requested, or else `linux-host`. Those three by their bare names are samples that nobody has signed; of
    /// a fetched one the signature is verified, and it is said by whose keys.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Verify the profile's signature with the vendor's public keys in this file, as its `GetKeySet` answers them, and take no profile
    /// that they do not verify; by default with the keys that lie beside the profile since it was fetched.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    keys: Option<PathBuf>,
    /// Run a request that the partner sent: the collectors that it names, with the pseudonyms of its ticket. With --from it is
    /// for the pseudonyms only.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The file to seal into; by default one that is named after the profile and the time.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take an archive instead of this host, such as `sos report` makes: tar, tar.gz, tar.xz, tar.zst or zip. What lies packed in
    /// it is unpacked and masked too.
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "profile")]
    from: Option<PathBuf>,
    /// Mask the name of this host, whether anything tells it or not: with its domain (`db01.corp.example`) or without; once for each.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Mask the name of this domain, with the hosts within; once for each.
    #[arg(long = "domain", value_name = "NAME")]
    domains: Vec<String>,
    /// Mask the name of this user; once for each.
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// Say what the bundle lacks for a case of this severity.
    #[arg(long, value_name = "SEVERITY", value_parser = crate::severity::parser(), ignore_case = true, conflicts_with = "from")]
    severity: Option<String>,
    /// Say what the bundle lacks for a case of this category.
    #[arg(long, value_name = "CATEGORY", conflicts_with = "from")]
    category: Option<String>,
    /// Answers to the profile's questions (TOML): a table for each collector that asks, a text for each question.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    answers: Option<PathBuf>,
    /// Do not ask: neither before anything is read, nor what the profile asks, nor whether what was masked may be sealed.
    #[arg(long, short)]
    yes: bool,
    /// Print one line of JSON, for machines; needs --yes.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &CollectArguments) -> Result<ExitCode, Problem> {
    let world = World::system();
    let request = arguments.request.as_deref().map(request).transpose()?;
    let from = arguments.from.as_deref();
    let named = Named { profile: arguments.profile.as_deref(), keys: arguments.keys.as_deref() };
    let (mut evidence, profile) = prepare(&world, from, named, request.as_ref())?;
    let (profile, origin) = profile.unzip();
    let mut learner = learner(profile.as_ref()).map_err(|error| problem(&error))?;
    arguments.name(&mut learner)?;
    if let Some(file) = &arguments.answers {
        questions::read(file, &mut evidence)?;
    }
    let path = arguments.output.clone().unwrap_or_else(|| default_output(evidence.as_evidence(), &world));
    if path.exists() {
        // Said before anybody reads and agrees; sealing itself writes nothing over either.
        return Err(problem(&CollectError::Sealed(SealedError::Exists(path))));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(
            Problem::new(format!("there is no folder {}", folder.display())).next("Name another one with --output.")
        );
    }
    if !arguments.json {
        preview(&evidence, from, request.as_ref(), origin.as_ref(), &path);
    }
    if !arguments.yes && !agreed("Read this?", arguments.json)? {
        output::line("Nothing was read.");
        return Ok(ExitCode::FAILURE);
    }
    if !arguments.yes && arguments.answers.is_none() {
        questions::ask(&mut evidence)?;
    }
    let bar = bar(arguments.json);
    let mut agrees = |draft: Draft<'_>| {
        let ask = || {
            masked(draft.entries);
            told::coverage(Some(draft.coverage));
            output::field("collected", &draft.collected_at.to_string());
            agreed("Seal this?", false).unwrap_or(false)
        };
        arguments.yes || bar.suspend(ask)
    };
    let mut progress = |progress: Progress<'_>| show(&bar, progress);
    let collected = collect(&world, (&mut evidence, learner), request.as_ref(), &path, &mut progress, &mut agrees);
    bar.finish_and_clear();
    let bundle = match collected {
        Err(CollectError::Declined) => {
            output::line("Nothing was sealed.");
            return Ok(ExitCode::SUCCESS);
        }
        collected => collected.map_err(|error| problem(&error))?,
    };
    let summary = Summary::of(&path, &bundle);
    let situation = Situation { category: arguments.category.as_deref(), severity: arguments.severity.as_deref() };
    let judge = |profile: Profile| Judgement::of(&profile, &bundle, &situation, &world);
    let judgement = profile.map(judge).transpose()?.unwrap_or_default();
    if arguments.json {
        let mut told = summary.json(request.as_ref(), &judgement);
        [told["signed_by"], told["verified_with"]] = origin.as_ref().map(Origin::json).unwrap_or_default();
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("sealed into {}", summary.path.display()));
    output::field("collected", &summary.collected_at.to_string());
    summary.tell();
    judgement.tell();
    output::line("");
    let (program, file) = (output::program(), output::path(&summary.path));
    output::remark(&format!("To look inside: {program} bundle show {file}"));
    if let Some(request) = &request {
        let ticket = output::pasteable(request.ticket.clone());
        output::remark(&format!("Where the partner can be reached: {program} bundle upload {file} --ticket {ticket}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says early that an archive cannot be taken in.
pub(crate) fn check_archive(archive: &Path) -> Result<(), Problem> {
    open(archive).map(drop)
}

/// Collects this host by a profile, or takes an archive in, without a word.
pub(crate) fn collect_to(path: &Path, from: Option<&Path>, profile: Option<&str>) -> Result<Summary, Problem> {
    let world = World::system();
    let (mut evidence, profile) = prepare(&world, from, Named { profile, keys: None }, None)?;
    let learner = learner(profile.as_ref().map(|(profile, _)| profile)).map_err(|error| problem(&error))?;
    let collected = collect(&world, (&mut evidence, learner), None, path, &mut |_| {}, &mut |_| true);
    collected.map(|bundle| Summary::of(path, &bundle)).map_err(|error| problem(&error))
}

/// The profile that was named, and the keys that are to verify it.
struct Named<'a> {
    profile: Option<&'a str>,
    keys: Option<&'a Path>,
}

/// What is collected.
enum OneOf {
    Host(Plan),
    Archive(ArchiveEvidence),
}

/// What is to be collected, and the profile that says so, with where it comes from. An archive has none.
fn prepare(
    world: &World,
    from: Option<&Path>,
    named: Named<'_>,
    request: Option<&CollectionRequest>,
) -> Result<(OneOf, Option<(Profile, Origin)>), Problem> {
    if let Some(archive) = from {
        return Ok((OneOf::Archive(open(archive)?), None));
    }
    let requested = request.map(|request| profile::requested(&request.profile));
    let name = named.profile.or(requested).unwrap_or(LINUX_HOST);
    let (mut profile, origin) = profile::find_with_origin(name, named.keys)?;
    if let Some(request) = request {
        let names: Vec<&str> = profile.collectors.iter().map(|collector| collector.name.as_str()).collect();
        request.fits(&profile.title(), &names).map_err(|error| {
            Problem::new(error.to_string())
                .next("Ask the partner for a request by this profile, or take another with --profile.")
        })?;
        profile.collectors.retain(|collector| request.wants(&collector.name));
        // What was not asked for is not lacking.
        for required in &mut profile.required {
            required.artefacts.retain(|artefact| request.wants(artefact));
        }
    }
    Ok((OneOf::Host(Plan::new(&profile, world.now())), Some((profile, origin))))
}

impl OneOf {
    fn as_evidence(&mut self) -> &mut dyn Evidence {
        match self {
            Self::Host(plan) => plan,
            Self::Archive(archive) => archive,
        }
    }
}

impl CollectArguments {
    /// Has the names learned that were given.
    fn name(&self, learner: &mut Learner) -> Result<(), Problem> {
        let given = [(NameKind::Host, &self.hosts), (NameKind::Domain, &self.domains), (NameKind::User, &self.users)];
        for (kind, names) in given {
            for name in names {
                learner.given(kind, name).map_err(|refused| match refused {
                    Refused::Signs => Problem::new(format!("the name \"{name}\" has a blank or a sign that cannot be in it"))
                        .next("Give letters, digits, dots, hyphens and low lines, one name at a time; of a name with other signs, the parts between them."),
                    Refused::Short => Problem::new(format!("the name {name} cannot be told from other words"))
                        .next("Give at least three letters of one name, and of a domain two parts."),
                })?;
            }
        }
        Ok(())
    }
}

/// What is to learn names: it knows those that the profile says. Nothing is read for it yet.
fn learner(profile: Option<&Profile>) -> Result<Learner, CollectError> {
    let mut policy = Policy::standard()?;
    if let Some(profile) = profile {
        policy = policy.with(&profile.redaction)?;
    }
    let mut learner = Learner::new(policy)?;
    for word in profile.iter().flat_map(|profile| &profile.keep) {
        learner.keep(word);
    }
    Ok(learner)
}

fn collect(
    world: &World,
    (evidence, mut learner): (&mut OneOf, Learner),
    request: Option<&CollectionRequest>,
    path: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
    agrees: &mut dyn FnMut(Draft<'_>) -> bool,
) -> Result<SealedBundle, CollectError> {
    if let OneOf::Host(_) = evidence {
        learn_host(&mut learner);
    }
    // Without a request a key of its own for each bundle: nobody can tell by pseudonyms that two bundles are of one host.
    let key = request.map_or_else(|| PseudonymKey(world.random::<32>()), |request| request.pseudonym_key.clone());
    let order = Order {
        pseudonym_key: &key,
        ticket: request.and_then(|request| request.id.as_deref()),
        recipient: request.and_then(|request| request.recipient.as_ref()),
    };
    seal_if(evidence.as_evidence(), learner, order, world.now(), path, progress, agrees)
}

/// Reads a request for diagnostics.
pub(crate) fn request(path: &Path) -> Result<CollectionRequest, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::unreadable(path, &error))?;
    CollectionRequest::parse(&text).map_err(|error| {
        Problem::new(format!("{}: {error}", path.display())).next("Ask the partner who sent it to send it again.")
    })
}

fn open(archive: &Path) -> Result<ArchiveEvidence, Problem> {
    if !archive.exists() {
        return Err(Problem::unreadable(archive, &ErrorKind::NotFound.into()));
    }
    if SealedBundle::open(archive).is_ok() {
        let (program, file) = (output::program(), output::path(archive));
        return Err(Problem::new(format!(
            "{} is sealed already: it was masked when it was collected",
            archive.display()
        ))
        .next(format!(
            "Look inside with {program} bundle show {file}, or hand it over: {program} bundle upload {file} --ticket …"
        )));
    }
    ArchiveEvidence::open(archive, Limits::default())
        .map_err(|error| problem(&CollectError::Archive(error)))
        .map_err(|problem| Problem { what: format!("{}: {}", archive.display(), problem.what), ..problem })
}

/// `linux-host-20261121-202851.vouch`
fn default_output(evidence: &dyn Evidence, world: &World) -> PathBuf {
    let profile = evidence.profile();
    let name = profile.split('/').next().unwrap_or_default();
    PathBuf::from(format!("{name}-{}.vouch", world.now().strftime("%Y%m%d-%H%M%S")))
}

/// Shows what would be read.
fn preview(
    evidence: &OneOf,
    from: Option<&Path>,
    request: Option<&CollectionRequest>,
    origin: Option<&Origin>,
    path: &Path,
) {
    if let Some(request) = request {
        output::heading(&format!("A request for the ticket {}", request.ticket));
        for question in &request.questions {
            output::field("asked besides", question);
        }
    }
    match evidence {
        OneOf::Archive(archive) => {
            output::heading("This would be read, twice: to learn names, then to mask them");
            output::field("archive", &from.map(|from| from.display().to_string()).unwrap_or_default());
            let made_at = archive.made_at().map(|made_at| format!(" (the archive: {made_at})")).unwrap_or_default();
            output::field("collected", &format!("when the newest file in it was changed, and not now{made_at}"));
        }
        OneOf::Host(plan) => {
            output::heading("This would be read on this host, as the one who runs this");
            if let Some(origin) = origin {
                let [words, besides] = origin.words();
                output::field("profile", &format!("{}, {words}", plan.profile()));
                if !besides.is_empty() {
                    output::field("", &besides);
                }
            }
            let mut at = 0;
            for group in plan.items().chunk_by(|a, b| a.collector == b.collector) {
                let titles: Vec<&str> = group.iter().map(|item| item.title.as_str()).collect();
                let size: u64 = group.iter().map(|item| item.size_bytes).sum();
                let size = if size > 1024 * 1024 { format!(", about {}", HumanBytes(size)) } else { String::new() };
                output::field(&group[0].collector, &format!("{}{size}", group[0].about));
                output::field("", &titles.join(", "));
                at += group.len();
            }
            output::field("", &format!("{at} items in all"));
        }
    }
    output::heading("And this would be written");
    output::field("file", &path.display().to_string());
    output::field(
        "masked in it",
        "passwords, tokens, keys; addresses; names of hosts, domains and users, as far as they are told:",
    );
    let told = match evidence {
        OneOf::Host(_) => "by this host, by what is read, and by --host, --domain and --user; no other name is known",
        OneOf::Archive(_) => {
            "by its files that list them, its logs, its addresses, and --host, --domain and --user; no other name is known"
        }
    };
    output::field("", told);
    if let Some(recipient) = request.and_then(|request| request.recipient.as_ref()) {
        output::field(
            "and beside it",
            "what the pseudonyms of names and addresses stand for, which only the partner can read:",
        );
        output::field("", recipient.as_str());
    }
    let (endpoints, server) =
        if let OneOf::Host(plan) = evidence { (plan.endpoints(), plan.server()) } else { (0, None) };
    let sent = match (endpoints, server.is_some()) {
        (0, false) => "nothing: this program does not use the network".to_owned(),
        (0, true) => "nothing of it; no server is asked but the one below".to_owned(),
        (count, _) => format!("nothing of it; {count} of the profile's endpoints are asked, without credentials"),
    };
    output::field("sent", &sent);
    if let Some(server) = server {
        output::field("asked", &format!("{server}; in transactions that can only read"));
    }
}

fn agreed(question: &str, json: bool) -> Result<bool, Problem> {
    let stdin = std::io::stdin();
    if json || !stdin.is_terminal() {
        return Err(Problem::new("nobody is here to agree to that").next("Use --yes to agree beforehand."));
    }
    let cannot = |error: std::io::Error| Problem::new(format!("the terminal cannot be read: {error}"));
    let mut out = anstream::stderr();
    write!(out, "\n{question} [y/N] ").and_then(|()| out.flush()).map_err(cannot)?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(cannot)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {bar:30} {percent:>3}% {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    bar.set_prefix(match progress.step {
        Step::Learning => "learning",
        Step::Masking => "masking",
        Step::Sealing => "sealing",
    });
    bar.set_length(progress.total.max(1));
    bar.set_position(progress.done);
    bar.set_message(progress.path.to_owned());
}

/// What went wrong, with its causes, and what to do.
pub(crate) fn problem(error: &CollectError) -> Problem {
    let mut what = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !what.ends_with(&text) {
            what = format!("{what}: {text}");
        }
        cause = inner.source();
    }
    let next = match error {
        CollectError::Sealed(SealedError::Exists(_)) => "Choose another file with --output; nothing is written over.",
        CollectError::Sealed(_) | CollectError::Io(_) => {
            "Is there room, and may this account write there? Choose with --output."
        }
        CollectError::Archive(_) => "Make the archive again, or collect from the host itself: vouch collect.",
        CollectError::Declined => "Collect again whenever you like: nothing is left of it.",
        CollectError::Pseudonyms(_) => "Ask the partner for another request.",
        CollectError::Policy(_) => "This program is not whole: install it again.",
    };
    Problem::new(what).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_bundle_is_no_archive_to_seal_again() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("report.tar");
        let mut builder = tar::Builder::new(std::fs::File::create(&archive).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        builder.append_data(&mut header, "report/etc/x", b"1\n".as_slice()).unwrap();
        builder.finish().unwrap();
        let sealed = folder.path().join("host.vouch");
        collect_to(&sealed, Some(&archive), None).unwrap();
        let refused = check_archive(&sealed).unwrap_err();
        assert!(refused.what.contains("host.vouch is sealed already"), "{}", refused.what);
        assert!(refused.next.unwrap().contains(" bundle show "));
        let none = check_archive(&folder.path().join("nope")).unwrap_err();
        assert!(none.what.starts_with("there is no file "), "{}", none.what);
    }

    #[test]
    fn a_severity_is_taken_in_all_its_spellings_where_diagnostics_are_collected() {
        use clap::Parser as _;
        for given in ["1", "One", "SEVERITY_ONE", "Site-Down"] {
            let parsed = crate::Arguments::try_parse_from(["vouch", "collect", "--severity", given]);
            assert!(parsed.is_ok(), "{given}");
        }
    }
}

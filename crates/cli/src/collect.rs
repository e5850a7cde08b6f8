//! `vouch collect`: from a host, or from an archive that somebody made, to one sealed and redacted file. Without a network.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use vouch_core::World;
use vouch_diagnostics::archive::{ArchiveEvidence, Limits};
use vouch_diagnostics::collect::{Plan, Profile, learn_host};
use vouch_diagnostics::redaction::{CustomRules, Learner, Policy};
use vouch_diagnostics::sealed::{SealedBundle, SealedError};
use vouch_diagnostics::{CollectError, Digest, Evidence, Progress, Step, seal};

use crate::output::{self, Problem};

/// So many names and reasons are told one by one.
const MAX_TOLD: usize = 8;

#[derive(Args)]
pub(crate) struct CollectArguments {
    /// What to collect: `linux-host`, or a file with a profile (TOML).
    #[arg(long, value_name = "PROFILE", default_value = "linux-host")]
    profile: String,
    /// The file to seal into; by default one that is named after the profile and the time.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take an archive instead of this host: a tar, tar.gz or tar.xz, such as `sos report` makes.
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "profile")]
    from: Option<PathBuf>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Print one line of JSON, for machines; needs --yes.
    #[arg(long)]
    json: bool,
}

/// What was collected.
#[derive(Debug)]
pub(crate) struct Summary {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its root.
    pub(crate) root: Digest,
    /// The profile: `name/version`.
    pub(crate) profile: String,
    /// How many entries have content.
    pub(crate) entries: usize,
    /// How large the contents are together.
    pub(crate) size_bytes: u64,
    /// How often each rule masked something.
    pub(crate) masked: BTreeMap<String, u64>,
    /// Reasons for which there is no content, with the paths.
    pub(crate) failed: BTreeMap<String, Vec<String>>,
}

impl Summary {
    /// What a sealed bundle says of itself.
    pub(crate) fn of(path: &Path, bundle: &SealedBundle) -> Self {
        let manifest = bundle.manifest();
        let mut summary = Self {
            path: path.to_owned(),
            root: bundle.root(),
            profile: manifest.profile.clone(),
            entries: 0,
            size_bytes: 0,
            masked: BTreeMap::new(),
            failed: BTreeMap::new(),
        };
        for entry in &manifest.entries {
            if let Some(reason) = &entry.failed {
                summary.failed.entry(reason.clone()).or_default().push(entry.path.clone());
                continue;
            }
            summary.entries += 1;
            summary.size_bytes += entry.size_bytes;
            for (rule, count) in &entry.masked.0 {
                *summary.masked.entry(rule.clone()).or_default() += count;
            }
        }
        summary
    }

    /// Tells it to a person.
    pub(crate) fn tell(&self) {
        output::field("profile", &self.profile);
        output::field("entries", &format!("{} with {}", self.entries, HumanBytes(self.size_bytes)));
        let masked: Vec<String> = self.masked.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        output::field("masked", &if masked.is_empty() { "nothing".to_owned() } else { masked.join(", ") });
        for (reason, paths) in &self.failed {
            let told = paths.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = paths.len().saturating_sub(MAX_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            output::field("left out", &format!("{told}{more}: {reason}"));
        }
        output::field("root", &self.root.to_string());
    }
}

pub(crate) fn run(arguments: &CollectArguments) -> Result<ExitCode, Problem> {
    let world = World::system();
    let (mut evidence, masking) = prepare(&world, arguments.from.as_deref(), &arguments.profile)?;
    let path = arguments.output.clone().unwrap_or_else(|| default_output(evidence.as_evidence(), &world));
    if path.exists() {
        // Said before anybody reads and agrees; sealing itself writes nothing over either.
        return Err(problem(&CollectError::Sealed(SealedError::Exists(path))));
    }
    if !arguments.json {
        preview(&evidence, arguments.from.as_deref(), &path);
    }
    if !arguments.yes && !agreed(arguments.json)? {
        output::line("Nothing was read.");
        return Ok(ExitCode::SUCCESS);
    }
    let bar = bar(arguments.json);
    let summary = collect(&world, &mut evidence, &masking, &path, &mut |progress| show(&bar, progress))?;
    bar.finish_and_clear();
    if arguments.json {
        let failed: Vec<_> = summary
            .failed
            .iter()
            .flat_map(|(reason, paths)| paths.iter().map(move |path| json!({ "path": path, "reason": reason })))
            .collect();
        let told = json!({
            "file": summary.path, "root": summary.root, "profile": summary.profile, "entries": summary.entries,
            "size_bytes": summary.size_bytes, "masked": summary.masked, "failed": failed,
        });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("sealed into {}", summary.path.display()));
    summary.tell();
    output::line("");
    output::remark(&format!("To look inside: {} bundle show {}", output::program(), output::path(&summary.path)));
    Ok(ExitCode::SUCCESS)
}

/// Says early that an archive cannot be taken in.
pub(crate) fn check_archive(archive: &Path) -> Result<(), Problem> {
    open(archive).map(drop)
}

/// Collects this host, or takes an archive in, without a word.
pub(crate) fn collect_to(path: &Path, from: Option<&Path>) -> Result<Summary, Problem> {
    let world = World::system();
    let (mut evidence, masking) = prepare(&world, from, "linux-host")?;
    collect(&world, &mut evidence, &masking, path, &mut |_| {})
}

/// What is collected.
enum OneOf {
    Host(Plan),
    Archive(ArchiveEvidence),
}

/// What a profile says about masking.
#[derive(Default)]
struct Masking {
    /// Words that are never masked as names.
    keep: Vec<String>,
    added: CustomRules,
}

/// What is to be collected, and how it is masked.
fn prepare(world: &World, from: Option<&Path>, name: &str) -> Result<(OneOf, Masking), Problem> {
    if let Some(archive) = from {
        return Ok((OneOf::Archive(open(archive)?), Masking::default()));
    }
    let profile = profile(name)?;
    let plan = Plan::new(&profile, world.now());
    Ok((OneOf::Host(plan), Masking { keep: profile.keep, added: profile.redaction }))
}

impl OneOf {
    fn as_evidence(&mut self) -> &mut dyn Evidence {
        match self {
            Self::Host(plan) => plan,
            Self::Archive(archive) => archive,
        }
    }
}

fn collect(
    world: &World,
    evidence: &mut OneOf,
    masking: &Masking,
    path: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, Problem> {
    let policy = Policy::standard().and_then(|policy| policy.with(&masking.added));
    let mut learner = policy.and_then(Learner::new).map_err(|error| Problem::new(error.to_string()))?;
    for word in &masking.keep {
        learner.keep(word);
    }
    if let OneOf::Host(_) = evidence {
        learn_host(&mut learner);
    }
    // A key of its own for each bundle: nobody can tell by pseudonyms that two bundles are of one host.
    let key = world.random::<32>();
    let bundle =
        seal(evidence.as_evidence(), learner, &key, world.now(), path, progress).map_err(|error| problem(&error))?;
    Ok(Summary::of(path, &bundle))
}

fn open(archive: &Path) -> Result<ArchiveEvidence, Problem> {
    if !archive.exists() {
        return Err(Problem::new(format!("there is no file {}", archive.display())).next("Check its name and folder."));
    }
    ArchiveEvidence::open(archive, Limits::default())
        .map_err(|error| problem(&CollectError::Archive(error)))
        .map_err(|problem| Problem { what: format!("{}: {}", archive.display(), problem.what), ..problem })
}

fn profile(name: &str) -> Result<Profile, Problem> {
    if name == "linux-host" {
        return Profile::linux_host().map_err(|error| Problem::new(error.to_string()));
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Problem::new(format!("there is no profile {name}: {error}"))
            .next("Use --profile linux-host, or the path of a profile's file.")
    })?;
    Profile::parse(&text).map_err(|error| Problem::new(format!("{name}: {error}")))
}

/// `linux-host-20261121-202851.vouch`
fn default_output(evidence: &dyn Evidence, world: &World) -> PathBuf {
    let profile = evidence.profile();
    let name = profile.split('/').next().unwrap_or_default();
    PathBuf::from(format!("{name}-{}.vouch", world.now().strftime("%Y%m%d-%H%M%S")))
}

/// Shows what would be read.
fn preview(evidence: &OneOf, from: Option<&Path>, path: &Path) {
    match evidence {
        OneOf::Archive(_) => {
            output::heading("This would be read, twice: to learn names, then to mask them");
            output::field("archive", &from.map(|from| from.display().to_string()).unwrap_or_default());
        }
        OneOf::Host(plan) => {
            output::heading("This would be read on this host, as the one who runs this");
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
    output::field("masked in it", "passwords, tokens, keys; names of hosts, domains and users; addresses");
    output::field("sent", "nothing: this program does not use the network");
}

fn agreed(json: bool) -> Result<bool, Problem> {
    let stdin = std::io::stdin();
    if json || !stdin.is_terminal() {
        return Err(Problem::new("nobody is here to agree to that").next("Use --yes to agree beforehand."));
    }
    let cannot = |error: std::io::Error| Problem::new(format!("the terminal cannot be read: {error}"));
    let mut out = anstream::stderr();
    write!(out, "\nRead and seal this? [y/N] ").and_then(|()| out.flush()).map_err(cannot)?;
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
        CollectError::Policy(_) | CollectError::Profile(_) => "This program is not whole: install it again.",
    };
    Problem::new(what).next(next)
}

//! `vouch profile`: what a profile says, every mistake in it, who signed it; and from the vendor's side to the collector's.

mod exchange;
mod signed;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;
use vouch_core::code::ProfileTitle;
use vouch_diagnostics::profile::{Mistake, Mistakes, Profile};

use self::exchange::{FetchArguments, PublishArguments};
pub(crate) use self::exchange::{Fetched, Wanted, fetch_from};
pub(crate) use self::signed::{Origin, named};
use crate::output::{self, Problem};

/// A longer line is shown around its mistake.
const MAX_WIDTH: usize = 110;

#[derive(Subcommand)]
pub(crate) enum ProfileCommand {
    /// Check a profile, and tell every mistake in it with its line and column. Exits non-zero when there is one.
    Check(CheckArguments),
    /// Print a profile that this program brings along: to be read, or to begin one's own with.
    Show(ShowArguments),
    /// Publish a profile at the vendor, once it has no mistake. The same text again is the same publication.
    Publish(PublishArguments),
    /// Fetch a vendor's profile from the partner into a file, with the vendor's signature verified and kept beside it.
    Fetch(FetchArguments),
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The profile (TOML).
    file: PathBuf,
    /// Print one line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// Its name: `linux-host`, `postgresql-server` or `kubernetes-node`.
    name: String,
}

pub(crate) async fn run(command: &ProfileCommand) -> Result<ExitCode, Problem> {
    match command {
        ProfileCommand::Check(arguments) => check(arguments),
        ProfileCommand::Show(arguments) => {
            let text = Profile::shipped_text(&arguments.name).ok_or_else(|| unknown(&arguments.name))?;
            output::line(text.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        ProfileCommand::Publish(arguments) => {
            let (name, text) = read(&arguments.file)?;
            match Profile::parse(&text) {
                Ok(_) => exchange::publish(arguments, text).await,
                Err(Mistakes(mistakes)) => Err(told(&name, &text, &mistakes)),
            }
        }
        ProfileCommand::Fetch(arguments) => exchange::fetch(arguments).await,
    }
}

/// The profile of this name, or in this file.
pub(crate) fn find(name: &str) -> Result<Profile, Problem> {
    find_with_origin(name, None).map(|(profile, _)| profile)
}

/// The same, and where it comes from, by the keys in a file where one is given. `NAME/VERSION` is the file that `vouch profile fetch` writes.
pub(crate) fn find_with_origin(name: &str, keys: Option<&Path>) -> Result<(Profile, Origin), Problem> {
    if let Some(shipped) = Profile::shipped(name) {
        let profile = shipped.map_err(|mistakes| Problem::new(format!("{name}: {mistakes}")))?;
        if keys.is_some() {
            return Err(signed::unsigned(&format!("the {name} of this program"), &profile));
        }
        return Ok((profile, Origin::Program));
    }
    let fetched = fetched_file(name);
    let file = fetched.filter(|_| !Path::new(name).exists()).unwrap_or_else(|| PathBuf::from(name));
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let problem = unknown(name);
        match error.kind() {
            ErrorKind::NotFound => problem,
            _ => Problem { what: format!("{}: {error}", problem.what), ..problem },
        }
    })?;
    let profile = parse(name, &text)?;
    let origin = signed::origin(&file, &text, &profile, keys)?;
    Ok((profile, origin))
}

/// How a profile that is asked for by its title is looked for: a fetched one first, then one that this program brings along.
pub(crate) fn requested(title: &str) -> &str {
    let name = title.split('/').next().unwrap_or(title);
    let is_shipped =
        Profile::shipped(name).is_some_and(|shipped| shipped.is_ok_and(|profile| profile.title() == title));
    if is_shipped && !fetched_file(title).is_some_and(|file| file.exists()) { name } else { title }
}

/// The file in which a profile of this title lies once it was fetched.
pub(crate) fn fetched_file(title: &str) -> Option<PathBuf> {
    ProfileTitle::parse(title).ok().map(|title| file_of(title.name.as_str(), title.version))
}

/// The file into which a profile is fetched.
fn file_of(name: &str, version: u32) -> PathBuf {
    PathBuf::from(format!("{name}-{version}.toml"))
}

fn parse(name: &str, text: &str) -> Result<Profile, Problem> {
    Profile::parse(text).map_err(|Mistakes(mistakes)| {
        let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
        Problem::new(format!("{name} has {}: {first}", output::counted(mistakes.len(), "mistake"))).next(format!(
            "See all of them: {} profile check {}",
            output::program(),
            output::path(name.as_ref())
        ))
    })
}

fn unknown(name: &str) -> Problem {
    let problem = Problem::new(format!("there is no profile {name}"));
    if fetched_file(name).is_some() {
        // Collecting knows no data folder: where it is not the usual one, it has to be said.
        let data = if Path::new("vouch-data").is_dir() { "" } else { " --data DIR" };
        return problem.next(format!("Fetch it first: {} profile fetch {name}{data}", output::program()));
    }
    let known: Vec<&str> = Profile::shipped_names().collect();
    problem.next(format!("Use one of {}, or the path of a profile's file.", known.join(", ")))
}

fn check(arguments: &CheckArguments) -> Result<ExitCode, Problem> {
    let (name, text) = read(&arguments.file)?;
    match Profile::parse(&text) {
        Ok(profile) => {
            if arguments.json {
                let told = json!({
                    "file": name, "valid": true, "profile": profile.title(), "digest": profile.digest(),
                    "collectors": profile.collectors.len(), "analyzers": profile.analyzers.len(), "mistakes": [],
                });
                output::line(&told.to_string());
            } else {
                tell(&name, &profile);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Mistakes(mistakes)) if arguments.json => {
            output::line(&json!({ "file": name, "valid": false, "mistakes": mistakes }).to_string());
            Ok(ExitCode::FAILURE)
        }
        Err(Mistakes(mistakes)) => Err(told(&name, &text, &mistakes)),
    }
}

/// The name of a file as it is told, and its text.
fn read(file: &Path) -> Result<(String, String), Problem> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| Problem::unreadable(file, &error))?;
    let text = String::from_utf8(bytes).map_err(|_| Problem::new(format!("{name} is no text in UTF-8")))?;
    Ok((name, text))
}

/// Tells every mistake under its line.
fn told(name: &str, text: &str, mistakes: &[Mistake]) -> Problem {
    for mistake in mistakes {
        output::line(&layout(name, text, mistake));
    }
    Problem::new(format!("{name} has {}", output::counted(mistakes.len(), "mistake")))
}

/// What a profile would do, in a few lines.
fn tell(name: &str, profile: &Profile) {
    output::done(&format!("{name} is a profile without a mistake: {}", profile.title()));
    let names: Vec<&str> = profile.collectors.iter().map(|collector| collector.name.as_str()).collect();
    output::field("collectors", &names.join(", "));
    let commands = profile.collectors.iter().map(|collector| collector.commands.len()).sum();
    output::field("runs", &output::counted(commands, "command"));
    output::field("asks", &output::counted(profile.collectors.iter().map(|one| one.questions.len()).sum(), "question"));
    let required = profile.required.iter().map(|required| required.artefacts.len()).sum();
    output::field("requires", &output::counted(required, "artefact"));
    let names: Vec<&str> = profile.analyzers.iter().map(|analyzer| analyzer.name.as_str()).collect();
    output::field("looks for", &if names.is_empty() { "nothing".to_owned() } else { names.join(", ") });
    output::field("digest", &profile.digest().to_string());
}

/// A mistake as compilers lay it out: what is wrong, where, the line, and what to write instead.
fn layout(file: &str, text: &str, mistake: &Mistake) -> String {
    let line = text.split('\n').nth(mistake.line - 1).unwrap_or_default();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line: Vec<char> = line.trim_end_matches('\r').chars().map(plain).collect();
    let column = (mistake.column - 1).min(line.len());
    let from = if line.len() > MAX_WIDTH { column.saturating_sub(MAX_WIDTH / 2) } else { 0 };
    let shown: String = line.iter().skip(from).take(MAX_WIDTH).collect();
    let before: String = line[from..column].iter().collect();
    let marked: String = line.iter().skip(column).take(mistake.length.min(MAX_WIDTH - (column - from))).collect();
    let number = mistake.line.to_string();
    let gutter = " ".repeat(number.len());
    let mark = output::bad(&"^".repeat(marked.width().max(1)));
    let help = mistake.help.as_ref().map(|help| format!(" {}", output::on_one_line(help))).unwrap_or_default();
    let bar = output::quiet("|");
    [
        format!("{} {}", output::bad("error:"), output::strong(&output::on_one_line(&mistake.message))),
        format!("{gutter} {} {file}:{number}:{}", output::quiet("-->"), mistake.column),
        format!("{gutter} {bar}"),
        format!("{} {bar} {}", output::quiet(&number), shown.trim_end()),
        format!("{gutter} {bar} {}{mark}{help}", " ".repeat(before.width())),
        String::new(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    //! Proves Q03.

    use super::*;

    /// Without its colours.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn q03_a_mistake_is_laid_out_under_its_line() {
        let text = "name = \"x\"\nversion = 1\n\t\u{fc}ber = [\"\u{8a9e}\"]  # x\r\n";
        let mistake = Mistake {
            line: 3,
            column: 9,
            length: 3,
            field: "\u{fc}ber".into(),
            message: "odd".into(),
            help: Some("did you mean `about`?".into()),
        };
        let told = plain(&layout("a.toml", text, &mistake));
        let expected = "error: odd\n  --> a.toml:3:9\n  |\n3 |  \u{fc}ber = [\"\u{8a9e}\"]  # x\n  |         ^^^^ did you mean `about`?\n";
        assert_eq!(told, expected);
    }

    #[test]
    fn a_mistake_behind_the_end_or_far_to_the_right_is_laid_out_too() {
        let mut mistake =
            Mistake { line: 9, column: 9, length: 1, field: String::new(), message: "odd".into(), help: None };
        assert!(plain(&layout("a.toml", "x = 1", &mistake)).ends_with("| ^\n"));
        (mistake.line, mistake.column, mistake.length) = (1, 400, 300);
        let told = plain(&layout("a.toml", &format!("x = \"{}\"", "y".repeat(900)), &mistake));
        assert!(told.lines().all(|line| line.width() < 130), "{told}");
    }
}

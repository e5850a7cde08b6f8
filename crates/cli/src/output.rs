//! What a person reads: coloured on a terminal only.
//!
//! A reader that has gone, such as `head` after its last line, is no failure: what is left to say is not said.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anstream::{stderr, stdout};
use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// Writes a line on standard output; whether there was somebody to read it.
fn told(line: Arguments<'_>) -> bool {
    writeln!(stdout(), "{line}").is_ok()
}

/// Writes a line on standard error.
fn remarked(line: Arguments<'_>) {
    let _ = writeln!(stderr(), "{line}");
}

/// A problem that ended the command: what went wrong, and the next step where there is one.
#[derive(Debug, Default)]
pub(crate) struct Problem {
    /// What went wrong, one sentence without a full stop.
    pub(crate) what: String,
    /// What there is to say of it besides: a line for each bad field, each finding.
    pub(crate) besides: Vec<String>,
    /// What to do now.
    pub(crate) next: Option<String>,
    /// What a program is told of it besides.
    pub(crate) members: Map<String, Value>,
}

impl Problem {
    /// A problem without a next step.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// The same with a next step; it stands behind one that is there: on a line of its own where that one ends with a command to paste.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        let next = next.into();
        let gap = |before: &str| if before.ends_with(['.', '?']) { ' ' } else { '\n' };
        let next = self.next.map_or(next.clone(), |before| format!("{before}{}{next}", gap(&before)));
        Self { next: Some(next), ..self }
    }

    /// That a file cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound {
            return Self::new(format!("there is no file {}", file.display())).next("Check its name and folder.");
        }
        Self::new(format!("{} cannot be read: {error}", file.display()))
    }

    /// That a file would be written over, which nothing is.
    pub(crate) fn there(file: &Path) -> Self {
        Self::new(format!("{} is there already", file.display()))
            .next("Name another file, or remove that one: nothing is written over.")
    }
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Tells a problem on standard error: to a person, or to a program as one line of JSON.
pub(crate) fn problem(problem: &Problem, for_machines: bool) {
    if for_machines {
        remarked(format_args!("{}", json!({ "error": members(problem) })));
        return;
    }
    // A service's words, and a file's, are in it. What stands besides may be coloured, and was made printable where it was put together.
    remarked(format_args!("{BAD}vouch:{BAD:#} {}", printable(&problem.what)));
    let next = printable(problem.next.as_deref().unwrap_or_default());
    for line in problem.besides.iter().map(String::as_str).chain(next.lines()) {
        remarked(format_args!("       {line}"));
    }
}

fn members(problem: &Problem) -> Map<String, Value> {
    let mut members = problem.members.clone();
    members.insert("message".into(), problem.what.as_str().into());
    members.insert("next".into(), problem.next.as_deref().into());
    members
}

/// This program as it was started, so that a command that is printed can be pasted.
pub(crate) fn program() -> String {
    pasteable(std::env::args().next().unwrap_or_else(|| "vouch".into()))
}

/// A path as a shell takes it.
pub(crate) fn path(path: &std::path::Path) -> String {
    pasteable(path.display().to_string())
}

/// A word as a shell takes it: in quotes where it needs them.
pub(crate) fn pasteable(word: String) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/._-+=:,@~".contains(character);
    if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A heading.
pub(crate) fn heading(text: &str) {
    told(format_args!("{STRONG}{}{STRONG:#}", on_one_line(text)));
}

/// A name with its value, aligned; be they somebody else's words.
pub(crate) fn field(name: &str, value: &str) {
    told(format_args!("  {QUIET}{:<18}{QUIET:#} {}", on_one_line(name), on_one_line(value)));
}

/// The same with a value that warns.
pub(crate) fn warning(name: &str, value: &str) {
    told(format_args!("  {QUIET}{:<18}{QUIET:#} {}", on_one_line(name), bad(&on_one_line(value))));
}

/// Something that went well.
pub(crate) fn done(text: &str) {
    told(format_args!("{GOOD}✓{GOOD:#} {}", on_one_line(text)));
}

/// A step of a story: how long it took, who did what, what came back.
pub(crate) fn step(took: std::time::Duration, who: &str, sent: &str, came_back: &str) {
    let took = if took.is_zero() { String::new() } else { format!("{:.1} ms", took.as_secs_f64() * 1000.0) };
    let came_back = on_one_line(came_back);
    told(format_args!(
        "{GOOD}✓{GOOD:#} {QUIET}{took:>10}{QUIET:#}  {who:<14} {sent:<34} {QUIET}→{QUIET:#} {came_back}"
    ));
}

/// Somebody else's words without what a terminal would take for an order; lines and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

/// The same on one line.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// So many of something: `1 entry`, `2 entries`.
pub(crate) fn counted(count: usize, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {one}s"),
    }
}

/// A line as it is: a command to paste, an answer.
pub(crate) fn line(text: &str) {
    told(format_args!("{text}"));
}

/// Commands to paste, each with what it is for.
pub(crate) fn commands(commands: &[(&str, String)]) {
    for (what, command) in commands {
        line(&format!("  # {what}"));
        line(&format!("  {command}"));
    }
}

/// A line of what goes on for as long as there is somebody to read it.
pub(crate) fn is_read(text: &str) -> bool {
    told(format_args!("{text}"))
}

/// A text that stands out.
pub(crate) fn strong(text: &str) -> String {
    format!("{STRONG}{text}{STRONG:#}")
}

/// A text that stands back.
pub(crate) fn quiet(text: &str) -> String {
    format!("{QUIET}{text}{QUIET:#}")
}

/// A text that warns.
pub(crate) fn bad(text: &str) -> String {
    format!("{BAD}{text}{BAD:#}")
}

/// Something that is wrong with what was given, on standard error.
pub(crate) fn complaint(text: &str) {
    remarked(format_args!("{BAD}✗{BAD:#} {}", on_one_line(text)));
}

/// A remark on standard error: not part of the answer.
pub(crate) fn remark(text: &str) {
    remarked(format_args!("{QUIET}{}{QUIET:#}", printable(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_something_is_told_as_one() {
        assert_eq!(["mistake", "entry"].map(|one| counted(1, one)), ["1 mistake", "1 entry"]);
        assert_eq!(["mistake", "entry"].map(|one| counted(2, one)), ["2 mistakes", "2 entries"]);
    }

    #[test]
    fn somebody_elses_words_give_a_terminal_no_orders() {
        let orders = "\u{1b}[2J\u{1b}]0;title\u{7}up\rdown\u{8}\u{7f}\u{9b}31m\0";
        let shown = printable(orders);
        assert_eq!(shown, " [2J ]0;title up down   31m ");
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(on_one_line("a\n\u{1b}[1mb\tc"), "a  [1mb c");
        assert_eq!(printable("a line\n\tand a tab, ü, 日本, 🙂"), "a line\n\tand a tab, ü, 日本, 🙂");
    }

    #[test]
    fn of_a_file_that_is_not_there_nobody_is_told_a_number() {
        let told = |kind: ErrorKind| Problem::unreadable(Path::new("nope"), &kind.into());
        let none = told(ErrorKind::NotFound);
        assert_eq!(
            (none.what.as_str(), none.next.as_deref()),
            ("there is no file nope", Some("Check its name and folder."))
        );
        assert!(told(ErrorKind::PermissionDenied).what.starts_with("nope cannot be read: "));
    }

    #[test]
    fn a_program_is_told_what_a_person_is_told() {
        let problem = Problem::there(Path::new("a.toml")).next("Or wait.");
        assert_eq!(problem.what, "a.toml is there already");
        let members = members(&problem);
        assert_eq!(members["message"], "a.toml is there already");
        let next = "Name another file, or remove that one: nothing is written over. Or wait.";
        assert_eq!(members["next"], next);
        assert_eq!(super::members(&Problem::new("odd"))["next"], Value::Null);
        let command = Problem::new("odd").next("Start it: vouch up").next("Nothing was taken.");
        assert_eq!(command.next.as_deref(), Some("Start it: vouch up\nNothing was taken."), "to be pasted as it is");
    }

    #[test]
    fn a_word_that_is_printed_can_be_pasted() {
        assert_eq!(pasteable("/home/a/vouch-data".into()), "/home/a/vouch-data");
        assert_eq!(pasteable("my data".into()), "'my data'");
        assert_eq!(pasteable("it's".into()), r"'it'\''s'");
        assert_eq!(pasteable(String::new()), "''");
    }
}

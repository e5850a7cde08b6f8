//! What a person reads: coloured on a terminal only.

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// A problem that ended the command: what went wrong, and the next step where there is one.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What went wrong, one sentence without a full stop.
    pub(crate) what: String,
    /// What to do now.
    pub(crate) next: Option<String>,
}

impl Problem {
    /// A problem without a next step.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), next: None }
    }

    /// The same with a next step.
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Tells a problem on standard error.
pub(crate) fn problem(problem: &Problem) {
    eprintln!("{BAD}vouch:{BAD:#} {}", problem.what);
    if let Some(next) = &problem.next {
        eprintln!("       {next}");
    }
}

/// A heading.
pub(crate) fn heading(text: &str) {
    println!("{STRONG}{text}{STRONG:#}");
}

/// A name with its value, aligned.
pub(crate) fn field(name: &str, value: &str) {
    println!("  {QUIET}{name:<18}{QUIET:#} {value}");
}

/// Something that went well.
pub(crate) fn done(text: &str) {
    println!("{GOOD}✓{GOOD:#} {text}");
}

/// A step of a story: how long it took, who did what, what came back.
pub(crate) fn step(took: std::time::Duration, who: &str, sent: &str, came_back: &str) {
    let took = if took.is_zero() { String::new() } else { format!("{:.1} ms", took.as_secs_f64() * 1000.0) };
    println!("{GOOD}✓{GOOD:#} {QUIET}{took:>10}{QUIET:#}  {who:<14} {sent:<34} {QUIET}→{QUIET:#} {came_back}");
}

/// A line as it is: a command to paste, an answer.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A remark on standard error: not part of the answer.
pub(crate) fn remark(text: &str) {
    eprintln!("{QUIET}{text}{QUIET:#}");
}

//! Questions of a profile, and their answers: from a file, or from the one who runs this.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

use super::OneOf;
use crate::output::{self, Problem};

/// Answers by collector, then by question.
type Answers = BTreeMap<String, BTreeMap<String, String>>;

/// Takes the answers of a file. One to a question that is not asked is a mistake.
pub(super) fn read(file: &Path, evidence: &mut OneOf) -> Result<(), Problem> {
    let OneOf::Host(plan) = evidence else { return Ok(()) };
    let text = std::fs::read_to_string(file).map_err(|error| Problem::unreadable(file, &error))?;
    let answers: Answers = toml::from_str(&text).map_err(|error| {
        Problem::new(format!("{}: {}", file.display(), error.message()))
            .next("Write a table for each collector that asks, and a text for each of its questions.")
    })?;
    for (collector, answers) in answers {
        for (question, answer) in answers {
            if !plan.answer(&collector, &question, &answer) {
                return Err(Problem::new(format!(
                    "{}: the profile asks no question {question} of the collector {collector}",
                    file.display()
                )));
            }
        }
    }
    Ok(())
}

/// Asks the one who runs this. An empty line ends an answer.
pub(super) fn ask(evidence: &mut OneOf) -> Result<(), Problem> {
    let OneOf::Host(plan) = evidence else { return Ok(()) };
    let asked: Vec<(String, String, String)> = plan.items().iter().filter_map(question).collect();
    let cannot = |error: std::io::Error| Problem::new(format!("the terminal cannot be read: {error}"));
    let mut lines = std::io::stdin().lock().lines();
    for (collector, name, question) in asked {
        output::line("");
        output::heading(&question);
        output::remark("An empty line ends the answer.");
        let mut answer = String::new();
        loop {
            let mut out = anstream::stderr();
            write!(out, "> ").and_then(|()| out.flush()).map_err(cannot)?;
            match lines.next().transpose().map_err(cannot)? {
                Some(line) if !line.trim().is_empty() => answer = answer + &line + "\n",
                _ => break,
            }
        }
        plan.answer(&collector, &name, &answer);
    }
    Ok(())
}

/// A planned question: its collector, its name, and its words.
fn question(item: &vouch_diagnostics::collect::Planned) -> Option<(String, String, String)> {
    let question = item.question.clone()?;
    let name = item.path.rsplit('/').next()?.to_owned();
    Some((item.collector.clone(), name, question))
}

//! `vouch bundle diff`: what was added, removed or changed between two sealed bundles.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::HumanBytes;
use serde_json::{Value, json};
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Change, Entry};

use super::table;
use crate::output::{self, Problem};

#[derive(Args)]
pub(crate) struct DiffArguments {
    /// The earlier bundle.
    before: PathBuf,
    /// The later bundle.
    after: PathBuf,
    /// Print one line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &DiffArguments) -> Result<ExitCode, Problem> {
    let (before, after) = (super::open(&arguments.before)?, super::open(&arguments.after)?);
    let changes = before.manifest().changes(after.manifest());
    if arguments.json {
        let told = json!({
            "before": about(&before), "after": about(&after), "same": changes.is_empty(),
            "changes": changes.iter().map(changed).collect::<Vec<_>>(),
        });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for (name, path, bundle) in [("before", &arguments.before, &before), ("after", &arguments.after, &after)] {
        let manifest = bundle.manifest();
        output::field(name, &format!("{}, {} of {}", path.display(), manifest.profile, manifest.collected_at));
    }
    let policy = |bundle: &SealedBundle| bundle.manifest().redaction.policy_sha256;
    if policy(&before) != policy(&after) {
        output::field("redacted by", "not the same policy: contents may differ by that alone");
    }
    if changes.is_empty() {
        output::done("the same entries with the same contents");
        return Ok(ExitCode::SUCCESS);
    }
    output::line("");
    for line in table(&changes) {
        output::line(&line);
    }
    output::line("");
    let count = |kind: &str| changes.iter().filter(|change| word(change) == kind).count();
    output::field(
        "in all",
        &format!("{} added, {} removed, {} changed", count("added"), count("removed"), count("changed")),
    );
    output::remark(
        "A name has one pseudonym in both only if both were collected for one request; otherwise contents with names differ.",
    );
    Ok(ExitCode::SUCCESS)
}

fn about(bundle: &SealedBundle) -> Value {
    let manifest = bundle.manifest();
    json!({
        "root": bundle.root(), "profile": manifest.profile, "collected_at": manifest.collected_at.to_string(),
        "policy_sha256": manifest.redaction.policy_sha256,
    })
}

fn changed(change: &Change<'_>) -> Value {
    let entry = |entry: Option<&Entry>| {
        entry.map(|entry| {
            json!({
                "size_bytes": entry.size_bytes, "sha256": entry.sha256, "collector": entry.collector, "failed": entry.failed,
            })
        })
    };
    json!({
        "change": word(change), "path": change.path(), "before": entry(change.before()), "after": entry(change.after()),
    })
}

fn word(change: &Change<'_>) -> &'static str {
    match change {
        Change::Added(_) => "added",
        Change::Removed(_) => "removed",
        Change::Changed(..) => "changed",
    }
}

/// The lines of a table of what differs.
fn table(changes: &[Change<'_>]) -> Vec<String> {
    let size = |entry: Option<&Entry>| match entry {
        None => String::new(),
        Some(Entry { failed: Some(_), .. }) => "left out".to_owned(),
        Some(entry) => HumanBytes(entry.size_bytes).to_string(),
    };
    let head = ["CHANGE", "BEFORE", "AFTER", "COLLECTOR", "PATH"].map(str::to_owned);
    let rows = changes.iter().map(|change| {
        let collector = change.after().or(change.before()).map(|entry| entry.collector.clone());
        let (before, after) = (size(change.before()), size(change.after()));
        [word(change).to_owned(), before, after, collector.unwrap_or_default(), change.path().to_owned()]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    table::aligned(&rows, &[1, 2])
}

#[cfg(test)]
mod tests {
    use vouch_diagnostics::{Digest, Masked};

    use super::*;

    #[test]
    fn a_table_is_aligned_and_says_what_was_left_out() {
        let entry = |path: &str, size_bytes: u64, failed: Option<&str>| Entry {
            path: path.into(),
            media_type: "text/plain".into(),
            size_bytes,
            sha256: Digest::of(path.as_bytes()),
            collector: "logs".into(),
            failed: failed.map(str::to_owned),
            packed: None,
            masked: Masked::default(),
        };
        let (one, other, gone) = (entry("a.log", 10, None), entry("a.log", 2048, None), entry("b", 0, Some("binary")));
        let lines = table(&[Change::Changed(&one, &other), Change::Added(&gone)]);
        assert_eq!(
            lines,
            [
                "CHANGE   BEFORE     AFTER  COLLECTOR  PATH",
                "changed    10 B  2.00 KiB  logs       a.log",
                "added            left out  logs       b",
            ]
        );
        assert_eq!(changed(&Change::Removed(&one))["change"], "removed");
    }
}

//! What was collected and what was masked in it, as a person reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use vouch_diagnostics::request::CollectionRequest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Coverage, Digest, Entry, Source};

use crate::judgement::Judgement;
use crate::output;

/// So many names and reasons are told one by one.
const MAX_TOLD: usize = 8;

/// What was collected.
#[derive(Debug)]
pub(crate) struct Summary {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its root.
    pub(crate) root: Digest,
    /// When it counts as collected.
    pub(crate) collected_at: Timestamp,
    /// From where names could be learned.
    pub(crate) coverage: Option<Coverage>,
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
            collected_at: manifest.collected_at,
            coverage: manifest.redaction.coverage.clone(),
            profile: manifest.profile.clone(),
            entries: 0,
            size_bytes: 0,
            masked: BTreeMap::new(),
            failed: BTreeMap::new(),
        };
        for entry in &manifest.entries {
            if let Some(reason) = entry.reason() {
                summary.failed.entry(reason.to_owned()).or_default().push(entry.path.clone());
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

    /// For machines.
    pub(super) fn json(&self, request: Option<&CollectionRequest>, judgement: &Judgement) -> Value {
        let failed: Vec<_> = self
            .failed
            .iter()
            .flat_map(|(reason, paths)| paths.iter().map(move |path| json!({ "path": path, "reason": reason })))
            .collect();
        json!({
            "file": self.path, "root": self.root, "profile": self.profile, "entries": self.entries,
            "size_bytes": self.size_bytes, "collected_at": self.collected_at.to_string(), "masked": self.masked, "coverage": self.coverage, "failed": failed,
            "ticket": request.map(|request| &request.ticket), "lacks": judgement.lacks(), "findings": judgement.findings(),
        })
    }

    /// How many entries have how much content, and how many were left out.
    pub(crate) fn entries(&self) -> String {
        let left_out = match self.failed.values().map(Vec::len).sum::<usize>() {
            0 => String::new(),
            some => format!("; {some} more were left out, each with its reason"),
        };
        format!("{} with {}{left_out}", self.entries, HumanBytes(self.size_bytes))
    }

    /// Tells it to a person.
    pub(crate) fn tell(&self) {
        output::field("profile", &self.profile);
        output::field("entries", &self.entries());
        let masked: Vec<String> = self.masked.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        output::field("masked", &if masked.is_empty() { "nothing".to_owned() } else { masked.join(", ") });
        coverage(self.coverage.as_ref());
        for (reason, paths) in &self.failed {
            let told = paths.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = paths.len().saturating_sub(MAX_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            output::field("left out", &format!("{told}{more}: {reason}"));
        }
        output::field("root", &self.root.to_string());
    }
}

/// Tells from where names could be learned, so that nobody takes what was masked for more than it is.
pub(super) fn coverage(coverage: Option<&Coverage>) {
    let Some(coverage) = coverage else {
        output::field("names", "the program that made it did not tell from where it learned names");
        return;
    };
    for (of, told) in [("hosts", &coverage.hosts), ("users", &coverage.users)] {
        output::field(&format!("names of {of}"), &sources(told));
    }
    if coverage.short > 0 {
        let names = output::counted(usize::try_from(coverage.short).unwrap_or(usize::MAX), "name");
        output::field(
            "",
            &format!(
                "{names} of one or two letters: a host's is masked before its domain and in addresses, all else stays in clear"
            ),
        );
    }
    if coverage.full {
        output::field("", "there were more names than can be learned: some of them may stay in clear");
    }
}

/// How many names each source told.
fn sources(told: &BTreeMap<Source, u64>) -> String {
    let source = |(source, count): (&Source, &u64)| {
        let source = match source {
            Source::Given => "given",
            Source::Lists => "from files that list them",
            Source::Logs => "from logs of the system",
            Source::Texts => "mentioned in texts",
        };
        format!("{count} {source}")
    };
    if told.is_empty() {
        return "none learned, since nothing in it tells them: they stay in clear".to_owned();
    }
    format!("{}; a name that nothing tells stays in clear", told.iter().map(source).collect::<Vec<_>>().join(", "))
}

/// Tells what was masked, rule by rule: how often, in how many entries, and where most.
pub(crate) fn masked(entries: &[Entry]) {
    let mut rules: BTreeMap<&str, (u64, usize, &Entry, u64)> = BTreeMap::new();
    for entry in entries {
        for (rule, count) in &entry.masked.0 {
            let (sum, within, most, highest) = rules.entry(rule).or_insert((0, 0, entry, 0));
            (*sum, *within) = (*sum + count, *within + 1);
            if *count > *highest {
                (*most, *highest) = (entry, *count);
            }
        }
    }
    output::heading("Masked");
    for (rule, (sum, within, most, highest)) in &rules {
        let within = format!("{}, ", output::counted(*within, "entry"));
        output::field(rule, &format!("{sum:>7} in {within:>15}most in {} ({highest})", most.path));
    }
    if rules.is_empty() {
        output::field("nothing", "no name, address or secret was found");
    }
    let left_out = entries.iter().filter(|entry| entry.failed.is_some()).count();
    output::field("left out", &format!("{left_out:>7} of {} entries, each with its reason", entries.len()));
}

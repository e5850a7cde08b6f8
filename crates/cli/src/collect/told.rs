//! What was collected and what was masked in it, as a person reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use serde_json::{Value, json};
use vouch_diagnostics::request::CollectionRequest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_diagnostics::{Digest, Entry};

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

    /// For machines.
    pub(super) fn json(&self, request: Option<&CollectionRequest>, judgement: &Judgement) -> Value {
        let failed: Vec<_> = self
            .failed
            .iter()
            .flat_map(|(reason, paths)| paths.iter().map(move |path| json!({ "path": path, "reason": reason })))
            .collect();
        json!({
            "file": self.path, "root": self.root, "profile": self.profile, "entries": self.entries,
            "size_bytes": self.size_bytes, "masked": self.masked, "failed": failed,
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
        for (reason, paths) in &self.failed {
            let told = paths.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = paths.len().saturating_sub(MAX_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            output::field("left out", &format!("{told}{more}: {reason}"));
        }
        output::field("root", &self.root.to_string());
    }
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

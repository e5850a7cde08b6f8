//! What is told of bundles, of what is in them, and of who read them. A manifest is a partner's: what is told of it is bounded.

use std::collections::{BTreeMap, BTreeSet};

use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_diagnostics::{Entry, Manifest};
use vouch_host::uploads;

use crate::domain::bundle::Bundle;
use crate::domain::bundle_read::{BundleRead, Reading, Scope, SearchKind};

/// The list of a bundle's entries, in page tokens.
pub(super) const ENTRIES: &str = "bundle-entries";
/// The list of who read a bundle, in page tokens.
pub(super) const READS: &str = "bundle-reads";
/// How many cases are told of a bundle.
pub(super) const CASES: i64 = 100;
/// How many artefacts, and how many rules.
const MOST: usize = 500;
/// How many rules of one entry.
const RULES: usize = 100;
/// How many reasons of one collector.
const REASONS: usize = 10;
/// The longest text of a manifest that is told, in characters; paths are bounded where they are read.
const TEXT: usize = 200;

/// What a bundle says of itself, without the cases that hold it.
pub(super) fn overview(bundle: Bundle, manifest: &Manifest) -> pb::GetBundleResponse {
    pb::GetBundleResponse {
        partner_id: bundle.partner_id.to_string(),
        profile: bounded(&manifest.profile),
        collect_time: Some(timestamp(manifest.collected_at)),
        redaction_policy: bounded(&manifest.redaction.policy),
        redaction_policy_sha256: manifest.redaction.policy_sha256.0.to_vec().into(),
        artefacts: artefacts(&manifest.entries),
        masked: masked(&manifest.entries),
        bundle: Some(bundle.into()),
        cases: Vec::new(),
    }
}

/// What each collector brought, those that failed at the head.
fn artefacts(entries: &[Entry]) -> Vec<pb::BundleArtefact> {
    let mut artefacts: BTreeMap<&str, (pb::BundleArtefact, BTreeSet<&str>)> = BTreeMap::new();
    for entry in entries {
        let (artefact, reasons) = artefacts.entry(&entry.collector).or_default();
        match &entry.failed {
            None => {
                artefact.entries = artefact.entries.saturating_add(1);
                artefact.size_bytes = artefact.size_bytes.saturating_add(uploads::size(entry.size_bytes));
            }
            Some(why) => {
                artefact.failed = artefact.failed.saturating_add(1);
                if reasons.len() < REASONS {
                    reasons.insert(why);
                }
            }
        }
    }
    let told = artefacts.into_iter().map(|(collector, (artefact, reasons))| pb::BundleArtefact {
        collector: bounded(collector),
        reasons: reasons.into_iter().map(bounded).collect(),
        ..artefact
    });
    let (mut failed, others): (Vec<_>, Vec<_>) = told.partition(|artefact| artefact.failed > 0);
    failed.extend(others);
    failed.truncate(MOST);
    failed
}

/// How much each rule masked, the most at the head.
fn masked(entries: &[Entry]) -> Vec<pb::BundleMasking> {
    let mut rules: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for (rule, count) in entries.iter().flat_map(|entry| &entry.masked.0) {
        let (sum, entries) = rules.entry(rule).or_default();
        *sum = sum.saturating_add(*count);
        *entries = entries.saturating_add(1);
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(_, (sum, _))| std::cmp::Reverse(*sum));
    rules.truncate(MOST);
    let told = rules.into_iter().map(|(rule, (sum, entries))| pb::BundleMasking {
        rule: bounded(rule),
        count: uploads::size(sum),
        entries: i32::try_from(entries).unwrap_or(i32::MAX),
    });
    told.collect()
}

/// An entry as the wire has it.
pub(super) fn entry(entry: &Entry) -> pb::BundleEntry {
    let masked = entry.masked.0.iter().take(RULES).map(|(rule, count)| (bounded(rule), uploads::size(*count)));
    pb::BundleEntry {
        path: entry.path.clone(),
        media_type: bounded(&entry.media_type),
        size_bytes: uploads::size(entry.size_bytes),
        sha256: entry.sha256.0.to_vec().into(),
        collector: bounded(&entry.collector),
        failed: entry.failed.as_deref().map(bounded).unwrap_or_default(),
        masked: masked.collect(),
    }
}

/// A text of a manifest, and no more of it than a person reads.
pub(super) fn bounded(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl From<BundleRead> for pb::BundleRead {
    fn from(read: BundleRead) -> Self {
        let (kind, path, scope, search) = match read.reading {
            Reading::Opened => (pb::BundleReadKind::Opened, String::new(), Scope::default(), None),
            Reading::Listed(scope) => (pb::BundleReadKind::Listed, String::new(), scope, None),
            Reading::Read { path } => (pb::BundleReadKind::Read, path, Scope::default(), None),
            Reading::Searched(how, scope) => (pb::BundleReadKind::Searched, String::new(), scope, Some(how)),
        };
        let search = match search {
            None => pb::BundleSearchKind::Unspecified,
            Some(SearchKind::Text) => pb::BundleSearchKind::Text,
            Some(SearchKind::Pattern) => pb::BundleSearchKind::Pattern,
        };
        Self {
            sequence: read.sequence,
            reader: read.reader.subject,
            role: read.reader.role,
            kind: kind.into(),
            path,
            path_prefix: scope.path_prefix,
            collector: scope.collector,
            search: search.into(),
            times: read.times,
            first_time: Some(timestamp(read.first_at)),
            last_time: Some(timestamp(read.last_at)),
        }
    }
}

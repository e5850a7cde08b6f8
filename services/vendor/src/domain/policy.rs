//! What the vendor requires of an escalation. Policy is data.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use vouch_core::code::ProductId;
use vouch_core::escalation::Escalation;
use vouch_core::{Severity, Violations};

/// The requirements for the escalations of one product, in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionPolicy {
    /// The product.
    pub product_id: ProductId,
    /// Grows by one with every publication.
    pub version: i64,
    /// What is required.
    pub terms: PolicyTerms,
    /// When it was published.
    pub published_at: Timestamp,
}

/// What a policy requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTerms {
    /// The requirements, of which the first that fits applies. The last fits everything.
    pub sets: Vec<RequirementSet>,
    /// The redaction policies that are accepted.
    pub redaction_policies: BTreeSet<String>,
    /// How old diagnostics may be when the escalation is created.
    pub freshness: SignedDuration,
    /// Whether an urgent escalation without English text is refused.
    pub english_required_when_urgent: bool,
    /// The categories that a ticket may have: code and name.
    pub categories: Vec<(String, String)>,
}

/// Requirements for some categories and severities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementSet {
    /// The categories it is for; none: every one.
    pub categories: BTreeSet<String>,
    /// The severities it is for; none: every one.
    pub severities: BTreeSet<Severity>,
    /// The fields that must be filled in.
    pub information: Vec<String>,
    /// The artefacts that must be in the bundle. Never empty.
    pub artefacts: Vec<String>,
    /// The front-line work that must be shown.
    pub duties: Vec<Duty>,
}

/// Front-line work that a vendor may require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// The knowledge base was searched.
    KnowledgeSearched,
    /// Troubleshooting steps are recorded.
    TroubleshootingRecorded,
    /// The partner tried to replicate the problem.
    ReplicationAttempted,
    /// It is said where the problem originates.
    OriginStated,
    /// The end user confirmed the problem statement.
    StatementConfirmed,
    /// Errors are reported with replication steps, expected and actual behaviour.
    ErrorReported,
}

/// The fields of an escalation that a policy may require, beside `further.<name>`.
pub const FIELDS: [&str; 14] = [
    "version",
    "category",
    "impact",
    "language",
    "description_english",
    "key_words",
    "environment.kind",
    "environment.operating_system",
    "environment.system_id",
    "environment.details",
    "origin",
    "error_report",
    "replication",
    "contact_times",
];

impl PolicyTerms {
    /// The requirements for a category and severity.
    pub fn set_for(&self, category: &str, severity: Severity) -> Option<&RequirementSet> {
        self.sets.iter().find(|set| set.fits(category, severity))
    }

    /// Everything that is wrong with the terms, by the contract's fields.
    pub fn check(&self, v: &mut Violations) {
        if !self.sets.last().is_some_and(|last| last.categories.is_empty() && last.severities.is_empty()) {
            v.add("requirement_sets", "must not be empty, and the last must be for every category and severity");
        }
        let known: BTreeSet<&str> = self.categories.iter().map(|(code, _)| code.as_str()).collect();
        if known.len() != self.categories.len() {
            v.add("categories", "names a code twice");
        }
        for (index, set) in self.sets.iter().enumerate() {
            let place = |field: &str| format!("requirement_sets[{index}].{field}");
            if set.artefacts.is_empty() {
                v.add(place("artefacts"), "must not be empty: no bundle, no case");
            }
            if let Some(unknown) = set.categories.iter().find(|category| !known.contains(category.as_str())) {
                v.add(place("categories"), format!("names {unknown}, which is not among the categories"));
            }
            let is_known = |field: &&String| {
                FIELDS.contains(&field.as_str()) || field.strip_prefix("further.").is_some_and(|name| !name.is_empty())
            };
            if let Some(unknown) = set.information.iter().find(|field| !is_known(field)) {
                v.add(place("information"), format!("names {unknown}, which is no field of an escalation"));
            }
        }
        if self.redaction_policies.is_empty() {
            v.add("redaction_policies", "must name at least one");
        }
        let month = SignedDuration::from_hours(30 * 24);
        if !(SignedDuration::from_hours(1)..=month).contains(&self.freshness) {
            v.add("freshness", "must be 1 hour to 30 days");
        }
    }
}

impl RequirementSet {
    fn fits(&self, category: &str, severity: Severity) -> bool {
        (self.categories.is_empty() || self.categories.contains(category))
            && (self.severities.is_empty() || self.severities.contains(&severity))
    }
}

/// Whether a field of an escalation is filled in.
pub fn is_filled(escalation: &Escalation, field: &str) -> bool {
    let problem = &escalation.problem;
    match field {
        "version" => !problem.version.is_empty(),
        "category" => !problem.category.is_empty(),
        "impact" => !problem.impact.is_empty(),
        "language" => !problem.language.is_empty(),
        "description_english" => !problem.description_english.is_empty() || is_english(&problem.language),
        "key_words" => !problem.key_words.is_empty(),
        "environment.kind" => !problem.environment.kind.is_empty(),
        "environment.operating_system" => !problem.environment.operating_system.is_empty(),
        "environment.system_id" => !problem.environment.system_id.is_empty(),
        "environment.details" => !problem.environment.details.is_empty(),
        "origin" => problem.origin.is_some(),
        "error_report" => problem.error_report.is_some(),
        "replication" => escalation.work.replication.is_some(),
        "contact_times" => problem.contact_times.is_some(),
        further => further
            .strip_prefix("further.")
            .and_then(|name| escalation.further.get(name))
            .is_some_and(|value| !value.is_empty()),
    }
}

/// Whether the front line did a duty.
pub fn is_done(escalation: &Escalation, duty: Duty) -> bool {
    match duty {
        Duty::KnowledgeSearched => !escalation.work.searches.is_empty(),
        Duty::TroubleshootingRecorded => !escalation.work.steps.is_empty(),
        Duty::ReplicationAttempted => escalation.work.replication.is_some(),
        Duty::OriginStated => escalation.problem.origin.is_some(),
        Duty::StatementConfirmed => escalation.statement_confirmed_at.is_some(),
        Duty::ErrorReported => escalation.problem.error_report.is_some(),
    }
}

/// Whether a language tag says English. No tag says nothing, and is taken for it: advice needs a reason.
pub fn is_english(language: &str) -> bool {
    language.is_empty() || language.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case("en"))
}

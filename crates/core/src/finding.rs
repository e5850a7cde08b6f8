//! What a judgement found.

use jiff::Timestamp;

use crate::Reason;

/// How much a finding weighs. Blocking sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The judgement is negative while this stands.
    Blocking,
    /// Worth knowing.
    Warning,
}

/// The party that can cure a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CureBy {
    /// The end-user organisation.
    EndUser,
    /// The partner that asks.
    Partner,
    /// The vendor.
    Vendor,
}

/// One finding of a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub reason: Reason,
    /// Whether it stands in the way.
    pub weight: Weight,
    /// What it is about: a field or an artefact; may be empty.
    pub subject: String,
    /// One sentence for a person.
    pub message: String,
    /// Who can cure it.
    pub cure_by: CureBy,
    /// What to do, one sentence.
    pub remedy: String,
    /// From when on it would fall away by itself.
    pub clears_at: Option<Timestamp>,
}

impl Finding {
    /// A blocking finding.
    pub fn blocking(
        reason: Reason,
        subject: &str,
        message: impl Into<String>,
        cure_by: CureBy,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            weight: Weight::Blocking,
            subject: subject.to_owned(),
            message: message.into(),
            cure_by,
            remedy: remedy.into(),
            clears_at: None,
        }
    }

    /// The same finding as a warning.
    #[must_use]
    pub fn as_warning(self) -> Self {
        Self { weight: Weight::Warning, ..self }
    }

    /// The same finding, with the instant from which on it falls away by itself.
    #[must_use]
    pub fn clearing_at(self, at: Timestamp) -> Self {
        Self { clears_at: Some(at), ..self }
    }
}

/// Every finding of one judgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// True when something stands in the way.
    pub fn blocks(&self) -> bool {
        self.0.iter().any(|finding| finding.weight == Weight::Blocking)
    }

    /// True when something other than this reason stands in the way.
    pub fn blocks_beside(&self, reason: Reason) -> bool {
        self.0.iter().any(|finding| finding.weight == Weight::Blocking && finding.reason != reason)
    }

    /// Takes out every finding with this reason.
    pub fn remove(&mut self, reason: Reason) {
        self.0.retain(|finding| finding.reason != reason);
    }

    /// True when this reason is among them.
    pub fn has(&self, reason: Reason) -> bool {
        self.0.iter().any(|finding| finding.reason == reason)
    }

    /// The findings, blocking ones first, otherwise in the order in which they were found.
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.weight);
        self.0
    }

    /// The reasons in the order in which they were found.
    pub fn reasons(&self) -> Vec<Reason> {
        self.0.iter().map(|finding| finding.reason).collect()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        self.0.extend(findings);
    }
}

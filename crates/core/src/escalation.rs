//! What a front line hands over: the problem, what was done about it, and the escalation that carries both.
//!
//! The partner builds it and the vendor judges it, so both speak of it with the same types.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::code::ProductId;
use crate::id::{ArticleId, EscalationId};
use crate::{Severity, StepMarks};

/// What is known of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The product.
    pub product_id: ProductId,
    /// The version as the product shows it; may be empty while nobody asked.
    pub version: String,
    /// The category, from the vendor's list.
    pub category: String,
    /// The severity that the partner set.
    pub severity: Severity,
    /// The impact by which it set it; may be empty.
    pub impact: String,
    /// One line.
    pub subject: String,
    /// What is wrong.
    pub description: String,
    /// A BCP 47 tag; may be empty.
    pub language: String,
    /// The same in English; may be empty.
    pub description_english: String,
    /// Key words.
    pub key_words: Vec<String>,
    /// Where the product runs.
    pub environment: Environment,
    /// Where the problem originates, where that was found out.
    pub origin: Option<Origin>,
    /// For errors of the product.
    pub error_report: Option<ErrorReport>,
    /// When the end user can be reached.
    pub contact_times: Option<ContactTimes>,
}

/// Where a product runs. Whatever nobody asked for is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The kind: `production`.
    pub kind: String,
    /// The operating system with its version.
    pub operating_system: String,
    /// The vendor's device or system id.
    pub system_id: String,
    /// Whatever else matters.
    pub details: String,
}

/// Where a problem originates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the product itself.
    Product,
    /// Where the product meets another through a supported protocol.
    Integration,
    /// In a modification of the product.
    Modification,
    /// In the surroundings.
    Environment,
    /// Tried, and not found out.
    Unknown,
}

/// The report of an error: the product departs from its documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReport {
    /// The passage of the documentation.
    pub documentation_passage: String,
    /// Steps that show it every time.
    pub replication_steps: String,
    /// What should happen.
    pub expected: String,
    /// What happens.
    pub actual: String,
}

/// When somebody can be reached: ranges of local time in a zone, as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactTimes {
    /// The IANA zone.
    pub zone: String,
    /// The ranges, at least one.
    pub ranges: Vec<ContactRange>,
}

/// A range of local time on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRange {
    /// ISO 8601 weekdays, 1 to 7; none stands for every day.
    pub weekdays: Vec<i32>,
    /// The beginning, `09:00`.
    pub from: String,
    /// The end, `17:00`.
    pub until: String,
}

/// What the front line did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontLineWork {
    /// What was searched.
    pub searches: Vec<KnowledgeSearch>,
    /// What was tried.
    pub steps: Vec<TroubleshootingStep>,
    /// The attempt to replicate the problem.
    pub replication: Option<Replication>,
}

/// A search of the knowledge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeSearch {
    /// What was searched for.
    pub query: String,
    /// When.
    pub searched_at: Timestamp,
    /// The articles that were found and did not help.
    pub article_ids: Vec<ArticleId>,
}

/// A troubleshooting step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubleshootingStep {
    /// What was done.
    pub action: String,
    /// What was found.
    pub finding: String,
    /// When.
    pub done_at: Timestamp,
    /// What it asks of whoever carries it out.
    pub marks: StepMarks,
}

/// An attempt to replicate a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// Whether the problem showed.
    pub reproduced: bool,
    /// Whether the product was unmodified.
    pub unmodified: bool,
    /// How, and what was seen.
    pub notes: String,
}

/// A hand-over from a partner's ticket to the vendor's back line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Its id, stable over every attempt.
    pub id: EscalationId,
    /// The partner's short number of the ticket.
    pub ticket_number: String,
    /// When the partner created it.
    pub created_at: Timestamp,
    /// The problem.
    pub problem: Problem,
    /// What was done.
    pub work: FrontLineWork,
    /// When the end user confirmed the statement of the problem.
    pub statement_confirmed_at: Option<Timestamp>,
    /// Fields that the vendor defined beyond these.
    pub further: BTreeMap<String, String>,
    /// True for drills.
    pub test_case: bool,
    /// Whether the named contact is known to have administrative rights on the product.
    pub liaison_has_rights: bool,
}

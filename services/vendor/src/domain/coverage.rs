//! Hours of cover, and what is promised within them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vouch_core::Severity;
use vouch_sla::{Allowance, Calendar};

/// The longest code of a cover.
pub const MAX_CODE: usize = 64;

/// Hours of cover with their targets, in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The code that tiers and proofs name.
    pub code: String,
    /// The opening hours.
    pub calendar: Calendar,
    /// How soon a person answers, by severity.
    pub first_response: BTreeMap<Severity, Allowance>,
}

/// The promise of a first response.
pub const FIRST_RESPONSE: &str = "first-response";

impl Coverage {
    /// When the first response to a case is due that is accepted at an instant; `None` where nothing is promised.
    pub fn first_response_due(&self, severity: Severity, accepted_at: Timestamp) -> Option<Timestamp> {
        let allowance = self.first_response.get(&severity)?;
        Some(allowance.due(&self.calendar, accepted_at)).filter(|due| *due < Timestamp::MAX)
    }
}

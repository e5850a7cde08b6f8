//! Whether an end user is entitled: facts and a question in, an answer with every finding out.

mod cover;
pub mod facts;
mod judge;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use vouch_core::code::{EndUserId, PartnerId, ProductId, TierId};
use vouch_core::id::{AgreementId, ContactId, EscalationId, HoldId, LicenseId};
use vouch_core::{Channel, Findings, Severity};

use super::license_key::LicenseKey;
use super::tier::Tier;

pub use cover::covering_tier;
pub use facts::{Facts, Known};
pub use judge::judge;

/// How a caller names a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseRef {
    /// By its key.
    Key(LicenseKey),
    /// By its id.
    Id(LicenseId),
}

/// The question. What is `None` is not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The licence.
    pub license: LicenseRef,
    /// The partner that would escalate; `None`: the responsible one.
    pub partner_id: Option<PartnerId>,
    /// The product that has the problem.
    pub product_id: Option<ProductId>,
    /// Its version.
    pub version: Option<String>,
    /// The severity.
    pub severity: Option<Severity>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The e-mail address of the person who asks, in lower case.
    pub contact_email: Option<String>,
}

/// Whose eyes the answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// The vendor sees every licence.
    Vendor,
    /// A partner sees those in whose chain it is.
    Partner(PartnerId),
}

/// The cover that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The licence.
    pub license_id: LicenseId,
    /// Its revision.
    pub license_revision: i64,
    /// The end user.
    pub end_user_id: EndUserId,
    /// The agreement; `None` where the licence alone covers.
    pub agreement_id: Option<AgreementId>,
    /// The tier; `None` where nothing covers.
    pub tier: Option<Arc<Tier>>,
    /// Until when it lasts, as far as is known.
    pub until: Option<Timestamp>,
    /// The named contact, where the person is one.
    pub contact_id: Option<ContactId>,
    /// The maker of a modification, where there is one and the viewer may know.
    pub modification_maker_id: Option<PartnerId>,
}

impl Cover {
    /// The tier's code.
    pub fn tier_id(&self) -> Option<&TierId> {
        self.tier.as_ref().map(|tier| &tier.id)
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Every finding.
    pub findings: Findings,
    /// What covers the end user; `None` when the licence is not found.
    pub cover: Option<Cover>,
    /// The instant for which it holds.
    pub checked_at: Timestamp,
}

impl Answer {
    /// Whether the end user is entitled.
    pub fn is_entitled(&self) -> bool {
        !self.findings.blocks()
    }
}

/// An escalation of which is asked whether it would be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalated {
    /// The escalation.
    pub escalation_id: EscalationId,
    /// The reservation with which the ticket was charged already.
    pub charge: Option<HoldId>,
}

/// What a proof is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRequest {
    /// The question, with everything in it.
    pub question: Question,
    /// The escalation.
    pub escalation_id: EscalationId,
    /// The digest of the bundle's manifest.
    pub bundle_root: [u8; 32],
    /// The vendor service that it is for.
    pub audience: String,
    /// The reservation with which the ticket was charged already.
    pub charge: Option<HoldId>,
}

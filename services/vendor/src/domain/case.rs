//! Back-line cases.
//!
//! Read in this order: `state` (which steps lead where), `event` (what happens), [`Case`] (what an event does to it).

mod event;
mod state;

use jiff::{SignedDuration, Timestamp};
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::id::{AgreementId, BundleId, CaseId, EscalationId, HoldId, LicenseId, ProofId};
use vouch_core::{Error, Finding, Severity};

pub use event::CaseEvent;
pub use state::{CaseState, CaseStep};

/// How old the creation of an escalation may be when it arrives.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// The short number, without its check digit.
    pub number: u64,
    /// The partner whose it is.
    pub partner_id: PartnerId,
    /// The escalation that opened it.
    pub escalation_id: EscalationId,
    /// The partner's short number of the ticket.
    pub ticket_number: String,
    /// Where it stands.
    pub state: CaseState,
    /// The severity agreed now.
    pub severity: Severity,
    /// One line.
    pub subject: String,
    /// The product.
    pub product_id: ProductId,
    /// Its version.
    pub version: String,
    /// The cover, frozen.
    pub cover: FrozenCover,
    /// The proof that opened it.
    pub proof_id: ProofId,
    /// The bundle pinned to it.
    pub bundle_id: BundleId,
    /// The receipt of admission.
    pub receipt: String,
    /// The liaison who owns the issue now, by opaque id; empty where nobody is named.
    pub liaison: String,
    /// Whether that one is known to have administrative rights on the product.
    pub liaison_has_rights: bool,
    /// Who works on it.
    pub engineer: Option<String>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When the first response is due; `None` where nothing was promised.
    pub first_response_due: Option<Timestamp>,
    /// When a person answered first.
    pub first_response_at: Option<Timestamp>,
    /// True for drills.
    pub test_case: bool,
    /// How often it was changed.
    pub revision: i64,
    /// The head of its shared history.
    pub head: HistoryHead,
}

/// The head of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryHead {
    /// The sequence of the last event.
    pub sequence: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The cover under which a case was accepted. Nothing that happens later takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenCover {
    /// The end-user organisation.
    pub end_user_id: EndUserId,
    /// The named contact, by opaque id; empty where the licence alone covers.
    pub contact_id: String,
    /// The licence.
    pub license_id: LicenseId,
    /// The revision that was judged.
    pub license_revision: i64,
    /// The agreement.
    pub agreement_id: Option<AgreementId>,
    /// The tier.
    pub tier_id: String,
    /// Hours of cover.
    pub coverage: String,
    /// Order at equal severity.
    pub priority: i32,
    /// The incident set aside.
    pub hold_id: HoldId,
}

/// Who does something to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A person of the vendor.
    Engineer,
    /// The partner.
    Partner,
}

/// What becomes of the incident that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// A person answered: it is spent.
    Capture,
    /// The case was withdrawn before that: it goes back.
    Release,
}

impl Settlement {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Release => "release",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Capture, Self::Release].into_iter().find(|settlement| settlement.as_str() == text)
    }
}

impl Case {
    /// Takes an event in: the state after it, and what becomes of the incident. The history itself is the caller's to write.
    pub fn apply(&mut self, event: &CaseEvent, side: Side, now: Timestamp) -> Result<Option<Settlement>, Error> {
        let refused = |step: &'static str| Error::StateConflict {
            what: "case",
            id: self.id.to_string(),
            state: self.state.as_str(),
            step,
        };
        // Somebody has it, in whatever state.
        if let (CaseEvent::Claimed { engineer }, Some(there)) = (event, &self.engineer) {
            let is_own = engineer == there;
            return Err(refused(if is_own {
                "be claimed: you have it already"
            } else {
                "be claimed: somebody has it"
            }));
        }
        match event.step() {
            Some(step) => self.state = self.state.advance(step).ok_or_else(|| refused(step.verb()))?,
            None if self.state.is_open() => {}
            None => return Err(refused("be written to")),
        }
        self.revision += 1;
        match event {
            CaseEvent::Claimed { engineer } => self.engineer = Some(engineer.clone()),
            CaseEvent::LiaisonChanged { to, has_rights, .. } => {
                (self.liaison, self.liaison_has_rights) = (to.to_string(), *has_rights);
            }
            // Whose rights these are it does not say, and another one may stand behind the ticket by now: what is said of the case's liaison may
            // become unknown by it, and never known.
            CaseEvent::DutiesCompleted { has_rights, .. } => self.liaison_has_rights &= *has_rights,
            CaseEvent::Accepted(_)
            | CaseEvent::Note { .. }
            | CaseEvent::InformationRequested { .. }
            | CaseEvent::InformationProvided { .. }
            | CaseEvent::SolutionProvided { .. }
            | CaseEvent::SolutionDeclined { .. }
            | CaseEvent::MarkedReadyToClose { .. }
            | CaseEvent::Closed { .. }
            | CaseEvent::DutiesNotDone { .. }
            | CaseEvent::Withdrawn { .. } => {}
        }
        if side == Side::Engineer && event.is_response() && self.first_response_at.is_none() {
            self.first_response_at = Some(now);
            // A drill is not charged, so what was set aside for it goes back.
            return Ok(Some(if self.test_case { Settlement::Release } else { Settlement::Capture }));
        }
        let is_withdrawal = matches!(event, CaseEvent::Withdrawn { .. });
        Ok((is_withdrawal && self.first_response_at.is_none()).then_some(Settlement::Release))
    }

    /// What whoever gives a step is warned of, in the field of its marks. It is given all the same.
    pub fn warning(&self, field: &str, event: &CaseEvent) -> Option<Finding> {
        event.marks()?.warning(field, self.liaison_has_rights)
    }
}

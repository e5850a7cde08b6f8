//! Front-line tickets.
//!
//! Read in this order: `state` (which steps lead where), [`Ticket`] (what is known of one), `charge` (the incident that it costs),
//! `succession` (what a removed liaison leaves behind), `history` (what the vendor's events do to it), [`Note`] (who may read what).

mod charge;
mod history;
mod note;
mod state;
mod succession;

use jiff::{SignedDuration, Timestamp};
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::escalation::{Escalation, FrontLineWork, KnowledgeSearch, Problem, Replication, TroubleshootingStep};
use vouch_core::id::{BundleId, CaseId, CollectionTicketId, CustomerId, EscalationId, TicketId};
use vouch_core::{Channel, Error, Finding, Kind, Reason, StepMarks, World, short_number};
use vouch_diagnostics::Digest;

pub use charge::{Charge, ChargeState, ChargeStep, Told as ChargeTold, Wanted};
pub use history::{CaseChange, Fit, Head, Link, Told};
pub use note::{Audience, Note, VENDOR, Viewer};
pub use state::{TicketState, TicketStep};
pub use succession::{Closing, Kept, Lapse, Removed, Succession, Successor};

/// How long after a vendor did not give an escalation back it is asked again.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// The short number, without its check digit.
    pub number: u64,
    /// The partner organisation whose it is.
    pub partner_id: PartnerId,
    /// The impacted end-user organisation.
    pub customer_id: CustomerId,
    /// The vendor whose product it is about.
    pub vendor_id: VendorId,
    /// Where it stands.
    pub state: TicketState,
    /// The channel by which it came.
    pub channel: Channel,
    /// Who asked for help.
    pub contact_email: String,
    /// The named contact who adopted it; empty while nobody did.
    pub liaison_email: String,
    /// Whether the named contact behind it is known to have administrative rights on the product.
    pub liaison_has_rights: bool,
    /// The problem.
    pub problem: Problem,
    /// When the end user confirmed the statement of the problem.
    pub statement_confirmed_at: Option<Timestamp>,
    /// When the end user confirmed the solution.
    pub solution_confirmed_at: Option<Timestamp>,
    /// What the front line did.
    pub work: FrontLineWork,
    /// What the licence service said.
    pub entitlement: Option<Entitlement>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// True for drills.
    pub test_case: bool,
    /// How often it was changed.
    pub revision: i64,
    /// The escalation, once there was one.
    pub escalation: Option<EscalationRecord>,
    /// The incident that it costs, once it was turned over to the support team.
    pub charge: Option<Charge>,
    /// Whether a person of the vendor responded to an escalation of it: then that was charged.
    pub vendor_responded: bool,
    /// That it is to be closed because its liaison was removed.
    pub closing: Option<Closing>,
}

/// What the licence service said of the end user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Whether the end user is entitled.
    pub entitled: bool,
    /// The whole answer, as it was told.
    pub told: Vec<u8>,
}

/// What became of an escalation, as far as is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscalationStatus {
    /// On its way.
    Sent,
    /// Refused.
    Refused,
    /// It became a case.
    Accepted,
    /// Withdrawn, and acknowledged.
    Withdrawn,
}

impl EscalationStatus {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sent, Self::Refused, Self::Accepted, Self::Withdrawn].into_iter().find(|one| one.as_str() == text)
    }
}

/// What is known of an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationRecord {
    /// Its id: stable over every attempt, new only after an acknowledged withdrawal or the end of its case.
    pub id: EscalationId,
    /// What became of it.
    pub status: EscalationStatus,
    /// The last decision, as it was told: the gate's, or the licence service's refusal of a proof.
    pub decision: Option<Vec<u8>>,
    /// Whether it is being taken back.
    pub withdrawing: bool,
    /// Whether the vendor waits for an answer.
    pub asked: bool,
    /// The case.
    pub case: Option<CaseRecord>,
}

/// What is known of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRecord {
    /// Its id.
    pub id: CaseId,
    /// The vendor's short number, as it shows it.
    pub number: String,
    /// Where it stands, in the contract's word.
    pub state: String,
    /// The receipt of admission.
    pub receipt: String,
}

/// Something that the front line did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// A troubleshooting step.
    Step(TroubleshootingStep),
    /// An attempt to replicate the problem.
    Replication(Replication),
}

impl Recorded {
    /// The marks of a step; `None` where it is none.
    pub fn marks(&self) -> Option<&StepMarks> {
        match self {
            Self::Step(step) => Some(&step.marks),
            Self::Replication(_) => None,
        }
    }
}

/// The most searches, and the most steps: what a vendor takes.
const MAX_RECORDS: usize = 200;

/// A bundle that was committed for a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its id here.
    pub id: BundleId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The digest of its manifest.
    pub root: Digest,
    /// The size of the manifest.
    pub manifest_size: u64,
    /// This partner's signature over the root.
    pub manifest_signature: String,
    /// How many entries it has.
    pub entries: u32,
    /// How many bytes its blobs have.
    pub size_bytes: u64,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// By which collection ticket it was collected, where its manifest names one.
    pub collection_ticket_id: Option<CollectionTicketId>,
    /// How long its contents are kept after the ticket ended; `None` for one from before that was said, which is kept for good.
    pub retention: Option<SignedDuration>,
    /// The region in which they are kept.
    pub region: String,
    /// Until when; `None` while the ticket is open.
    pub expires_at: Option<Timestamp>,
    /// When its contents were deleted.
    pub content_deleted_at: Option<Timestamp>,
}

impl Bundle {
    /// Refuses a bundle whose contents were deleted: `BUNDLE_INCOMPLETE`.
    pub fn check_kept(&self) -> Result<(), Error> {
        let Some(at) = self.content_deleted_at else { return Ok(()) };
        let message = format!(
            "the contents of bundle {} were deleted at {at}: collect again, for a ticket that is open",
            self.id
        );
        Err(Error::Refused { kind: Kind::Refused, reason: Reason::BundleIncomplete, message })
    }
}

impl Ticket {
    /// Takes a step, or says why not.
    pub fn step(&mut self, step: TicketStep) -> Result<(), Error> {
        self.state = self.state.advance(step).ok_or_else(|| self.refuses(step.verb()))?;
        self.revision += 1;
        Ok(())
    }

    /// That the ticket's state does not allow something.
    pub fn refuses(&self, step: &'static str) -> Error {
        Error::StateConflict { what: "ticket", id: self.id.to_string(), state: self.state.as_str(), step }
    }

    /// Refuses diagnostics for a ticket that is over: nobody looks at them any more.
    pub fn check_takes_diagnostics(&self) -> Result<(), Error> {
        if self.state.has_ended() {
            return Err(self.refuses("take diagnostics: hand them over for a ticket that is open, or open one"));
        }
        Ok(())
    }

    /// Whose name stands behind the ticket toward the vendor.
    pub fn contact(&self) -> &str {
        if self.liaison_email.is_empty() { &self.contact_email } else { &self.liaison_email }
    }

    /// The case that the vendor has for it.
    pub fn case(&self) -> Option<&CaseRecord> {
        self.escalation.as_ref().and_then(|escalation| escalation.case.as_ref())
    }

    /// The case, where partner and vendor may exchange something about it.
    pub fn open_case(&self) -> Result<&CaseRecord, Error> {
        let is_with_vendor = self.state.is_with_vendor();
        self.case().filter(|_| is_with_vendor).ok_or_else(|| self.refuses("be written to the vendor about"))
    }

    /// What whoever gives or receives a step is warned of: it is recorded or told all the same.
    pub fn warning(&self, subject: &str, marks: &StepMarks) -> Option<Finding> {
        marks.warning(subject, self.liaison_has_rights)
    }

    /// Takes the licence service's answer in, and whether the contact has administrative rights. It was asked without a lock: what was
    /// changed meanwhile was not what was asked about.
    pub fn verify(
        &mut self,
        asked_at_revision: Option<i64>,
        answer: Entitlement,
        contact_has_rights: bool,
    ) -> Result<(), Error> {
        if asked_at_revision != Some(self.revision) {
            return Err(Error::EtagMismatch { what: "ticket", id: self.id.to_string() });
        }
        if answer.entitled {
            self.step(TicketStep::Verify)?;
        } else {
            self.at_the_front_line(TicketStep::Verify.verb())?;
        }
        (self.entitlement, self.liaison_has_rights) = (Some(answer), contact_has_rights);
        Ok(())
    }

    /// Has a named contact stand behind the ticket. Whether that one may is to be asked anew.
    pub fn adopt(&mut self, liaison_email: String) -> Result<(), Error> {
        self.at_the_front_line("be adopted")?;
        // Somebody stands behind it again: it is not closed for want of a liaison.
        (self.liaison_email, self.entitlement, self.closing) = (liaison_email, None, None);
        self.liaison_has_rights = false;
        Ok(())
    }

    /// Records a search of the knowledge base.
    pub fn searched(&mut self, search: KnowledgeSearch) -> Result<(), Error> {
        self.at_the_front_line("be searched for")?;
        if self.work.searches.len() >= MAX_RECORDS {
            return Err(self.refuses("take more searches than 200"));
        }
        self.work.searches.push(search);
        Ok(())
    }

    /// Records something that somebody did.
    pub fn record(&mut self, recorded: Recorded, who: &str) -> Result<(), Error> {
        if self.work.steps.len() >= MAX_RECORDS && matches!(recorded, Recorded::Step(_)) {
            return Err(self.refuses("take more steps than 200"));
        }
        self.step(TicketStep::Work)?;
        match recorded {
            Recorded::Step(step) => self.work.steps.push(step),
            Recorded::Replication(replication) => self.work.replication = Some(replication),
        }
        self.assignee = Some(who.to_owned());
        Ok(())
    }

    /// Takes the end user's word on the statement of the problem in.
    pub fn confirm_statement(&mut self, now: Timestamp) -> Result<(), Error> {
        self.at_the_front_line("have its statement confirmed")?;
        self.statement_confirmed_at = Some(now);
        Ok(())
    }

    /// Puts another statement of the problem in place of the one before: the end user's word on that one does not count for it.
    pub fn restate(&mut self, problem: Problem) -> Result<(), Error> {
        self.at_the_front_line("have its problem changed")?;
        (self.problem, self.statement_confirmed_at) = (problem, None);
        Ok(())
    }

    /// Refuses what is the front line's only; counts the change otherwise.
    fn at_the_front_line(&mut self, step: &'static str) -> Result<(), Error> {
        if !self.state.is_front_line() {
            return Err(self.refuses(step));
        }
        self.revision += 1;
        Ok(())
    }

    /// Hands the ticket over: its escalation, ready to be sent. A ticket whose case was closed as duties not done keeps it.
    pub fn hand_over(&mut self, world: &World, now: Timestamp) -> Result<Escalation, Error> {
        if !self.entitlement.as_ref().is_some_and(|entitlement| entitlement.entitled) {
            return Err(self.refuses("be escalated before the end user's entitlement is verified"));
        }
        self.step(TicketStep::Escalate)?;
        self.forgo();
        let kept = self.escalation.take().filter(|kept| kept.status != EscalationStatus::Withdrawn);
        let record = match kept {
            // Refused, or closed as duties not done: the same escalation goes again.
            Some(kept) => EscalationRecord { status: kept.resent(), ..kept },
            None => EscalationRecord {
                id: world.id(),
                status: EscalationStatus::Sent,
                decision: None,
                withdrawing: false,
                asked: false,
                case: None,
            },
        };
        let id = record.id;
        self.escalation = Some(record);
        Ok(Escalation {
            id,
            ticket_number: short_number::show(self.number),
            created_at: now,
            problem: self.problem.clone(),
            work: self.work.clone(),
            statement_confirmed_at: self.statement_confirmed_at,
            further: std::collections::BTreeMap::new(),
            test_case: self.test_case,
            liaison_has_rights: self.liaison_has_rights,
        })
    }

    /// Begins to take the escalation back. It is back once the vendor has acknowledged it.
    pub fn withdraw(&mut self) -> Result<EscalationId, Error> {
        let refused = self.refuses("be taken back");
        let is_over = self.state == TicketState::Closed;
        match &mut self.escalation {
            // One that was refused may be taken back, too: what was set aside for it is given back then.
            Some(one) if !one.withdrawing && one.status != EscalationStatus::Withdrawn && !is_over => {
                one.withdrawing = true;
                self.revision += 1;
                Ok(one.id)
            }
            Some(_) | None => Err(refused),
        }
    }

    /// Whether its escalation was refused, and may still have something set aside.
    pub fn was_refused(&self) -> bool {
        let was = |one: &EscalationRecord| one.status == EscalationStatus::Refused && !one.withdrawing;
        self.escalation.as_ref().is_some_and(was)
    }

    /// Takes in what the gate decided, or that the licence service refused a proof: the ticket is the front line's again.
    pub fn refused(&mut self, decision: Vec<u8>) {
        if let Some(escalation) = &mut self.escalation
            && escalation.status == EscalationStatus::Sent
        {
            (escalation.status, escalation.decision) = (EscalationStatus::Refused, Some(decision));
            self.go(TicketStep::Refused);
        }
    }

    /// Takes in that what was missing is still missing, in a case that was closed for it.
    pub fn refused_again(&mut self, decision: Vec<u8>) {
        if let Some(escalation) = &mut self.escalation {
            escalation.decision = Some(decision);
        }
        self.go(TicketStep::Refused);
    }

    /// Takes in that the escalation became a case. What is known already stays.
    pub fn accepted(&mut self, case: CaseRecord, decision: Option<Vec<u8>>) {
        let Some(escalation) = &mut self.escalation else { return };
        if decision.is_some() {
            escalation.decision = decision;
        }
        if escalation.case.is_some() {
            return;
        }
        escalation.case = Some(case);
        // An answer that is late finds a ticket that went on: withdrawn, it stays so.
        if escalation.status != EscalationStatus::Withdrawn {
            escalation.status = EscalationStatus::Accepted;
            self.go(TicketStep::Accepted);
        }
    }

    /// Takes in that the vendor acknowledged the withdrawal.
    pub fn withdrawn(&mut self) {
        if let Some(escalation) = &mut self.escalation
            && escalation.status != EscalationStatus::Withdrawn
        {
            (escalation.status, escalation.withdrawing, escalation.asked) = (EscalationStatus::Withdrawn, false, false);
            self.go(TicketStep::WithdrawalAcknowledged);
        }
    }

    /// Takes in that the vendor refused what was contributed to its case: the ticket stands again where the case does.
    pub fn contribution_refused(&mut self) {
        let case_state = self.case().map(|case| case.state.clone()).unwrap_or_default();
        if let Some(escalation) = &mut self.escalation {
            escalation.asked = case_state == "AWAITING_PARTNER";
        }
        if case_state == "SOLUTION_PROVIDED" {
            self.state = match self.state {
                TicketState::ReadyToClose => TicketState::Confirmed,
                TicketState::Escalated => TicketState::SolutionProposed,
                other => other,
            };
        }
        self.revision += 1;
    }

    /// Takes in that the vendor did not take the escalation back: its case is closed. The feed says so soon; a ticket that ends for want of
    /// a liaison waits for it, and does not ask again at once.
    pub fn withdrawal_refused(&mut self, now: Timestamp) {
        if let Some(escalation) = &mut self.escalation {
            escalation.withdrawing = false;
        }
        if let Some(closing) = &mut self.closing {
            closing.after = closing.after.max(now + ASK_AGAIN);
        }
        self.revision += 1;
    }

    /// Takes a step where the state has it. What the vendor says happened whatever this side thinks of it.
    fn go(&mut self, step: TicketStep) {
        self.state = self.state.advance(step).unwrap_or(self.state);
        self.revision += 1;
    }
}

impl EscalationRecord {
    fn resent(&self) -> EscalationStatus {
        if self.case.is_some() { EscalationStatus::Accepted } else { EscalationStatus::Sent }
    }
}

//! What the vendor's events do to a ticket. Events in, actions out: no clock, no store, no socket.

use jiff::Timestamp;
use vouch_core::StepMarks;
use vouch_core::id::CaseId;
use vouch_proof::history::{GENESIS, HistoryEvent, content_hash};

use super::{CaseRecord, Ticket, TicketStep};

/// The head of a history that is held here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The sequence of the last event.
    pub sequence: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// Before the first event.
    pub const START: Self = Self { sequence: 0, hash: GENESIS };
}

/// An event of a case, as the vendor sequenced and chained it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The case.
    pub case_id: CaseId,
    /// Its place.
    pub sequence: i64,
    /// The full name of the payload's message.
    pub type_name: String,
    /// The payload, verbatim.
    pub payload: Vec<u8>,
    /// What keeps it from being guessed; empty once both are erased.
    pub salt: Vec<u8>,
    /// The hash of both.
    pub content_hash: [u8; 32],
    /// The hash before it.
    pub previous_hash: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
    /// Who did it.
    pub actor: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// This partner's own id of what it contributed.
    pub origin: String,
}

/// How an event fits what is held here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is the next one.
    Next,
    /// It is here already.
    Known,
    /// It is not what it says, or not what follows.
    Diverged,
}

impl Link {
    /// How the event fits behind the head of what is held here.
    pub fn fits(&self, head: &Head) -> Fit {
        if self.sequence <= head.sequence {
            return Fit::Known;
        }
        let event = HistoryEvent {
            case_id: &self.case_id.to_string(),
            sequence: self.sequence,
            committed_at: self.committed_at,
            type_name: &self.type_name,
            actor: &self.actor,
            origin: &self.origin,
            content_hash: &self.content_hash,
        };
        let follows = self.sequence == head.sequence + 1 && self.previous_hash == head.hash;
        let is_whole = self.salt.is_empty() || content_hash(&self.salt, &self.payload) == self.content_hash;
        if follows && is_whole && event.hash(&head.hash) == self.hash { Fit::Next } else { Fit::Diverged }
    }

    /// The head with this event as its last.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash }
    }
}

/// What an event says of a case, as far as a ticket is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseChange {
    /// The escalation became a case.
    Accepted(CaseRecord),
    /// An engineer works on it.
    Claimed,
    /// A note was written.
    Note {
        /// What it says.
        text: String,
        /// What the step that it tells asks for.
        marks: StepMarks,
    },
    /// The vendor asks.
    Asked {
        /// The questions.
        questions: Vec<String>,
        /// Collectors whose output is wanted.
        collectors: Vec<String>,
        /// The profile that has them; may be empty.
        profile: String,
        /// What it asks for.
        marks: StepMarks,
    },
    /// The partner answered.
    Answered,
    /// A solution is there.
    Solved {
        /// What to do.
        text: String,
        /// What it asks for.
        marks: StepMarks,
    },
    /// The solution was declined.
    Declined,
    /// It was marked ready to close.
    Ready,
    /// It was closed.
    Closed(String),
    /// It was closed because the duties were not done.
    DutiesNotDone(Vec<String>),
    /// The duties were completed.
    DutiesCompleted,
    /// It was withdrawn.
    Withdrawn,
    /// Something that this version does not know: kept in the history, and of no consequence.
    Unknown,
}

impl CaseChange {
    /// Whether a person of the vendor answers by it, where the vendor's side wrote it: a question counts.
    pub fn is_response(&self) -> bool {
        match self {
            Self::Note { .. } | Self::Asked { .. } | Self::Solved { .. } => true,
            Self::Accepted(_)
            | Self::Claimed
            | Self::Answered
            | Self::Declined
            | Self::Ready
            | Self::Closed(_)
            | Self::DutiesNotDone(_)
            | Self::DutiesCompleted
            | Self::Withdrawn
            | Self::Unknown => false,
        }
    }
}

/// What the ticket's people are to be told of an event: a note between partner and vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What it says.
    pub text: String,
    /// What the step that it tells asks for.
    pub marks: StepMarks,
}

impl Ticket {
    /// Takes an event of its case in; says what is to be noted, where the vendor wrote it.
    pub fn take(&mut self, change: CaseChange) -> Option<Told> {
        let told = |text: String, marks: &StepMarks| Told { text, marks: marks.clone() };
        let told = match &change {
            CaseChange::Note { text, marks } => Some(told(text.clone(), marks)),
            CaseChange::Asked { questions, collectors, marks, .. } if collectors.is_empty() => {
                Some(told(questions.join("\n"), marks))
            }
            CaseChange::Asked { questions, collectors, profile, marks } => {
                let of = if profile.is_empty() { String::new() } else { format!(", of {profile}") };
                Some(told(format!("{}\nCollect: {}{of}", questions.join("\n"), collectors.join(", ")), marks))
            }
            CaseChange::Solved { text, marks } => Some(told(format!("Solution: {text}"), marks)),
            CaseChange::Closed(summary) => Some(told(format!("Closed: {summary}"), &StepMarks::none())),
            CaseChange::DutiesNotDone(missing) => {
                Some(told(format!("Duties not done:\n{}", missing.join("\n")), &StepMarks::none()))
            }
            CaseChange::Accepted(_)
            | CaseChange::Claimed
            | CaseChange::Answered
            | CaseChange::Declined
            | CaseChange::Ready
            | CaseChange::DutiesCompleted
            | CaseChange::Withdrawn
            | CaseChange::Unknown => None,
        };
        let (state, asked) = match &change {
            CaseChange::Accepted(case) => {
                self.accepted(case.clone(), None);
                (None, None)
            }
            CaseChange::Claimed | CaseChange::Declined => (Some("IN_PROGRESS"), None),
            CaseChange::Note { .. } | CaseChange::Unknown => (None, None),
            CaseChange::Asked { .. } => (Some("AWAITING_PARTNER"), Some(true)),
            CaseChange::Answered => (Some("IN_PROGRESS"), Some(false)),
            CaseChange::Solved { .. } => {
                self.go(TicketStep::SolutionArrives);
                (Some("SOLUTION_PROVIDED"), None)
            }
            CaseChange::Ready => (Some("READY_TO_CLOSE"), None),
            CaseChange::Closed(_) => {
                self.go(TicketStep::CaseClosed);
                (Some("CLOSED"), None)
            }
            CaseChange::DutiesNotDone(_) => {
                self.go(TicketStep::DutiesNotDone);
                (Some("DUTIES_NOT_DONE"), Some(false))
            }
            CaseChange::DutiesCompleted => {
                self.go(TicketStep::Accepted);
                (Some("IN_PROGRESS"), None)
            }
            CaseChange::Withdrawn => {
                self.withdrawn();
                (Some("WITHDRAWN"), Some(false))
            }
        };
        if let Some(escalation) = &mut self.escalation {
            escalation.asked = asked.unwrap_or(escalation.asked);
            if let (Some(case), Some(state)) = (&mut escalation.case, state) {
                state.clone_into(&mut case.state);
            }
        }
        self.revision += 1;
        told
    }
}

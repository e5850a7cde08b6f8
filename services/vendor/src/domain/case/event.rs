//! What happens to a case.

use jiff::Timestamp;
use vouch_core::code::ProfileTitle;
use vouch_core::id::{ArticleId, BundleId, ContactId, LiaisonNoticeId, NoteId};

use super::{Case, CaseStep};

/// What happened to a case, as both sides know it. An internal note has no variant here: it cannot be shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseEvent {
    /// It was accepted.
    Accepted(Box<Case>),
    /// An engineer took it.
    Claimed {
        /// Who.
        engineer: String,
    },
    /// A note between partner and vendor.
    Note {
        /// Its id.
        id: NoteId,
        /// What it says.
        text: String,
    },
    /// The vendor asked.
    InformationRequested {
        /// One question each.
        questions: Vec<String>,
        /// Collectors whose output is wanted.
        collectors: Vec<String>,
        /// The profile that has them, where one is named.
        profile: Option<ProfileTitle>,
    },
    /// The partner answered.
    InformationProvided {
        /// The answer.
        text: String,
        /// Another bundle.
        bundle_id: Option<BundleId>,
    },
    /// The vendor handed a solution over.
    SolutionProvided {
        /// What to do.
        text: String,
        /// Articles that tell more.
        article_ids: Vec<ArticleId>,
    },
    /// It does not work.
    SolutionDeclined {
        /// What was seen.
        remarks: String,
    },
    /// It works, and the end user was told.
    MarkedReadyToClose {
        /// When the end user confirmed it.
        confirmed_at: Timestamp,
        /// When the end user was told.
        told_at: Timestamp,
    },
    /// The vendor closed it.
    Closed {
        /// What it came to.
        summary: String,
    },
    /// The front-line duties were not done.
    DutiesNotDone {
        /// What is missing.
        missing: Vec<String>,
    },
    /// Now they are.
    DutiesCompleted {
        /// What was done.
        text: String,
        /// Another bundle.
        bundle_id: Option<BundleId>,
    },
    /// Another liaison of the end user owns it.
    LiaisonChanged {
        /// Who did, by opaque id; empty where nobody was named.
        from: String,
        /// Who does.
        to: ContactId,
        /// The notice that says so.
        notice_id: LiaisonNoticeId,
    },
    /// The partner took it back.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

impl CaseEvent {
    /// The step that the event is; `None` for one that leaves the state as it is.
    pub fn step(&self) -> Option<CaseStep> {
        match self {
            Self::Accepted(_) | Self::Note { .. } | Self::LiaisonChanged { .. } => None,
            Self::Claimed { .. } => Some(CaseStep::Claim),
            Self::InformationRequested { .. } => Some(CaseStep::Ask),
            Self::InformationProvided { .. } => Some(CaseStep::Answer),
            Self::SolutionProvided { .. } => Some(CaseStep::ProvideSolution),
            Self::SolutionDeclined { .. } => Some(CaseStep::DeclineSolution),
            Self::MarkedReadyToClose { .. } => Some(CaseStep::MarkReady),
            Self::Closed { .. } => Some(CaseStep::Close),
            Self::DutiesNotDone { .. } => Some(CaseStep::CloseDutiesNotDone),
            Self::DutiesCompleted { .. } => Some(CaseStep::CompleteDuties),
            Self::Withdrawn { .. } => Some(CaseStep::Withdraw),
        }
    }
}

impl CaseEvent {
    /// The bundle that comes with it, and that the case holds from then on.
    pub fn bundle(&self) -> Option<BundleId> {
        match self {
            Self::Accepted(case) => Some(case.bundle_id),
            Self::InformationProvided { bundle_id, .. } | Self::DutiesCompleted { bundle_id, .. } => *bundle_id,
            Self::Claimed { .. }
            | Self::Note { .. }
            | Self::InformationRequested { .. }
            | Self::SolutionProvided { .. }
            | Self::SolutionDeclined { .. }
            | Self::MarkedReadyToClose { .. }
            | Self::Closed { .. }
            | Self::DutiesNotDone { .. }
            | Self::LiaisonChanged { .. }
            | Self::Withdrawn { .. } => None,
        }
    }

    /// Whether a person answers the partner by it: a question counts, taking the case does not, and neither does sending it
    /// back for duties that were not done.
    pub(super) fn is_response(&self) -> bool {
        match self {
            Self::Note { .. } | Self::InformationRequested { .. } | Self::SolutionProvided { .. } => true,
            Self::Accepted(_)
            | Self::Claimed { .. }
            | Self::InformationProvided { .. }
            | Self::SolutionDeclined { .. }
            | Self::MarkedReadyToClose { .. }
            | Self::Closed { .. }
            | Self::DutiesNotDone { .. }
            | Self::DutiesCompleted { .. }
            | Self::LiaisonChanged { .. }
            | Self::Withdrawn { .. } => false,
        }
    }
}

//! What happens to a case.

use jiff::Timestamp;
use vouch_core::StepMarks;
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
        /// What the step that it tells asks for.
        marks: StepMarks,
    },
    /// The vendor asked.
    InformationRequested {
        /// One question each.
        questions: Vec<String>,
        /// Collectors whose output is wanted.
        collectors: Vec<String>,
        /// The profile that has them, where one is named.
        profile: Option<ProfileTitle>,
        /// What it asks for.
        marks: StepMarks,
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
        /// What it asks for.
        marks: StepMarks,
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
        /// Whether whoever stands behind the ticket now is known to have administrative rights on the product. No part of the history.
        has_rights: bool,
    },
    /// Another liaison of the end user owns it.
    LiaisonChanged {
        /// Who did, by opaque id; empty where nobody was named.
        from: String,
        /// Who does.
        to: ContactId,
        /// The notice that says so.
        notice_id: LiaisonNoticeId,
        /// Whether that one is known to have administrative rights on the product.
        has_rights: bool,
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

    /// The marks of the step that it gives; `None` where it gives none.
    pub fn marks(&self) -> Option<&StepMarks> {
        match self {
            Self::Note { marks, .. }
            | Self::InformationRequested { marks, .. }
            | Self::SolutionProvided { marks, .. } => Some(marks),
            Self::Accepted(_)
            | Self::Claimed { .. }
            | Self::InformationProvided { .. }
            | Self::SolutionDeclined { .. }
            | Self::MarkedReadyToClose { .. }
            | Self::Closed { .. }
            | Self::DutiesNotDone { .. }
            | Self::DutiesCompleted { .. }
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

#[cfg(test)]
mod tests {
    //! Proves S07.

    use vouch_core::{StepMark, World};

    use super::*;

    #[test]
    fn s07_what_an_engineer_asks_tells_and_hands_over_may_be_marked_and_nothing_else() {
        let world = World::system();
        let marks: StepMarks = [StepMark::ExposesSensitiveData].into_iter().collect();
        let (text, reason) = ("Look at it.".to_owned(), String::new());
        let steps = [
            CaseEvent::Note { id: world.id(), text: text.clone(), marks: marks.clone() },
            CaseEvent::InformationRequested {
                questions: vec![text.clone()],
                collectors: Vec::new(),
                profile: None,
                marks: marks.clone(),
            },
            CaseEvent::SolutionProvided { text: text.clone(), article_ids: Vec::new(), marks: marks.clone() },
        ];
        for step in &steps {
            assert_eq!(step.marks(), Some(&marks), "{step:?}");
        }
        let others = [
            CaseEvent::Claimed { engineer: text.clone() },
            CaseEvent::InformationProvided { text: text.clone(), bundle_id: None },
            CaseEvent::LiaisonChanged { from: reason.clone(), to: world.id(), notice_id: world.id(), has_rights: true },
            CaseEvent::Closed { summary: text.clone() },
            CaseEvent::DutiesNotDone { missing: vec![text] },
            CaseEvent::Withdrawn { reason },
        ];
        for other in &others {
            assert_eq!(other.marks(), None, "{other:?}");
        }
    }
}

//! Where a case stands, and which steps lead where.

/// Where a case stands. The table is drawn in `case.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseState {
    /// Admitted, and nobody's yet.
    Accepted,
    /// An engineer works on it.
    InProgress,
    /// The vendor asked the partner and waits.
    AwaitingPartner,
    /// Handed to research and development.
    WithDevelopment,
    /// The service runs again by a workaround.
    Restored,
    /// A solution was handed to the partner.
    SolutionProvided,
    /// The end user confirmed it.
    ReadyToClose,
    /// Closed by the vendor.
    Closed,
    /// Closed because the front-line duties were not done.
    DutiesNotDone,
    /// Taken back by the partner.
    Withdrawn,
}

/// A step of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseStep {
    /// An engineer takes it.
    Claim,
    /// The vendor asks.
    Ask,
    /// The partner answers.
    Answer,
    /// Research and development takes part.
    InvolveDevelopment,
    /// Research and development gives it back.
    ReturnFromDevelopment,
    /// A workaround makes the service run again.
    Restore,
    /// Work on the solution goes on.
    GoOn,
    /// A solution is handed over.
    ProvideSolution,
    /// It does not work.
    DeclineSolution,
    /// It works.
    MarkReady,
    /// The end.
    Close,
    /// The end within 20 days was not the end.
    Reopen,
    /// The front-line duties were not done.
    CloseDutiesNotDone,
    /// Now they are.
    CompleteDuties,
    /// The partner takes it back.
    Withdraw,
}

impl CaseState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::InProgress,
        Self::AwaitingPartner,
        Self::WithDevelopment,
        Self::Restored,
        Self::SolutionProvided,
        Self::ReadyToClose,
        Self::Closed,
        Self::DutiesNotDone,
        Self::Withdrawn,
    ];

    /// The state after a step; `None` where there is no such step.
    pub fn advance(self, step: CaseStep) -> Option<Self> {
        use CaseState as State;
        match step {
            // A case that came back from duties not done may be nobody's still.
            CaseStep::Claim => matches!(self, State::Accepted | State::InProgress).then_some(State::InProgress),
            // Asked again, in the place of what was asked before.
            CaseStep::Ask => {
                matches!(self, State::InProgress | State::AwaitingPartner).then_some(State::AwaitingPartner)
            }
            // Answered already, by what was on its way when it was asked anew: the history has both.
            CaseStep::Answer => matches!(self, State::AwaitingPartner | State::InProgress).then_some(State::InProgress),
            CaseStep::InvolveDevelopment => (self == State::InProgress).then_some(State::WithDevelopment),
            CaseStep::ReturnFromDevelopment => (self == State::WithDevelopment).then_some(State::InProgress),
            CaseStep::Restore => matches!(self, State::InProgress | State::WithDevelopment).then_some(State::Restored),
            CaseStep::GoOn => (self == State::Restored).then_some(State::InProgress),
            CaseStep::ProvideSolution => {
                let may = matches!(self, State::InProgress | State::WithDevelopment | State::Restored);
                may.then_some(State::SolutionProvided)
            }
            CaseStep::DeclineSolution => (self == State::SolutionProvided).then_some(State::InProgress),
            CaseStep::MarkReady => (self == State::SolutionProvided).then_some(State::ReadyToClose),
            CaseStep::Close => (self == State::ReadyToClose).then_some(State::Closed),
            CaseStep::Reopen => (self == State::Closed).then_some(State::InProgress),
            CaseStep::CloseDutiesNotDone => {
                let may = matches!(self, State::Accepted | State::InProgress | State::AwaitingPartner);
                may.then_some(State::DutiesNotDone)
            }
            CaseStep::CompleteDuties => (self == State::DutiesNotDone).then_some(State::InProgress),
            CaseStep::Withdraw => (!matches!(self, State::Closed | State::Withdrawn)).then_some(State::Withdrawn),
        }
    }

    /// Whether notes may still be exchanged about the case.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Withdrawn)
    }

    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::InProgress => "in progress",
            Self::AwaitingPartner => "awaiting the partner",
            Self::WithDevelopment => "with development",
            Self::Restored => "restored",
            Self::SolutionProvided => "provided with a solution",
            Self::ReadyToClose => "ready to close",
            Self::Closed => "closed",
            Self::DutiesNotDone => "closed as duties not done",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl CaseStep {
    /// The step as a verb, after "it cannot".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Claim => "be claimed",
            Self::Ask => "be asked about",
            Self::Answer => "be answered: nothing was asked",
            Self::InvolveDevelopment => "go to development",
            Self::ReturnFromDevelopment => "come back from development",
            Self::Restore => "be restored",
            Self::GoOn => "go on",
            Self::ProvideSolution => "be solved",
            Self::DeclineSolution => "have a solution declined",
            Self::MarkReady => "be marked ready to close",
            Self::Close => "be closed",
            Self::Reopen => "be reopened",
            Self::CloseDutiesNotDone => "be closed as duties not done",
            Self::CompleteDuties => "have its duties completed",
            Self::Withdraw => "be withdrawn",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves Q07.

    use proptest::prelude::*;

    use super::*;

    const STEPS: [CaseStep; 15] = [
        CaseStep::Claim,
        CaseStep::Ask,
        CaseStep::Answer,
        CaseStep::InvolveDevelopment,
        CaseStep::ReturnFromDevelopment,
        CaseStep::Restore,
        CaseStep::GoOn,
        CaseStep::ProvideSolution,
        CaseStep::DeclineSolution,
        CaseStep::MarkReady,
        CaseStep::Close,
        CaseStep::Reopen,
        CaseStep::CloseDutiesNotDone,
        CaseStep::CompleteDuties,
        CaseStep::Withdraw,
    ];

    #[test]
    fn the_table_is_the_one_that_the_contract_draws() {
        use CaseState as State;
        let mut drawn = Vec::new();
        for state in CaseState::ALL {
            for step in STEPS {
                drawn.extend(state.advance(step).map(|next| (state, step, next)));
            }
        }
        let path = [
            (State::Accepted, CaseStep::Claim),
            (State::InProgress, CaseStep::Ask),
            (State::AwaitingPartner, CaseStep::Ask),
            (State::AwaitingPartner, CaseStep::Answer),
            (State::InProgress, CaseStep::Answer),
            (State::InProgress, CaseStep::ProvideSolution),
            (State::SolutionProvided, CaseStep::DeclineSolution),
            (State::InProgress, CaseStep::ProvideSolution),
            (State::SolutionProvided, CaseStep::MarkReady),
            (State::ReadyToClose, CaseStep::Close),
        ];
        for (from, step) in path {
            assert!(drawn.iter().any(|(state, other, _)| (*state, *other) == (from, step)), "{from:?} {step:?}");
        }
        // 22 arrows but for the withdrawals, and one of these from each of the eight states that may be withdrawn.
        assert_eq!(drawn.len(), 22 + 8, "{drawn:#?}");
    }

    #[test]
    fn q07_duties_not_done_is_not_the_end() {
        let closed = CaseState::InProgress.advance(CaseStep::CloseDutiesNotDone).unwrap();
        assert_eq!(closed.advance(CaseStep::CompleteDuties), Some(CaseState::InProgress));
        assert!(closed.is_open());
    }

    #[test]
    fn every_state_is_read_back_by_its_word() {
        for state in CaseState::ALL {
            assert_eq!(CaseState::parse(state.as_str()), Some(state));
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_what_is_withdrawn_stays_so_and_only_reopening_leads_out_of_closed(
            steps in prop::collection::vec(0_usize..STEPS.len(), 0..60)
        ) {
            let mut state = CaseState::Accepted;
            for step in steps.into_iter().map(|index| STEPS[index]) {
                if let Some(next) = state.advance(step) {
                    prop_assert_ne!(state, CaseState::Withdrawn);
                    prop_assert!(state != CaseState::Closed || step == CaseStep::Reopen);
                    prop_assert_ne!(next, CaseState::Accepted, "nothing goes back to the beginning");
                    state = next;
                }
            }
        }
    }
}

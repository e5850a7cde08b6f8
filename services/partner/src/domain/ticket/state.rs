//! Where a ticket stands, and which steps lead where. The table is drawn in `ticket.proto`.

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TicketState {
    /// Opened; nothing is verified.
    Open,
    /// The end user's entitlement was checked.
    Verified,
    /// The front line works on it.
    Troubleshooting,
    /// Handed over; the gate has not answered yet.
    Escalating,
    /// The vendor has a case.
    Escalated,
    /// A solution is there, for the end user to try.
    SolutionProposed,
    /// The end user confirmed it.
    Confirmed,
    /// The vendor was told that its case may be closed.
    ReadyToClose,
    /// Done.
    Closed,
    /// Answered at once.
    Answered,
}

/// A step of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketStep {
    /// The end user is entitled.
    Verify,
    /// The front line does something.
    Work,
    /// It is turned over to the support team.
    TurnOver,
    /// It is answered at once.
    Answer,
    /// The front line closes it.
    Close,
    /// It is handed over.
    Escalate,
    /// The vendor has a case, or takes it up again.
    Accepted,
    /// The gate refused.
    Refused,
    /// The vendor hands a solution over.
    SolutionArrives,
    /// The end user confirms it.
    Confirm,
    /// It does not work.
    Decline,
    /// The end user is told that the issue is being marked as resolved.
    MarkReady,
    /// The vendor closed its case.
    CaseClosed,
    /// The vendor closed its case because the duties were not done.
    DutiesNotDone,
    /// The vendor acknowledged a withdrawal.
    WithdrawalAcknowledged,
}

impl TicketState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Verified,
        Self::Troubleshooting,
        Self::Escalating,
        Self::Escalated,
        Self::SolutionProposed,
        Self::Confirmed,
        Self::ReadyToClose,
        Self::Closed,
        Self::Answered,
    ];

    /// The state after a step; `None` where there is no such step.
    pub fn advance(self, step: TicketStep) -> Option<Self> {
        use TicketState as State;
        match step {
            // Verified again, a ticket stays where it is.
            TicketStep::Verify => match self {
                State::Open => Some(State::Verified),
                State::Verified | State::Troubleshooting => Some(self),
                State::Escalating
                | State::Escalated
                | State::SolutionProposed
                | State::Confirmed
                | State::ReadyToClose
                | State::Closed
                | State::Answered => None,
            },
            TicketStep::Work => {
                matches!(self, State::Verified | State::Troubleshooting).then_some(State::Troubleshooting)
            }
            TicketStep::TurnOver => matches!(self, State::Verified | State::Troubleshooting).then_some(self),
            TicketStep::Answer => self.is_front_line().then_some(State::Answered),
            TicketStep::Close => self.is_front_line().then_some(State::Closed),
            // Whether enough was done before, the vendor's policy says: a site that is down waits for no formality.
            TicketStep::Escalate => {
                matches!(self, State::Verified | State::Troubleshooting).then_some(State::Escalating)
            }
            TicketStep::Accepted => (self == State::Escalating).then_some(State::Escalated),
            TicketStep::Refused => (self == State::Escalating).then_some(State::Troubleshooting),
            TicketStep::SolutionArrives => (self == State::Escalated).then_some(State::SolutionProposed),
            TicketStep::Confirm => (self == State::SolutionProposed).then_some(State::Confirmed),
            TicketStep::Decline => (self == State::SolutionProposed).then_some(State::Escalated),
            TicketStep::MarkReady => (self == State::Confirmed).then_some(State::ReadyToClose),
            TicketStep::CaseClosed => (self == State::ReadyToClose).then_some(State::Closed),
            TicketStep::DutiesNotDone => {
                matches!(self, State::Escalated | State::SolutionProposed).then_some(State::Troubleshooting)
            }
            TicketStep::WithdrawalAcknowledged => self.is_with_vendor().then_some(State::Troubleshooting),
        }
    }

    /// Whether it is over: nothing more is done with it, and nothing happens to it.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Closed | Self::Answered)
    }

    /// Whether the vendor has a part in it.
    pub fn is_with_vendor(self) -> bool {
        matches!(
            self,
            Self::Escalating | Self::Escalated | Self::SolutionProposed | Self::Confirmed | Self::ReadyToClose
        )
    }

    /// Whether the statement of the problem is the front line's to change.
    pub fn is_front_line(self) -> bool {
        matches!(self, Self::Open | Self::Verified | Self::Troubleshooting)
    }

    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Verified => "verified",
            Self::Troubleshooting => "in troubleshooting",
            Self::Escalating => "on its way to the vendor",
            Self::Escalated => "escalated",
            Self::SolutionProposed => "provided with a solution",
            Self::Confirmed => "confirmed",
            Self::ReadyToClose => "ready to close",
            Self::Closed => "closed",
            Self::Answered => "answered",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl TicketStep {
    /// The step as a verb, after "it cannot".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Verify => "be verified",
            Self::Work => "be worked on before the end user's entitlement is verified",
            Self::TurnOver => "be turned over to the support team",
            Self::Answer => "be answered at once",
            Self::Escalate => "be escalated",
            Self::Accepted => "be accepted",
            Self::Refused => "be refused",
            Self::SolutionArrives => "be solved",
            Self::Confirm => "have a solution confirmed",
            Self::Decline => "have a solution declined",
            Self::MarkReady => "be marked ready to close",
            Self::Close | Self::CaseClosed | Self::DutiesNotDone => "be closed",
            Self::WithdrawalAcknowledged => "be taken back",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves W06.

    use super::*;

    #[test]
    fn a_ticket_goes_from_open_to_closed_and_nowhere_twice() {
        let path = [
            TicketStep::Verify,
            TicketStep::Work,
            TicketStep::Escalate,
            TicketStep::Refused,
            TicketStep::Escalate,
            TicketStep::Accepted,
            TicketStep::SolutionArrives,
            TicketStep::Decline,
            TicketStep::SolutionArrives,
            TicketStep::Confirm,
            TicketStep::MarkReady,
            TicketStep::CaseClosed,
        ];
        let end = path.iter().try_fold(TicketState::Open, |state, step| state.advance(*step));
        assert_eq!(end, Some(TicketState::Closed));
    }

    #[test]
    fn nothing_is_escalated_before_it_was_verified() {
        for state in TicketState::ALL {
            let escalates = state.advance(TicketStep::Escalate).is_some();
            let may = matches!(state, TicketState::Verified | TicketState::Troubleshooting);
            assert_eq!(escalates, may, "{state:?}");
        }
        assert_eq!(TicketState::Open.advance(TicketStep::Work), None);
    }

    #[test]
    fn w06_whatever_is_with_the_vendor_can_be_taken_back() {
        for state in TicketState::ALL {
            let back = state.advance(TicketStep::WithdrawalAcknowledged);
            assert_eq!(back, state.is_with_vendor().then_some(TicketState::Troubleshooting), "{state:?}");
        }
    }

    #[test]
    fn what_is_with_the_vendor_is_neither_answered_nor_closed_at_the_front_line() {
        for state in TicketState::ALL {
            let ends = [TicketStep::Answer, TicketStep::Close].map(|step| state.advance(step).is_some());
            assert_eq!(ends, [state.is_front_line(); 2], "{state:?}");
        }
    }

    #[test]
    fn every_state_is_read_back_by_its_word() {
        for state in TicketState::ALL {
            assert_eq!(TicketState::parse(state.as_str()), Some(state));
        }
    }
}

//! The incident that a ticket costs once it is turned over to the support team (H04).
//!
//! What the front line wants is written with the ticket; the outbox brings the licence service in line with it. Wishes and answers in,
//! steps out: every step is safe to repeat there, so that whoever dies begins again.

use jiff::Timestamp;
use vouch_core::Error;
use vouch_core::id::HoldId;

use super::{EscalationRecord, EscalationStatus, Ticket, TicketStep};

/// What the front line wants to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is set aside.
    Reserved,
    /// It is spent: a technician responded.
    Captured,
    /// It goes back.
    Released,
}

impl Wanted {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Released => "released",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reserved, Self::Captured, Self::Released].into_iter().find(|wanted| wanted.as_str() == text)
    }
}

/// What became of it, as the licence service said last. The table is drawn in `ticket.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeState {
    /// It has not said anything yet.
    Asked,
    /// It is set aside.
    Reserved,
    /// It is spent.
    Captured,
    /// It went back.
    Released,
    /// There is nothing to charge.
    NotCharged,
    /// It was refused.
    Refused,
}

impl ChargeState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Asked, Self::Reserved, Self::Captured, Self::Released, Self::NotCharged, Self::Refused];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::NotCharged => "not charged",
            Self::Refused => "refused",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The charge of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What the front line wants.
    pub wanted: Wanted,
    /// What the licence service said last.
    pub state: ChargeState,
    /// The reservation there.
    pub hold_id: Option<HoldId>,
    /// How many incidents are set aside or spent.
    pub units: u32,
    /// Why it was refused, as it was told.
    pub refusal: Option<Vec<u8>>,
    /// When the ticket was turned over.
    pub turned_over_at: Timestamp,
    /// When a technician responded first.
    pub responded_at: Option<Timestamp>,
}

/// What is to be done at the licence service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeStep {
    /// Set an incident aside, or learn what became of the one that was.
    Reserve,
    /// Spend it.
    Capture(HoldId),
    /// Give it back.
    Release(HoldId),
}

/// What the licence service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// How the reservation stands.
    Stands {
        /// The reservation.
        hold_id: HoldId,
        /// What became of it.
        state: ChargeState,
        /// How many incidents.
        units: u32,
    },
    /// There is nothing to charge.
    NotCharged,
    /// It was refused, for these reasons, as they were told.
    Refused(Vec<u8>),
}

impl Charge {
    /// What is to be done next, if anything.
    pub fn next(&self) -> Option<ChargeStep> {
        let hold_id = match (self.state, self.hold_id) {
            (ChargeState::NotCharged | ChargeState::Refused, _) => return None,
            // Also where it is not wanted any more: an earlier attempt may have set it aside, and its answer been lost.
            (_, None) => return Some(ChargeStep::Reserve),
            (_, Some(hold_id)) => hold_id,
        };
        let is_spent = self.state == ChargeState::Captured;
        let is_back = self.state == ChargeState::Released;
        match self.wanted {
            Wanted::Captured if !is_spent => Some(ChargeStep::Capture(hold_id)),
            Wanted::Released if !is_spent && !is_back => Some(ChargeStep::Release(hold_id)),
            // What is spent stays so, and what went back is not set aside again.
            Wanted::Captured | Wanted::Released | Wanted::Reserved => None,
        }
    }

    /// Takes an answer in.
    pub fn hear(&mut self, told: Told) {
        match told {
            Told::Stands { hold_id, state, units } => {
                (self.hold_id, self.state, self.units) = (Some(hold_id), state, units);
            }
            Told::NotCharged => self.state = ChargeState::NotCharged,
            Told::Refused(findings) => (self.state, self.refusal) = (ChargeState::Refused, Some(findings)),
        }
    }

    /// Takes over what another copy heard. What is wanted may have changed meanwhile, and stays.
    pub fn learn(&mut self, from: Self) {
        (self.state, self.hold_id, self.units, self.refusal) = (from.state, from.hold_id, from.units, from.refusal);
    }
}

impl Ticket {
    /// Turns the ticket over to the support team.
    pub fn turn_over(&mut self, now: Timestamp) -> Result<(), Error> {
        if !self.entitlement.as_ref().is_some_and(|entitlement| entitlement.entitled) {
            return Err(self.refuses("be turned over before the end user's entitlement is verified"));
        }
        if self.charge.as_ref().is_some_and(|charge| charge.state != ChargeState::Refused) {
            return Err(self.refuses("be turned over twice"));
        }
        self.step(TicketStep::TurnOver)?;
        // The same cause is charged once, and a drill is not.
        let is_free = self.test_case || self.escalation_pays();
        // Somebody may have responded while nothing could be set aside.
        let responded_at = self.charge.take().and_then(|charge| charge.responded_at);
        self.charge = Some(Charge {
            wanted: if responded_at.is_some() { Wanted::Captured } else { Wanted::Reserved },
            state: if is_free { ChargeState::NotCharged } else { ChargeState::Asked },
            hold_id: None,
            units: 0,
            refusal: None,
            turned_over_at: now,
            responded_at,
        });
        Ok(())
    }

    /// Takes in that a technician wrote to the end user.
    pub fn respond(&mut self, now: Timestamp) {
        let is_charged = self.state.is_front_line() && !self.escalation_pays();
        if let Some(charge) = &mut self.charge {
            charge.responded_at.get_or_insert(now);
            if is_charged {
                charge.wanted = Wanted::Captured;
            }
        }
    }

    /// Whether an escalation is charged for the ticket: the vendor responded to one, or has a case that goes on.
    fn escalation_pays(&self) -> bool {
        let has_case = |escalation: &EscalationRecord| escalation.status == EscalationStatus::Accepted;
        self.vendor_responded || self.escalation.as_ref().is_some_and(has_case)
    }

    /// Does without what is set aside and was not spent.
    pub(super) fn forgo(&mut self) {
        if let Some(charge) = &mut self.charge
            && charge.wanted == Wanted::Reserved
        {
            charge.wanted = Wanted::Released;
        }
    }

    /// Ends the ticket with an answer at once, which costs nothing.
    pub fn answer_at_once(&mut self) -> Result<(), Error> {
        if self.charge.as_ref().is_some_and(|charge| charge.responded_at.is_some()) {
            return Err(self.refuses("be answered at once: a technician responded"));
        }
        self.step(TicketStep::Answer)?;
        self.end();
        Ok(())
    }

    /// Closes the ticket at the front line.
    pub fn close(&mut self) -> Result<(), Error> {
        self.step(TicketStep::Close)?;
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.forgo();
        self.closing = None;
    }

    /// Whether there is something to be done at the licence service about its incident.
    pub fn owes_settlement(&self) -> bool {
        self.charge.as_ref().is_some_and(|charge| charge.next().is_some())
    }

    /// Takes in what the licence service said of its incident: whether that is news. What was said before the ticket was turned over again
    /// is none.
    pub fn learn_charge(&mut self, from: Charge) -> bool {
        let turned_over_at = from.turned_over_at;
        let Some(charge) = self.charge.as_mut().filter(|charge| charge.turned_over_at == turned_over_at) else {
            return false;
        };
        let is_news = charge.state != from.state;
        charge.learn(from);
        self.revision += 1;
        is_news
    }

    /// The reservation with which the ticket was charged: escalating it adds nothing.
    pub fn charged_hold(&self) -> Option<HoldId> {
        self.charge.as_ref().filter(|charge| charge.state == ChargeState::Captured).and_then(|charge| charge.hold_id)
    }

    /// Whether an incident is set aside or spent for it already: that none is left beside it speaks against nothing.
    pub fn has_its_incident(&self) -> bool {
        let has = |charge: &Charge| matches!(charge.state, ChargeState::Reserved | ChargeState::Captured);
        self.charge.as_ref().is_some_and(has)
    }
}

#[cfg(test)]
mod tests {
    //! Proves H04.

    use proptest::prelude::*;
    use vouch_core::World;

    use super::*;

    fn charge() -> Charge {
        Charge {
            wanted: Wanted::Reserved,
            state: ChargeState::Asked,
            hold_id: None,
            units: 0,
            refusal: None,
            turned_over_at: Timestamp::UNIX_EPOCH,
            responded_at: None,
        }
    }

    /// A licence service as the contract promises it: one reference, one reservation; a capture wins.
    struct License {
        left: u32,
        hold: Option<(HoldId, ChargeState)>,
    }

    impl License {
        fn hear(&mut self, step: ChargeStep) -> Told {
            match (step, &mut self.hold) {
                (ChargeStep::Reserve, None) if self.left == 0 => return Told::Refused(Vec::new()),
                (ChargeStep::Reserve, None) => {
                    self.left -= 1;
                    self.hold = Some((World::system().id(), ChargeState::Reserved));
                }
                (ChargeStep::Capture(_), Some((_, state))) => {
                    self.left -= u32::from(*state == ChargeState::Released && self.left > 0);
                    *state = ChargeState::Captured;
                }
                (ChargeStep::Release(_), Some((_, state))) if *state == ChargeState::Reserved => {
                    self.left += 1;
                    *state = ChargeState::Released;
                }
                (ChargeStep::Reserve | ChargeStep::Release(_), Some(_))
                | (ChargeStep::Capture(_) | ChargeStep::Release(_), None) => {}
            }
            let (hold_id, state) = self.hold.unwrap_or((World::system().id(), ChargeState::Released));
            Told::Stands { hold_id, state, units: 1 }
        }
    }

    #[test]
    fn every_word_is_read_back() {
        assert!(ChargeState::ALL.into_iter().all(|state| ChargeState::parse(state.as_str()) == Some(state)));
        assert_eq!(Wanted::parse(Wanted::Captured.as_str()), Some(Wanted::Captured));
    }

    #[test]
    fn h04_what_is_refused_is_not_asked_for_again_by_itself() {
        let mut refused = charge();
        let told = License { left: 0, hold: None }.hear(ChargeStep::Reserve);
        refused.hear(told);
        refused.wanted = Wanted::Captured;
        assert_eq!((refused.state, refused.next()), (ChargeState::Refused, None));
    }

    proptest! {
        /// Answers are lost at any point, and wishes come at any point: one incident is spent where a technician responded, and
        /// none where nobody did.
        #[test]
        fn h04_whatever_is_lost_the_account_says_what_was_wanted_last(
            lost in prop::collection::vec(any::<bool>(), 0..12),
            responds_at in 0_usize..8,
            forgone_at in 0_usize..8,
        ) {
            let (mut license, mut charge, mut lost) = (License { left: 1, hold: None }, charge(), lost.into_iter());
            for turn in 0..40 {
                if turn == forgone_at && charge.wanted == Wanted::Reserved {
                    charge.wanted = Wanted::Released;
                }
                if turn == responds_at && responds_at % 2 == 0 {
                    charge.wanted = Wanted::Captured;
                }
                if let Some(step) = charge.next() {
                    let told = license.hear(step);
                    if !lost.next().unwrap_or(false) {
                        charge.hear(told);
                    }
                }
            }
            let spent = responds_at % 2 == 0;
            prop_assert_eq!(charge.next(), None);
            prop_assert_eq!(charge.state == ChargeState::Captured, spent);
            prop_assert_eq!(license.left, u32::from(!spent));
        }
    }
}

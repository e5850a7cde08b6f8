//! What a removed liaison leaves behind (S04): a successor takes it over, or it is to be closed once the grace has ended.

use jiff::Timestamp;
use vouch_core::id::{ContactId, LiaisonNoticeId};
use vouch_core::{Error, Severity};

use super::{EscalationStatus, Ticket, TicketState};

/// A liaison whom a written notice removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The notice.
    pub notice_id: LiaisonNoticeId,
    /// The person's address.
    pub email: String,
    /// Who takes over.
    pub successor: Option<Successor>,
    /// Until when nothing is closed for want of one.
    pub grace_ends_at: Timestamp,
}

/// Who takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The person, as the licence service names it.
    pub contact_id: ContactId,
    /// The person's address.
    pub email: String,
    /// Whether the person is known to have administrative rights on the product.
    pub has_rights: bool,
}

/// That a ticket is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The notice that removed its liaison.
    pub notice_id: LiaisonNoticeId,
    /// From when on.
    pub after: Timestamp,
    /// Who keeps it.
    pub kept: Option<Kept>,
}

/// That somebody keeps a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Who, by opaque subject.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub note: String,
}

/// What became of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It is over, or somebody else's.
    Untouched,
    /// The successor has it.
    TakenOver,
    /// It is to be closed.
    ToBeClosed,
}

/// How a ticket without a liaison ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// It is taken back from the vendor first.
    TakeBack,
    /// It is closed.
    Close,
}

impl Ticket {
    /// Takes in that a liaison was removed. Whose ticket it is has been found out already; by address it is looked at again.
    pub fn succeed(&mut self, removed: &Removed) -> Succession {
        if self.contact() != removed.email || self.state.has_ended() {
            return Succession::Untouched;
        }
        self.revision += 1;
        let Some(successor) = &removed.successor else {
            // What was known is known of somebody who is gone.
            self.liaison_has_rights = false;
            self.closing = Some(Closing { notice_id: removed.notice_id, after: removed.grace_ends_at, kept: None });
            return Succession::ToBeClosed;
        };
        self.liaison_email.clone_from(&successor.email);
        self.liaison_has_rights = successor.has_rights;
        self.closing = None;
        if self.state.is_front_line() {
            // As after any adoption: whether that one may is to be asked anew.
            self.entitlement = None;
        }
        Succession::TakenOver
    }

    /// Whether the vendor has a case of it that goes on, or may be about to open one.
    pub fn concerns_the_vendor(&self) -> bool {
        let goes_on = |status| matches!(status, EscalationStatus::Sent | EscalationStatus::Accepted);
        !self.state.has_ended() && self.escalation.as_ref().is_some_and(|escalation| goes_on(escalation.status))
    }

    /// Keeps a ticket that was to be closed.
    pub fn keep(&mut self, kept: Kept) -> Result<(), Error> {
        let refused = self.refuses("be kept: it is not to be closed for want of a liaison");
        let has_ended = self.state.has_ended();
        match &mut self.closing {
            Some(closing) if closing.kept.is_none() && !has_ended => closing.kept = Some(kept),
            Some(_) | None => return Err(refused),
        }
        self.revision += 1;
        Ok(())
    }

    /// How the ticket ends now for want of a liaison, if it does.
    pub fn lapse(&self, now: Timestamp) -> Option<Lapse> {
        let closing = self.closing.as_ref()?;
        let is_severe = matches!(self.problem.severity, Severity::SiteDown | Severity::One);
        if closing.kept.is_some() || now < closing.after || is_severe {
            return None;
        }
        match self.state {
            TicketState::Open | TicketState::Verified | TicketState::Troubleshooting => Some(Lapse::Close),
            TicketState::Escalating | TicketState::Escalated | TicketState::SolutionProposed => {
                let is_going = self.escalation.as_ref().is_some_and(|escalation| escalation.withdrawing);
                (!is_going).then_some(Lapse::TakeBack)
            }
            // It ends in good order, or has.
            TicketState::Confirmed | TicketState::ReadyToClose | TicketState::Closed | TicketState::Answered => None,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves S04, S07, H04.

    use jiff::SignedDuration;
    use vouch_core::escalation::{FrontLineWork, Problem};
    use vouch_core::{Channel, StepMark, StepMarks, World};

    use super::*;
    use crate::domain::ticket::{Charge, ChargeState, Entitlement, EscalationRecord};

    fn ticket(state: TicketState, severity: Severity) -> Ticket {
        let world = World::system();
        let problem = Problem {
            product_id: vouch_core::code::ProductId::parse("atlas").unwrap(),
            version: "7.2.1".into(),
            category: "printing".into(),
            severity,
            impact: String::new(),
            subject: "No jobs leave the spool".into(),
            description: "Nothing is printed.".into(),
            language: String::new(),
            description_english: String::new(),
            key_words: Vec::new(),
            environment: vouch_core::escalation::Environment::default(),
            origin: None,
            error_report: None,
            contact_times: None,
        };
        Ticket {
            id: world.id(),
            number: 10_000_001,
            partner_id: vouch_core::code::PartnerId::parse("north").unwrap(),
            customer_id: world.id(),
            vendor_id: vouch_core::code::VendorId::parse("acme").unwrap(),
            state,
            channel: Channel::Portal,
            contact_email: "ada@contoso.example".into(),
            liaison_email: String::new(),
            liaison_has_rights: false,
            problem,
            statement_confirmed_at: None,
            solution_confirmed_at: None,
            work: FrontLineWork::default(),
            entitlement: Some(Entitlement { entitled: true, told: Vec::new() }),
            assignee: None,
            opened_at: Timestamp::UNIX_EPOCH,
            test_case: false,
            revision: 1,
            escalation: state.is_with_vendor().then(|| EscalationRecord {
                id: world.id(),
                status: EscalationStatus::Accepted,
                decision: None,
                withdrawing: false,
                asked: false,
                case: None,
            }),
            charge: None,
            vendor_responded: false,
            closing: None,
        }
    }

    fn removed(successor: Option<&str>) -> Removed {
        let world = World::system();
        Removed {
            notice_id: world.id(),
            email: "ada@contoso.example".into(),
            successor: successor.map(|email| Successor {
                contact_id: world.id(),
                email: email.into(),
                has_rights: true,
            }),
            grace_ends_at: "2026-06-30T23:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn s04_a_vendor_that_does_not_give_an_escalation_back_is_not_asked_again_at_once() {
        let mut one = ticket(TicketState::Escalated, Severity::Two);
        one.succeed(&removed(None));
        let now = "2026-07-01T09:00:00Z".parse().unwrap();
        assert_eq!(one.lapse(now), Some(Lapse::TakeBack));
        one.withdrawal_refused(now);
        assert_eq!(one.lapse(now), None, "its feed will say that the case is closed");
        assert_eq!(one.lapse(now + SignedDuration::from_hours(1)), Some(Lapse::TakeBack));
    }

    #[test]
    fn h04_an_answer_is_news_once_and_only_for_the_turning_over_that_it_is_about() {
        let mut one = ticket(TicketState::Troubleshooting, Severity::Two);
        one.turn_over(Timestamp::UNIX_EPOCH).unwrap();
        let refused = Charge { state: ChargeState::Refused, ..one.charge.clone().unwrap() };
        assert!(one.learn_charge(refused.clone()));
        assert!(!one.learn_charge(refused.clone()), "it was heard already");
        one.turn_over(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1)).unwrap();
        assert!(!one.learn_charge(refused), "it is about the first time");
        assert_eq!(one.charge.unwrap().state, ChargeState::Asked);
    }

    #[test]
    fn s04_a_successor_takes_over_what_goes_on_and_is_asked_about_anew() {
        let taken_over = removed(Some("grace@contoso.example"));
        for state in TicketState::ALL {
            let mut one = ticket(state, Severity::Two);
            let succession = one.succeed(&taken_over);
            assert_eq!(succession == Succession::TakenOver, !state.has_ended(), "{state:?}");
            assert_eq!(one.contact() == "grace@contoso.example", !state.has_ended(), "{state:?}");
            assert_eq!(one.entitlement.is_none(), state.is_front_line(), "{state:?}");
            assert_eq!(one.concerns_the_vendor(), state.is_with_vendor(), "{state:?}");
        }
        let mut of_another = ticket(TicketState::Open, Severity::Two);
        of_another.liaison_email = "linus@contoso.example".into();
        assert_eq!(of_another.succeed(&taken_over), Succession::Untouched);
    }

    #[test]
    fn s07_rights_are_those_of_whoever_stands_behind_the_ticket_now() {
        let marks: StepMarks = StepMark::ALL.into_iter().collect();
        let answer = || Entitlement { entitled: true, told: Vec::new() };
        let warned = |one: &Ticket| {
            [one.warning("marks", &marks), one.warning("marks", &StepMarks::none())].map(|it| it.is_some())
        };
        let mut one = ticket(TicketState::Open, Severity::Two);
        assert_eq!(warned(&one), [true, false], "nothing is known of the contact yet");
        one.verify(Some(one.revision), answer(), true).unwrap();
        assert_eq!(warned(&one), [false; 2]);
        assert!(one.verify(Some(one.revision - 1), answer(), false).is_err());
        assert_eq!(warned(&one), [false; 2], "an answer that is not taken in changes nothing");
        one.adopt("grace@contoso.example".into()).unwrap();
        assert_eq!(warned(&one), [true, false], "somebody else was asked about");
        one.verify(Some(one.revision), answer(), true).unwrap();
        one.verify(Some(one.revision), answer(), false).unwrap();
        assert_eq!(warned(&one), [true, false], "the mark was taken back");

        let mut escalated = ticket(TicketState::Escalated, Severity::Two);
        escalated.succeed(&removed(Some("grace@contoso.example")));
        assert_eq!(warned(&escalated), [false; 2], "the successor has them");
        let mut left = ticket(TicketState::Escalated, Severity::Two);
        left.liaison_has_rights = true;
        assert_eq!(warned(&left), [false; 2]);
        left.succeed(&removed(None));
        assert_eq!(warned(&left), [true, false]);
    }

    #[test]
    fn s04_the_grace_is_waited_for_and_severity_one_is_never_closed() {
        let alone = removed(None);
        let end = alone.grace_ends_at;
        let lapse = |state, severity, now| {
            let mut one = ticket(state, severity);
            one.succeed(&alone);
            one.lapse(now)
        };
        let ended = |state| lapse(state, Severity::Three, end);
        assert_eq!(lapse(TicketState::Open, Severity::Three, end - SignedDuration::from_secs(1)), None);
        assert_eq!(ended(TicketState::Open), Some(Lapse::Close));
        assert_eq!(ended(TicketState::Troubleshooting), Some(Lapse::Close));
        assert_eq!(ended(TicketState::Escalated), Some(Lapse::TakeBack));
        for in_good_order in [TicketState::Confirmed, TicketState::ReadyToClose, TicketState::Closed] {
            assert_eq!(ended(in_good_order), None, "{in_good_order:?}");
        }
        for state in TicketState::ALL {
            assert_eq!(lapse(state, Severity::One, end), None, "{state:?}");
            assert_eq!(lapse(state, Severity::SiteDown, end), None, "{state:?}");
        }
    }

    #[test]
    fn s04_what_is_kept_or_adopted_is_not_closed() {
        let alone = removed(None);
        let kept = Kept { by: "bob".into(), at: alone.grace_ends_at, note: "next week".into() };
        let mut one = ticket(TicketState::Verified, Severity::Three);
        assert!(one.keep(kept.clone()).is_err(), "nobody closes it");
        one.succeed(&alone);
        one.keep(kept.clone()).unwrap();
        assert_eq!(one.lapse(alone.grace_ends_at), None);
        assert!(one.keep(kept).is_err(), "it is kept");
        let mut other = ticket(TicketState::Verified, Severity::Three);
        other.succeed(&alone);
        other.adopt("grace@contoso.example".into()).unwrap();
        assert_eq!((other.lapse(alone.grace_ends_at), other.closing), (None, None));
    }
}

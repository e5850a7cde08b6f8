//! On what an escalation rests: incidents of its own, or the charge of its ticket, for which escalating it adds nothing (H04).
//!
//! Proves H04.

use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::HoldId;
use vouch_core::{Error, Kind, Reason};

use super::hold::Hold;

/// What is on record when incidents are wanted for an escalation.
#[derive(Debug, Clone, Default)]
pub struct OnRecord {
    /// The one hold that the escalation has.
    pub hold: Option<Hold>,
    /// The charge that is named.
    pub named: Option<NamedCharge>,
    /// Whether the charge on which its released hold rests carries another escalation since.
    pub is_passed_on: bool,
}

/// A charge that is named, as it is on record.
#[derive(Debug, Clone)]
pub struct NamedCharge {
    /// Its id.
    pub id: HoldId,
    /// The hold with that id.
    pub hold: Option<Hold>,
    /// Whether an escalation rests on it that was not taken back.
    pub is_taken: bool,
}

/// On what an escalation rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// The charge; `None` where it has incidents of its own.
    pub charge: Option<HoldId>,
    /// Whether it rests on the charge from now on, and did not before.
    pub is_new: bool,
}

impl Rest {
    /// How many incidents it needs of its own, of those that the tier asks for.
    pub fn units(&self, of_the_tier: u32) -> u32 {
        if self.charge.is_some() { 0 } else { of_the_tier }
    }
}

impl OnRecord {
    /// On what an escalation of a partner for an end user rests. A renewal that names no charge keeps the one that it has; one that names
    /// another is refused, and so is a charge that cannot carry it. A charge carries one escalation at a time: after one that was taken
    /// back before a technician responded, it carries the next.
    pub fn rest(&self, partner_id: &PartnerId, end_user_id: &EndUserId) -> Result<Rest, Error> {
        if let Some(hold) = self.hold.as_ref().filter(|hold| hold.end_user_id != *end_user_id) {
            let (id, state) = (hold.reference.clone(), "another end user's");
            return Err(Error::StateConflict { what: "escalation", id, state, step: "be proven for this one" });
        }
        match (self.hold.as_ref().and_then(|hold| hold.charge), &self.named) {
            (Some(present), Some(named)) if named.id != present => {
                Err(named.refused(&format!("is not {present}, on which the escalation rests")))
            }
            (Some(present), _) if self.is_passed_on => Err(refused(present, "carries another escalation")),
            (Some(present), _) => Ok(Rest { charge: Some(present), is_new: false }),
            (None, Some(named)) => named.check(partner_id, end_user_id),
            (None, None) => Ok(Rest { charge: None, is_new: false }),
        }
    }
}

impl NamedCharge {
    fn check(&self, partner_id: &PartnerId, end_user_id: &EndUserId) -> Result<Rest, Error> {
        let is_theirs = |hold: &&Hold| hold.partner_id == *partner_id && hold.end_user_id == *end_user_id;
        let problem = match self.hold.as_ref().filter(is_theirs) {
            None => "is not known",
            Some(hold) if !hold.is_charged_ticket() => "is no captured charge of a ticket",
            Some(_) if self.is_taken => "carries another escalation",
            Some(_) => return Ok(Rest { charge: Some(self.id), is_new: true }),
        };
        Err(self.refused(problem))
    }

    fn refused(&self, problem: &str) -> Error {
        refused(self.id, problem)
    }
}

fn refused(charge: HoldId, problem: &str) -> Error {
    let (kind, reason) = (Kind::Refused, Reason::ChargeNotApplicable);
    Error::Refused { kind, reason, message: format!("the reservation {charge} {problem}") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use vouch_core::World;

    use super::super::{HoldState, Purpose, Work};
    use super::*;

    fn partner(id: &str) -> PartnerId {
        PartnerId::parse(id).unwrap()
    }

    fn end_user(id: &str) -> EndUserId {
        EndUserId::parse(id).unwrap()
    }

    fn hold(purpose: Purpose) -> Hold {
        let work = Work {
            partner_id: partner("north"),
            purpose,
            reference: "work 1".into(),
            description: String::new(),
            end_user_id: end_user("contoso"),
        };
        Hold::of(World::system().id(), work, Timestamp::MAX)
    }

    fn charge() -> Hold {
        Hold { units: 1, state: HoldState::Captured, ..hold(Purpose::TechnicalSupport) }
    }

    fn named(hold: &Hold, is_taken: bool) -> NamedCharge {
        NamedCharge { id: hold.id, hold: Some(hold.clone()), is_taken }
    }

    fn new(named: NamedCharge) -> OnRecord {
        OnRecord { named: Some(named), ..OnRecord::default() }
    }

    #[test]
    fn h04_an_escalation_rests_on_one_charge_for_good() {
        let (charge, other) = (charge(), charge());
        let rest = |record: &OnRecord| record.rest(&partner("north"), &end_user("contoso"));
        let first = rest(&new(named(&charge, false))).unwrap();
        assert_eq!((first.charge, first.is_new, first.units(1)), (Some(charge.id), true, 0));

        let resting = Hold { charge: Some(charge.id), ..hold(Purpose::Escalation) };
        for named in [None, Some(named(&charge, true))] {
            let again = rest(&OnRecord { hold: Some(resting.clone()), named, ..OnRecord::default() }).unwrap();
            assert_eq!(again, Rest { charge: Some(charge.id), is_new: false });
        }
        let another = OnRecord { hold: Some(resting.clone()), ..new(named(&other, false)) };
        assert_eq!(rest(&another).unwrap_err().reason(), Reason::ChargeNotApplicable, "it is not put aside silently");

        let passed_on = OnRecord { hold: Some(resting.clone()), is_passed_on: true, ..OnRecord::default() };
        assert_eq!(rest(&passed_on).unwrap_err().reason(), Reason::ChargeNotApplicable, "it carries the next one");

        let own = OnRecord { hold: Some(hold(Purpose::Escalation)), ..OnRecord::default() };
        assert_eq!(rest(&own).unwrap().units(1), 1, "without a charge it needs its own");
        let elsewhere = OnRecord { hold: Some(resting), ..OnRecord::default() };
        let elsewhere = elsewhere.rest(&partner("north"), &end_user("fabrikam"));
        assert_eq!(elsewhere.unwrap_err().reason(), Reason::StateConflict);
    }

    #[test]
    fn h04_what_is_no_charge_of_theirs_carries_nothing() {
        let charge = charge();
        let cases = [
            (named(&charge, true), "north", "contoso"),
            (named(&hold(Purpose::TechnicalSupport), false), "north", "contoso"),
            (named(&charge, false), "south", "contoso"),
            (named(&charge, false), "north", "fabrikam"),
            (NamedCharge { hold: None, ..named(&charge, false) }, "north", "contoso"),
        ];
        for (named, by, of) in cases {
            assert_eq!(new(named).rest(&partner(by), &end_user(of)).unwrap_err().reason(), Reason::ChargeNotApplicable);
        }
    }
}

//! Incidents set aside: for an escalation by its proof, for a partner's own work by the partner.

use jiff::Timestamp;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{HoldId, LedgerEntryId, PackId};

use super::ledger::{Cause, Movement};
use super::needed::Needed;
use super::pack::{Pack, Share};
use super::price;
use super::purse::{BelowZero, Purse};

/// An instant that does not come: the year 9999 begins, in UTC.
const NEVER: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// The units are set aside.
    Reserved,
    /// The units are spent.
    Captured,
    /// The units went back.
    Released,
}

impl HoldState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Reserved, Self::Captured, Self::Released];

    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Released => "released",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What incidents are set aside for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An escalation to the vendor, who settles it.
    Escalation,
    /// A ticket that the partner's own support team takes.
    TechnicalSupport,
    /// An appointment with the partner.
    Appointment,
    /// A professional service of the partner.
    ProfessionalService,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Escalation, Self::TechnicalSupport, Self::Appointment, Self::ProfessionalService];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Escalation => "escalation",
            Self::TechnicalSupport => "technical-support",
            Self::Appointment => "appointment",
            Self::ProfessionalService => "professional-service",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// What to do with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The units are spent; of an appointment, with its whole elapsed minutes.
    Capture {
        /// The minutes.
        minutes: Option<u32>,
    },
    /// The units go back: what they were for was taken back.
    Release,
    /// The units go back, because nobody settled them in time. What they were for may have come about all the same.
    Lapse,
}

/// Work for which incidents are set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The partner whose it is.
    pub partner_id: PartnerId,
    /// What for.
    pub purpose: Purpose,
    /// The escalation's id, or the partner's own name for the work.
    pub reference: String,
    /// What a professional service is.
    pub description: String,
    /// The end user whose account it is.
    pub end_user_id: EndUserId,
}

/// Incidents set aside for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The partner whose it is.
    pub partner_id: PartnerId,
    /// What for.
    pub purpose: Purpose,
    /// The escalation's id, or the partner's own name for the work.
    pub reference: String,
    /// What a professional service is.
    pub description: String,
    /// The end user whose account it is.
    pub end_user_id: EndUserId,
    /// How many units of packs it has. Released: how many it had and owed.
    pub units: u32,
    /// How many units it owes.
    pub owed: u32,
    /// How many units the vendor bears.
    pub borne: u32,
    /// How many units were spent and given back.
    pub reversed: u32,
    /// The packs of its units. Released: none.
    pub shares: Vec<Share>,
    /// What became of it.
    pub state: HoldState,
    /// For how many minutes an appointment was captured.
    pub minutes: Option<u32>,
    /// The reservation with which the ticket of an escalation was charged already.
    pub charge: Option<HoldId>,
    /// When it lapses if nobody settles it. An escalation that was taken back: never any more.
    pub lapses_at: Timestamp,
}

impl Hold {
    /// A hold that has nothing yet.
    pub fn of(id: HoldId, work: Work, lapses_at: Timestamp) -> Self {
        let Work { partner_id, purpose, reference, description, end_user_id } = work;
        Self {
            id,
            partner_id,
            purpose,
            reference,
            description,
            end_user_id,
            units: 0,
            owed: 0,
            borne: 0,
            reversed: 0,
            shares: Vec::new(),
            state: HoldState::Reserved,
            minutes: None,
            charge: None,
            lapses_at,
        }
    }

    /// How many units count as paid: those of packs, those that the vendor bears, and those that were forgiven.
    pub fn paid(&self) -> u32 {
        match self.state {
            HoldState::Reserved | HoldState::Captured => self.units + self.borne + self.reversed,
            HoldState::Released => 0,
        }
    }

    /// How many units are spent and can be given back.
    pub fn reversible(&self) -> u32 {
        match self.state {
            HoldState::Captured => self.units + self.owed + self.borne,
            HoldState::Reserved | HoldState::Released => 0,
        }
    }

    /// How many units were asked for in all, whatever became of them.
    pub fn asked(&self) -> u32 {
        self.units + self.owed + self.borne + self.reversed
    }

    /// Whether it is a charge of a ticket, of which escalating it adds nothing (H04): one that was paid for, and was not given back. What
    /// is owed opens nothing.
    pub fn is_charged_ticket(&self) -> bool {
        let is_paid = self.owed == 0 && self.units + self.borne > 0;
        match self.purpose {
            Purpose::TechnicalSupport | Purpose::Appointment => self.state == HoldState::Captured && is_paid,
            Purpose::Escalation | Purpose::ProfessionalService => false,
        }
    }

    /// What is moved for it is booked under this.
    fn cause(&self) -> Cause {
        Cause { reference: self.reference.clone(), hold_id: Some(self.id), ..Cause::default() }
    }

    /// Gets what it needs. What it owed is paid first, and what it lacks after its capture is captured with it.
    pub fn fill(&mut self, purse: &mut Purse, needed: Needed) -> Result<(), BelowZero> {
        if self.state == HoldState::Released {
            (self.units, self.state) = (0, HoldState::Reserved);
        }
        let pays = needed.take.min(self.owed);
        self.shares.extend(purse.spend(pays, Movement::PayOwed, self.cause())?);
        self.owed -= pays;
        let movement = match self.state {
            HoldState::Captured => Movement::CaptureAnew,
            HoldState::Reserved | HoldState::Released => Movement::Reserve,
        };
        self.shares.extend(purse.spend(needed.take - pays, movement, self.cause())?);
        self.units += needed.take;
        self.owe(purse, needed.owe, Movement::Owe)
    }

    /// Rests on a charge from now on. What it set aside goes back; what was captured before stays so.
    pub fn rest_on(&mut self, charge: HoldId, purse: &mut Purse, now: Timestamp) -> Result<(), BelowZero> {
        if self.state == HoldState::Reserved {
            self.release(purse, now)?;
            self.fill(purse, Needed::default())?;
        }
        self.charge = Some(charge);
        Ok(())
    }

    /// Pays what it owes from a pack, as far as that goes. True when that was anything.
    pub fn pay_from(&mut self, purse: &mut Purse, pack: PackId) -> Result<bool, BelowZero> {
        let units = purse.pack(pack).map_or(0, |pack| pack.units_left.min(self.owed));
        if units == 0 {
            return Ok(false);
        }
        let share = Share { pack, units };
        purse.spend_of(share, Movement::PayOwed, self.cause())?;
        self.shares.push(share);
        self.owed -= units;
        self.units += units;
        Ok(true)
    }

    /// Settles it. Repeating a settlement changes nothing, and a capture wins over a release, whichever comes first. A
    /// capture takes anew what was given back, and what an appointment costs beyond what was set aside; with nothing
    /// left, the vendor bears what it spends itself, and a partner's work is owed.
    pub fn settle(&mut self, settlement: Settlement, purse: &mut Purse, now: Timestamp) -> Result<(), BelowZero> {
        match (self.state, settlement) {
            (HoldState::Captured, Settlement::Capture { .. } | Settlement::Release | Settlement::Lapse)
            | (HoldState::Released, Settlement::Lapse) => Ok(()),
            (HoldState::Reserved, Settlement::Lapse) => self.release(purse, now),
            (HoldState::Reserved, Settlement::Release) => {
                self.take_back();
                self.release(purse, now)
            }
            (HoldState::Released, Settlement::Release) => {
                self.take_back();
                Ok(())
            }
            (HoldState::Reserved | HoldState::Released, Settlement::Capture { minutes }) => {
                self.capture(purse, minutes)
            }
        }
    }

    /// What lapsed may be captured yet, and its charge carries nothing else; what was taken back frees it, however late that is told.
    fn take_back(&mut self) {
        if self.purpose == Purpose::Escalation {
            self.lapses_at = NEVER;
        }
    }

    fn release(&mut self, purse: &mut Purse, now: Timestamp) -> Result<(), BelowZero> {
        purse.give_back(std::mem::take(&mut self.shares), Movement::Release, self.cause(), now)?;
        purse.book(Movement::CancelOwed, Vec::new(), self.owed, self.cause())?;
        self.units += self.owed;
        (self.owed, self.state) = (0, HoldState::Released);
        Ok(())
    }

    fn capture(&mut self, purse: &mut Purse, minutes: Option<u32>) -> Result<(), BelowZero> {
        let asked = self.units + self.owed;
        let price = minutes.map_or(asked, price::appointment).max(asked);
        let mut missing = price;
        if self.state == HoldState::Released {
            self.units = 0;
        } else {
            purse.book(Movement::Capture, self.shares.clone(), self.owed, self.cause())?;
            missing -= asked;
        }
        let payable = purse.balance().payable(missing);
        self.shares.extend(purse.spend(payable, Movement::CaptureAnew, self.cause())?);
        self.units += payable;
        (self.state, self.minutes) = (HoldState::Captured, minutes);
        match self.purpose {
            Purpose::Escalation => {
                purse.book(Movement::VendorBears, Vec::new(), missing - payable, self.cause())?;
                self.borne += missing - payable;
                Ok(())
            }
            Purpose::TechnicalSupport | Purpose::Appointment | Purpose::ProfessionalService => {
                self.owe(purse, missing - payable, Movement::OweCaptured)
            }
        }
    }

    fn owe(&mut self, purse: &mut Purse, units: u32, movement: Movement) -> Result<(), BelowZero> {
        purse.book(movement, Vec::new(), units, self.cause())?;
        self.owed += units;
        Ok(())
    }

    /// Gives back what was spent, at most [`Hold::reversible`]: what is owed first, then what packs gave, then what the
    /// vendor bears. What comes from a pack that has ended goes to the `fresh` one.
    pub fn reverse(&mut self, units: u32, purse: &mut Purse, reversal: Reversal) -> Result<(), BelowZero> {
        let Reversal { note, reverses, fresh, now } = reversal;
        let cause = Cause { note, reverses, ..self.cause() };
        let cancelled = units.min(self.owed);
        let returned = (units - cancelled).min(self.units);
        let unborne = units - cancelled - returned;
        purse.book(Movement::ReverseOwed, Vec::new(), cancelled, cause.clone())?;
        let has_ended = |share: &Share| purse.pack(share.pack).is_some_and(|pack| pack.has_ended(now));
        let (ended, mut shares): (Vec<Share>, Vec<Share>) =
            split_off(&mut self.shares, returned).into_iter().partition(has_ended);
        let homeless = ended.iter().map(|share| share.units).sum();
        if homeless > 0 {
            shares.push(Share { pack: fresh.id, units: homeless });
            purse.add(Pack { units: homeless, ..fresh });
        }
        purse.give_back(shares, Movement::Reverse, cause.clone(), now)?;
        purse.book(Movement::ReverseVendorBorne, Vec::new(), unborne, cause)?;
        self.owed -= cancelled;
        self.units -= returned;
        self.borne = self.borne.checked_sub(unborne).ok_or(BelowZero)?;
        self.reversed += units;
        Ok(())
    }
}

/// What a reversal is done with.
#[derive(Debug, Clone)]
pub struct Reversal {
    /// Why.
    pub note: String,
    /// The entry that captured the units.
    pub reverses: Option<LedgerEntryId>,
    /// A pack that does not expire, for units whose own pack has ended; its number is set here.
    pub fresh: Pack,
    /// The instant.
    pub now: Timestamp,
}

/// Takes so many units from the end of the shares: what was spent last goes back first.
fn split_off(shares: &mut Vec<Share>, units: u32) -> Vec<Share> {
    let (mut missing, mut taken) = (units, Vec::new());
    while missing > 0 {
        let Some(last) = shares.last_mut() else { break };
        let part = missing.min(last.units);
        taken.push(Share { units: part, ..*last });
        last.units -= part;
        missing -= part;
        if last.units == 0 {
            shares.pop();
        }
    }
    taken
}

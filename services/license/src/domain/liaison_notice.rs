//! Customers' written notices of changes of liaisons: what they say, what they count for, what they do.
//!
//! `course` follows pending notices one after another; `judge` finds what stands against a new one.

pub mod course;
mod judge;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use vouch_core::code::EndUserId;
use vouch_core::id::{AgreementId, ContactId, LiaisonNoticeId};

use super::agreement::{Agreement, Liaison, Person};

pub use judge::judge;

/// How many changes of liaisons a contract year has.
pub const CHANGES_A_YEAR: usize = 6;

/// What became of a notice, by the table in `liaison_notice.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiaisonNoticeState {
    /// Its day has not begun.
    Pending,
    /// It took effect.
    Applied,
    /// It was taken back.
    Withdrawn,
}

impl LiaisonNoticeState {
    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Applied, Self::Withdrawn].into_iter().find(|state| state.as_str() == text)
    }
}

/// A person whose role ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The person.
    pub contact_id: ContactId,
    /// Who takes over what the person initiated.
    pub successor: Option<ContactId>,
    /// Whether it is not this notice that removes the person after all.
    pub struck: bool,
}

/// A person to be named, with the id that the person is going to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The person's id.
    pub contact_id: ContactId,
    /// The person.
    pub person: Person,
    /// Whether the person is not named after all.
    pub struck: bool,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiaisonNotice {
    /// Its id.
    pub id: LiaisonNoticeId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The end user whose agreement it is.
    pub end_user_id: EndUserId,
    /// Who submitted it.
    pub submitted_by: String,
    /// Its first day, in the agreement's zone.
    pub effective_on: Date,
    /// When that day begins.
    pub effective_at: Timestamp,
    /// Until when what the removed had opened is not to be closed.
    pub grace_ends_at: Timestamp,
    /// The SHA-256 digest of what was written.
    pub document_digest: [u8; 32],
    /// Who is a liaison no longer.
    pub removals: Vec<Removal>,
    /// Who is one from then on.
    pub additions: Vec<Addition>,
    /// What became of it.
    pub state: LiaisonNoticeState,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When it took effect or was withdrawn.
    pub ended_at: Option<Timestamp>,
}

/// What a notice did to an agreement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Whose role ended.
    pub ended: Vec<ContactId>,
    /// Who was named.
    pub named: Vec<Liaison>,
}

impl LiaisonNotice {
    /// Whether it is one of the changes of its contract year: who only fills empty seats changes nobody, and that somebody's employment
    /// ended is no change.
    pub fn counts(&self) -> bool {
        self.removals.iter().any(|removal| !removal.struck) && self.state != LiaisonNoticeState::Withdrawn
    }

    /// Carries it out on the agreement. What fell away since it was taken is left out, and written into the notice: who was
    /// struck is not named, and who is not named takes nothing over.
    pub fn apply(&mut self, agreement: &mut Agreement, now: Timestamp) -> Done {
        let mut done = Done::default();
        for removal in &self.removals {
            if let Some(at) = agreement.liaisons.iter().position(|one| one.id == removal.contact_id) {
                agreement.liaisons.remove(at);
                done.ended.push(removal.contact_id);
            }
        }
        for addition in &mut self.additions {
            let is_named = agreement.liaisons.iter().any(|one| one.person.email == addition.person.email);
            addition.struck |= is_named || !agreement.has_free_seat();
            if !addition.struck {
                let liaison = Liaison { id: addition.contact_id, person: addition.person.clone(), named_at: now };
                agreement.liaisons.push(liaison.clone());
                done.named.push(liaison);
            }
        }
        for removal in &mut self.removals {
            removal.successor = removal.successor.filter(|id| agreement.liaisons.iter().any(|one| one.id == *id));
        }
        self.state = LiaisonNoticeState::Applied;
        self.ended_at = Some(now);
        done
    }

    /// The ids under which it is to name the person with this address.
    pub fn promised(&self, email: &str) -> impl Iterator<Item = ContactId> {
        self.additions.iter().filter(move |one| one.person.email == email && !one.struck).map(|one| one.contact_id)
    }

    /// Takes a person out whose employment ended, by address where the notice adds the person, and by the ids that are gone with it: where
    /// it removes the person on a day that has not begun, or where the person is to take something over. Whether that changed anything.
    pub fn strike(&mut self, email: &str, gone: &[ContactId], now: Timestamp) -> bool {
        let mut changed = false;
        for addition in self.additions.iter_mut().filter(|one| one.person.email == email && !one.struck) {
            addition.struck = true;
            changed = true;
        }
        let has_begun = self.effective_at <= now;
        for removal in &mut self.removals {
            if removal.successor.is_some_and(|id| gone.contains(&id)) {
                removal.successor = None;
                changed = true;
            }
            if !has_begun && !removal.struck && gone.contains(&removal.contact_id) {
                removal.struck = true;
                changed = true;
            }
        }
        changed
    }
}

/// The number of the contract year in which a day falls: 0 for the one that begins with the agreement's first day.
pub fn contract_year(first_day: Date, day: Date) -> i16 {
    let year = day.year() - first_day.year();
    if day < anniversary(first_day, year) { year - 1 } else { year }
}

/// The first day of a contract year. That of 29 February begins on 28 February where there is none.
pub fn anniversary(first_day: Date, year: i16) -> Date {
    first_day.checked_add(i32::from(year).years()).unwrap_or(Date::MAX)
}

/// How many changes of a contract year are used.
pub fn changes_used(notices: &[LiaisonNotice], first_day: Date, year: i16) -> usize {
    notices.iter().filter(|one| one.counts() && contract_year(first_day, one.effective_on) == year).count()
}

#[cfg(test)]
mod tests;

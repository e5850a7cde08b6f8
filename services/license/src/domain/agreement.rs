//! Support agreements and the people named in them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vouch_core::code::{EndUserId, TierId};
use vouch_core::dates;
use vouch_core::id::{AgreementId, ContactId};

use super::entitlement::facts::{Term, precedence};

/// What an agreement grants by the vendor's will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreementState {
    /// In force within its dates.
    Active,
    /// On hold.
    Suspended,
}

impl AgreementState {
    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == text)
    }
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementTerms {
    /// The end-user organisation, all of whose licences it covers.
    pub end_user_id: EndUserId,
    /// The tier it buys.
    pub tier_id: TierId,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub until: Date,
    /// The zone in which the days are counted.
    pub zone: TimeZone,
    /// How many people may be named at a time.
    pub liaison_seats: u16,
}

impl AgreementTerms {
    /// Its days as instants.
    pub fn term(&self) -> Term {
        Term {
            begins: dates::start_of_day(self.from, &self.zone),
            ends: Some(dates::end_of_day(self.until, &self.zone)),
            grace_days: 0,
        }
    }

    /// Whether two agreements share a day.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }
}

/// A support agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// What was agreed.
    pub terms: AgreementTerms,
    /// What it grants by the vendor's will.
    pub state: AgreementState,
    /// The people named now, in the order in which they were named.
    pub liaisons: Vec<Liaison>,
    /// How often it was changed.
    pub revision: i64,
    /// When it was entered.
    pub created_at: Timestamp,
}

impl Agreement {
    /// Whether another person may be named.
    pub fn has_free_seat(&self) -> bool {
        self.liaisons.len() < usize::from(self.terms.liaison_seats)
    }

    /// The one that decides at an instant.
    pub fn deciding(agreements: Vec<Self>, now: Timestamp) -> Option<Self> {
        agreements.into_iter().min_by_key(|agreement| precedence(&agreement.terms.term(), now))
    }
}

/// A person named in an agreement or a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liaison {
    /// The opaque name of the person everywhere else.
    pub id: ContactId,
    /// The person.
    pub person: Person,
    /// When the person was named.
    pub named_at: Timestamp,
}

/// What is known of a named person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address, in lower case.
    pub email: String,
    /// Whether the person has administrative rights on the product.
    pub administrative_rights: bool,
}

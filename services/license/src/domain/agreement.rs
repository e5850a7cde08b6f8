//! Support agreements and the people named in them. `overlap` refuses days that another agreement covers.
//!
//! Proves M03.

mod overlap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use vouch_core::code::{EndUserId, TierId};
use vouch_core::dates;
use vouch_core::id::{AgreementId, ContactId, SeatGrantId};

use super::change::Fields;
use super::entitlement::facts::{Term, precedence};

pub use overlap::{DayFields, check_days};

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

/// How an agreement runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// From month to month.
    Monthly,
    /// From year to year.
    Annual,
    /// As a contract says.
    Contract,
}

impl Plan {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Annual => "annual",
            Self::Contract => "contract",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Monthly, Self::Annual, Self::Contract].into_iter().find(|plan| plan.as_str() == text)
    }

    /// How many months it runs on at a time; `None` where each renewal says.
    fn months(self) -> Option<i32> {
        match self {
            Self::Monthly => Some(1),
            Self::Annual => Some(12),
            Self::Contract => None,
        }
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
    /// How it runs on.
    pub plan: Plan,
}

impl AgreementTerms {
    /// The fields of an agreement with these terms as text, for its history: people by their opaque names.
    pub fn fields(&self, state: AgreementState, named: impl Iterator<Item = ContactId>) -> Fields {
        let named: Vec<_> = named.map(|id| id.to_string()).collect();
        vec![
            ("tier_id", self.tier_id.to_string()),
            ("plan", self.plan.as_str().to_owned()),
            ("valid_from", self.from.to_string()),
            ("valid_until", self.until.to_string()),
            ("liaison_seats", self.liaison_seats.to_string()),
            ("state", state.as_str().to_owned()),
            ("liaisons", named.join(" ")),
        ]
    }

    /// Its days as instants.
    pub fn term(&self) -> Term {
        Term {
            begins: dates::start_of_day(self.from, &self.zone),
            ends: Some(dates::end_of_day(self.until, &self.zone)),
            grace_days: 0,
        }
    }

    /// The last day with the plan's next renewal: the first one after the present that does not lie in the past. Months are counted
    /// from the first day each time, so that an end of February does not shorten the months after it. `None` where the plan names
    /// no time, or the calendar ends.
    pub fn next_last_day(&self, today: Date) -> Option<Date> {
        let step = self.plan.months()?;
        let earliest = self.until.tomorrow().ok()?.max(today);
        let years = i32::from(earliest.year()) - i32::from(self.from.year());
        let months = years * 12 + i32::from(earliest.month()) - i32::from(self.from.month());
        // The day after the last one is the nth beginning: one step before the estimate, and on from there.
        (months / step - 1..)
            .map_while(|n| self.from.checked_add((n * step).months()).and_then(Date::yesterday).ok())
            .find(|last| *last >= earliest)
    }

    /// Today in the agreement's zone.
    pub fn today(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
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

    /// Whether it entitles to anything at an instant; otherwise why not.
    pub fn in_force(&self, now: Timestamp) -> Result<(), &'static str> {
        let term = self.terms.term();
        match self.state {
            _ if now < term.begins => Err("has not begun"),
            _ if term.has_ended(now) => Err("has ended"),
            AgreementState::Suspended => Err("is suspended"),
            AgreementState::Active => Ok(()),
        }
    }

    /// Its fields as text, for its history.
    pub fn fields(&self) -> Fields {
        self.terms.fields(self.state, self.liaisons.iter().map(|liaison| liaison.id))
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

/// A change of the number of seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatGrant {
    /// Its id.
    pub id: SeatGrantId,
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The seats before.
    pub before: u16,
    /// The seats from then on.
    pub after: u16,
    /// Why.
    pub note: String,
    /// Who granted them.
    pub granted_by: String,
    /// When.
    pub granted_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m03_a_plan_renews_by_whole_months_or_years_from_the_first_day() {
        let date = |text| dates::date(text).unwrap();
        let terms = |plan, from, until| AgreementTerms {
            end_user_id: EndUserId::parse("contoso").unwrap(),
            tier_id: TierId::parse("standard").unwrap(),
            from: date(from),
            until: date(until),
            zone: dates::zone("America/Denver").unwrap(),
            liaison_seats: 2,
            plan,
        };
        let cases = [
            (Plan::Monthly, "2026-01-31", "2026-02-27", "2026-02-10", Some("2026-03-30")),
            (Plan::Monthly, "2026-01-31", "2026-03-30", "2026-02-10", Some("2026-04-29")),
            (Plan::Monthly, "2026-01-01", "2026-01-31", "2026-01-15", Some("2026-02-28")),
            (Plan::Monthly, "2026-01-01", "2026-01-31", "2026-04-30", Some("2026-04-30")),
            (Plan::Monthly, "2026-01-01", "2026-01-31", "2026-05-01", Some("2026-05-31")),
            (Plan::Monthly, "2026-06-08", "2026-06-08", "2026-06-08", Some("2026-07-07")),
            (Plan::Annual, "2025-09-15", "2026-09-14", "2026-09-01", Some("2027-09-14")),
            (Plan::Annual, "2024-02-29", "2025-02-27", "2025-01-01", Some("2026-02-27")),
            (Plan::Annual, "2025-09-15", "2026-03-31", "2026-03-01", Some("2026-09-14")),
            (Plan::Contract, "2025-09-15", "2026-09-14", "2026-09-01", None),
        ];
        for (plan, from, until, today, expected) in cases {
            let next = terms(plan, from, until).next_last_day(date(today));
            assert_eq!(next, expected.map(date), "{plan:?} from {from} until {until}, on {today}");
        }
    }
}

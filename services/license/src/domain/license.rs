//! Licences: what is granted, and to whom. `state` has the table of states, `amendment` what may be changed of one.

pub mod amendment;
mod state;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::dates;
use vouch_core::id::LicenseId;

use super::agreement::Liaison;
use super::entitlement::facts::Term;
use super::license_key::KeyDigest;
use super::resale::Resale;

pub use state::{LicenseState, LicenseStep};

/// What the vendor decides when it grants a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseTerms {
    /// The product.
    pub product_id: ProductId,
    /// Units licensed.
    pub quantity: i64,
    /// The end-user organisation.
    pub end_user_id: EndUserId,
    /// Its name.
    pub end_user_name: String,
    /// The partner responsible for support.
    pub responsible_partner_id: PartnerId,
    /// The partner that sold it, where that is another one.
    pub reseller_partner_id: Option<PartnerId>,
    /// When it holds.
    pub validity: Validity,
    /// The last day of maintenance.
    pub maintenance_until: Option<Date>,
    /// What it was granted for.
    pub kind: LicenseKind,
    /// The order that granted it; may be empty.
    pub order_reference: String,
}

impl LicenseTerms {
    /// The partner that sold it: it orders for it.
    pub fn seller(&self) -> &PartnerId {
        self.reseller_partner_id.as_ref().unwrap_or(&self.responsible_partner_id)
    }
}

/// What a licence was granted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseKind {
    /// Paid for.
    Paid,
    /// For trying out.
    Evaluation,
}

impl LicenseKind {
    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Evaluation => "evaluation",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Paid, Self::Evaluation].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// When a licence holds, in civil days of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity {
    /// The first day.
    pub from: Date,
    /// The last day; `None` for a perpetual licence.
    pub until: Option<Date>,
    /// Days of grace after the last day.
    pub grace_days: u16,
    /// The zone in which the days are counted.
    pub zone: TimeZone,
}

/// Where an instant falls in a validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the first day, which begins then.
    NotYet(Timestamp),
    /// Within.
    Valid,
    /// After the last day, in grace until then.
    InGrace(Timestamp),
    /// After all of it.
    Over,
}

impl Validity {
    /// Its days as instants.
    pub fn term(&self) -> Term {
        Term {
            begins: dates::start_of_day(self.from, &self.zone),
            ends: self.until.map(|until| dates::end_of_day(until, &self.zone)),
            grace_days: self.grace_days,
        }
    }
}

/// A licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// Its id.
    pub id: LicenseId,
    /// What its key is known by.
    pub key: KeyDigest,
    /// The last group of its key.
    pub key_hint: String,
    /// What was granted.
    pub terms: LicenseTerms,
    /// What it allows by the vendor's will.
    pub state: LicenseState,
    /// Why.
    pub state_note: String,
    /// People named in the licence itself.
    pub liaisons: Vec<Liaison>,
    /// How it is sold, where more than the two partners of its terms have a part in it.
    pub resale: Resale,
    /// How often it was changed.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
}

impl License {
    /// Whether it entitles to anything at an instant: grace does, and what was given back until its last day.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        let validity = &self.terms.validity;
        let phase = validity.term().phase(&validity.zone, now);
        let is_allowed = match self.state {
            LicenseState::Active | LicenseState::Cancelled => true,
            LicenseState::Suspended | LicenseState::Revoked => false,
        };
        is_allowed && matches!(phase, Phase::Valid | Phase::InGrace(_))
    }

    /// Takes out what is not for a partner of its chain: what was noted about its state, and the orders of others.
    pub fn hide_from(&mut self, partner: &PartnerId) {
        self.state_note.clear();
        if self.terms.seller() != partner {
            self.terms.order_reference.clear();
        }
    }

    /// Whether a partner may see it: the one that supports it, the one that sold it, or one of the line between.
    pub fn is_seen_by(&self, partner: &PartnerId) -> bool {
        self.terms.responsible_partner_id == *partner
            || self.terms.reseller_partner_id.as_ref() == Some(partner)
            || self.resale.chain.links.contains(partner)
    }

    /// Whether a partner may ask about it: who sees it, and the maker of a modification.
    pub fn is_known_to(&self, partner: &PartnerId) -> bool {
        self.is_seen_by(partner) || self.resale.chain.has(partner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_whole_and_grace_follows_it() {
        let validity = Validity {
            from: dates::date("2026-01-01").unwrap(),
            until: Some(dates::date("2026-06-30").unwrap()),
            grace_days: 14,
            zone: dates::zone("America/Denver").unwrap(),
        };
        let at = |text: &str| validity.term().phase(&validity.zone, text.parse().unwrap());
        let begins = "2026-01-01T07:00:00Z".parse().unwrap();
        let grace_ends = "2026-07-15T06:00:00Z".parse().unwrap();
        assert_eq!(at("2026-01-01T06:59:59Z"), Phase::NotYet(begins));
        assert_eq!(at("2026-01-01T07:00:00Z"), Phase::Valid);
        assert_eq!(at("2026-07-01T05:59:59Z"), Phase::Valid);
        assert_eq!(at("2026-07-01T06:00:00Z"), Phase::InGrace(grace_ends));
        assert_eq!(at("2026-07-15T06:00:00Z"), Phase::Over);
    }
}

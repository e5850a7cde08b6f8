//! What a judgement rests on, borrowed from wherever it lies: rows just read, or memory.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::dates;
use vouch_core::id::{AgreementId, ContactId, LicenseId};

use crate::domain::agreement::{Agreement, AgreementState, Liaison};
use crate::domain::incident::Account;
use crate::domain::license::{License, LicenseState, Phase};
use crate::domain::partner::Standing;
use crate::domain::product::Product;
use crate::domain::resale::Chain;
use crate::domain::tier::Tier;

/// What is known of a licence and of everything that decides about it, at one state of the data.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The licence.
    pub license: LicenseFacts<'a>,
    /// The licence's product.
    pub product: &'a Product,
    /// The agreement that decides, of those of the end user.
    pub agreement: Option<AgreementFacts<'a>>,
    /// The tier that the licence alone gives.
    pub default_tier: Option<&'a Arc<Tier>>,
    /// The responsible partner's standing.
    pub partner_standing: Standing,
    /// Prepaid incidents that the end user has and that nobody has set aside.
    pub incidents: i64,
}

/// What is known of a licence.
#[derive(Debug, Clone, Copy)]
pub struct LicenseFacts<'a> {
    /// Its id.
    pub id: LicenseId,
    /// Its revision.
    pub revision: i64,
    /// The end user.
    pub end_user_id: &'a EndUserId,
    /// The partner responsible for support.
    pub responsible: &'a PartnerId,
    /// The partner that sold it.
    pub reseller: Option<&'a PartnerId>,
    /// The further partners of its chain, where it has any.
    pub chain: Option<&'a Chain>,
    /// What it allows by the vendor's will.
    pub state: LicenseState,
    /// When it holds.
    pub term: Term,
    /// The zone in which its days are counted.
    pub zone: &'a TimeZone,
    /// The last day of maintenance.
    pub maintenance_until: Option<Date>,
    /// People named in the licence itself.
    pub named: Named<'a>,
}

impl LicenseFacts<'_> {
    /// Whether a partner may ask about it.
    pub fn is_known_to(&self, partner: &PartnerId) -> bool {
        self.responsible == partner
            || self.reseller == Some(partner)
            || self.chain.is_some_and(|chain| chain.has(partner))
    }
}

/// What is known of an agreement.
#[derive(Debug, Clone, Copy)]
pub struct AgreementFacts<'a> {
    /// Its id.
    pub id: AgreementId,
    /// What it grants by the vendor's will.
    pub state: AgreementState,
    /// Its days.
    pub term: Term,
    /// The zone in which they are counted.
    pub zone: &'a TimeZone,
    /// The tier that it buys; `None` where the tier is gone.
    pub tier: Option<&'a Arc<Tier>>,
    /// The people named in it.
    pub named: Named<'a>,
}

/// Days as instants: the arithmetic of zones is done when they are written, not when they are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When the first day begins.
    pub begins: Timestamp,
    /// When the last day has ended; `None` where there is none.
    pub ends: Option<Timestamp>,
    /// Days of grace after it.
    pub grace_days: u16,
}

impl Term {
    /// Whether its last day is over; grace is not looked at.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }

    /// Where an instant falls.
    pub fn phase(&self, zone: &TimeZone, now: Timestamp) -> Phase {
        if now < self.begins {
            return Phase::NotYet(self.begins);
        }
        if self.ends.is_none_or(|ends| now < ends) {
            return Phase::Valid;
        }
        match self.grace_ends(zone) {
            Some(grace_ends) if now < grace_ends => Phase::InGrace(grace_ends),
            Some(_) | None => Phase::Over,
        }
    }

    /// When the last day of grace has ended, counted in the zone; `None` where there is no end.
    pub fn grace_ends(&self, zone: &TimeZone) -> Option<Timestamp> {
        let last_day = last_day(self.ends?, zone);
        let grace = last_day.checked_add(jiff::Span::new().days(i64::from(self.grace_days))).unwrap_or(Date::MAX);
        Some(dates::end_of_day(grace, zone))
    }
}

/// The last day of a term that has ended at this instant.
pub fn last_day(ends: Timestamp, zone: &TimeZone) -> Date {
    let within = Timestamp::from_microsecond(ends.as_microsecond() - 1).unwrap_or(ends);
    within.to_zoned(zone.clone()).date()
}

/// The people named somewhere.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// As rows tell them.
    People(&'a [Liaison]),
    /// As memory keeps them: without names and addresses.
    Digests(&'a [NamedDigest]),
}

impl Named<'_> {
    /// The person with this address, in lower case.
    pub fn find(&self, email: &str) -> Option<ContactId> {
        match self {
            Self::People(people) => people.iter().find(|one| one.person.email == email).map(|one| one.id),
            Self::Digests([]) => None,
            Self::Digests(digests) => {
                let wanted = EmailDigest::of(email);
                digests.iter().find(|one| one.email == wanted).map(|one| one.contact_id)
            }
        }
    }
}

/// A named person without name and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedDigest {
    /// The person.
    pub contact_id: ContactId,
    /// What the address is known by.
    pub email: EmailDigest,
}

/// The first half of the SHA-256 digest of an address in lower case: enough that nobody finds another address with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmailDigest(pub [u8; 16]);

impl EmailDigest {
    /// The digest of an address.
    pub fn of(email: &str) -> Self {
        let whole = digest(&SHA256, email.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&whole.as_ref()[..16]);
        Self(half)
    }
}

/// Facts as rows tell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The licence.
    pub license: License,
    /// The licence's product.
    pub product: Product,
    /// The agreement that decides, of those of the end user.
    pub agreement: Option<Agreement>,
    /// The agreement's tier.
    pub agreement_tier: Option<Arc<Tier>>,
    /// The tier that the licence alone gives.
    pub default_tier: Option<Arc<Tier>>,
    /// The responsible partner's standing.
    pub partner_standing: Standing,
    /// The end user's account of incidents.
    pub account: Account,
}

impl Known {
    /// The facts to judge on.
    pub fn facts(&self) -> Facts<'_> {
        let (license, terms) = (&self.license, &self.license.terms);
        Facts {
            license: LicenseFacts {
                id: license.id,
                revision: license.revision,
                end_user_id: &terms.end_user_id,
                responsible: &terms.responsible_partner_id,
                reseller: terms.reseller_partner_id.as_ref(),
                chain: Some(&license.resale.chain),
                state: license.state,
                term: terms.validity.term(),
                zone: &terms.validity.zone,
                maintenance_until: terms.maintenance_until,
                named: Named::People(&license.liaisons),
            },
            product: &self.product,
            agreement: self.agreement.as_ref().map(|agreement| AgreementFacts {
                id: agreement.id,
                state: agreement.state,
                term: agreement.terms.term(),
                zone: &agreement.terms.zone,
                tier: self.agreement_tier.as_ref(),
                named: Named::People(&agreement.liaisons),
            }),
            default_tier: self.default_tier.as_ref(),
            partner_standing: self.partner_standing,
            incidents: self.account.available,
        }
    }
}

/// Which of an end user's agreements decides at an instant, by their terms: the running one, else the one that ended last, else
/// the one that begins next. The smallest decides.
pub fn precedence(term: &Term, now: Timestamp) -> (u8, i64) {
    match term.ends {
        Some(ends) if term.has_ended(now) => (1, ends.as_second().saturating_neg()),
        _ if now < term.begins => (2, term.begins.as_second()),
        _ => (0, 0),
    }
}

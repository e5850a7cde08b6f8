//! What may be changed of a licence, and what stands against it.

use jiff::civil::Date;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::{Error, Violations};

use super::{License, LicenseKind, LicenseState, LicenseStep, LicenseTerms};
use crate::domain::change::{FieldChange, Fields, HOLDER, LINE, MAKER, differences};
use crate::domain::license_key::KeyDigest;

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// A step of the table of states, by the vendor's will.
    Step(LicenseStep),
    /// A later last day, or none.
    Renew {
        /// The last day; `None` for none.
        until: Option<Date>,
        /// The last day of maintenance; `None`: as it was.
        maintenance_until: Option<Date>,
    },
    /// So many units.
    Quantity(i64),
    /// The last day that it shares with others.
    CoTerm(Date),
    /// Given back, with this last day.
    Cancel(Date),
    /// Paid for after an evaluation.
    Convert {
        /// The last day; `None` for none.
        until: Option<Date>,
        /// Days of grace after it.
        grace_days: u16,
        /// The last day of maintenance.
        maintenance_until: Option<Date>,
        /// So many units; `None`: as many as were tried.
        quantity: Option<i64>,
    },
    /// Into other hands.
    Transfer(Transfer),
    /// Another key: its digest and its last group.
    Key(KeyDigest, String),
}

/// Other hands for a licence. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transfer {
    /// The end user that holds it, and its name.
    pub end_user: Option<(EndUserId, String)>,
    /// The partner responsible for support.
    pub responsible_partner_id: Option<PartnerId>,
    /// The partner that counts as its seller.
    pub reseller_partner_id: Option<PartnerId>,
    /// Whether a mistake is undone by it.
    pub is_correction: bool,
}

impl Amendment {
    /// What it does, for the history.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Step(LicenseStep::Suspend) => "suspended",
            Self::Step(LicenseStep::Reinstate) => "reinstated",
            Self::Step(LicenseStep::Revoke) => "revoked",
            Self::Step(LicenseStep::Cancel) | Self::Cancel(_) => "cancelled",
            Self::Renew { .. } => "renewed",
            Self::Quantity(_) => "quantity changed",
            Self::CoTerm(_) => "co-termed",
            Self::Convert { .. } => "converted",
            Self::Transfer(_) => "transferred",
            Self::Key(..) => "key replaced",
        }
    }

    /// What an order for it consists of: two orders with the same are the same.
    pub fn content(&self) -> Fields {
        let day = |day: &Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let mut content = vec![("change", self.as_str().to_owned())];
        match self {
            Self::Renew { until, maintenance_until } => {
                content.extend([("valid_until", day(until)), ("maintenance_until", day(maintenance_until))]);
            }
            Self::Quantity(quantity) => content.push(("quantity", quantity.to_string())),
            Self::CoTerm(until) | Self::Cancel(until) => content.push(("valid_until", until.to_string())),
            Self::Convert { until, grace_days, maintenance_until, quantity } => content.extend([
                ("valid_until", day(until)),
                ("grace_days", grace_days.to_string()),
                ("maintenance_until", day(maintenance_until)),
                ("quantity", quantity.map(|quantity| quantity.to_string()).unwrap_or_default()),
            ]),
            // Nobody orders these.
            Self::Step(_) | Self::Transfer(_) | Self::Key(..) => {}
        }
        content
    }

    /// The states in which it is possible, and the verb for a refusal in others.
    fn allowed(&self) -> (&'static [LicenseState], &'static str) {
        use LicenseState::{Active, Cancelled, Suspended};
        match self {
            Self::Renew { .. } => (&[Active, Suspended], "be renewed"),
            Self::Quantity(_) => (&[Active, Suspended], "be given another quantity"),
            Self::CoTerm(_) => (&[Active, Suspended], "be co-termed"),
            Self::Convert { .. } => (&[Active, Suspended], "be converted"),
            Self::Transfer(_) => (&[Active, Suspended, Cancelled], "be transferred"),
            Self::Key(..) => (&[Active, Suspended, Cancelled], "be given another key"),
            // The table of states decides.
            Self::Step(_) | Self::Cancel(_) => (&LicenseState::ALL, ""),
        }
    }
}

impl License {
    /// The licence as it is after an amendment on a day of its zone. Refused with every field that stands against it, or with the
    /// state that does.
    pub fn amend(&self, amendment: &Amendment, today: Date) -> Result<Self, Error> {
        let (states, step) = amendment.allowed();
        if !states.contains(&self.state) {
            return Err(self.conflict(self.state.as_str(), step));
        }
        let mut next = self.clone();
        next.revision += 1;
        let (terms, mut v) = (&mut next.terms, Violations::new());
        match amendment {
            Amendment::Step(step) => {
                next.state = self.step(*step)?;
                let is_over = terms.validity.until.is_some_and(|until| until < today);
                if self.state == LicenseState::Cancelled && *step == LicenseStep::Reinstate && is_over {
                    return Err(self.conflict("cancelled, and its last day is over", step.as_str()));
                }
            }
            Amendment::Renew { until, maintenance_until } => {
                let Some(present) = terms.validity.until else { return Err(self.conflict("perpetual", step)) };
                if terms.kind == LicenseKind::Evaluation {
                    v.add("license_id", "is an evaluation: convert it");
                }
                if until.is_some_and(|until| until <= present) {
                    v.add("valid_until", format!("must lie after the present last day, {present}"));
                }
                not_past("valid_until", *until, today, &mut v);
                if let (Some(next), Some(present)) = (maintenance_until, terms.maintenance_until)
                    && *next < present
                {
                    v.add("maintenance_until", format!("must not lie before the present last day, {present}"));
                }
                terms.validity.until = *until;
                terms.maintenance_until = maintenance_until.or(terms.maintenance_until);
            }
            Amendment::Quantity(quantity) => {
                if terms.quantity == *quantity {
                    return Err(self.conflict("for that quantity", step));
                }
                terms.quantity = *quantity;
            }
            Amendment::CoTerm(until) => {
                match terms.validity.until {
                    None => v.add("license_id", "is perpetual: it has no last day to align"),
                    Some(present) if present < today => v.add("license_id", "has ended: renew it"),
                    Some(_) => {}
                }
                if terms.kind == LicenseKind::Evaluation {
                    v.add("license_id", "is an evaluation: convert it");
                }
                not_before("valid_until", *until, terms.validity.from, &mut v);
                not_past("valid_until", Some(*until), today, &mut v);
                terms.validity.until = Some(*until);
            }
            Amendment::Cancel(last_day) => {
                next.state = self.step(LicenseStep::Cancel)?;
                if let Some(present) = terms.validity.until.filter(|present| last_day > present) {
                    v.add("last_day", format!("must not lie after the present last day, {present}"));
                }
                not_before("last_day", *last_day, terms.validity.from, &mut v);
                not_past("last_day", Some(*last_day), today, &mut v);
                (terms.validity.until, terms.validity.grace_days) = (Some(*last_day), 0);
            }
            Amendment::Convert { until, grace_days, maintenance_until, quantity } => {
                if terms.kind == LicenseKind::Paid {
                    return Err(self.conflict("paid for", step));
                }
                not_past("valid_until", *until, today, &mut v);
                for (field, day) in [("valid_until", until), ("maintenance_until", maintenance_until)] {
                    if let Some(day) = day {
                        not_before(field, *day, terms.validity.from, &mut v);
                    }
                }
                (terms.validity.until, terms.validity.grace_days) = (*until, *grace_days);
                terms.maintenance_until = *maintenance_until;
                terms.quantity = quantity.unwrap_or(terms.quantity);
                terms.kind = LicenseKind::Paid;
            }
            Amendment::Transfer(transfer) => next.hand_over(transfer, &mut v),
            Amendment::Key(digest, hint) => (next.key, next.key_hint) = (*digest, hint.clone()),
        }
        v.finish(Some(next)).map_err(Error::from)
    }

    /// What an amendment changed, for the history. The key is not among it: that it was replaced is what its last group tells.
    pub fn differences(&self, next: &Self) -> Vec<FieldChange> {
        differences(self.fields(), next.fields())
    }

    fn hand_over(&mut self, transfer: &Transfer, v: &mut Violations) {
        let terms = &mut self.terms;
        let before = terms.clone();
        if let Some((id, name)) = &transfer.end_user {
            if *id != terms.end_user_id {
                // People named in the licence are the old end user's.
                self.liaisons.clear();
            }
            (terms.end_user_id, terms.end_user_name) = (id.clone(), name.clone());
        }
        if let Some(responsible) = &transfer.responsible_partner_id {
            terms.responsible_partner_id = responsible.clone();
        }
        terms.reseller_partner_id = transfer.reseller_partner_id.clone().or(terms.reseller_partner_id.take());
        if terms.reseller_partner_id.as_ref() == Some(&terms.responsible_partner_id) {
            terms.reseller_partner_id = None;
        }
        let partners =
            |terms: &LicenseTerms| [Some(terms.responsible_partner_id.clone()), terms.reseller_partner_id.clone()];
        let (old, new) = (partners(&before), partners(terms));
        if *terms == before {
            v.add("end_user", "is its holder already, and no partner changes: name what is to be another one");
        }
        if old != new {
            let gone: Vec<_> = old.into_iter().filter(|partner| !new.contains(partner)).flatten().collect();
            self.dissolve_line(&gone);
        }
    }

    fn step(&self, step: LicenseStep) -> Result<LicenseState, Error> {
        self.state.advance(step).ok_or_else(|| self.conflict(self.state.as_str(), step.as_str()))
    }

    fn conflict(&self, state: &'static str, step: &'static str) -> Error {
        Error::StateConflict { what: "license", id: self.id.to_string(), state, step }
    }

    /// Its fields as text, for its history: people by their opaque names.
    pub fn fields(&self) -> Fields {
        let (terms, validity) = (&self.terms, &self.terms.validity);
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let named: Vec<_> = self.liaisons.iter().map(|liaison| liaison.id.to_string()).collect();
        vec![
            ("key_hint", self.key_hint.clone()),
            ("quantity", terms.quantity.to_string()),
            (HOLDER, terms.end_user_id.to_string()),
            ("end_user.name", terms.end_user_name.clone()),
            ("responsible_partner_id", terms.responsible_partner_id.to_string()),
            ("reseller_partner_id", terms.reseller_partner_id.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("valid_from", validity.from.to_string()),
            ("valid_until", day(validity.until)),
            ("grace_days", validity.grace_days.to_string()),
            ("maintenance_until", day(terms.maintenance_until)),
            ("state", self.state.as_str().to_owned()),
            ("kind", terms.kind.as_str().to_owned()),
            ("liaisons", named.join(" ")),
            (LINE, self.line()),
            (MAKER, self.resale.chain.maker.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
    }
}

fn not_past(field: &str, day: Option<Date>, today: Date, v: &mut Violations) {
    if day.is_some_and(|day| day < today) {
        v.add(field, format!("must not lie in the past: today is {today}"));
    }
}

fn not_before(field: &str, day: Date, first: Date, v: &mut Violations) {
    if day < first {
        v.add(field, format!("must not lie before the first day, {first}"));
    }
}

#[cfg(test)]
mod tests;

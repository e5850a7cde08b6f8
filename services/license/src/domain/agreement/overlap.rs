//! Agreements of one end user that would cover the same days.
//!
//! Proves M03.

use vouch_core::{CureBy, Error, Finding, Findings, Reason};

use super::{Agreement, AgreementTerms};

/// The fields of a request in which the days of an agreement stand.
#[derive(Debug, Clone, Copy)]
pub struct DayFields {
    /// The first day; `None` where it is not the request's to choose.
    pub from: Option<&'static str>,
    /// The last day.
    pub until: &'static str,
}

/// Refuses days that another agreement covers: every such one, by each date that would have to be another.
pub fn check_days<'a>(
    terms: &AgreementTerms,
    others: impl IntoIterator<Item = &'a Agreement>,
    fields: DayFields,
) -> Result<(), Error> {
    let mut findings = Findings::new();
    for other in others.into_iter().filter(|other| other.terms.overlaps(terms)) {
        let (first, last) = (other.terms.from, other.terms.until);
        let begins_within = terms.from >= first;
        let mut blame = |field: &str, remedy: String| {
            let message = format!("The agreement {} covers the days from {first} to {last}.", other.id);
            let remedy = format!("{remedy}, or renew that agreement instead.");
            findings.add(Finding::blocking(Reason::AgreementOverlaps, field, message, CureBy::Vendor, remedy));
        };
        if let Some(from) = fields.from.filter(|_| begins_within) {
            blame(from, format!("Let it begin after {last}"));
        }
        if fields.from.is_none() || !begins_within || terms.until <= last {
            blame(fields.until, format!("Let it end before {first}"));
        }
    }
    if findings.blocks() {
        let message = "another agreement of the end user covers some of these days";
        return Err(Error::Judged { reason: Reason::AgreementOverlaps, message, findings });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use vouch_core::code::{EndUserId, TierId};
    use vouch_core::{World, dates};

    use super::super::{AgreementState, Plan};
    use super::*;

    fn agreement(from: &str, until: &str) -> Agreement {
        let terms = AgreementTerms {
            end_user_id: EndUserId::parse("contoso").unwrap(),
            tier_id: TierId::parse("standard").unwrap(),
            from: dates::date(from).unwrap(),
            until: dates::date(until).unwrap(),
            zone: dates::zone("America/Denver").unwrap(),
            liaison_seats: 2,
            plan: Plan::Contract,
        };
        let (id, created_at) = (World::system().id(), Timestamp::UNIX_EPOCH);
        Agreement { id, terms, state: AgreementState::Active, liaisons: Vec::new(), revision: 1, created_at }
    }

    fn blamed(from: &str, until: &str, others: &[Agreement], fields: DayFields) -> Vec<String> {
        match check_days(&agreement(from, until).terms, others, fields) {
            Ok(()) => Vec::new(),
            Err(Error::Judged { findings, .. }) => {
                findings.into_sorted().into_iter().map(|found| format!("{}: {}", found.subject, found.remedy)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn m03_each_date_that_stands_in_the_way_is_named_with_what_it_may_be() {
        let others = [agreement("2026-01-01", "2026-12-31"), agreement("2028-01-01", "2028-12-31")];
        let fields = DayFields { from: Some("valid_from"), until: "valid_until" };
        let begin = |day: &str| format!("valid_from: Let it begin after {day}, or renew that agreement instead.");
        let end = |day: &str| format!("valid_until: Let it end before {day}, or renew that agreement instead.");
        let cases = [
            ("2027-01-01", "2027-12-31", vec![]),
            ("2026-12-31", "2027-12-31", vec![begin("2026-12-31")]),
            ("2027-01-01", "2028-01-01", vec![end("2028-01-01")]),
            ("2027-01-01", "2029-12-31", vec![end("2028-01-01")]),
            ("2026-03-01", "2026-03-31", vec![begin("2026-12-31"), end("2026-01-01")]),
            ("2026-12-31", "2028-01-01", vec![begin("2026-12-31"), end("2028-01-01")]),
        ];
        for (from, until, expected) in cases {
            assert_eq!(blamed(from, until, &others, fields), expected, "{from} to {until}");
        }
        let renewal = DayFields { from: None, ..fields };
        assert_eq!(blamed("2027-01-01", "2028-06-30", &others, renewal), [end("2028-01-01")]);
    }
}

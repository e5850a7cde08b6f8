//! Which tier covers an end user: the agreement's, or the one that the licence alone gives.

use std::sync::Arc;

use jiff::Timestamp;
use vouch_core::{CureBy, Finding, Findings, Reason};

use super::facts::{AgreementFacts, Facts, last_day};
use crate::domain::agreement::AgreementState;
use crate::domain::product::Basis;
use crate::domain::tier::Tier;

/// What covers an end user.
pub(super) struct Covering<'f> {
    /// The tier.
    pub tier: &'f Arc<Tier>,
    /// Until when the agreement lasts; `None` where the licence alone covers.
    pub agreement_until: Option<Timestamp>,
    /// Whether it is the agreement that covers.
    pub by_agreement: bool,
}

/// Finds the tier. Where the agreement does not cover, that is a finding: blocking where the vendor demands an agreement,
/// a warning where the licence alone will do.
pub(super) fn find<'f>(facts: &Facts<'f>, findings: &mut Findings, now: Timestamp) -> Option<Covering<'f>> {
    match (missing_agreement(facts, now), facts.agreement.and_then(|agreement| agreement.tier)) {
        (Ok(until), Some(tier)) => Some(Covering { tier, agreement_until: Some(until), by_agreement: true }),
        (Ok(_), None) => None,
        (Err(finding), _) => match (&facts.product.basis, facts.default_tier) {
            (Basis::Either(_), Some(tier)) => {
                // A licence that never had an agreement is no news to anybody.
                if finding.reason != Reason::AgreementMissing {
                    findings.add(finding.as_warning());
                }
                Some(Covering { tier, agreement_until: None, by_agreement: false })
            }
            (Basis::Either(_), None) | (Basis::Agreement, _) => {
                findings.add(finding);
                None
            }
        },
    }
}

/// The tier that covers an end user now, whatever else stands against helping them.
pub fn covering_tier<'f>(facts: &Facts<'f>, now: Timestamp) -> Option<&'f Arc<Tier>> {
    find(facts, &mut Findings::new(), now).map(|covering| covering.tier)
}

/// When the running agreement ends, or why there is none.
fn missing_agreement(facts: &Facts<'_>, now: Timestamp) -> Result<Timestamp, Finding> {
    let blocking =
        |reason, message: &str, cure_by, remedy: &str| Finding::blocking(reason, "agreement", message, cure_by, remedy);
    let conclude = "Conclude a support agreement with the vendor.";
    let Some(AgreementFacts { term, zone, state, .. }) = &facts.agreement else {
        let message = "No support agreement covers the licence.";
        return Err(blocking(Reason::AgreementMissing, message, CureBy::EndUser, conclude));
    };
    // An agreement has a last day and no grace.
    let ends = term.ends.unwrap_or(Timestamp::MAX);
    if now < term.begins {
        let first_day = term.begins.to_zoned((*zone).clone()).date();
        return Err(blocking(
            Reason::AgreementMissing,
            &format!("The support agreement begins on {first_day}."),
            CureBy::EndUser,
            "Wait for its first day, or have the vendor move it.",
        )
        .clearing_at(term.begins));
    }
    if term.has_ended(now) {
        return Err(blocking(
            Reason::AgreementExpired,
            &format!("The support agreement ended on {}.", last_day(ends, zone)),
            CureBy::EndUser,
            "Renew the support agreement.",
        ));
    }
    match state {
        AgreementState::Active => Ok(ends),
        AgreementState::Suspended => Err(blocking(
            Reason::AgreementSuspended,
            "The support agreement is suspended.",
            CureBy::EndUser,
            "Settle the matter with the vendor's account management.",
        )),
    }
}

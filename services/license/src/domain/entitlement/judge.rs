//! The judgement itself. Every rule runs; none hides another.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use vouch_core::code::PartnerId;
use vouch_core::id::ContactId;
use vouch_core::{CureBy, Finding, Findings, Reason, Severity};

use super::cover::{self, Covering};
use super::facts::{self, Facts};
use super::{Answer, Cover, Question, Viewer};
use crate::domain::license::{LicenseState, Phase};
use crate::domain::partner::Standing;
use crate::domain::tier::{Charging, Tier};

/// Judges a question on the facts. `facts` is `None` when there is no such licence, and to a viewer outside the licence's
/// chain the answer is the same, to the letter.
pub fn judge(facts: Option<&Facts<'_>>, question: &Question, viewer: &Viewer, now: Timestamp) -> Answer {
    let seen = facts.filter(|facts| match viewer {
        Viewer::Vendor => true,
        Viewer::Partner(partner) => facts.license.is_known_to(partner),
    });
    let mut findings = Findings::new();
    let Some(facts) = seen else {
        findings.add(Finding::blocking(
            Reason::LicenseNotFound,
            "license",
            "There is no such licence for you to see.",
            CureBy::EndUser,
            "Check the key with the end user; if it is right, the vendor tells which partner is responsible.",
        ));
        return Answer { findings, cover: None, checked_at: now };
    };
    judge_partner(facts, question, &mut findings);
    judge_license(facts, &mut findings, now);
    judge_release(facts, question, &mut findings, now);
    let covering = cover::find(facts, &mut findings, now);
    judge_availability(facts, question, covering.as_ref(), &mut findings, now);
    if let Some(covering) = &covering {
        judge_tier(covering.tier, question, &mut findings);
        judge_incidents(covering.tier, facts, question, &mut findings);
    }
    let contact = judge_contact(facts, covering.as_ref(), question, &mut findings);

    let license = &facts.license;
    let license_until = match license.term.phase(license.zone, now) {
        Phase::InGrace(ends) => Some(ends),
        Phase::NotYet(_) | Phase::Valid | Phase::Over => license.term.ends,
    };
    let agreement_until = covering.as_ref().and_then(|covering| covering.agreement_until);
    let by_agreement = covering.as_ref().is_some_and(|covering| covering.by_agreement);
    let cover = Cover {
        license_id: facts.license.id,
        license_revision: facts.license.revision,
        end_user_id: facts.license.end_user_id.clone(),
        agreement_id: facts.agreement.as_ref().filter(|_| by_agreement).map(|agreement| agreement.id),
        tier: covering.map(|covering| Arc::clone(covering.tier)),
        until: [license_until, agreement_until].into_iter().flatten().min(),
        contact_id: contact,
        modification_maker_id: told_maker(facts, viewer).cloned(),
    };
    Answer { findings, cover: Some(cover), checked_at: now }
}

/// Who made a modification, as far as the viewer has to know: who escalates sends an escalation about it there.
fn told_maker<'f>(facts: &Facts<'f>, viewer: &Viewer) -> Option<&'f PartnerId> {
    let maker = facts.license.chain?.maker.as_ref()?;
    let is_told = match viewer {
        Viewer::Vendor => true,
        Viewer::Partner(partner) => partner == facts.license.responsible || partner == maker,
    };
    is_told.then_some(maker)
}

fn judge_partner(facts: &Facts<'_>, question: &Question, findings: &mut Findings) {
    let responsible = facts.license.responsible;
    if question.partner_id.as_ref().is_some_and(|asking| asking != responsible) {
        findings.add(Finding::blocking(
            Reason::PartnerNotResponsible,
            "partner_id",
            "Another partner of the licence's chain is responsible for its support.",
            CureBy::Partner,
            "Hand the end user over to the responsible partner.",
        ));
    } else if facts.partner_standing == Standing::Suspended {
        findings.add(Finding::blocking(
            Reason::PartnerSuspended,
            "partner_id",
            "The vendor has suspended the responsible partner.",
            CureBy::Partner,
            "Settle the matter with the vendor's partner management.",
        ));
    }
}

fn judge_license(facts: &Facts<'_>, findings: &mut Findings, now: Timestamp) {
    let blocking =
        |reason, message: String, cure_by, remedy: &str| Finding::blocking(reason, "license", message, cure_by, remedy);
    match facts.license.state {
        // What was given back entitles until its last day.
        LicenseState::Active | LicenseState::Cancelled => {}
        LicenseState::Suspended => findings.add(blocking(
            Reason::Suspended,
            "The licence is suspended.".into(),
            CureBy::Partner,
            "Settle the matter with the vendor, who reinstates it.",
        )),
        LicenseState::Revoked => findings.add(blocking(
            Reason::Revoked,
            "The licence was revoked.".into(),
            CureBy::EndUser,
            "Buy a new licence.",
        )),
    }
    let (term, zone) = (&facts.license.term, facts.license.zone);
    let last_day = || term.ends.map(|ends| facts::last_day(ends, zone).to_string()).unwrap_or_default();
    match term.phase(zone, now) {
        Phase::Valid => {}
        Phase::NotYet(begins) => findings.add(
            blocking(
                Reason::NotYetValid,
                format!("The licence begins on {}.", begins.to_zoned(zone.clone()).date()),
                CureBy::EndUser,
                "Wait for its first day, or have the vendor move it.",
            )
            .clearing_at(begins),
        ),
        Phase::InGrace(_) => findings.add(
            blocking(
                Reason::InGrace,
                format!("The licence ended on {}; its grace period runs.", last_day()),
                CureBy::EndUser,
                "Renew the licence before the grace period ends.",
            )
            .as_warning(),
        ),
        Phase::Over => findings.add(blocking(
            Reason::Expired,
            format!("The licence ended on {}.", last_day()),
            CureBy::EndUser,
            "Renew the licence.",
        )),
    }
}

fn judge_release(facts: &Facts<'_>, question: &Question, findings: &mut Findings, now: Timestamp) {
    if question.product_id.as_ref().is_some_and(|asked| *asked != facts.product.id) {
        findings.add(Finding::blocking(
            Reason::ProductNotCovered,
            "product_id",
            "The licence is for another product.",
            CureBy::Partner,
            "Name the product that the licence covers, or license this one.",
        ));
        return;
    }
    let Some(version) = &question.version else { return };
    let Some(release) = facts.product.release(version) else {
        findings.add(Finding::blocking(
            Reason::VersionUnknown,
            "version",
            "The vendor has no release of that version.",
            CureBy::Partner,
            "Give the version as the product shows it.",
        ));
        return;
    };
    if release.is_after(facts.license.maintenance_until) {
        findings.add(Finding::blocking(
            Reason::VersionOutOfMaintenance,
            "version",
            format!("The release came out on {}, after the licence's maintenance ended.", release.released_on),
            CureBy::EndUser,
            "Renew maintenance, or use a release from before its end.",
        ));
    }
    if let Some(last) = release.end_of_support_on.filter(|_| !release.is_supported(today(facts, now))) {
        findings.add(Finding::blocking(
            Reason::ReleaseEndOfLife,
            "version",
            format!("The vendor's support of the release ended on {last}."),
            CureBy::EndUser,
            "Move to a supported release.",
        ));
    }
}

/// A release that is not out yet is supported only where the tier has early access to it.
fn judge_availability(
    facts: &Facts<'_>,
    question: &Question,
    covering: Option<&Covering<'_>>,
    findings: &mut Findings,
    now: Timestamp,
) {
    let asked = question.product_id.as_ref().is_none_or(|asked| *asked == facts.product.id);
    let version = question.version.as_ref().filter(|_| asked);
    let Some(release) = version.and_then(|version| facts.product.release(version)) else { return };
    let early_access = covering.is_some_and(|covering| covering.tier.early_access);
    if !release.is_available(today(facts, now), early_access) {
        findings.add(Finding::blocking(
            Reason::ReleaseNotAvailable,
            "version",
            format!("The release is generally available from {} on.", release.released_on),
            CureBy::EndUser,
            "Use a release that is out, or move to a tier with early access.",
        ));
    }
}

fn today(facts: &Facts<'_>, now: Timestamp) -> Date {
    now.to_zoned(facts.license.zone.clone()).date()
}

fn judge_tier(tier: &Tier, question: &Question, findings: &mut Findings) {
    if !tier.assisted {
        findings.add(Finding::blocking(
            Reason::TierExcludesAssistedSupport,
            "tier",
            format!("The tier {} grants self-service only.", tier.name),
            CureBy::EndUser,
            "Ask sales for a tier with assisted support, or join the onboarding programme.",
        ));
        return;
    }
    if let Some(severity) = question.severity.filter(|severity| !tier.covers(*severity)) {
        findings.add(Finding::blocking(
            Reason::SeverityNotCovered,
            "severity",
            format!("The tier {} does not cover severity {}.", tier.name, severity.as_str()),
            CureBy::EndUser,
            "Lower the severity by agreement, or move to a tier that covers it.",
        ));
    }
    if question.channel.is_some_and(|channel| !tier.channels.contains(&channel)) {
        let names: Vec<_> = tier.channels.iter().map(|channel| channel.as_str()).collect();
        findings.add(Finding::blocking(
            Reason::ChannelNotCovered,
            "channel",
            format!("The tier {} does not cover this channel.", tier.name),
            CureBy::Partner,
            format!("Use a channel of the tier: {}.", names.join(", ")),
        ));
    }
}

fn judge_incidents(tier: &Tier, facts: &Facts<'_>, question: &Question, findings: &mut Findings) {
    if tier.charging == Charging::Prepaid && facts.incidents < i64::from(tier.charging.units()) {
        let finding = Finding::blocking(
            Reason::IncidentsExhausted,
            "incidents",
            "No prepaid incident is left.",
            CureBy::EndUser,
            "Buy a pack of incidents.",
        );
        // A site that is down is helped at any balance (H03).
        let is_down = question.severity == Some(Severity::SiteDown);
        findings.add(if is_down { finding.as_warning() } else { finding });
    }
}

/// Finds the named contact. The finding names nobody, and gives both ways on (S01).
fn judge_contact(
    facts: &Facts<'_>,
    covering: Option<&Covering<'_>>,
    question: &Question,
    findings: &mut Findings,
) -> Option<ContactId> {
    let email = question.contact_email.as_ref()?;
    let by_agreement = covering.is_some_and(|covering| covering.by_agreement);
    let of_agreement = facts.agreement.filter(|_| by_agreement).and_then(|agreement| agreement.named.find(email));
    let contact = of_agreement.or_else(|| facts.license.named.find(email));
    if contact.is_none() {
        findings.add(Finding::blocking(
            Reason::ContactNotNamed,
            "contact_email",
            "The person is not a named contact of the licence or its agreement.",
            CureBy::EndUser,
            "Let a named contact adopt the issue or open an online account for the person, or have the customer name \
             the person as a contact.",
        ));
    }
    contact
}

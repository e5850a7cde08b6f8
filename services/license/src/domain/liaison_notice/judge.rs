//! What stands against a notice. Every rule runs; none hides another.

use jiff::civil::Date;
use vouch_core::{CureBy, Finding, Findings, Reason, dates};

use super::course::{Obstacle, Problem, obstacles};
use super::{CHANGES_A_YEAR, LiaisonNotice, LiaisonNoticeState, anniversary, changes_used, contract_year};
use crate::domain::agreement::{Agreement, AgreementTerms};

/// Judges a notice beside the others of its agreement that were not withdrawn. `earliest` is the earliest first day that a notice
/// given now can have.
pub fn judge(
    notice: &LiaisonNotice,
    agreement: &Agreement,
    others: &[LiaisonNotice],
    earliest: Option<Date>,
) -> Findings {
    let (terms, mut findings) = (&agreement.terms, Findings::new());
    judge_day(notice, terms, earliest, &mut findings);
    if notice.counts() {
        judge_count(notice, terms, others, &mut findings);
    }
    let pending = || others.iter().filter(|other| other.state == LiaisonNoticeState::Pending);
    let before = obstacles(agreement, pending());
    for obstacle in obstacles(agreement, pending().chain([notice])) {
        if obstacle.notice == notice.id {
            findings.add(own(notice, terms, obstacle.problem));
        } else if !before.contains(&obstacle) {
            findings.add(conflict("notice.effective_on", obstacle));
        }
    }
    findings
}

/// The finding for a later notice that could not take effect any more.
fn conflict(subject: &str, obstacle: Obstacle) -> Finding {
    Finding::blocking(
        Reason::LiaisonNoticeConflict,
        subject,
        format!("The pending notice {} could not take effect any more.", obstacle.notice),
        CureBy::Vendor,
        "Withdraw that notice first, and hand it in anew afterwards.",
    )
}

fn judge_day(notice: &LiaisonNotice, terms: &AgreementTerms, earliest: Option<Date>, findings: &mut Findings) {
    let day = notice.effective_on;
    let earliest = earliest.unwrap_or(Date::MAX);
    if day < earliest {
        let finding = Finding::blocking(
            Reason::NoticeTooLate,
            "notice.effective_on",
            "One full business day must lie between the notice and its first day.",
            CureBy::EndUser,
            format!("Let it hold from {earliest} on."),
        );
        findings.add(finding.clearing_at(dates::start_of_day(earliest, &terms.zone)));
    }
    if day < terms.from || day > terms.until {
        findings.add(Finding::blocking(
            Reason::NoticeOutsideAgreement,
            "notice.effective_on",
            format!("The agreement runs from {} to {}.", terms.from, terms.until),
            CureBy::EndUser,
            "Name a day of the agreement, or renew the agreement first.",
        ));
    }
}

fn judge_count(notice: &LiaisonNotice, terms: &AgreementTerms, others: &[LiaisonNotice], findings: &mut Findings) {
    let year = contract_year(terms.from, notice.effective_on);
    let is_used_up = |year: &i16| changes_used(others, terms.from, *year) >= CHANGES_A_YEAR;
    if !is_used_up(&year) {
        return;
    }
    let next = (year + 1..i16::MAX).find(|year| !is_used_up(year)).unwrap_or(i16::MAX);
    let first = anniversary(terms.from, next);
    let finding = Finding::blocking(
        Reason::LiaisonChangesExhausted,
        "notice.effective_on",
        format!("{CHANGES_A_YEAR} changes of the contract year from {} are used.", anniversary(terms.from, year)),
        CureBy::EndUser,
        format!("Let it hold from {first} on, or withdraw another notice of that year that is pending."),
    );
    findings.add(finding.clearing_at(dates::start_of_day(first, &terms.zone)));
}

/// The finding for what keeps the notice itself from taking effect.
fn own(notice: &LiaisonNotice, terms: &AgreementTerms, problem: Problem) -> Finding {
    let day = notice.effective_on;
    let finding = |reason, subject: &str, message: String, remedy: &str| {
        Finding::blocking(reason, subject, message, CureBy::EndUser, remedy)
    };
    match problem {
        Problem::NotNamed(place) => finding(
            Reason::ContactNotNamed,
            &format!("notice.removals[{place}].contact_id"),
            format!("The person is not named in the agreement on {day}."),
            "Name somebody who is a liaison then.",
        ),
        Problem::NamedAlready(place) => finding(
            Reason::AlreadyExists,
            &format!("notice.additions[{place}].email"),
            format!("Somebody with this address is named in the agreement on {day}."),
            "Leave the person out, or remove the person by the same notice.",
        ),
        Problem::SuccessorNotNamed(place) => finding(
            Reason::SuccessorNotNamed,
            &format!("notice.removals[{place}].successor_contact_id"),
            format!("The successor is not named in the agreement from {day} on."),
            "Name somebody who is a liaison then, add the person by the same notice, or name nobody.",
        ),
        Problem::SeatsExceeded => finding(
            Reason::SeatsExhausted,
            "notice.additions",
            format!("The agreement has {} seats for liaisons.", terms.liaison_seats),
            "Remove somebody by the same notice, or have account management grant more seats.",
        ),
    }
}

//! Contract years, and that nothing which a pending notice promises is given away.
//!
//! Proves S03, S08.

use proptest::prelude::*;
use vouch_core::code::{EndUserId, TierId};
use vouch_core::{Reason, World, dates};

use super::course::{new_obstacle, obstacles};
use super::*;
use crate::domain::agreement::{AgreementState, AgreementTerms, Plan};

#[test]
fn s03_a_contract_year_begins_with_the_anniversary_of_the_first_day() {
    let cases = [
        ("2025-09-15", "2025-09-15", 0, "2025-09-15"),
        ("2025-09-15", "2026-09-14", 0, "2025-09-15"),
        ("2025-09-15", "2026-09-15", 1, "2026-09-15"),
        ("2025-09-15", "2026-09-20", 1, "2026-09-15"),
        ("2024-02-29", "2025-02-27", 0, "2024-02-29"),
        ("2024-02-29", "2025-02-28", 1, "2025-02-28"),
        ("2024-02-29", "2028-02-28", 3, "2027-02-28"),
        ("2024-02-29", "2028-02-29", 4, "2028-02-29"),
    ];
    for (first, day, year, begins) in cases {
        let found = contract_year(date(first), date(day));
        assert_eq!((found, anniversary(date(first), found)), (year, date(begins)), "{day} from {first}");
    }
}

fn date(text: &str) -> Date {
    dates::date(text).unwrap()
}

fn agreement(seats: u16) -> Agreement {
    let terms = AgreementTerms {
        end_user_id: EndUserId::parse("contoso").unwrap(),
        tier_id: TierId::parse("standard").unwrap(),
        from: date("2025-09-15"),
        until: date("2035-09-14"),
        zone: dates::zone("America/Denver").unwrap(),
        liaison_seats: seats,
        plan: Plan::Contract,
    };
    let (id, created_at) = (World::system().id(), Timestamp::UNIX_EPOCH);
    Agreement { id, terms, state: AgreementState::Active, liaisons: Vec::new(), revision: 1, created_at }
}

fn person(which: usize) -> Person {
    let email = format!("p{which}@contoso.example");
    Person { name: "Somebody".into(), email, administrative_rights: false }
}

fn notice(agreement: &Agreement, day: Date, removals: Vec<Removal>, additions: &[usize]) -> LiaisonNotice {
    let addition = |which: &usize| Addition { contact_id: World::system().id(), person: person(*which), struck: false };
    LiaisonNotice {
        id: World::system().id(),
        agreement_id: agreement.id,
        end_user_id: agreement.terms.end_user_id.clone(),
        submitted_by: "C. Babbage".into(),
        effective_on: day,
        effective_at: dates::start_of_day(day, &agreement.terms.zone),
        grace_ends_at: Timestamp::MAX,
        document_digest: [7; 32],
        removals,
        additions: additions.iter().map(addition).collect(),
        state: LiaisonNoticeState::Pending,
        created_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
    }
}

#[test]
fn s03_six_changes_of_a_year_are_counted_by_first_day_and_the_next_year_that_has_any_is_named() {
    let agreement = agreement(10);
    let nobody = || vec![Removal { contact_id: World::system().id(), successor: None, struck: false }];
    let of = |day: &str| notice(&agreement, date(day), nobody(), &[]);
    let mut used: Vec<_> = (1..=6).map(|n| of(&format!("2026-08-{n:02}"))).collect();
    used.extend((1..=6).map(|n| of(&format!("2026-10-{n:02}"))));
    let clears = |day: &str, others: &[LiaisonNotice]| {
        let findings = judge(&of(day), &agreement, others, Some(date("2025-09-15"))).into_sorted();
        let found = findings.into_iter().find(|finding| finding.reason == Reason::LiaisonChangesExhausted);
        found.map(|finding| finding.clears_at.unwrap().to_string())
    };
    assert_eq!(clears("2026-09-14", &used).as_deref(), Some("2027-09-15T06:00:00Z"), "the year between is full");
    assert_eq!(clears("2026-09-14", &used[..6]).as_deref(), Some("2026-09-15T06:00:00Z"));
    assert_eq!(clears("2026-09-20", &used[..6]), None, "the first of the new year");
    assert_eq!(clears("2026-09-14", &used[1..6]), None);
    used[0].state = LiaisonNoticeState::Withdrawn;
    assert_eq!(clears("2026-09-14", &used[..6]), None, "what was withdrawn counts no more");
    used[0] = notice(&agreement, date("2026-08-01"), Vec::new(), &[1]);
    assert_eq!(clears("2026-09-14", &used[..6]), None, "nor does filling empty seats");
}

#[test]
fn s08_a_notice_counts_until_everybody_whom_it_removes_has_left_before_its_day() {
    let agreement = agreement(10);
    let removal = || Removal { contact_id: World::system().id(), successor: None, struck: false };
    let removals = vec![removal(), removal()];
    let [first, second] = [removals[0].contact_id, removals[1].contact_id];
    let mut taken = notice(&agreement, date("2026-03-01"), removals, &[1]);
    let eve = "2026-02-28T12:00:00Z".parse().unwrap();
    assert!(taken.strike("p7@contoso.example", &[first], eve) && taken.counts(), "the second is removed by it");
    assert!(obstacles(&agreement, [&taken]).len() == 1, "who left is no obstacle, the other is not named");
    let mut late = taken.clone();
    assert!(!late.strike("p8@contoso.example", &[second], taken.effective_at) && late.counts(), "its day had begun");
    assert!(taken.strike("p8@contoso.example", &[second], eve) && !taken.counts(), "it only fills a seat now");
    assert_eq!(changes_used(&[taken, late], date("2025-09-15"), 0), 1);
}

/// Pending notices beside what staff does at once, each under the rule of its command.
struct Office {
    agreement: Agreement,
    pending: Vec<LiaisonNotice>,
}

impl Office {
    /// Carries a change out if no pending notice would suffer from it.
    fn unless_promised(&mut self, change: impl FnOnce(&mut Agreement)) {
        let mut after = self.agreement.clone();
        change(&mut after);
        let fits = after.liaisons.len() <= usize::from(after.terms.liaison_seats);
        let before = obstacles(&self.agreement, &self.pending);
        if fits && new_obstacle(&before, &obstacles(&after, &self.pending)).is_none() {
            self.agreement = after;
        }
    }

    fn name(&mut self, which: usize) {
        if !self.agreement.liaisons.iter().any(|one| one.person == person(which)) {
            let liaison = Liaison { id: World::system().id(), person: person(which), named_at: Timestamp::UNIX_EPOCH };
            self.unless_promised(|agreement| agreement.liaisons.push(liaison));
        }
    }

    fn submit(&mut self, day: Date, which: usize, added: usize) {
        let promised = self.pending.iter().flat_map(|one| &one.additions).map(|one| one.contact_id);
        let people: Vec<_> = self.agreement.liaisons.iter().map(|one| one.id).chain(promised).collect();
        let successor = people.get(added).copied();
        let removals = people.get(which).map(|id| Removal { contact_id: *id, successor, struck: false });
        let taken = notice(&self.agreement, day, removals.into_iter().collect(), &[added, added + 1]);
        if !judge(&taken, &self.agreement, &self.pending, Some(date("2025-09-15"))).blocks() {
            self.pending.push(taken);
        }
    }

    fn withdraw(&mut self, which: usize) {
        if which < self.pending.len() {
            let mut rest = self.pending.clone();
            rest.remove(which);
            let before = obstacles(&self.agreement, &self.pending);
            if new_obstacle(&before, &obstacles(&self.agreement, &rest)).is_none() {
                self.pending = rest;
            }
        }
    }

    fn end(&mut self, which: usize) {
        if which < self.agreement.liaisons.len() {
            self.agreement.liaisons.remove(which);
        }
    }
}

proptest! {
    #[test]
    fn s03_what_a_pending_notice_promises_is_there_on_its_day(
        steps in prop::collection::vec((0_usize..6, 0_usize..8, 0_usize..6, 1_i8..28), 0..40),
    ) {
        let mut office = Office { agreement: agreement(3), pending: Vec::new() };
        for (what, which, added, day) in steps {
            match what {
                0 => office.name(which),
                1 => office.end(which),
                2 => office.withdraw(which),
                3 => office.unless_promised(|agreement| agreement.terms.liaison_seats = u16::try_from(which + 1).unwrap()),
                _ => office.submit(Date::new(2026, 3, day).unwrap(), which, added),
            }
        }
        office.pending.sort_by_key(|notice| (notice.effective_on, notice.id));
        for mut notice in office.pending {
            let wanted = notice.additions.len();
            let done = notice.apply(&mut office.agreement, Timestamp::UNIX_EPOCH);
            prop_assert_eq!(done.named.len(), wanted, "everybody is named who was promised a seat");
            prop_assert!(office.agreement.liaisons.len() <= usize::from(office.agreement.terms.liaison_seats));
        }
    }

    #[test]
    fn s08_who_is_struck_is_named_by_no_notice_and_succeeds_nobody(who in 0_usize..4) {
        let mut agreement = agreement(9);
        let mut taken = notice(&agreement, date("2026-03-01"), Vec::new(), &[0, 1, 2, 3]);
        let successors: Vec<_> = taken.additions.iter().map(|one| one.contact_id).collect();
        taken.removals = successors
            .iter()
            .map(|successor| Removal { contact_id: World::system().id(), successor: Some(*successor), struck: false })
            .collect();
        let email = person(who).email;
        let gone: Vec<_> = taken.promised(&email).collect();
        let mut strike = || taken.strike(&email, &gone, Timestamp::UNIX_EPOCH);
        prop_assert!(strike() && !strike());
        taken.apply(&mut agreement, Timestamp::UNIX_EPOCH);
        prop_assert!(agreement.liaisons.iter().all(|one| one.person.email != email));
        let kept: Vec<_> = taken.removals.iter().map(|removal| removal.successor.is_some()).collect();
        prop_assert_eq!(kept, (0..4).map(|which| which != who).collect::<Vec<_>>());
    }
}

//! Who is named while pending notices take effect one after another.

use vouch_core::id::{ContactId, LiaisonNoticeId};

use super::LiaisonNotice;
use crate::domain::agreement::Agreement;

/// What keeps a notice from taking effect as it says. Places are those of its removals and additions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Who is to be removed is not named then.
    NotNamed(usize),
    /// Who is to be added is.
    NamedAlready(usize),
    /// Who is to take over is not named afterwards.
    SuccessorNotNamed(usize),
    /// More people would be named than there are seats.
    SeatsExceeded,
}

/// A problem of one notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacle {
    /// The notice.
    pub notice: LiaisonNoticeId,
    /// The problem.
    pub problem: Problem,
}

/// Everything that keeps the pending notices of an agreement from taking effect, in the order of their days. Notices of one day take
/// effect in the order in which they were taken.
pub fn obstacles<'n>(agreement: &Agreement, pending: impl IntoIterator<Item = &'n LiaisonNotice>) -> Vec<Obstacle> {
    let mut pending: Vec<&LiaisonNotice> = pending.into_iter().collect();
    pending.sort_by_key(|notice| (notice.effective_on, notice.id));
    let people = agreement.liaisons.iter().map(|one| (one.id, one.person.email.as_str()));
    let mut course = Course { named: people.collect(), seats: usize::from(agreement.terms.liaison_seats) };
    pending
        .into_iter()
        .flat_map(|notice| {
            let problems = course.follow(notice).into_iter();
            problems.map(|problem| Obstacle { notice: notice.id, problem }).collect::<Vec<_>>()
        })
        .collect()
}

/// The first obstacle that was not there before.
pub fn new_obstacle(before: &[Obstacle], after: &[Obstacle]) -> Option<Obstacle> {
    after.iter().find(|one| !before.contains(one)).copied()
}

struct Course<'a> {
    named: Vec<(ContactId, &'a str)>,
    seats: usize,
}

impl<'a> Course<'a> {
    fn follow(&mut self, notice: &'a LiaisonNotice) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (place, removal) in notice.removals.iter().enumerate().filter(|(_, removal)| !removal.struck) {
            match self.named.iter().position(|(id, _)| *id == removal.contact_id) {
                Some(at) => {
                    self.named.remove(at);
                }
                None => problems.push(Problem::NotNamed(place)),
            }
        }
        for (place, addition) in notice.additions.iter().enumerate().filter(|(_, addition)| !addition.struck) {
            let email = addition.person.email.as_str();
            if self.named.iter().any(|(_, named)| *named == email) {
                problems.push(Problem::NamedAlready(place));
            } else {
                self.named.push((addition.contact_id, email));
            }
        }
        for (place, removal) in notice.removals.iter().enumerate() {
            let is_named = |id: ContactId| self.named.iter().any(|(named, _)| *named == id);
            if removal.successor.is_some_and(|id| !is_named(id)) {
                problems.push(Problem::SuccessorNotNamed(place));
            }
        }
        if self.named.len() > self.seats {
            problems.push(Problem::SeatsExceeded);
        }
        problems
    }
}

//! The licences that were suspended or revoked, as the licence service's feed told it, and what that says of a proof.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vouch_core::id::LicenseId;
use vouch_proof::{CLOCK_SKEW, EntitlementProof};

use super::admission::Standing;

/// For how long a licence that was suspended or revoked is remembered. No proof is issued for it from then on; one that was
/// issued before, by a clock that is ahead and for a vendor whose clock is behind, has ended by then.
pub const REMEMBERED: SignedDuration =
    SignedDuration::from_secs(EntitlementProof::MAX_LIFETIME.as_secs() + 2 * CLOCK_SKEW.as_secs());

/// A licence as the feed tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseNews {
    /// The licence.
    pub license_id: LicenseId,
    /// Its revision.
    pub revision: i64,
    /// Whether it is suspended or revoked.
    pub is_revoked: bool,
}

/// When a licence was heard to be suspended or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// The licence's revision then: a proof of a later one was issued after it was reinstated.
    pub revision: i64,
    /// By the vendor's clock.
    pub heard_at: Timestamp,
}

/// Everything that was heard since the feed was followed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// The instant since which everything was told, by the licence service's clock.
    pub began_at: Timestamp,
    /// The licences.
    pub licenses: BTreeMap<LicenseId, Revoked>,
}

impl Revocations {
    /// Nothing was told yet.
    pub fn since(began_at: Timestamp) -> Self {
        Self { began_at, licenses: BTreeMap::new() }
    }

    /// What a proof's licence is now: of a licence, of a revision of it, issued at a second by the licence service's clock.
    pub fn standing(&self, license_id: LicenseId, revision: i64, issued_at: i64) -> Standing {
        if self.licenses.get(&license_id).is_some_and(|revoked| revision <= revoked.revision) {
            return Standing::Revoked;
        }
        // What became of the licence between this proof and the beginning, nobody told. Proofs name whole seconds.
        if issued_at <= self.began_at.as_second() { Standing::Unknown } else { Standing::Good }
    }

    /// Of what the feed tells, that which changes anything here: of a million licences that are in force, nothing.
    pub fn news(&self, told: impl IntoIterator<Item = LicenseNews>) -> Vec<LicenseNews> {
        let is_news = |news: &LicenseNews| match self.licenses.get(&news.license_id) {
            Some(known) => news.revision > known.revision,
            None => news.is_revoked,
        };
        told.into_iter().filter(is_news).collect()
    }

    /// Takes news in, and forgets what is older than any proof.
    pub fn take(&mut self, news: &[LicenseNews], now: Timestamp) {
        for one in news {
            if one.is_revoked {
                self.licenses.insert(one.license_id, Revoked { revision: one.revision, heard_at: now });
            } else {
                self.licenses.remove(&one.license_id);
            }
        }
        self.licenses.retain(|_, revoked| now.duration_since(revoked.heard_at) <= REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    //! Proves B02, Q02.

    use vouch_core::World;

    use super::*;

    fn noon() -> Timestamp {
        "2026-06-08T12:00:00.5Z".parse().unwrap()
    }

    fn license(id: LicenseId, revision: i64, is_revoked: bool) -> LicenseNews {
        LicenseNews { license_id: id, revision, is_revoked }
    }

    #[test]
    fn b02_a_proof_of_a_licence_that_was_revoked_after_it_is_revoked_and_one_of_a_later_revision_is_not() {
        let (id, other) = (World::system().id(), World::system().id());
        let mut heard = Revocations::since(noon());
        let later = noon().as_second() + 10;
        assert_eq!(heard.standing(id, 2, later), Standing::Good);
        heard.take(&[license(id, 3, true)], noon());
        let table = [
            (id, 2, Standing::Revoked),
            (id, 3, Standing::Revoked),
            (id, 4, Standing::Good),
            (other, 2, Standing::Good),
        ];
        for (id, revision, expected) in table {
            assert_eq!(heard.standing(id, revision, later), expected, "revision {revision}");
        }
        heard.take(&[license(id, 4, false)], noon());
        assert_eq!(heard.standing(id, 2, later), Standing::Good, "reinstated");
    }

    #[test]
    fn b02_of_a_proof_from_before_the_feed_was_followed_nothing_is_known_but_a_revocation() {
        let id = World::system().id();
        let mut heard = Revocations::since(noon());
        let second = noon().as_second();
        let at = |heard: &Revocations, issued_at| heard.standing(id, 1, issued_at);
        assert_eq!(
            [at(&heard, second - 1), at(&heard, second)],
            [Standing::Unknown; 2],
            "the same second may be before"
        );
        assert_eq!(at(&heard, second + 1), Standing::Good);
        heard.take(&[license(id, 2, true)], noon());
        assert_eq!(at(&heard, second - 1), Standing::Revoked);
    }

    #[test]
    fn only_what_changes_something_is_news() {
        let (known, other) = (World::system().id(), World::system().id());
        let mut heard = Revocations::since(noon());
        heard.take(&[license(known, 3, true)], noon());
        let news = heard.news([
            license(other, 1, false),
            license(known, 3, true),
            license(known, 2, false),
            license(known, 4, false),
            license(other, 2, true),
        ]);
        assert_eq!(news, [license(known, 4, false), license(other, 2, true)]);
    }

    #[test]
    fn b02_a_revocation_is_remembered_for_longer_than_any_proof_lives() {
        let id = World::system().id();
        let mut heard = Revocations::since(noon());
        heard.take(&[license(id, 3, true)], noon());
        heard.take(&[], noon() + REMEMBERED);
        assert_eq!(heard.licenses.len(), 1);
        heard.take(&[], noon() + REMEMBERED + SignedDuration::from_secs(1));
        assert!(heard.licenses.is_empty());
        assert_eq!(REMEMBERED, SignedDuration::from_mins(17));
    }
}

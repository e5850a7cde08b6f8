//! Bundles that wait for their analysis are analysed by what is known last, whenever that comes.
//!
//! Proves V10.

use jiff::SignedDuration;
use vouch_core::World;
use vouch_core::id::BundleId;
use vouch_core::testing::ManualClock;
use vouch_storage::analyses::{self, Analysis, AnalysisState, Due, Found};
use vouch_storage::{Store, on_both_engines, outbox};

use super::{MIGRATIONS, noon};

const PROFILE: &str = "linux-host/1";

fn found(told: &[u8]) -> Found {
    Found { told: told.to_vec(), profile_sha256: [7; 32] }
}

async fn enter(store: &Store, profile: &str) -> BundleId {
    let id: BundleId = World::system().id();
    let entered = store.write(|mut tx| async move {
        analyses::enter(&mut tx, id, profile, 10, noon()).await?;
        Ok((tx, ()))
    });
    entered.await.unwrap();
    id
}

/// The profile is published, at this minute.
async fn reopen(store: &Store, minute: i64) {
    let now = noon() + SignedDuration::from_mins(minute);
    let reopened = store.write(|mut tx| async move {
        analyses::reopen(&mut tx, PROFILE, now).await?;
        Ok((tx, ()))
    });
    reopened.await.unwrap();
}

async fn claim(store: &Store, minute: i64) -> Option<Due> {
    analyses::claim(store, noon() + SignedDuration::from_mins(minute)).await.unwrap()
}

async fn stands(store: &Store, id: BundleId) -> Analysis {
    let mut snapshot = store.snapshot().await.unwrap();
    analyses::fetch(&mut snapshot, id).await.unwrap().unwrap()
}

on_both_engines! {
    async fn v10_a_profile_that_comes_while_a_bundle_waits_has_it_analysed_at_once(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let id = enter(&store, PROFILE).await;
        let clock = ManualClock::at(&noon().to_string());
        let mut tries = 0;
        // Its profile cannot be had: the pauses grow.
        while let Some(due) = analyses::claim(&store, clock.world().now()).await.unwrap() {
            tries += 1;
            assert_eq!((due.bundle_id, due.attempts), (id, tries));
            assert!(!analyses::put_off(&store, &due, &clock.world()).await.unwrap());
            clock.advance_seconds(10);
        }
        assert!(tries > 3 && claim(&store, 1).await.is_none(), "{tries}");
        reopen(&store, 1).await;
        let due = claim(&store, 1).await.unwrap();
        assert_eq!((due.bundle_id, due.attempts), (id, 1), "it is tried as often as a new one");
        analyses::finish(&store, &due, Some(&found(b"seen")), noon()).await.unwrap();
        assert_eq!(stands(&store, id).await.state, AnalysisState::Done);
    }

    async fn v10_what_was_found_out_before_a_profile_came_is_not_written_behind_it(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let id = enter(&store, PROFILE).await;
        let clock = ManualClock::at(&noon().to_string());
        let before = claim(&store, 0).await.unwrap();
        assert!(claim(&store, 1).await.is_none(), "somebody has it");
        reopen(&store, 1).await;
        analyses::finish(&store, &before, None, noon()).await.unwrap();
        assert_eq!(stands(&store, id).await.state, AnalysisState::Waiting, "that nobody knows the profile is from before");

        // Another one takes it, and is the first to try, too: what the earlier one comes to is still from before.
        let after = claim(&store, 2).await.unwrap();
        assert_eq!((before.attempts, after.attempts), (1, 1));
        analyses::finish(&store, &before, None, noon()).await.unwrap();
        assert_eq!(stands(&store, id).await.state, AnalysisState::Waiting);
        let given_up = Due { attempts: outbox::ATTEMPTS, ..before.clone() };
        assert!(!analyses::put_off(&store, &given_up, &clock.world()).await.unwrap(), "it is not its to give up");
        assert!(!analyses::put_off(&store, &before, &clock.world()).await.unwrap());
        assert_eq!(stands(&store, id).await.state, AnalysisState::Waiting);
        assert!(claim(&store, 3).await.is_none(), "the later one still has it");
        analyses::finish(&store, &after, Some(&found(b"seen")), noon()).await.unwrap();
        analyses::finish(&store, &before, Some(&found(b"old")), noon()).await.unwrap();
        let analysis = stands(&store, id).await;
        assert_eq!((analysis.state, analysis.found), (AnalysisState::Done, Some(found(b"seen"))));
    }

    async fn v10_who_looks_for_longer_than_a_lease_keeps_it_by_renewing_it(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let id = enter(&store, PROFILE).await;
        let mut due = claim(&store, 0).await.unwrap();
        for minute in [4, 8, 12] {
            assert!(analyses::renew(&store, &mut due, noon() + SignedDuration::from_mins(minute)).await.unwrap());
            assert!(claim(&store, minute + 4).await.is_none(), "somebody has it in minute {minute}");
        }
        let another = claim(&store, 18).await.unwrap();
        assert!(!analyses::renew(&store, &mut due, noon() + SignedDuration::from_mins(18)).await.unwrap(), "too late");
        analyses::finish(&store, &due, Some(&found(b"late")), noon()).await.unwrap();
        assert_eq!(stands(&store, id).await.state, AnalysisState::Waiting);
        analyses::finish(&store, &another, Some(&found(b"seen")), noon()).await.unwrap();
        assert_eq!(stands(&store, id).await.found, Some(found(b"seen")));
    }

    async fn v10_a_profile_that_comes_afterwards_opens_what_was_given_up_and_leaves_what_was_found(database: Database) {
        use AnalysisState::{Done, Failed, ProfileUnknown, Waiting};

        let store = database.open(&MIGRATIONS).await;
        let clock = ManualClock::at(&noon().to_string());
        let done = enter(&store, PROFILE).await;
        analyses::finish(&store, &claim(&store, 0).await.unwrap(), Some(&found(b"seen")), noon()).await.unwrap();
        let unknown = enter(&store, PROFILE).await;
        analyses::finish(&store, &claim(&store, 0).await.unwrap(), None, noon()).await.unwrap();
        let failed = enter(&store, PROFILE).await;
        let last = Due { attempts: outbox::ATTEMPTS, ..claim(&store, 0).await.unwrap() };
        assert!(analyses::put_off(&store, &last, &clock.world()).await.unwrap());
        let other = enter(&store, "another/1").await;
        analyses::finish(&store, &claim(&store, 0).await.unwrap(), None, noon()).await.unwrap();
        let states = async || {
            let mut states = Vec::new();
            for id in [done, unknown, failed, other] {
                states.push(stands(&store, id).await.state);
            }
            states
        };
        assert_eq!(states().await, [Done, ProfileUnknown, Failed, ProfileUnknown]);
        assert!(claim(&store, 1000).await.is_none(), "nothing is due");
        reopen(&store, 1000).await;
        assert_eq!(states().await, [Done, Waiting, Waiting, ProfileUnknown]);
        assert_eq!(stands(&store, done).await.found, Some(found(b"seen")));
        let taken = [claim(&store, 1000).await.unwrap(), claim(&store, 1000).await.unwrap()];
        assert!(taken.iter().all(|due| due.attempts == 1 && [unknown, failed].contains(&due.bundle_id)));
        assert!(claim(&store, 1000).await.is_none());
    }
}

//! What is to be sent: in its order, once, and under a lease.

use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_storage::{on_both_engines, outbox};

use super::MIGRATIONS;

on_both_engines! {
    async fn what_is_to_be_sent_goes_out_in_order_within_its_lane_and_once(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let world = clock.world();
        let add = async |lane: &'static str, kind: &'static str| {
            let (id, now) = (world.id(), world.now());
            let added = store.write(|mut tx| async move {
                outbox::enqueue(&mut tx, id, lane, kind, b"payload", now, now).await?;
                Ok((tx, ()))
            });
            added.await.unwrap();
        };
        for (lane, kind) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
            add(lane, kind).await;
        }
        let claim = async || outbox::claim(&store, world.now()).await.unwrap();
        let first = claim().await.unwrap();
        let second = claim().await.unwrap();
        let mut kinds = [first.kind.as_str(), second.kind.as_str()];
        kinds.sort_unstable();
        assert_eq!(kinds, ["a1", "b1"], "the second of a lane waits for the first");
        assert_eq!(claim().await, None, "what is leased is not given out again");

        let a1 = if first.kind == "a1" { &first } else { &second };
        outbox::give_back(&store, a1, "no answer", &world).await.unwrap();
        assert_eq!(claim().await, None, "not before its pause is over");
        clock.advance_seconds(1);
        let again = claim().await.unwrap();
        assert_eq!((again.kind.as_str(), again.attempts, again.id), ("a1", 2, a1.id));
        clock.advance_seconds(61);
        let mut after_death = [claim().await.unwrap(), claim().await.unwrap()].map(|entry| entry.kind);
        after_death.sort_unstable();
        assert_eq!(after_death, ["a1", "b1"], "a lease ends, and another one sends");

        let id = a1.id;
        let finish = || store.write(|mut tx| async move {
            let finished = outbox::finish(&mut tx, id).await?;
            Ok((tx, finished))
        });
        assert!(finish().await.unwrap());
        assert!(!finish().await.unwrap(), "an answer is taken in once");
        assert_eq!(claim().await.unwrap().kind, "a2");
        let mut reader = store.snapshot().await.unwrap();
        let waiting = outbox::waiting(&mut reader, "a").await.unwrap();
        assert_eq!((waiting.entries, waiting.parked), (1, 0));
        drop(reader);
        let tired = outbox::Entry { attempts: outbox::ATTEMPTS, kind: "a2".into(), ..again };
        let tired = outbox::Entry { id: sole_entry(&store, "a").await, ..tired };
        assert!(!outbox::renew(&store, &tired, world.now()).await.unwrap(), "a lease of another attempt is another one's");
        tire(&store, tired.id).await;
        assert!(outbox::renew(&store, &tired, world.now()).await.unwrap());
        assert!(outbox::give_back(&store, &tired, "never an answer", &world).await.unwrap());
        let mut reader = store.snapshot().await.unwrap();
        assert_eq!(outbox::waiting(&mut reader, "a").await.unwrap().parked, 1);
        drop(reader);
        outbox::recover(&store).await.unwrap();
        let mut reader = store.snapshot().await.unwrap();
        assert_eq!(outbox::waiting(&mut reader, "a").await.unwrap().parked, 0, "a start tries once more");
    }

    async fn many_senders_at_once_never_get_the_same_entry(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let world = World::system();
        for n in 0..20 {
            let (id, now, lane) = (world.id(), world.now(), format!("lane-{n}"));
            let lane = lane.as_str();
            let added = store.write(|mut tx| async move {
                outbox::enqueue(&mut tx, id, lane, "x", b"", now, now).await?;
                Ok((tx, ()))
            });
            added.await.unwrap();
        }
        let senders = (0..8).map(|_| {
            let (store, world) = (store.clone(), world.clone());
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(entry) = outbox::claim(&store, world.now()).await.unwrap() {
                    got.push(entry.id);
                }
                got
            })
        });
        let mut all = Vec::new();
        for sender in senders.collect::<Vec<_>>() {
            all.extend(sender.await.unwrap());
        }
        let given_out = all.len();
        all.sort_unstable();
        all.dedup();
        // Whoever was skipped because another one held its row is due still.
        while let Some(entry) = outbox::claim(&store, world.now()).await.unwrap() {
            all.push(entry.id);
        }
        assert_eq!((given_out <= 20, all.len()), (true, 20));
    }

    async fn a_lease_is_kept_while_the_work_holds_what_it_is_renewed_with(database: Database) {
        let (store, world) = (database.open(&MIGRATIONS).await, World::system());
        let now = world.now();
        let queued = store.write(|mut tx| async move {
            outbox::enqueue(&mut tx, World::system().id(), "a", "kind", b"payload", now, now).await?;
            Ok((tx, ()))
        });
        queued.await.unwrap();
        let entry = outbox::claim(&store, now).await.unwrap().unwrap();
        let held = tokio::sync::Notify::new();
        let work = async {
            let mut tx = store.begin().await.unwrap();
            sqlx::query("UPDATE outbox SET kind = kind").execute(&mut *tx).await.unwrap();
            held.notify_one();
            // By then it is waited for.
            for _ in 0..50 {
                sqlx::query("SELECT 1").execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        let kept = outbox::under_lease(&store, &entry, &world, || held.notified(), work);
        let kept = tokio::time::timeout(std::time::Duration::from_mins(1), kept).await;
        assert_eq!(kept.unwrap().unwrap(), Some(()), "both go on");

        let another = outbox::Entry { attempts: 9, ..entry };
        let endless = std::future::pending::<()>();
        let lost = outbox::under_lease(&store, &another, &world, || std::future::ready(()), endless).await;
        assert_eq!(lost.unwrap(), None, "what is another one's is given up");
    }

    async fn work_that_is_done_counts_and_a_renewal_that_fails_is_tried_again_until_the_lease_is_nearly_over(
        database: Database
    ) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at("2026-06-08T10:00:00Z"));
        let (world, now) = (clock.world(), clock.world().now());
        let queued = store.write(|mut tx| async move {
            outbox::enqueue(&mut tx, World::system().id(), "a", "kind", b"payload", now, now).await?;
            Ok((tx, ()))
        });
        queued.await.unwrap();
        let entry = outbox::claim(&store, now).await.unwrap().unwrap();
        store.close().await;
        let pauses = std::cell::Cell::new(0_u8);
        let work = std::future::poll_fn(|_| match pauses.get() {
            0..=2 => std::task::Poll::Pending,
            _ => std::task::Poll::Ready("done"),
        });
        let pause = || {
            pauses.set(pauses.get() + 1);
            tokio::task::yield_now()
        };
        let done = outbox::under_lease(&store, &entry, &world, pause, work).await;
        assert_eq!(done.unwrap(), Some("done"), "most of the lease is left");
        let pause = || {
            clock.advance_seconds(20);
            std::future::ready(())
        };
        let given_up = outbox::under_lease(&store, &entry, &world, pause, std::future::pending::<()>()).await;
        assert!(given_up.is_err());
        assert_eq!(world.now().duration_since(now).as_secs(), 60, "after the third one that failed");
    }
}

/// The one entry of a lane, whoever holds it.
async fn sole_entry(store: &vouch_storage::Store, lane: &str) -> vouch_core::id::OutboxId {
    let found = sqlx::query("SELECT entry_id FROM outbox WHERE lane = $1").bind(lane).fetch_one(store.reader()).await;
    vouch_storage::row::id(&found.unwrap(), "entry_id").unwrap()
}

/// Lets an entry have been tried as often as one is before it is parked.
async fn tire(store: &vouch_storage::Store, id: vouch_core::id::OutboxId) {
    let (id, attempts) = (&id.to_string(), i64::from(outbox::ATTEMPTS));
    let tired = store.write(|mut tx| async move {
        sqlx::query("UPDATE outbox SET attempts = $2 WHERE entry_id = $1")
            .bind(id)
            .bind(attempts)
            .execute(&mut *tx)
            .await?;
        Ok((tx, ()))
    });
    tired.await.unwrap();
}

//! What the store promises, on both engines.
//!
//! Proves V04.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod analyses;
mod keeping;
mod outbox;
#[cfg(feature = "s3")]
mod s3;
mod sweeping;

use std::future::poll_fn;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, Row};
use vouch_core::{Error, World};
use vouch_storage::many::{self, Cell, Column, Rows};
use vouch_storage::results::{self, Call, Keeping};
use vouch_storage::testing::Database;
use vouch_storage::{
    Dialect, Migrations, Secrets, Step, Store, StoreConfig, StoreError, Tx, WriteError, on_both_engines, row,
};

const SQLITE: &[Step] = &[
    (1000, "accounts", include_str!("../migrations/sqlite/1000_accounts.sql")),
    (1001, "analyses", include_str!("../migrations/sqlite/1001_analyses.sql")),
];
const POSTGRES: &[Step] = &[
    (1000, "accounts", include_str!("../migrations/postgres/1000_accounts.sql")),
    (1001, "analyses", include_str!("../migrations/postgres/1001_analyses.sql")),
];
static MIGRATIONS: Migrations = Migrations::new(SQLITE, POSTGRES);

fn noon() -> Timestamp {
    "2026-06-08T12:00:00Z".parse().unwrap()
}

fn call(request_id: &str, content: u8) -> Call {
    Call { caller: "north".into(), method: "test.Create", request_id: request_id.into(), content: [content; 32] }
}

async fn account_insert(store: &Store, name: &str, balance: i64) -> Result<(), Error> {
    store
        .write(|mut tx| async move {
            sqlx::query("INSERT INTO accounts (name, balance) VALUES ($1, $2)")
                .bind(name)
                .bind(balance)
                .execute(&mut *tx)
                .await?;
            Ok((tx, ()))
        })
        .await
}

async fn balance(store: &Store, name: &str) -> Option<i64> {
    sqlx::query("SELECT balance FROM accounts WHERE name = $1")
        .bind(name)
        .fetch_optional(store.reader())
        .await
        .unwrap()
        .map(|row| row.get(0))
}

/// A store that has one connection: what is left on it meets whoever comes next.
async fn alone(database: &Database) -> Store {
    let one = match &database.config {
        StoreConfig::Sqlite { path, .. } => StoreConfig::Sqlite { path: path.clone(), readers: 1 },
        StoreConfig::Postgres { url, .. } => StoreConfig::Postgres { url: url.clone(), connections: 1 },
    };
    Store::open(&one, &MIGRATIONS).await.unwrap()
}

/// Adds one to an account, by reading it and writing it back: right only when the row is locked in between.
async fn increment(store: &Store, name: &str) -> Result<(), Error> {
    let locked = format!("SELECT balance FROM accounts WHERE name = $1{}", store.dialect().for_update());
    let locked = &locked;
    store
        .write(|mut tx| async move {
            let row = sqlx::query(sqlx::AssertSqlSafe(locked.clone())).bind(name).fetch_one(&mut *tx).await?;
            let balance: i64 = row.get(0);
            sqlx::query("UPDATE accounts SET balance = $2 WHERE name = $1")
                .bind(name)
                .bind(balance + 1)
                .execute(&mut *tx)
                .await?;
            Ok((tx, ()))
        })
        .await
}

/// A mutation with a stored result: creates an account and answers with its name.
async fn create_once(store: &Store, call: &Call, name: &str) -> Result<Vec<u8>, Error> {
    store
        .write(|mut tx| async move {
            if let Some(stored) = results::lookup(&mut tx, call, Keeping::Plain, noon()).await? {
                return Ok((tx, stored));
            }
            sqlx::query("INSERT INTO accounts (name, balance) VALUES ($1, 0)").bind(name).execute(&mut *tx).await?;
            results::store(&mut tx, call, name.as_bytes(), Keeping::Plain, noon()).await?;
            Ok((tx, name.as_bytes().to_vec()))
        })
        .await
}

const MANY: [(&str, Column); 4] =
    [("name", Column::Text), ("units", Column::Whole), ("content", Column::Bytes), ("note", Column::Text)];

on_both_engines! {
    async fn many_rows_come_back_as_they_went_in_and_what_is_there_is_left_alone(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let mut tx = store.begin().await.unwrap();
        let name = "quote \" ' \\ \u{1f9ea} {} $1";
        let dialect = Dialect::of(&tx);
        let rows = Rows::of(dialect, [
            [name.into(), i64::MAX.into(), vec![0, 255].into(), Cell::Nothing],
            ["".into(), (-1).into(), Vec::new().into(), "null".into()],
        ]);
        for added in [2, 0] {
            let insert = many::insert("notes", &MANY, &["kept"], &rows, "ON CONFLICT DO NOTHING").bind(7_i64);
            assert_eq!(insert.execute(&mut *tx).await.unwrap().rows_affected(), added);
        }
        let look_for = Rows::of(dialect, [[vec![0, 255].into()], [vec![7].into()]]);
        let these = many::select(&[("digest", Column::Bytes)], &look_for, |these| {
            format!("SELECT * FROM notes WHERE content IN {these}")
        });
        let found = these.fetch_all(&mut *tx).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(row::text(&found[0], "name").unwrap(), name);
        assert_eq!(row::integer(&found[0], "units").unwrap(), i64::MAX);
        assert_eq!(row::bytes(&found[0], "content").unwrap(), [0, 255]);
        assert_eq!(row::optional_text(&found[0], "note").unwrap(), None);
        assert_eq!(row::integer(&found[0], "kept").unwrap(), 7);
        let none = many::select(&[("name", Column::Text)], &Rows::of(dialect, []), |these| format!("SELECT * FROM notes WHERE name IN {these}"));
        assert!(none.fetch_all(&mut *tx).await.unwrap().is_empty());
    }

    async fn v04_a_transaction_that_nobody_waited_for_leaves_nothing_on_its_connection(database: Database) {
        let store = alone(&database).await;
        account_insert(&store, "a", 0).await.unwrap();
        let (mut heard, mut rounds) = (0, 0);
        for (steps, write) in (0..40).map(|number| (number / 2 % 5, number % 2 == 0)) {
            // Given up after so many steps: before its statement is sent, while that is on its way, and when it was answered.
            let beginning = async { if write { store.begin().await } else { store.snapshot().await } };
            let (mut beginning, mut left) = (Box::pin(beginning), steps);
            let begun = poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(None);
                }
                left -= 1;
                beginning.as_mut().poll(context).map(Some)
            });
            heard += usize::from(begun.await.is_some());
            drop(beginning);
            // What would be left there lets nobody write, or nobody begin anew once something was read.
            assert_eq!(balance(&store, "a").await, Some(rounds), "given up after {steps}");
            drop(store.snapshot().await.unwrap());
            increment(&store, "a").await.unwrap();
            rounds += 1;
        }
        assert!((1..40).contains(&heard), "some were waited for: {heard}");
    }

    async fn v04_whoever_was_given_up_while_every_connection_was_taken_waits_for_none(database: Database) {
        let store = alone(&database).await;
        store.ping().await.unwrap();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let taken = (store.begin().await.unwrap(), tasks());
        for _ in 0..10 {
            let mut beginning = Box::pin(store.begin());
            let first = poll_fn(|context| Poll::Ready(beginning.as_mut().poll(context).is_ready())).await;
            assert!(!first, "there is no other one");
        }
        assert!(tasks() <= taken.1, "nobody begins what nobody waits for");
        drop(taken.0);
        account_insert(&store, "a", 1).await.unwrap();
        assert_eq!(balance(&store, "a").await, Some(1));
    }

    async fn a_savepoint_that_nobody_waited_for_takes_its_transaction_back(database: Database) {
        let store = alone(&database).await;
        account_insert(&store, "a", 0).await.unwrap();
        for steps in 0..12 {
            // As an import does that is cut off: something was written, an attempt begins, is made, and is given up or kept.
            let attempt = async |mut tx: Tx| {
                sqlx::query("UPDATE accounts SET balance = 7 WHERE name = 'a'").execute(&mut *tx).await.unwrap();
                let mut within = tx.begin().await.unwrap();
                sqlx::query("UPDATE accounts SET balance = 8 WHERE name = 'a'").execute(&mut *within).await.unwrap();
                within.commit().await.unwrap();
                let within = tx.begin().await.unwrap();
                within.rollback().await.unwrap();
            };
            let mut doing = Box::pin(attempt(store.begin().await.unwrap()));
            let mut left = steps;
            poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                doing.as_mut().poll(context)
            })
            .await;
            drop(doing);
            assert_eq!(balance(&store, "a").await, Some(steps), "given up after {steps}");
            drop(store.snapshot().await.unwrap());
            increment(&store, "a").await.unwrap();
        }
    }

    async fn a_transaction_is_all_or_nothing(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let refused: Result<(), Error> = store
            .write(|mut tx| async move {
                sqlx::query("INSERT INTO accounts (name, balance) VALUES ('a', 1)").execute(&mut *tx).await?;
                Err(WriteError::Refused(Error::not_found("account", "b")))
            })
            .await;
        assert!(matches!(refused, Err(Error::NotFound { .. })));
        assert_eq!(balance(&store, "a").await, None);
    }

    async fn concurrent_writers_of_one_row_lose_nothing(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        account_insert(&store, "a", 0).await.unwrap();
        let writers: Vec<_> = (0..40)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { increment(&store, "a").await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(balance(&store, "a").await, Some(40));
    }

    async fn a_violated_constraint_is_named_and_is_no_conflict(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        account_insert(&store, "a", 0).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let error: StoreError = sqlx::query("INSERT INTO accounts (name, balance) VALUES ('a', 1)")
            .execute(&mut *tx)
            .await
            .unwrap_err()
            .into();
        assert!(error.violates("accounts_pkey", "accounts.name"), "{error:?}");
        assert!(!error.is_conflict());
        drop(tx);
        assert!(matches!(account_insert(&store, "b", -1).await, Err(Error::Internal(_))), "the check holds");
    }

    async fn v04_a_repeated_mutation_returns_its_first_result_and_acts_once(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        assert_eq!(create_once(&store, &call("k1", 1), "a").await.unwrap(), b"a");
        assert_eq!(create_once(&store, &call("k1", 1), "a").await.unwrap(), b"a");
        let other = create_once(&store, &call("k1", 2), "b").await;
        assert!(matches!(other, Err(Error::RequestIdReused)), "{other:?}");
        assert_eq!(balance(&store, "b").await, None, "a reused id changes nothing");
    }

    async fn v04_the_same_mutation_sent_ten_times_at_once_acts_once(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let callers: Vec<_> = (0..10)
            .map(|n| {
                let store = store.clone();
                // Each would create an account of its own, so that only the stored result keeps them to one.
                tokio::spawn(async move { create_once(&store, &call("k1", 1), &format!("a{n}")).await })
            })
            .collect();
        let mut answers = Vec::new();
        for caller in callers {
            answers.push(caller.await.unwrap().unwrap());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "everybody hears the same");
        let row = sqlx::query("SELECT CAST(COUNT(*) AS BIGINT) FROM accounts").fetch_one(store.reader()).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 1);
    }

    async fn a_refusal_stores_no_result(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        account_insert(&store, "a", 0).await.unwrap();
        assert!(create_once(&store, &call("k1", 1), "a").await.is_err());
        assert_eq!(create_once(&store, &call("k1", 1), "b").await.unwrap(), b"b", "the same id may try again");
    }

    async fn a_sealed_result_is_told_again_for_a_day_and_lies_encrypted(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let secrets = Secrets::from_root(&[1; 32]).unwrap();
        let sealed = Keeping::Sealed(&secrets);
        let mut tx = store.begin().await.unwrap();
        results::store(&mut tx, &call("k1", 1), b"the key", sealed, noon()).await.map_err(|_| ()).unwrap();

        let raw = sqlx::query("SELECT response FROM results").fetch_one(&mut *tx).await.unwrap();
        assert!(!raw.get::<Vec<u8>, _>(0).windows(7).any(|window| window == b"the key"));
        let soon = noon() + SignedDuration::from_hours(23);
        let again = results::lookup(&mut tx, &call("k1", 1), sealed, soon).await.unwrap();
        assert_eq!(again.as_deref(), Some(b"the key".as_slice()));

        let late = noon() + SignedDuration::from_hours(24);
        for swept in [false, true] {
            if swept {
                results::sweep(&mut tx, late).await.unwrap();
            }
            let over = results::lookup(&mut tx, &call("k1", 1), sealed, late).await;
            assert!(matches!(over, Err(Error::AlreadyExists { .. })), "{over:?}");
        }
    }

    async fn results_are_kept_for_seven_days(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        create_once(&store, &call("k1", 1), "a").await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert_eq!(results::sweep(&mut tx, noon() + results::KEPT_FOR).await.unwrap(), 0);
        assert_eq!(results::sweep(&mut tx, noon() + results::KEPT_FOR + SignedDuration::from_secs(1)).await.unwrap(), 1);
    }

    async fn a_snapshot_reads_one_state(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        account_insert(&store, "a", 0).await.unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let read = "SELECT balance FROM accounts WHERE name = 'a'";
        let before: i64 = sqlx::query(read).fetch_one(&mut *snapshot).await.unwrap().get(0);
        increment(&store, "a").await.unwrap();
        let after: i64 = sqlx::query(read).fetch_one(&mut *snapshot).await.unwrap().get(0);
        assert_eq!((before, after), (0, 0));
        assert_eq!(balance(&store, "a").await, Some(1));
    }

    async fn a_second_start_finds_the_schema_and_the_data(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        account_insert(&store, "a", 3).await.unwrap();
        store.close().await;
        drop(store);
        let store = database.open(&MIGRATIONS).await;
        assert_eq!(balance(&store, "a").await, Some(3));
        store.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_sqlite_file_is_held_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::Sqlite { path: folder.path().join("a.db"), readers: 2 };
    let first = Store::open(&config, &MIGRATIONS).await.unwrap();
    let second = Store::open(&config, &MIGRATIONS).await;
    assert!(matches!(&second, Err(StoreError::Setup(text)) if text.contains("in use")), "{second:?}");
    drop(first);
    Store::open(&config, &MIGRATIONS).await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unavailable_and_tells_no_password() {
    let config = StoreConfig::parse("postgres://vouch:s3cret@127.0.0.1:1/x", 2).unwrap();
    let error = Store::open(&config, &MIGRATIONS).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"));
}

on_both_engines! {
    async fn a_database_keeps_the_name_of_its_history(database: Database) {
        let store = database.open(&MIGRATIONS).await;
        let first = vouch_storage::epoch(&store, &World::system()).await.unwrap();
        assert_eq!(vouch_storage::epoch(&store, &World::system()).await.unwrap(), first);
        assert_eq!(first.len(), 16);
    }
}

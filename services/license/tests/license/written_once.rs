//! What an import writes, it writes once: what PostgreSQL wrote and took back would be swept for a long time, and twice the work.

use sqlx::AnyConnection;
use vouch_license::domain::license::License;
use vouch_storage::{Dialect, Engine, on_both_engines, row};

use crate::references::{add, another, furnished};

/// How many rows were written among licences: in this transaction on PostgreSQL, whether they stayed or not; on this connection on SQLite.
async fn written(connection: &mut AnyConnection) -> i64 {
    let sql = match Dialect::of(connection).0 {
        Engine::Sqlite => "SELECT total_changes() AS written",
        Engine::Postgres => "SELECT n_tup_ins AS written FROM pg_stat_xact_user_tables WHERE relname = 'licenses'",
    };
    row::integer(&sqlx::query(sql).fetch_one(connection).await.unwrap(), "written").unwrap()
}

on_both_engines! {
    async fn what_is_new_is_written_once_wherever_what_is_there_stands_among_it(database: Database) {
        let (store, license) = furnished(&database).await;
        let [known, other] = [another(&license, |_| ()), another(&license, |_| ())];
        let mut tx = store.begin().await.unwrap();
        assert_eq!(add(&mut tx, &[&known, &other]).await.unwrap(), 2);
        tx.commit().await.unwrap();
        let new: Vec<License> = (0..30).map(|_| another(&license, |_| ())).collect();
        let placed = |known: &[(usize, &License)]| {
            let mut licenses: Vec<License> = new.clone();
            for (place, known) in known {
                licenses.insert(*place, (*known).clone());
            }
            licenses
        };
        for (name, licenses) in [
            ("none", placed(&[])),
            ("the first", placed(&[(0, &known)])),
            ("the last", placed(&[(30, &known)])),
            ("some in the middle", placed(&[(10, &known), (20, &other)])),
            ("twice in one request", placed(&[(30, &new[3])])),
        ] {
            let mut tx = store.begin().await.unwrap();
            let before = written(&mut tx).await;
            let licenses: Vec<&License> = licenses.iter().collect();
            assert_eq!(add(&mut tx, &licenses).await.unwrap(), 30, "{name}");
            assert_eq!(written(&mut tx).await - before, 30, "{name}");
        }
    }
}

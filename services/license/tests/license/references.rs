//! What a licence names is there: the database itself sees to it, by references on one engine and by triggers on the other.

use sqlx::{AnyConnection, Connection as _};
use vouch_core::World;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_host::Page;
use vouch_license::MIGRATIONS;
use vouch_license::domain::license::License;
use vouch_license::domain::license_key::KeyDigest;
use vouch_license::store::grants::LicenseRows;
use vouch_license::store::licenses::{LicenseFilter, license_list};
use vouch_storage::testing::Database;
use vouch_storage::{Dialect, Engine, Store, StoreError, WriteError, on_both_engines, row};

use crate::support::Service;

/// A database with a catalogue, two partners and one licence, which no service has.
pub(crate) async fn furnished(database: &Database) -> (Store, License) {
    let service = Service::start(database).await.with_catalogue().await;
    service.cover("standard").await;
    let mut running = service.running;
    running.tell_to_stop();
    running.stopped().await.unwrap();
    let store = database.open(&MIGRATIONS).await;
    let page = Page { size: 10, after: String::new() };
    let mut licenses =
        license_list(&mut store.snapshot().await.unwrap(), &LicenseFilter::default(), &page).await.unwrap();
    assert_eq!(licenses.len(), 1);
    (store, licenses.remove(0))
}

/// A licence with these terms, changed.
pub(crate) fn another(license: &License, change: impl FnOnce(&mut License)) -> License {
    let world = World::system();
    let mut another =
        License { id: world.id(), key: KeyDigest(world.random()), liaisons: Vec::new(), ..license.clone() };
    change(&mut another);
    another
}

/// Licences that name what is not there, each in one place.
fn lost(license: &License) -> Vec<License> {
    let partner = PartnerId::parse("nobody").unwrap();
    vec![
        another(license, |lost| lost.terms.product_id = ProductId::parse("nothing").unwrap()),
        another(license, |lost| lost.terms.end_user_id = EndUserId::parse("nobody").unwrap()),
        another(license, |lost| lost.terms.responsible_partner_id = partner.clone()),
        another(license, |lost| lost.terms.reseller_partner_id = Some(partner)),
    ]
}

/// Adds licences in one statement.
pub(crate) async fn add(connection: &mut AnyConnection, licenses: &[&License]) -> Result<u64, WriteError> {
    let rows = LicenseRows::of(Dialect::of(connection), licenses.iter().copied()).unwrap();
    rows.insert_new(connection, 1).await
}

/// Whether a failure is that something which is named is not there.
fn is_a_lost_reference(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// How often an update looks for what licences name: the calls of their trigger on PostgreSQL, which does what it explains, so that it is
/// undone; on SQLite the steps of the update's program that count what is lost.
async fn looks(connection: &mut AnyConnection, update: &str) -> usize {
    if Dialect::of(connection).0 == Engine::Sqlite {
        let sql = format!("EXPLAIN {update}");
        let steps = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
        return steps.iter().filter(|step| row::text(step, "opcode").unwrap() == "FkCounter").count();
    }
    let mut within = connection.begin().await.unwrap();
    let sql = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {update}");
    let lines = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *within).await.unwrap();
    within.rollback().await.unwrap();
    let lines: Vec<_> = lines.iter().map(|line| row::text(line, "QUERY PLAN").unwrap()).collect();
    let calls = lines.iter().find_map(|line| line.strip_prefix("Trigger licenses_refer_still: calls="));
    calls.map_or(0, |calls| calls.parse().unwrap())
}

on_both_engines! {
    async fn a_licence_that_names_what_is_not_there_is_refused_by_the_database_itself(database: Database) {
        let (store, license) = furnished(&database).await;
        for lost in lost(&license) {
            let [before, after] = [another(&license, |_| ()), another(&license, |_| ())];
            for licenses in [vec![&lost], vec![&before, &lost, &after]] {
                let mut tx = store.begin().await.unwrap();
                match add(&mut tx, &licenses).await {
                    Err(WriteError::Store(StoreError::Internal(error))) => assert!(is_a_lost_reference(&error), "{error}"),
                    other => panic!("{other:?} of {:?}", lost.terms),
                }
            }
            let mut tx = store.begin().await.unwrap();
            assert_eq!(add(&mut tx, &[&before, &after]).await.unwrap(), 2, "the others alone are taken");
            // What is there already is left out, and the lost one is looked at all the same.
            let taken = add(&mut tx, &[&before, &lost]).await;
            assert!(matches!(taken, Err(WriteError::Store(StoreError::Internal(_)))), "{taken:?}");
        }
    }

    async fn a_licence_cannot_be_changed_to_name_what_is_not_there(database: Database) {
        let (store, license) = furnished(&database).await;
        let more = [another(&license, |_| ()), another(&license, |_| ())];
        let mut tx = store.begin().await.unwrap();
        add(&mut tx, &more.iter().collect::<Vec<_>>()).await.unwrap();
        tx.commit().await.unwrap();
        for column in ["product_id", "end_user_id", "responsible_partner_id", "reseller_partner_id"] {
            let change_one = format!("UPDATE licenses SET {column} = 'nobody' WHERE license_id = '{}'", more[1].id);
            let change_all = format!("UPDATE licenses SET {column} = 'nobody'");
            for sql in [change_one, change_all] {
                let mut tx = store.begin().await.unwrap();
                let refusal = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap_err();
                assert!(is_a_lost_reference(&refusal), "{column}: {refusal}");
            }
        }
        let mut tx = store.begin().await.unwrap();
        for sql in ["UPDATE licenses SET reseller_partner_id = 'south'", "UPDATE licenses SET reseller_partner_id = NULL"] {
            assert_eq!(sqlx::query(sql).execute(&mut *tx).await.unwrap().rows_affected(), 3);
        }
    }

    async fn what_a_licence_names_is_looked_for_again_only_where_it_names_something_else(database: Database) {
        let (store, license) = furnished(&database).await;
        let mut tx = store.begin().await.unwrap();
        let more: Vec<_> = (0..20).map(|_| another(&license, |_| ())).collect();
        add(&mut tx, &more.iter().collect::<Vec<_>>()).await.unwrap();
        for sql in [
            "INSERT INTO products (product_id, name, revision, created_at) VALUES ('other', 'Other', 1, 0)",
            "INSERT INTO end_users (end_user_id, name, available, reserved, captured, vendor_borne) VALUES ('other', 'O', 0, 0, 0, 0)",
        ] {
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
        }
        for (set, is_looked_for) in [
            ("state = 'suspended', facts_revision = 7", false),
            ("end_user_name = 'C'", false),
            ("product_id = 'other'", true),
            ("end_user_id = 'other'", true),
            ("responsible_partner_id = 'south'", true),
            ("reseller_partner_id = 'south'", true),
        ] {
            let update = format!("UPDATE licenses SET {set} WHERE license_id = '{}'", license.id);
            assert_eq!(looks(&mut tx, &update).await > 0, is_looked_for, "{set}");
        }
        if store.dialect().0 == Engine::Sqlite {
            return;
        }
        // As a command writes a licence: every column, whatever of it is new.
        let all = "product_id = product_id, end_user_id = end_user_id, responsible_partner_id = responsible_partner_id";
        assert_eq!(looks(&mut tx, &format!("UPDATE licenses SET {all}, reseller_partner_id = NULL, quantity = 2")).await, 0);
        assert_eq!(looks(&mut tx, &format!("UPDATE licenses SET {all}, reseller_partner_id = 'south'")).await, 21);
        let one = format!("UPDATE licenses SET reseller_partner_id = 'south' WHERE license_id = '{}'", license.id);
        sqlx::query(sqlx::AssertSqlSafe(one)).execute(&mut *tx).await.unwrap();
        let all = format!("UPDATE licenses SET {all}, reseller_partner_id = 'south'");
        assert_eq!(looks(&mut tx, &all).await, 20, "one of them has it already");
    }

    async fn licences_refer_to_what_is_in_their_own_schema_whatever_it_is_called(database: Database) {
        let (store, license) = furnished(&database).await;
        if store.dialect().0 == Engine::Sqlite {
            return;
        }
        let mut tx = store.begin().await.unwrap();
        for sql in ["ALTER SCHEMA public RENAME TO \"Restored here\"", "SET LOCAL search_path = \"Restored here\""] {
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
        }
        let [new, other] = [another(&license, |_| ()), another(&license, |_| ())];
        assert_eq!(add(&mut tx, &[&new, &other]).await.unwrap(), 2);
        let moves = "UPDATE licenses SET responsible_partner_id = 'south', reseller_partner_id = NULL";
        assert_eq!(sqlx::query(moves).execute(&mut *tx).await.unwrap().rows_affected(), 3);
        let found = sqlx::query("SELECT current_setting('search_path') AS path").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(row::text(&found, "path").unwrap(), "\"Restored here\"", "what they set ends with them");
        let lost = lost(&license).remove(0);
        match add(&mut tx, &[&lost]).await {
            Err(WriteError::Store(StoreError::Internal(error))) => assert!(is_a_lost_reference(&error), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    async fn what_licences_may_name_is_never_deleted_and_keeps_its_code(database: Database) {
        let (store, _) = furnished(&database).await;
        let mut statements = vec![
            "DELETE FROM products",
            "UPDATE products SET product_id = 'other'",
            "DELETE FROM end_users",
            "UPDATE end_users SET end_user_id = 'other'",
            // No licence names this one.
            "DELETE FROM partners WHERE partner_id = 'south'",
            "UPDATE partners SET partner_id = 'other' WHERE partner_id = 'south'",
        ];
        if store.dialect().0 == Engine::Postgres {
            statements.extend(["TRUNCATE products CASCADE", "TRUNCATE end_users CASCADE", "TRUNCATE partners CASCADE"]);
        }
        for sql in statements {
            let mut tx = store.begin().await.unwrap();
            let refusal = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
            assert!(refusal.to_string().contains("keep their codes"), "{sql}: {refusal}");
        }
        let mut tx = store.begin().await.unwrap();
        for sql in ["UPDATE products SET name = 'Atlas'", "UPDATE partners SET name = 'North'", "UPDATE end_users SET name = 'C'"] {
            assert!(sqlx::query(sql).execute(&mut *tx).await.unwrap().rows_affected() > 0, "{sql}");
        }
    }

    async fn what_a_session_calls_products_is_not_what_licences_refer_to(database: Database) {
        let (store, license) = furnished(&database).await;
        if store.dialect().0 == Engine::Sqlite {
            // Its references name tables of the same file.
            return;
        }
        let mut tx = store.begin().await.unwrap();
        let sql = "CREATE TEMP TABLE products AS SELECT 'nothing' AS product_id";
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        let lost = lost(&license).remove(0);
        match add(&mut tx, &[&lost]).await {
            Err(WriteError::Store(StoreError::Internal(error))) => assert!(is_a_lost_reference(&error), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

//! What was booked before there were packs is carried over.
//!
//! Proves H05.

use std::path::Path;

use sqlx::Row;
use sqlx::migrate::Migrator;
use vouch_core::code::EndUserId;
use vouch_host::Page;
use vouch_license::store::incidents::{account_fetch, hold_fetch_of, ledger_list, pack_list};
use vouch_storage::{Engine, StoreConfig, on_both_engines};

/// The service's migrations up to one, as a version from before would have run them.
async fn migrations_before(engine: Engine, version: &str) -> Migrator {
    let name = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    let (root, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
    for kept in [root.join("migrations").join(name), root.join("../../crates/storage/migrations").join(name)] {
        for file in std::fs::read_dir(kept).unwrap().flatten() {
            if file.file_name().to_str().unwrap() < version {
                std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
    }
    Migrator::new(folder.path()).await.unwrap()
}

const BEFORE: &[&str] = &[
    "INSERT INTO end_users (end_user_id, name, available, reserved, captured, vendor_borne)
     VALUES ('contoso', 'Contoso', 2, 1, 4, 1)",
    "INSERT INTO ledger_entries (entry_id, end_user_id, movement, units, reference, booked_at) VALUES
     ('led_01k0000000e008000000000001', 'contoso', 'grant', 2, 'order 1', 1750000000000000),
     ('led_01k0000000e008000000000002', 'contoso', 'grant', 4, 'order 2', 1760000000000000),
     ('led_01k0000000e008000000000003', 'contoso', 'reserve', 2, 'esc_1', 1760000000000001),
     ('led_01k0000000e008000000000004', 'contoso', 'capture', 2, 'esc_1', 1760000000000002),
     ('led_01k0000000e008000000000005', 'contoso', 'reserve', 1, 'esc_2', 1760000000000003),
     ('led_01k0000000e008000000000006', 'contoso', 'capture', 1, 'esc_2', 1760000000000004),
     ('led_01k0000000e008000000000007', 'contoso', 'reserve', 1, 'esc_3', 1760000000000005),
     ('led_01k0000000e008000000000008', 'contoso', 'vendor-bears', 1, 'esc_4', 1760000000000006)",
    "INSERT INTO holds (hold_id, partner_id, escalation_id, end_user_id, units, state, proof_expires_at) VALUES
     ('hold_01k0000000e008000000000001', 'north', 'esc_1', 'contoso', 2, 'captured', 5),
     ('hold_01k0000000e008000000000002', 'north', 'esc_2', 'contoso', 1, 'captured', 5),
     ('hold_01k0000000e008000000000003', 'north', 'esc_3', 'contoso', 1, 'reserved', 5),
     ('hold_01k0000000e008000000000004', 'north', 'esc_4', 'contoso', 1, 'captured', 5),
     ('hold_01k0000000e008000000000005', 'north', 'esc_5', 'contoso', 1, 'released', 5)",
];

on_both_engines! {
    async fn h05_single_entries_become_packs_shares_and_postings_that_agree_with_the_account(database: Database) {
        let (engine, url) = match &database.config {
            StoreConfig::Sqlite { path, .. } => (Engine::Sqlite, format!("sqlite://{}?mode=rwc", path.display())),
            StoreConfig::Postgres { url, .. } => (Engine::Postgres, url.clone()),
        };
        sqlx::any::install_default_drivers();
        let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        migrations_before(engine, "1004").await.run(&pool).await.unwrap();
        for sql in BEFORE {
            sqlx::query(*sql).execute(&pool).await.unwrap();
        }
        pool.close().await;

        let store = database.open(&vouch_license::MIGRATIONS).await;
        let (contoso, page) = (EndUserId::parse("contoso").unwrap(), Page { size: 50, after: String::new() });
        let mut snapshot = store.snapshot().await.unwrap();
        let packs = pack_list(&mut snapshot, &contoso, &page).await.unwrap();
        assert_eq!(packs.iter().map(|pack| (pack.units, pack.units_left)).collect::<Vec<_>>(), [(2, 0), (4, 2)]);
        let state = account_fetch(&mut snapshot, &contoso).await.unwrap().unwrap();
        assert_eq!((state.balance.available, state.lines, state.due_at.is_some()), (2, 8, true));
        assert_eq!(state.anniversary.unwrap().first_granted_at, packs[0].granted_at);

        let north = vouch_core::code::PartnerId::parse("north").unwrap();
        let mut shares = Vec::new();
        for reference in ["esc_1", "esc_2", "esc_3", "esc_4", "esc_5"] {
            let hold = hold_fetch_of(&mut snapshot, &north, reference).await.unwrap().unwrap();
            assert_eq!(hold.lapses_at.as_microsecond(), 5 + 7 * 24 * 3600 * 1_000_000);
            shares.push((hold.units, hold.borne, hold.shares.iter().map(|share| share.pack).collect::<Vec<_>>()));
        }
        let (first, second) = (packs[0].id, packs[1].id);
        let expected =
            [(2, 0, vec![first]), (1, 0, vec![second]), (1, 0, vec![second]), (0, 1, vec![]), (1, 0, vec![])];
        assert_eq!(shares, expected);

        let entries = ledger_list(&mut snapshot, &contoso, &page).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(entries[2].cause.hold_id.is_some());
        for entry in &entries {
            let (from, to) = entry.movement.ends();
            let legs: Vec<_> = entry.postings.iter().map(|posting| (posting.place, posting.units)).collect();
            assert_eq!(legs, [(from, -entry.units), (to, entry.units)]);
        }
        let sql = "SELECT CAST(SUM(units) AS BIGINT) AS units FROM incident_postings WHERE account = 'captured'";
        let captured: i64 = sqlx::query(sql).fetch_one(&mut *snapshot).await.unwrap().get("units");
        assert_eq!(captured, state.balance.captured);
    }
}

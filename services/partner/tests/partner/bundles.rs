//! What the partner's database keeps of bundles: for as long as was promised, and tables of pseudonyms no more than a text is translated by.
//!
//! Proves V07, W23.

use jiff::{SignedDuration, Timestamp};
use vouch_core::World;
use vouch_core::id::TicketId;
use vouch_diagnostics::Digest;
use vouch_partner::commands::pseudonyms::{MAX_BYTES, MAX_TABLES};
use vouch_partner::domain::ticket::Bundle;
use vouch_partner::store::pseudonyms::{table_insert, table_list};
use vouch_partner::store::tickets::bundle_upsert;
use vouch_storage::{Store, on_both_engines};

fn noon() -> Timestamp {
    "2026-06-08T12:00:00Z".parse().unwrap()
}

/// A ticket as far as its bundles need one.
async fn ticket(store: &Store) -> TicketId {
    let (id, number): (TicketId, u32) = (World::system().id(), u32::from_be_bytes(World::system().random()));
    let mut tx = store.begin().await.unwrap();
    for sql in [
        "INSERT INTO customers (customer_id, partner_id, name, revision, created_at)
         VALUES ('cst_1', 'north', 'Contoso', 1, 0) ON CONFLICT (customer_id) DO NOTHING",
        "INSERT INTO tickets (ticket_id, number, partner_id, customer_id, vendor_id, state, channel, contact_email,
             liaison_email, problem, work, entitled, opened_at, test_case, revision, withdrawing, asked, case_number,
             case_state, receipt)
         VALUES ($1, $2, 'north', 'cst_1', 'acme', 'open', 'portal', '', '', $3, $3, 0, 0, 0, 1, 0, 0, '', '', '')",
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") {
            query.bind(id.to_string()).bind(i64::from(number)).bind(Vec::new())
        } else {
            query
        };
        query.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    id
}

fn bundle(ticket_id: TicketId, manifest: &str) -> Bundle {
    Bundle {
        id: World::system().id(),
        ticket_id,
        root: Digest::of(manifest.as_bytes()),
        manifest_size: 10,
        manifest_signature: String::new(),
        entries: 1,
        size_bytes: 10,
        committed_at: noon(),
        collection_ticket_id: None,
        retention: Some(SignedDuration::from_hours(24)),
        region: "eu".into(),
        expires_at: None,
        content_deleted_at: None,
    }
}

async fn commit(store: &Store, bundle: Bundle) -> Bundle {
    let bundle = &bundle;
    let committed = store.write(|mut tx| async move {
        let stands = bundle_upsert(&mut tx, bundle).await?;
        Ok((tx, stands))
    });
    committed.await.unwrap()
}

/// Bundles of a ticket, each a minute younger than the one before, with a table of so many bytes.
async fn tables(store: &Store, ticket_id: TicketId, sizes: &[usize]) {
    for (minute, size) in (0..).zip(sizes) {
        let bundle = commit(store, bundle(ticket_id, &format!("{ticket_id} {minute}"))).await;
        let (sealed, at) = (&vec![u8::try_from(minute).unwrap(); *size], noon() + SignedDuration::from_mins(minute));
        let kept = store.write(|mut tx| async move {
            table_insert(&mut tx, bundle.id, sealed, at).await?;
            Ok((tx, ()))
        });
        kept.await.unwrap();
    }
}

/// By which of them texts are translated: each by its first byte, which is its minute.
async fn translated_by(store: &Store, ticket_id: TicketId) -> Vec<u8> {
    let mut snapshot = store.snapshot().await.unwrap();
    let tables = table_list(&mut snapshot, ticket_id, MAX_TABLES, MAX_BYTES).await.unwrap();
    tables.iter().map(|table| table[0]).collect()
}

on_both_engines! {
    async fn v07_a_text_is_translated_by_the_youngest_fifty_tables_of_its_ticket_and_16_mib_of_them(database: Database) {
        let store = database.open(&vouch_partner::MIGRATIONS).await;
        let (many, large, other) = (ticket(&store).await, ticket(&store).await, ticket(&store).await);
        tables(&store, many, &[1; 52]).await;
        let youngest: Vec<u8> = (2..52).rev().collect();
        assert_eq!(translated_by(&store, many).await, youngest);

        let quarter = 4 * 1024 * 1024;
        tables(&store, large, &[1, quarter, quarter, quarter, quarter]).await;
        assert_eq!(translated_by(&store, large).await, [4, 3, 2, 1], "16 MiB to the byte, and no byte more");
        tables(&store, other, &[1, quarter + 1, quarter, quarter, quarter]).await;
        assert_eq!(translated_by(&store, other).await, [4, 3, 2], "none is left out between two others");
    }

    async fn w23_the_partner_does_not_shorten_what_it_promised_of_a_bundle_that_is_committed_again(database: Database) {
        let store = database.open(&vouch_partner::MIGRATIONS).await;
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let ticket_id = ticket(&store).await;
        for (retention, stands) in [
            (Some(30), Some(30)),
            (Some(7), Some(30)),
            (Some(90), Some(90)),
            (None, None),
            (Some(1), None),
        ] {
            let again = Bundle { retention: retention.map(days), ..bundle(ticket_id, "a manifest") };
            assert_eq!(commit(&store, again).await.retention, stands.map(days), "{retention:?}");
        }
        let mut tx = store.begin().await.unwrap();
        let given_up = sqlx::query("UPDATE bundles SET content_deleted_at = 1");
        given_up.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let again = commit(&store, bundle(ticket_id, "a manifest")).await;
        assert_eq!((again.retention, again.content_deleted_at), (Some(days(1)), None), "a new promise is a new one");
    }
}

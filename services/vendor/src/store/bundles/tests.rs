//! What the step that adds readings makes of cases that were there before.

use prost::Message;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::World;
use vouch_core::id::{BundleId, CaseId};
use vouch_storage::{Migrations, Store, on_both_engines};

use super::*;
use crate::store::{MIGRATIONS, POSTGRES, SQLITE};

async fn execute(store: &Store, sql: &'static str, texts: &[&str], bytes: &[&[u8]]) {
    let mut tx = store.begin().await.unwrap();
    let query = texts.iter().fold(sqlx::query(sql), |query, text| query.bind((*text).to_owned()));
    let query = bytes.iter().fold(query, |query, bytes| query.bind(bytes.to_vec()));
    query.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn bundle(store: &Store, root: &[u8]) -> BundleId {
    let id: BundleId = World::system().id();
    let sql = "INSERT INTO bundles (bundle_id, partner_id, root, manifest_signature, redaction, collected_at, entries,
                   size_bytes, committed_at) VALUES ($1, 'north', $2, '', 'standard/1', 1, 0, 0, 1)";
    execute(store, sql, &[&id.to_string()], &[Digest::of(root).0.as_slice()]).await;
    id
}

on_both_engines! {
    async fn cases_hold_the_bundles_that_their_events_brought_before_that_was_kept(database: Database) {
        let before = Migrations::new(&SQLITE[..5], &POSTGRES[..5]);
        let store = database.open(&before).await;
        let (first, later, loose) = (bundle(&store, b"1").await, bundle(&store, b"2").await, bundle(&store, b"3").await);
        let case_id: CaseId = World::system().id();
        let sql = "INSERT INTO cases (case_id, number, partner_id, escalation_id, ticket_number, state, severity, subject,
                product_id, version, end_user_id, contact_id, license_id, license_revision, tier_id, coverage, priority,
                hold_id, proof_id, bundle_id, escalation, decision, receipt, accepted_at, test_case, revision,
                head_sequence, head_hash)
            VALUES ($1, 1, 'north', 'e', 't', 's', 's', 's', 'p', 'v', 'u', 'c', 'l', 1, 't', 'c', 1, 'h', 'p', $2, $3, $3,
                '', 100, 0, 1, 1, $3)";
        execute(&store, sql, &[&case_id.to_string(), &first.to_string()], &[b""]).await;
        let event = "INSERT INTO case_events (case_id, sequence, partner_id, feed_sequence, feed_hash, type_name, payload,
                salt, content_hash, previous_hash, hash, actor, committed_at, origin)
            VALUES ($1, CAST($2 AS BIGINT), 'north', CAST($2 AS BIGINT), $4, $3, $5, $4, $4, $4, $4, '',
                200 + CAST($2 AS BIGINT), '')";
        let brought = pb::InformationProvided { text: "These.".into(), bundle_id: later.to_string() };
        let spoken = pb::InformationProvided { text: format!("Not {loose}"), bundle_id: String::new() };
        let again = pb::DutiesCompleted { text: "Done.".into(), bundle_id: later.to_string() };
        for (sequence, type_name, payload) in [
            ("1", "vouch.vendor.v1.InformationProvided", brought.encode_to_vec()),
            ("2", "vouch.vendor.v1.InformationProvided", spoken.encode_to_vec()),
            ("3", "vouch.vendor.v1.DutiesCompleted", again.encode_to_vec()),
        ] {
            execute(&store, event, &[&case_id.to_string(), sequence, type_name], &[b"", &payload]).await;
        }
        store.close().await;
        drop(store);

        let store = database.open(&MIGRATIONS).await;
        let mut snapshot = store.snapshot().await.unwrap();
        for (id, since) in [(first, Some(100)), (later, Some(201)), (loose, None)] {
            let held = case_bundle_list(&mut snapshot, id, 10).await.unwrap();
            let told: Vec<_> = held.iter().map(|(case, _, since)| (*case, since.as_microsecond())).collect();
            assert_eq!(told, since.map(|since| (case_id, since)).into_iter().collect::<Vec<_>>());
            assert_eq!(bundle_fetch_held(&mut snapshot, id).await.unwrap().is_some(), since.is_some());
        }
    }
}

//! A bundle that a case takes while its contents are given up is the case's, or is refused to it.
//!
//! Proves B03, W23.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::{Error, Severity, World};
use vouch_diagnostics::Digest;
use vouch_storage::blobs::{self, BlobRef, Blobs};
use vouch_storage::{Store, on_both_engines};
use vouch_vendor::domain::bundle::Bundle;
use vouch_vendor::domain::case::{Case, CaseState, FrozenCover, HistoryHead};
use vouch_vendor::retention::Retention;
use vouch_vendor::store::bundles::{bundle_fetch, bundle_upsert};
use vouch_vendor::store::cases::case_insert;
use vouch_vendor::store::retention::bundle_hold;

pub(crate) fn bundle(world: &World, manifest: &BlobRef) -> Bundle {
    let now = world.now();
    Bundle {
        id: world.id(),
        partner_id: PartnerId::parse("north").unwrap(),
        root: Digest(manifest.sha256),
        manifest_signature: "signed".into(),
        redaction: "standard/1".into(),
        collected_at: now,
        artefacts: BTreeSet::new(),
        entries: 0,
        size_bytes: manifest.size_bytes,
        committed_at: now,
        retention: Some(SignedDuration::from_hours(24)),
        region: "eu".into(),
        // Nobody held it, and its time is over.
        expires_at: Some(now),
        content_deleted_at: None,
    }
}

pub(crate) fn case(world: &World, bundle: &Bundle) -> Case {
    let cover = FrozenCover {
        end_user_id: EndUserId::parse("contoso").unwrap(),
        contact_id: String::new(),
        license_id: world.id(),
        license_revision: 1,
        agreement_id: None,
        tier_id: "premium".into(),
        coverage: "always".into(),
        priority: 1,
        hold_id: world.id(),
    };
    Case {
        id: world.id(),
        number: u64::from(u32::from_be_bytes(world.random())),
        partner_id: bundle.partner_id.clone(),
        escalation_id: world.id(),
        ticket_number: "1".into(),
        state: CaseState::Accepted,
        severity: Severity::Two,
        subject: "It does not print.".into(),
        product_id: ProductId::parse("atlas").unwrap(),
        version: "7".into(),
        cover,
        proof_id: world.id(),
        bundle_id: bundle.id,
        receipt: String::new(),
        liaison: String::new(),
        liaison_has_rights: false,
        engineer: None,
        accepted_at: world.now(),
        first_response_due: None,
        first_response_at: None,
        test_case: false,
        revision: 1,
        head: HistoryHead { sequence: 0, hash: [0; 32] },
    }
}

/// Commits a bundle whose manifest is some content, pinned and due.
async fn commit(store: &Store, blobs: &Blobs, world: &World, content: &[u8]) -> (Bundle, BlobRef) {
    let manifest = BlobRef { sha256: Digest::of(content).0, size_bytes: content.len() as u64 };
    blobs.append("north", &manifest, 0, content.to_vec().into()).await.unwrap();
    blobs.verify("north", &manifest).await.unwrap();
    let bundle = &bundle(world, &manifest);
    let committed = store.write(|mut tx| async move {
        let kept = bundle_upsert(&mut tx, bundle).await?;
        blobs::pin(&mut tx, "north", &BTreeSet::from([manifest]), &kept.id.to_string()).await?;
        Ok((tx, kept))
    });
    (committed.await.unwrap(), manifest)
}

async fn open(store: &Store, case: &Case) -> Result<(), Error> {
    let opened = store.write(|mut tx| async move {
        case_insert(&mut tx, case, b"", b"").await?;
        bundle_hold(&mut tx, case.id, case.bundle_id, case.accepted_at).await?;
        Ok((tx, ()))
    });
    opened.await
}

async fn given_up_at(store: &Store, bundle: &Bundle) -> Option<Timestamp> {
    let mut snapshot = store.snapshot().await.unwrap();
    let found = bundle_fetch(&mut snapshot, &bundle.partner_id, bundle.id).await.unwrap().unwrap();
    found.content_deleted_at
}

on_both_engines! {
    async fn b03_w23_a_case_and_whoever_gives_contents_up_never_both_have_a_bundle(database: Database) {
        let store = database.open(&vouch_vendor::MIGRATIONS).await;
        let (folder, world) = (tempfile::tempdir().unwrap(), World::system());
        // What is unpinned goes at once.
        let blobs = Blobs::local(store.clone(), folder.path(), world.clone()).unwrap().leased_for(SignedDuration::ZERO);
        let retention = Retention::new(store.clone(), blobs.clone(), world.clone());
        let (mut cases, mut given_up) = (0, 0);
        for round in 0..24_u8 {
            let content = [round; 64];
            let (bundle, manifest) = commit(&store, &blobs, &world, &content).await;
            let case = case(&world, &bundle);
            let (store_of_case, swept) = (store.clone(), retention.clone());
            // One after the other at first, so that each wins once for sure; then at once, each begun first now and then.
            let opening = async move { open(&store_of_case, &case).await };
            let giving_up = async move { swept.run().await };
            let (opened, gone) = if round == 0 {
                (opening.await, giving_up.await)
            } else if round == 1 {
                let gone = giving_up.await;
                (opening.await, gone)
            } else if round % 2 == 0 {
                let (opening, giving_up) = (tokio::spawn(opening), tokio::spawn(giving_up));
                (opening.await.unwrap(), giving_up.await.unwrap())
            } else {
                let (giving_up, opening) = (tokio::spawn(giving_up), tokio::spawn(opening));
                (opening.await.unwrap(), giving_up.await.unwrap())
            };
            gone.unwrap();
            retention.run().await.unwrap();
            let read = blobs.read("north", &manifest, 1000).await.unwrap();
            if opened.is_ok() {
                cases += 1;
                assert_eq!((given_up_at(&store, &bundle).await, read.as_deref()), (None, Some(content.as_slice())));
            } else {
                given_up += 1;
                assert!(given_up_at(&store, &bundle).await.is_some() && read.is_none());
                // Committed once more, it is whole, and a case may have it.
                let (again, _) = commit(&store, &blobs, &world, &content).await;
                assert_eq!((again.id, again.content_deleted_at), (bundle.id, None));
            }
        }
        assert!(cases > 0 && given_up > 0, "{cases} {given_up}");
    }

    async fn w23_what_was_promised_of_a_bundle_is_never_shortened_by_committing_it_again(database: Database) {
        let store = database.open(&vouch_vendor::MIGRATIONS).await;
        let (world, days) = (World::system(), |days: i64| SignedDuration::from_hours(24 * days));
        let root = BlobRef { sha256: Digest::of(b"a manifest").0, size_bytes: 10 };
        let first = bundle(&world, &root);
        let promised = |retention: Option<i64>, until: Option<i64>| Bundle {
            id: world.id(),
            retention: retention.map(days),
            expires_at: until.map(|until| first.committed_at + days(until)),
            region: format!("region of {retention:?}"),
            ..first.clone()
        };
        // Each as committed, and what is promised after it: for how many days, and until which.
        let table = [
            ((Some(30), Some(30)), (Some(30), Some(30)), "the first time"),
            ((Some(7), Some(8)), (Some(30), Some(30)), "a vendor that keeps less by now"),
            ((Some(7), Some(31)), (Some(30), Some(31)), "committed later, it is kept until later"),
            ((Some(90), Some(20)), (Some(90), Some(31)), "a longer promise is one"),
            ((Some(90), None), (Some(90), None), "no end is said yet"),
            ((Some(1), Some(1)), (Some(90), None), "and stays unsaid"),
            ((None, None), (None, None), "kept for good"),
            ((Some(1), Some(1)), (None, None), "is for good"),
        ];
        for ((retention, until), (kept, kept_until), why) in table {
            let again = &promised(retention, until);
            let stands = store.write(|mut tx| async move {
                let stands = bundle_upsert(&mut tx, again).await?;
                Ok((tx, stands))
            });
            let stands = stands.await.unwrap();
            let expected = (kept.map(days), kept_until.map(|until| first.committed_at + days(until)));
            assert_eq!((stands.retention, stands.expires_at), expected, "{why}");
            assert_eq!(stands.region, again.region, "where it lies is where it was put last");
        }

        // Once its contents were given up, nothing is owed of the old promise: the new one counts.
        let mut tx = store.begin().await.unwrap();
        let given_up = sqlx::query("UPDATE bundles SET content_deleted_at = $1, expires_at = $1");
        given_up.bind(first.committed_at.as_microsecond()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let again = &promised(Some(2), Some(2));
        let stands = store.write(|mut tx| async move {
            let stands = bundle_upsert(&mut tx, again).await?;
            Ok((tx, stands))
        });
        let stands = stands.await.unwrap();
        assert_eq!((stands.retention, stands.content_deleted_at), (Some(days(2)), None));
        assert_eq!(stands.expires_at, Some(first.committed_at + days(2)));
    }
}

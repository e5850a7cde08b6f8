//! A case with more bundles and notes than fit an answer: page by page, none is lost and none is told twice.
//!
//! Proves V06, V10.

use jiff::{SignedDuration, Timestamp};
use prost::Message;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::case_desk_service_client::CaseDeskServiceClient;
use vouch_core::World;
use vouch_core::id::{BundleId, CaseId, NoteId};
use vouch_diagnostics::Digest;
use vouch_host::testing::{BearerChannel, fields, refused};
use vouch_storage::blobs::BlobRef;
use vouch_storage::{Store, analyses, on_both_engines};
use vouch_vendor::store::bundles::bundle_upsert;
use vouch_vendor::store::cases::case_insert;
use vouch_vendor::store::history::{InternalNote, internal_note_insert};
use vouch_vendor::store::retention::bundle_hold;

use crate::retention::{bundle, case};
use crate::support::Service;

/// How many come one after another, how many then come at one instant, and how many after those.
const COME: [usize; 3] = [30, 190, 30];
/// Which of them have so much found in them that two do not fit an answer.
const LARGE: [usize; 3] = [3, 4, 120];

/// The instants at which they come.
fn instants() -> Vec<Timestamp> {
    let noon: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
    let [before, at_once, after] = COME;
    let seconds = (0..before).chain(std::iter::repeat_n(before, at_once)).chain(before + 1..=before + after);
    seconds.map(|second| noon + SignedDuration::from_secs(i64::try_from(second).unwrap())).collect()
}

/// A case with its bundles, in their order.
async fn held(store: &Store, world: &World) -> (CaseId, Vec<String>) {
    let instants = instants();
    let bundles: Vec<_> = (0..instants.len())
        .map(|number| bundle(world, &BlobRef { sha256: Digest::of(&number.to_be_bytes()).0, size_bytes: 1 }))
        .collect();
    let found = pb::AnalyzerFinding { title: "x".repeat(600 * 1024), ..Default::default() };
    let told = pb::BundleAnalysis { findings: vec![found], ..Default::default() }.encode_to_vec();
    let (case, bundles, told, instants) = (&case(world, &bundles[0]), &bundles, &told, &instants);
    let written = store.write(|mut tx| async move {
        for bundle in bundles {
            bundle_upsert(&mut tx, bundle).await?;
        }
        case_insert(&mut tx, case, b"", b"").await?;
        for (bundle, since) in bundles.iter().zip(instants) {
            bundle_hold(&mut tx, case.id, bundle.id, *since).await?;
        }
        for large in LARGE {
            let id = bundles[large].id;
            analyses::enter(&mut tx, id, "linux-host/1", 1, world.now()).await?;
            sqlx::query(
                "UPDATE bundle_analyses SET state = 'done', told = $2, profile_sha256 = $3 WHERE bundle_id = $1",
            )
            .bind(id.to_string())
            .bind(told.as_slice())
            .bind([0_u8; 32].as_slice())
            .execute(&mut *tx)
            .await?;
        }
        Ok((tx, ()))
    });
    written.await.unwrap();
    let mut order: Vec<(Timestamp, BundleId)> =
        instants.iter().copied().zip(bundles.iter().map(|one| one.id)).collect();
    order.sort_by_key(|(since, id)| (*since, id.to_string()));
    (case.id, order.into_iter().map(|(_, id)| id.to_string()).collect())
}

/// Notes on a case, in their order: the last ones so long that not all of them fit one answer.
async fn noted(store: &Store, world: &World, case_id: CaseId) -> Vec<String> {
    let notes: Vec<_> = instants()
        .into_iter()
        .enumerate()
        .map(|(number, written_at)| InternalNote {
            id: world.id(),
            case_id,
            author: "grace".into(),
            text: if number < 200 { number.to_string() } else { "\u{1f4c8}".repeat(20_000) },
            written_at,
        })
        .collect();
    let told = &notes;
    let written = store.write(|mut tx| async move {
        for note in told {
            internal_note_insert(&mut tx, note).await?;
        }
        Ok((tx, ()))
    });
    written.await.unwrap();
    let mut order: Vec<(Timestamp, NoteId)> = notes.iter().map(|note| (note.written_at, note.id)).collect();
    order.sort_by_key(|(at, id)| (*at, id.to_string()));
    order.into_iter().map(|(_, id)| id.to_string()).collect()
}

async fn ask(
    desk: &mut CaseDeskServiceClient<BearerChannel>,
    request: pb::GetDeskCaseRequest,
) -> pb::GetDeskCaseResponse {
    desk.get_desk_case(request).await.unwrap().into_inner()
}

on_both_engines! {
    async fn v10_of_more_bundles_than_fit_an_answer_none_is_lost_and_none_told_twice(database: Database) {
        let (store, world) = (database.open(&vouch_vendor::MIGRATIONS).await, World::system());
        let (case_id, expected) = held(&store, &world).await;
        store.close().await;
        drop(store);
        let service = Service::start(&database).await;
        let mut desk = CaseDeskServiceClient::new(service.staff(&["support-engineer"]));
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        loop {
            let after_bundle_id = seen.last().cloned().unwrap_or_default();
            let request =
                pb::GetDeskCaseRequest { case_id: case_id.to_string(), after_bundle_id, ..Default::default() };
            let told = ask(&mut desk, request).await;
            assert_eq!(told.analysis, None, "what was found in a bundle is told with it");
            assert!(told.bundles.len() <= 100 && told.encoded_len() < 2 * 1024 * 1024, "{}", told.bundles.len());
            pages.push(told.bundles.len());
            seen.extend(told.bundles.into_iter().map(|bundle| bundle.bundle_id));
            if !told.more_bundles {
                break;
            }
        }
        assert_eq!(seen, expected);
        assert_eq!(pages[0], 4, "the second of the large ones did not fit any more");
        assert!(pages[1..pages.len() - 1].contains(&100), "{pages:?}");
    }

    async fn v06_the_vendors_own_notes_are_told_in_pages(database: Database) {
        let (store, world) = (database.open(&vouch_vendor::MIGRATIONS).await, World::system());
        let (case_id, _) = held(&store, &world).await;
        let expected = noted(&store, &world, case_id).await;
        store.close().await;
        drop(store);
        let service = Service::start(&database).await;
        let mut desk = CaseDeskServiceClient::new(service.staff(&["support-engineer"]));
        let after = |note_id: &str| pb::GetDeskCaseRequest {
            case_id: case_id.to_string(),
            after_note_id: note_id.to_owned(),
            ..Default::default()
        };
        let (mut seen, mut pages) = (Vec::<String>::new(), Vec::new());
        loop {
            let told = ask(&mut desk, after(seen.last().map_or("", String::as_str))).await;
            assert_eq!(told.bundles.is_empty(), !seen.is_empty(), "whoever goes on has the bundles already");
            pages.push(told.internal_notes.len());
            seen.extend(told.internal_notes.into_iter().map(|note| note.note_id));
            if !told.more_internal_notes {
                break;
            }
        }
        assert_eq!(seen, expected);
        assert!(pages[0] == 100 && pages.len() > 4, "as many of the long ones as fit 1 MiB: {pages:?}");
        assert_eq!(fields(desk.get_desk_case(after("note")).await), ["after_note_id"]);
        let foreign = world.id::<vouch_core::id::NoteTag>().to_string();
        assert_eq!(refused(desk.get_desk_case(after(&foreign)).await).1, "NOT_FOUND");
    }
}

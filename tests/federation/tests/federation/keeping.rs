//! How long diagnostics are kept, and how much of them.
//!
//! Proves W23.

use jiff::{SignedDuration, Timestamp};
use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::convert::instant;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::partner::v1::vendor_directory_service_client::VendorDirectoryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_diagnostics::Digest;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{REGION, SOUTH_BYTES, Scene, TICKET_BYTES, until};

const DAY: i64 = 24 * 60 * 60;
/// What the vendor and the partner promise where nobody says otherwise, in days.
const RETENTION: (i64, i64) = (90, 30);

impl Scene {
    fn bundles(&self) -> BundleServiceClient<Channel> {
        BundleServiceClient::new(self.north_at_vendor()).max_encoding_message_size(16 * 1024 * 1024)
    }

    async fn vendor_bundle(&self, bundle_id: &str) -> vendor::Bundle {
        let request = vendor::QueryBundleRequest { bundle_id: bundle_id.into() };
        self.bundles().query_bundle(request).await.unwrap().into_inner().bundle.unwrap()
    }

    async fn partner_bundle(&self, ticket_id: &str, bundle_id: &str) -> vendor::Bundle {
        let request = partner::QueryBundleRequest { ticket_id: ticket_id.into(), bundle_id: bundle_id.into() };
        self.diagnostics().query_bundle(request).await.unwrap().into_inner().bundle.unwrap()
    }

    async fn missing_at_vendor(&self, contents: &[Vec<u8>]) -> usize {
        let blobs = contents.iter().map(|content| samples::blob(content)).collect();
        let answer = self.bundles().find_missing_blobs(vendor::FindMissingBlobsRequest { blobs }).await.unwrap();
        answer.into_inner().missing.len()
    }
}

fn expires(bundle: &vendor::Bundle) -> Option<Timestamp> {
    bundle.expire_time.map(|at| instant(&at).unwrap())
}

on_both_engines! {
    async fn w23_contents_are_given_up_after_the_case_and_the_ticket_ended_and_the_root_stays(database: Database) {
        let began = World::system().now();
        let clock = ManualClock::at(&began.to_string());
        let scene = Scene::start_in(&database, clock.world(), clock.world()).await;
        let id = scene.worked_ticket().await.0.ticket_id;
        let (manifest, blobs) = samples::manifest(&samples::ARTEFACTS);
        let at_partner = scene.upload(&id, &(manifest.clone(), blobs.clone())).await;
        scene.escalate(&id, &at_partner).await;
        let escalated = scene.until_state(&id, partner::TicketState::Escalated).await;
        let case_id = escalated.escalation.unwrap().case_id;
        let at_vendor = scene.desk_case(&case_id).await.case.unwrap().bundle_id;
        let contents: Vec<Vec<u8>> = blobs.iter().cloned().chain([manifest.clone()]).collect();

        let held = scene.vendor_bundle(&at_vendor).await;
        assert_eq!((held.region.as_str(), held.retention.unwrap().seconds), (REGION, RETENTION.0 * DAY));
        assert_eq!((expires(&held), held.content_delete_time), (None, None), "an open case holds it");
        assert_eq!(scene.missing_at_vendor(&contents).await, 0);
        clock.advance_seconds(100 * DAY);
        until(async || (scene.missing_at_vendor(&contents).await == 0).then_some(())).await;
        assert_eq!(scene.vendor_bundle(&at_vendor).await, held, "however long the case is open");

        let withdraw = partner::WithdrawTicketEscalationRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            reason: "solved here".into(),
        };
        scene.tickets().withdraw_ticket_escalation(withdraw).await.unwrap();
        scene.until_state(&id, partner::TicketState::Troubleshooting).await;
        let close =
            partner::CloseTicketRequest { request_id: fresh(), ticket_id: id.clone(), summary: "It prints.".into() };
        scene.tickets().close_ticket(close).await.unwrap();
        let ended = scene.world.now();
        let told = until(async || expires(&scene.vendor_bundle(&at_vendor).await)).await;
        assert_eq!(told, ended + SignedDuration::from_hours(24 * RETENTION.0), "counted from the end of the case");
        let told = until(async || expires(&scene.partner_bundle(&id, &at_partner).await)).await;
        assert_eq!(told, ended + SignedDuration::from_hours(24 * RETENTION.1), "the partner keeps it for its own time");

        clock.advance_seconds(RETENTION.0 * DAY);
        let gone = until(async || {
            let bundle = scene.vendor_bundle(&at_vendor).await;
            bundle.content_delete_time.is_some().then_some(bundle)
        })
        .await;
        assert!(!gone.committed);
        assert_eq!((gone.root, gone.entries, gone.size_bytes), (held.root.clone(), held.entries, held.size_bytes));
        // Seen on the disk: whoever asks for a content has it leased.
        let blobs_there = scene.vendor_ground.path().join("blobs");
        let is_gone = |content: &Vec<u8>| {
            let parts = std::fs::read_dir(blobs_there.join(Digest::of(content).to_string()));
            parts.map_or(true, |mut parts| parts.next().is_none())
        };
        until(async || contents.iter().all(is_gone).then_some(())).await;
        assert_eq!(scene.missing_at_vendor(&contents).await, contents.len());
        let gone = until(async || {
            let bundle = scene.partner_bundle(&id, &at_partner).await;
            bundle.content_delete_time.is_some().then_some(bundle)
        })
        .await;
        assert_eq!(gone.root, held.root);
        // What is wanted of it later is wanted for another ticket: this one takes nothing any more.
        let other = scene.open_ticket().await.ticket_id;
        let commit = |ticket_id: &str| partner::CommitBundleRequest {
            ticket_id: ticket_id.to_owned(),
            manifest: Some(samples::blob(&manifest)),
        };
        until(async || {
            let answer = scene.diagnostics().commit_bundle(commit(&other)).await;
            (answer.is_err() && refused(answer).1 == "BUNDLE_INCOMPLETE").then_some(())
        })
        .await;
        assert_eq!(refused(scene.diagnostics().commit_bundle(commit(&id)).await).1, "STATE_CONFLICT");
        let again = scene.upload(&other, &(manifest.clone(), blobs)).await;
        assert!(scene.partner_bundle(&other, &again).await.committed);
        assert!(!scene.partner_bundle(&id, &at_partner).await.committed, "what was given up stays so");
    }

    async fn w23_a_ticket_that_is_over_takes_no_diagnostics_from_the_first_step_on(database: Database) {
        let scene = Scene::start(&database).await;
        let id = scene.open_ticket().await.ticket_id;
        let (manifest, blobs) = samples::manifest(&["os"]);
        let before = scene.upload(&id, &(manifest.clone(), blobs)).await;
        let answer = partner::AnswerTicketRequest { request_id: fresh(), ticket_id: id.clone(), answer: "So.".into(), ..Default::default() };
        scene.tickets().answer_ticket(answer).await.unwrap();

        let over = (Code::FailedPrecondition, "STATE_CONFLICT".to_owned());
        let blob = Some(samples::blob(&manifest));
        let missing = partner::FindMissingBlobsRequest { ticket_id: id.clone(), blobs: blob.clone().into_iter().collect() };
        let status = scene.diagnostics().find_missing_blobs(missing).await.unwrap_err();
        assert!(status.message().contains("is answered") && status.message().contains("a ticket that is open"), "{status:?}");
        assert_eq!(refused::<()>(Err(status)), over);
        let query = partner::QueryBlobRequest { ticket_id: id.clone(), blob: blob.clone() };
        assert_eq!(refused(scene.diagnostics().query_blob(query).await), over);
        let part = partner::WriteBlobRequest {
            ticket_id: id.clone(),
            blob: Some(samples::blob(b"more")),
            offset_bytes: 0,
            part: b"more".to_vec().into(),
        };
        assert_eq!(refused(scene.diagnostics().write_blob(tokio_stream::iter([part])).await), over);
        let commit = partner::CommitBundleRequest { ticket_id: id.clone(), manifest: blob };
        assert_eq!(refused(scene.diagnostics().commit_bundle(commit).await), over);
        assert!(scene.partner_bundle(&id, &before).await.committed, "what was committed before is there, and told");
    }

    async fn w23_what_becomes_of_a_bundle_is_told_to_its_own_partner_only(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let bundle_id = scene.desk_case(&case_id).await.case.unwrap().bundle_id;
        let request = vendor::QueryBundleRequest { bundle_id };
        let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
        let mut south = BundleServiceClient::new(scene.south_at_vendor());
        assert_eq!(refused(south.query_bundle(request).await), not_found);
        let bad = vendor::QueryBundleRequest { bundle_id: "x".into() };
        assert_eq!(fields(scene.bundles().query_bundle(bad).await), ["bundle_id"]);

        let request = partner::QueryBundleRequest { ticket_id: ticket.ticket_id, bundle_id: ticket.bundle_ids[0].clone() };
        let mut other = DiagnosticsServiceClient::new(scene.other_agent());
        assert_eq!(refused(other.query_bundle(request.clone()).await), not_found);
        let mut own = DiagnosticsServiceClient::new(scene.customer());
        assert!(own.query_bundle(request.clone()).await.unwrap().into_inner().bundle.unwrap().committed);
        let foreign = partner::QueryBundleRequest { bundle_id: World::system().id::<vouch_core::id::BundleTag>().to_string(), ..request };
        assert_eq!(refused(scene.diagnostics().query_bundle(foreign).await), not_found);
        let bad = partner::QueryBundleRequest::default();
        assert_eq!(fields(scene.diagnostics().query_bundle(bad).await), ["ticket_id", "bundle_id"]);
    }

    async fn w23_the_vendors_region_and_retention_are_shown_before_anything_is_escalated(database: Database) {
        let scene = Scene::start(&database).await;
        let vendors = async || {
            let mut directory = VendorDirectoryServiceClient::new(scene.agent());
            directory.list_vendors(partner::ListVendorsRequest {}).await.unwrap().into_inner().vendors
        };
        assert_eq!(vendors().await[0].diagnostics, None, "the vendor was not asked yet");
        scene.open_ticket().await;
        let terms = vendors().await[0].diagnostics.clone().unwrap();
        assert_eq!((terms.region.as_str(), terms.retention.unwrap().seconds), (REGION, RETENTION.0 * DAY));
    }

    async fn a_partner_that_has_its_share_stored_is_refused_more_and_told_what_to_do(database: Database) {
        let scene = Scene::start(&database).await;
        let mut south = BundleServiceClient::new(scene.south_at_vendor());
        let mut send = async |content: Vec<u8>| {
            let blob = Some(samples::blob(&content));
            let part = vendor::WriteBlobRequest { blob, offset_bytes: 0, part: content.into() };
            south.write_blob(tokio_stream::iter([part])).await
        };
        let share = usize::try_from(SOUTH_BYTES).unwrap();
        send(vec![1; share - 400]).await.unwrap();
        let status = send(vec![2; 500]).await.unwrap_err();
        assert!(status.message().contains("600 of 1000 bytes"), "{status:?}");
        assert_eq!(refused::<()>(Err(status)), (Code::ResourceExhausted, "STORAGE_QUOTA_EXCEEDED".into()));
        send(vec![3; 400]).await.unwrap();
        assert_eq!(refused(send(vec![4; 1]).await).1, "STORAGE_QUOTA_EXCEEDED");
        assert_eq!(refused(send(vec![1; share - 400]).await).1, "OFFSET_MISMATCH", "what is there is there");
    }

    async fn a_ticket_has_its_share_of_what_the_partner_stores(database: Database) {
        let scene = Scene::start(&database).await;
        let ids = [scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id];
        let send = async |ticket_id: &str, content: &[u8]| {
            let part = partner::WriteBlobRequest {
                ticket_id: ticket_id.into(),
                blob: Some(samples::blob(content)),
                offset_bytes: 0,
                part: content.to_vec().into(),
            };
            scene.diagnostics().write_blob(tokio_stream::iter([part])).await
        };
        let part = 8 * 1024 * 1024;
        for n in 0..u8::try_from(TICKET_BYTES / part as u64).unwrap() {
            send(&ids[0], &vec![n; part]).await.unwrap();
        }
        let full = (Code::ResourceExhausted, "STORAGE_QUOTA_EXCEEDED".to_owned());
        assert_eq!(refused(send(&ids[0], b"more").await), full);
        send(&ids[1], b"more").await.unwrap();
    }
}

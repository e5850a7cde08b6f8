//! What pseudonyms stand for: handed over encrypted, put back at the partner, and never at a vendor.
//!
//! Proves V06, V07, W23.

use std::path::Path;

use tonic::Code;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_diagnostics::pseudonyms::{Gathered, Identity, PseudonymKind, Recipient};
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::collections::{issue, issued, manifest};
use crate::samples;
use crate::scene::{Scene, until};

/// A table of a collection, in which one host has a pseudonym.
fn table(collection_ticket_id: &str, recipient: &Recipient, host: &str) -> Vec<u8> {
    let mut gathered = Gathered::default();
    gathered.note(PseudonymKind::Host, "host-7f3a2c91", host);
    gathered.note(PseudonymKind::Ipv4, "10.9.8.7", "10.1.2.3");
    gathered.table(collection_ticket_id).seal(recipient).unwrap()
}

/// A bundle of a ticket that was collected by a request, and its table.
struct Collected {
    ticket_id: String,
    bundle_id: String,
    sealed: Vec<u8>,
}

impl Collected {
    async fn at(scene: &Scene, ticket_id: &str) -> Self {
        let (ticket, request) = issued(scene.diagnostics(), issue(ticket_id)).await;
        let bundle_id = scene.upload(ticket_id, &manifest(&ticket.collection_ticket_id, &samples::ARTEFACTS)).await;
        let sealed = table(&ticket.collection_ticket_id, &request.recipient.unwrap(), "web01");
        Self { ticket_id: ticket_id.to_owned(), bundle_id, sealed }
    }

    fn put(&self) -> partner::PutPseudonymsRequest {
        partner::PutPseudonymsRequest {
            request_id: fresh(),
            ticket_id: self.ticket_id.clone(),
            bundle_id: self.bundle_id.clone(),
            sealed: self.sealed.clone().into(),
        }
    }
}

fn translate(ticket_id: &str, text: &str) -> partner::TranslatePseudonymsRequest {
    partner::TranslatePseudonymsRequest { ticket_id: ticket_id.into(), text: text.into() }
}

/// Whether a file below a folder has these bytes in it.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.any(|path| {
        if path.is_dir() {
            holds(&path, bytes)
        } else {
            std::fs::read(path).unwrap().windows(bytes.len()).any(|part| part == bytes)
        }
    })
}

on_both_engines! {
    async fn v07_a_table_is_kept_with_its_bundle_and_read_by_no_key_but_the_partners(database: Database) {
        let scene = Scene::start(&database).await;
        let (one, other) = (scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id);
        let unreadable = (Code::FailedPrecondition, "PSEUDONYMS_UNREADABLE".to_owned());
        let early = scene.upload(&one, &samples::manifest(&["os"])).await;
        let before = Collected { ticket_id: one.clone(), bundle_id: early, sealed: vec![1] };
        assert_eq!(refused(scene.diagnostics().put_pseudonyms(before.put()).await), unreadable, "no key was made yet");

        let (collected, second) = (Collected::at(&scene, &one).await, Collected::at(&scene, &one).await);
        let foreign = table("col_1", &Identity::generate().recipient(), "web01");
        for (sealed, why) in [
            (foreign, "another key"),
            (second.sealed.clone(), "another collection"),
            (b"age-encryption.org/v1\n".to_vec(), "cut off"),
        ] {
            let wrong = Collected { sealed, ticket_id: one.clone(), bundle_id: collected.bundle_id.clone() };
            assert_eq!(refused(scene.diagnostics().put_pseudonyms(wrong.put()).await), unreadable, "{why}");
        }
        let unnamed = Collected { bundle_id: before.bundle_id.clone(), ticket_id: one.clone(), sealed: second.sealed.clone() };
        assert_eq!(refused(scene.diagnostics().put_pseudonyms(unnamed.put()).await), unreadable, "its bundle names none");
        let mut end_user = DiagnosticsServiceClient::new(scene.customer());
        assert_eq!(end_user.put_pseudonyms(collected.put()).await.unwrap().into_inner().pseudonyms, 2);
        assert_eq!(scene.diagnostics().put_pseudonyms(collected.put()).await.unwrap().into_inner().pseudonyms, 2, "again");

        let (ticket, request) = issued(scene.diagnostics(), issue(&one)).await;
        let bytes = manifest(&ticket.collection_ticket_id, &["os"]);
        let third = Collected {
            ticket_id: one.clone(),
            bundle_id: scene.upload(&one, &bytes).await,
            sealed: table(&ticket.collection_ticket_id, request.recipient.as_ref().unwrap(), "web01"),
        };
        scene.diagnostics().put_pseudonyms(third.put()).await.unwrap();
        let changed = Collected { sealed: table(&ticket.collection_ticket_id, &request.recipient.unwrap(), "web02"), ..third };
        let kept = refused(scene.diagnostics().put_pseudonyms(changed.put()).await);
        assert_eq!(kept, (Code::AlreadyExists, "ALREADY_EXISTS".into()));

        let unknown = (Code::NotFound, "NOT_FOUND".to_owned());
        let elsewhere = Collected { ticket_id: other, bundle_id: second.bundle_id.clone(), sealed: second.sealed.clone() };
        assert_eq!(refused(scene.diagnostics().put_pseudonyms(elsewhere.put()).await), unknown);
        let mut stranger = DiagnosticsServiceClient::new(scene.other_agent());
        assert_eq!(refused(stranger.put_pseudonyms(second.put()).await), unknown);
        let bad = partner::PutPseudonymsRequest { request_id: fresh(), ..Default::default() };
        let expected = ["ticket_id", "bundle_id", "sealed"];
        assert_eq!(fields(scene.diagnostics().put_pseudonyms(bad).await), expected);
        let large = partner::PutPseudonymsRequest { sealed: vec![0; 4 * 1024 * 1024 + 1].into(), ..second.put() };
        assert_eq!(fields(scene.diagnostics().put_pseudonyms(large).await), ["sealed"]);
    }

    async fn v07_an_agent_reads_originals_where_the_vendor_wrote_pseudonyms_and_what_is_kept_stays(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id.clone();
        let other = scene.open_ticket().await.ticket_id;
        let said = "Restart host-7f3a2c91 at 10.9.8.7.";
        let before = scene.diagnostics().translate_pseudonyms(translate(&id, said)).await.unwrap().into_inner();
        assert_eq!((before.text.as_str(), before.replaced), (said, 0));
        scene.diagnostics().put_pseudonyms(Collected::at(&scene, &id).await.put()).await.unwrap();
        let read = scene.diagnostics().translate_pseudonyms(translate(&id, said)).await.unwrap().into_inner();
        assert_eq!((read.text.as_str(), read.replaced), ("Restart web01 at 10.1.2.3.", 2));
        let foreign = scene.diagnostics().translate_pseudonyms(translate(&other, said)).await.unwrap().into_inner();
        assert_eq!(foreign.text, said, "another ticket's pseudonyms are its own");

        let note =
            vendor::WriteToPartnerRequest { request_id: fresh(), case_id, text: said.into(), ..Default::default() };
        scene.desk().write_to_partner(note).await.unwrap();
        let noted = async |translate: bool| {
            let request = partner::GetTicketRequest { ticket_id: id.clone(), translate, ..Default::default() };
            let ticket = scene.tickets().get_ticket(request).await.unwrap().into_inner().ticket.unwrap();
            ticket.notes.into_iter().find(|note| note.author == "vendor")
        };
        let own = partner::AddNoteRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            audience: partner::Audience::Internal.into(),
            text: said.into(),
            ..Default::default()
        };
        scene.tickets().add_note(own).await.unwrap();
        let as_written = until(async || noted(false).await).await;
        assert_eq!((as_written.text.as_str(), as_written.translated), (said, false));
        let shown = noted(true).await.unwrap();
        assert_eq!((shown.text.as_str(), shown.translated), ("Restart web01 at 10.1.2.3.", true));
        assert_eq!(noted(false).await.unwrap(), as_written, "what is kept stays as the vendor wrote it");
        let request = partner::GetTicketRequest { ticket_id: id.clone(), translate: true, ..Default::default() };
        let all = scene.tickets().get_ticket(request.clone()).await.unwrap().into_inner().ticket.unwrap().notes;
        assert!(all.iter().any(|note| note.audience() == partner::Audience::Internal && note.text == said));

        // For agents of the ticket's partner, and for nobody else.
        let mut end_user = TicketServiceClient::new(scene.customer());
        assert_eq!(fields(end_user.get_ticket(request.clone()).await), ["translate"]);
        let mut manager = TicketServiceClient::new(scene.partner_staff(&["partner-manager"]));
        assert_eq!(fields(manager.get_ticket(request).await), ["translate"]);
        let mut end_user = DiagnosticsServiceClient::new(scene.customer());
        let denied = refused(end_user.translate_pseudonyms(translate(&id, said)).await);
        assert_eq!(denied, (Code::PermissionDenied, "ACCESS_DENIED".into()));
        let mut stranger = DiagnosticsServiceClient::new(scene.other_agent());
        assert_eq!(refused(stranger.translate_pseudonyms(translate(&id, said)).await).1, "NOT_FOUND");
        let bad = scene.diagnostics().translate_pseudonyms(translate("tkt_1", "")).await;
        assert_eq!(fields(bad), ["ticket_id", "text"]);
    }

    async fn v07_w23_a_table_goes_with_the_contents_and_none_is_kept_where_they_were_given_up(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let scene = Scene::start_in(&database, clock.world(), clock.world()).await;
        let id = scene.worked_ticket().await.0.ticket_id;
        let (ticket, request) = issued(scene.diagnostics(), issue(&id)).await;
        let bytes = manifest(&ticket.collection_ticket_id, &samples::ARTEFACTS);
        let collected = Collected {
            ticket_id: id.clone(),
            bundle_id: scene.upload(&id, &bytes).await,
            sealed: table(&ticket.collection_ticket_id, &request.recipient.unwrap(), "web01"),
        };
        let late = Collected::at(&scene, &id).await;
        let said = "Restart host-7f3a2c91.";
        let read = async || scene.diagnostics().translate_pseudonyms(translate(&id, said)).await.unwrap().into_inner();
        scene.diagnostics().put_pseudonyms(collected.put()).await.unwrap();
        assert_eq!(read().await.text, "Restart web01.");

        let summary = "It prints.".into();
        let close = partner::CloseTicketRequest { request_id: fresh(), ticket_id: id.clone(), summary };
        scene.tickets().close_ticket(close).await.unwrap();
        let told = async |collected: &Collected| {
            let query = partner::QueryBundleRequest { ticket_id: id.clone(), bundle_id: collected.bundle_id.clone() };
            scene.diagnostics().query_bundle(query).await.unwrap().into_inner().bundle.unwrap()
        };
        for collected in [&collected, &late] {
            until(async || told(collected).await.expire_time).await;
        }
        clock.advance_seconds(31 * 24 * 60 * 60);
        for collected in [&collected, &late] {
            until(async || told(collected).await.content_delete_time).await;
            let refusal = refused(scene.diagnostics().put_pseudonyms(collected.put()).await);
            assert_eq!(refusal, (Code::FailedPrecondition, "BUNDLE_INCOMPLETE".into()));
        }
        assert_eq!(read().await.text, said, "it went with the contents");

        // A ticket that is over takes nothing any more, so that none of it comes back.
        let commit = partner::CommitBundleRequest { ticket_id: id.clone(), manifest: Some(samples::blob(&bytes.0)) };
        let over = (Code::FailedPrecondition, "STATE_CONFLICT".to_owned());
        assert_eq!(refused(scene.diagnostics().commit_bundle(commit).await), over);
        assert_eq!(read().await.text, said, "what was refused was not kept, and what was deleted does not come back");
    }

    async fn v06_the_vendor_gets_the_bundle_and_never_its_table(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, _) = scene.worked_ticket().await;
        let collected = Collected::at(&scene, &ticket.ticket_id).await;
        scene.diagnostics().put_pseudonyms(collected.put()).await.unwrap();
        scene.escalate(&ticket.ticket_id, &collected.bundle_id).await;
        scene.until_state(&ticket.ticket_id, partner::TicketState::Escalated).await;

        let table = Some(samples::blob(&collected.sealed));
        let mut at_vendor = BundleServiceClient::new(scene.north_at_vendor());
        let query = vendor::QueryBlobRequest { blob: table.clone() };
        assert_eq!(at_vendor.query_blob(query).await.unwrap().into_inner().committed_bytes, 0);
        // It is no blob of the partner's either, so that no manifest could name it.
        let query = partner::QueryBlobRequest { ticket_id: ticket.ticket_id.clone(), blob: table };
        assert_eq!(scene.diagnostics().query_blob(query).await.unwrap().into_inner().committed_bytes, 0);
        let part = &collected.sealed[collected.sealed.len() - 64..];
        for ground in [&scene.vendor_ground, &scene.partner_ground] {
            assert!(!holds(&ground.path().join("blobs"), part));
        }
    }
}

#[test]
fn v06_no_message_to_a_vendor_could_carry_a_table() {
    let to_vendors = vouch_contract::services().filter(|service| service.package_name() != "vouch.partner.v1");
    let mut seen = std::collections::BTreeSet::new();
    let mut open: Vec<_> =
        to_vendors.flat_map(|service| service.methods().map(|method| method.input()).collect::<Vec<_>>()).collect();
    while let Some(message) = open.pop() {
        if !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            assert!(!field.name().contains("pseudonym") && !field.name().contains("sealed"), "{}", field.full_name());
            open.extend(field.kind().as_message().cloned());
        }
    }
    assert!(seen.len() > 100 && !seen.contains("vouch.partner.v1.PutPseudonymsRequest"), "{seen:?}");
}

//! Tickets at the front line: who may do what, and what is refused.
//!
//! Proves B03, M01, M07, Q03, S01, V06.

use tonic::Code;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::World;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{ADA, Scene};

fn get(ticket_id: &str) -> partner::GetTicketRequest {
    partner::GetTicketRequest { ticket_id: ticket_id.into(), ..Default::default() }
}

on_both_engines! {
    async fn m01_m07_a_ticket_names_the_impacted_organisation_and_carries_what_is_mandatory(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket = scene.open_ticket().await;
        assert_eq!((ticket.state(), ticket.customer_id.as_str()), (partner::TicketState::Open, scene.customer_id.as_str()));
        assert_eq!(scene.ticket(&ticket.ticket_id).await, ticket);
        let request = partner::OpenTicketRequest {
            problem: Some(partner::Problem { product_id: "atlas".into(), ..Default::default() }),
            channel: 0,
            contact_email: "nobody".into(),
            ..scene.open_request()
        };
        let named = fields(scene.tickets().open_ticket(request).await);
        let expected = [
            "contact_email",
            "problem.category",
            "problem.contact_times",
            "problem.severity",
            "problem.subject",
            "problem.description",
            "channel",
        ];
        assert_eq!(named, expected);
        let mut elsewhere = scene.open_request();
        elsewhere.vendor_id = "nobody".into();
        assert_eq!(fields(scene.tickets().open_ticket(elsewhere).await), ["vendor_id"]);
        let mut other = scene.open_request();
        other.problem.as_mut().unwrap().category = "cooking".into();
        assert_eq!(fields(scene.tickets().open_ticket(other).await), ["problem.category"]);

        let list = |product: &str| partner::ListCategoriesRequest { vendor_id: "acme".into(), product_id: product.into() };
        let categories = scene.tickets().list_categories(list("atlas")).await.unwrap().into_inner().categories;
        assert_eq!(categories[0].category, "printing");
        assert_eq!(refused(scene.tickets().list_categories(list("other")).await).1, "NOT_FOUND");
    }

    async fn v06_each_sees_what_is_written_for_it(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id.clone();
        let note = |audience: partner::Audience, text: &str| partner::AddNoteRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            audience: audience.into(),
            text: text.into(),
            ..Default::default()
        };
        for (audience, text) in [
            (partner::Audience::EndUser, "for eve"),
            (partner::Audience::Vendor, "for grace"),
            (partner::Audience::Internal, "for bob"),
        ] {
            scene.tickets().add_note(note(audience, text)).await.unwrap();
        }
        scene.until_state(&id, partner::TicketState::Escalated).await;
        let at_vendor: Vec<u8> =
            scene.desk_case(&case_id).await.events.iter().flat_map(|event| event.payload.to_vec()).collect();
        let at_vendor = String::from_utf8_lossy(&at_vendor).into_owned();
        assert!(at_vendor.contains("for grace") && !at_vendor.contains("for eve") && !at_vendor.contains("for bob"));

        let mut customer = TicketServiceClient::new(scene.customer());
        let seen = customer.get_ticket(get(&id)).await.unwrap().into_inner().ticket.unwrap();
        let texts: Vec<_> = seen.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(texts, ["for eve"]);
        assert!(seen.escalation.is_none() && seen.work.is_none() && seen.bundle_ids.is_empty());
        assert_eq!(fields(customer.add_note(note(partner::Audience::Vendor, "x")).await), ["audience"]);
        customer.add_note(note(partner::Audience::EndUser, "thanks")).await.unwrap();
        let stranger = scene.partner_ground.end_user_token("mallory", "fabrikam");
        let mut stranger = TicketServiceClient::new(scene.partner_ground.bearer(scene.partner.address, &stranger));
        assert_eq!(refused(stranger.get_ticket(get(&id)).await), (Code::NotFound, "NOT_FOUND".into()));
        let listed = stranger.list_tickets(partner::ListTicketsRequest::default()).await.unwrap().into_inner();
        assert!(listed.tickets.is_empty());
    }

    async fn another_partner_organisation_of_the_same_deployment_sees_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket = scene.open_ticket().await;
        let mut other = TicketServiceClient::new(scene.other_agent());
        assert_eq!(refused(other.get_ticket(get(&ticket.ticket_id)).await).1, "NOT_FOUND");
        let listed = other.list_tickets(partner::ListTicketsRequest::default()).await.unwrap().into_inner();
        assert!(listed.tickets.is_empty());
        assert_eq!(fields(other.open_ticket(scene.open_request()).await), ["customer_id"]);
        let page = Some(PageRequest { page_size: 500, page_token: String::new() });
        let bad = partner::ListTicketsRequest { page };
        assert_eq!(fields(other.list_tickets(bad).await), ["page.page_size"]);
        let mut own = scene.tickets().list_tickets(partner::ListTicketsRequest::default()).await.unwrap().into_inner();
        assert_eq!(own.tickets.pop().unwrap().ticket_id, ticket.ticket_id);
        let blobs = partner::FindMissingBlobsRequest { ticket_id: ticket.ticket_id, blobs: vec![] };
        let mut diagnostics = DiagnosticsServiceClient::new(scene.other_agent());
        assert_eq!(refused(diagnostics.find_missing_blobs(blobs).await).1, "NOT_FOUND");
    }

    async fn s01_only_a_named_contact_is_escalated_for_and_one_may_adopt_anothers_ticket(database: Database) {
        let scene = Scene::start(&database).await;
        let request = partner::OpenTicketRequest { contact_email: "admin@contoso.example".into(), ..scene.open_request() };
        let id = scene.tickets().open_ticket(request).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        let verify = || partner::VerifyEntitlementRequest { request_id: fresh(), ticket_id: id.clone() };
        let told = scene.tickets().verify_entitlement(verify()).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(told.state(), partner::TicketState::Open);
        let found = told.entitlement.unwrap().findings;
        assert_eq!(found[0].reason(), common::Reason::ContactNotNamed);
        assert!(!found[0].message.contains(ADA) && !found[0].remedy.contains("ada"), "nobody is named");
        let remedy = found[0].remedy.as_str();
        assert!(remedy.contains("account") && remedy.contains("name"), "the two ways on: {remedy}");
        let [step, _] = samples::records();
        let record = partner::RecordTroubleshootingRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            record: Some(step),
        };
        let early = refused(scene.tickets().record_troubleshooting(record).await);
        assert_eq!(early, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "not before it is verified");

        let adopt = |email: &str| partner::AdoptTicketRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            liaison_email: email.into(),
        };
        assert_eq!(fields(scene.tickets().adopt_ticket(adopt("ada")).await), ["liaison_email"]);
        let mut eve = TicketServiceClient::new(scene.customer());
        assert_eq!(fields(eve.adopt_ticket(adopt(ADA)).await), ["liaison_email"], "nobody adopts as somebody else");
        let as_ada = partner::OpenTicketRequest { contact_email: ADA.into(), ..scene.open_request() };
        assert_eq!(fields(eve.open_ticket(as_ada).await), ["contact_email"]);
        let own = partner::OpenTicketRequest { contact_email: String::new(), ..scene.open_request() };
        let own = eve.open_ticket(own).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(own.contact_email, "eve@contoso.example", "that of her token");
        let token = scene.partner_ground.end_user_token("ada", "contoso");
        let mut ada = TicketServiceClient::new(scene.partner_ground.bearer(scene.partner.address, &token));
        ada.adopt_ticket(adopt(ADA)).await.unwrap();
        let verified = scene.tickets().verify_entitlement(verify()).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!((verified.state(), verified.liaison_email.as_str()), (partner::TicketState::Verified, ADA));
        let bad = partner::VerifyEntitlementRequest::default();
        assert_eq!(fields(scene.tickets().verify_entitlement(bad).await), ["request_id", "ticket_id"]);
    }

    async fn nothing_is_escalated_before_it_is_verified_worked_on_and_has_diagnostics(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket = scene.open_ticket().await;
        let bundle_id = scene.upload(&ticket.ticket_id, &samples::manifest(&samples::ARTEFACTS)).await;
        let escalate = |bundle_id: &str| partner::EscalateTicketRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            bundle_id: bundle_id.into(),
        };
        let early = refused(scene.tickets().escalate_ticket(escalate(&bundle_id)).await);
        assert_eq!(early, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let unknown = World::system().id::<vouch_core::id::BundleTag>().to_string();
        assert_eq!(fields(scene.tickets().escalate_ticket(escalate(&unknown)).await), ["bundle_id"]);
        let mut customer = TicketServiceClient::new(scene.customer());
        let denied = refused(customer.escalate_ticket(escalate(&bundle_id)).await);
        assert_eq!(denied, (Code::PermissionDenied, "ACCESS_DENIED".into()), "a customer escalates nothing itself");

        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            text: "x".into(),
            bundle_id: String::new(),
        };
        assert_eq!(refused(scene.tickets().answer_vendor(answer).await).1, "STATE_CONFLICT");
        let word = partner::ConfirmSolutionRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            works: false,
            remarks: String::new(),
        };
        assert_eq!(fields(scene.tickets().confirm_solution(word.clone()).await), ["remarks"]);
        let ready = partner::MarkTicketReadyToCloseRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            told_at: None,
        };
        assert_eq!(refused(scene.tickets().mark_ticket_ready_to_close(ready).await).1, "STATE_CONFLICT");
        let withdraw = partner::WithdrawTicketEscalationRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            reason: "x".into(),
        };
        assert_eq!(refused(scene.tickets().withdraw_ticket_escalation(withdraw).await).1, "STATE_CONFLICT");
        let search = partner::SearchKnowledgeRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            query: String::new(),
        };
        assert_eq!(fields(scene.tickets().search_knowledge(search).await), ["query"]);
    }

    async fn q03_a_changed_statement_is_to_be_confirmed_again(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket = scene.open_ticket().await;
        let confirm = |etag: &str| partner::ConfirmStatementRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            etag: etag.into(),
        };
        let stale = refused(scene.tickets().confirm_statement(confirm("v99")).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
        let mut customer = TicketServiceClient::new(scene.customer());
        let confirmed = customer.confirm_statement(confirm(&ticket.etag)).await.unwrap().into_inner().ticket.unwrap();
        assert!(confirmed.problem.as_ref().unwrap().confirmed_at.is_some());
        let mut problem = samples::problem();
        problem.description = "It is worse.".into();
        let update = partner::UpdateProblemRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            etag: confirmed.etag.clone(),
            problem: Some(problem.clone()),
        };
        let changed = scene.tickets().update_problem(update.clone()).await.unwrap().into_inner().ticket.unwrap();
        assert!(changed.problem.unwrap().confirmed_at.is_none());
        let stale = partner::UpdateProblemRequest { request_id: fresh(), ..update };
        assert_eq!(refused(scene.tickets().update_problem(stale).await).1, "ETAG_MISMATCH");
    }

    async fn b03_a_corrupted_blob_and_an_incomplete_bundle_are_refused_at_the_partner(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket_id = scene.open_ticket().await.ticket_id;
        let (manifest, blobs) = samples::manifest(&samples::ARTEFACTS);
        let write = |content: &[u8], named: &[u8]| partner::WriteBlobRequest {
            ticket_id: ticket_id.clone(),
            blob: Some(samples::blob(named)),
            offset_bytes: 0,
            part: content.to_vec().into(),
        };
        let corrupted = scene.diagnostics().write_blob(tokio_stream::iter([write(b"xy\n", &blobs[0])])).await;
        assert_eq!(refused(corrupted).1, "DIGEST_MISMATCH");
        let query = partner::QueryBlobRequest { ticket_id: ticket_id.clone(), blob: Some(samples::blob(&blobs[0])) };
        assert_eq!(scene.diagnostics().query_blob(query).await.unwrap().into_inner().committed_bytes, 0);
        scene.diagnostics().write_blob(tokio_stream::iter([write(&manifest, &manifest)])).await.unwrap();
        let commit = partner::CommitBundleRequest {
            ticket_id: ticket_id.clone(),
            manifest: Some(samples::blob(&manifest)),
        };
        assert_eq!(refused(scene.diagnostics().commit_bundle(commit).await).1, "BUNDLE_INCOMPLETE");
        let find = partner::FindMissingBlobsRequest {
            ticket_id: ticket_id.clone(),
            blobs: blobs.iter().map(|content| samples::blob(content)).collect(),
        };
        let missing = scene.diagnostics().find_missing_blobs(find).await.unwrap().into_inner().missing;
        assert_eq!(missing.len(), 2);
        let bad = partner::QueryBlobRequest { ticket_id: "tkt".into(), blob: Some(vendor::BlobRef::default()) };
        let named = fields(scene.diagnostics().query_blob(bad).await);
        assert_eq!(named, ["ticket_id", "blob.sha256", "blob.size_bytes"]);
    }
}

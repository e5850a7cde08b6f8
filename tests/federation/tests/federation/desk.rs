//! The vendor's own side: what it publishes, what its engineers see, what nobody else does, and what a customer is told.
//!
//! Proves B04, V06.

use tonic::Code;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::admission_policy_service_client::AdmissionPolicyServiceClient;
use vouch_contract::pb::vendor::v1::calendar_service_client::CalendarServiceClient;
use vouch_contract::pb::vendor::v1::escalation_service_client::EscalationServiceClient;
use vouch_core::World;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{Scene, until};

on_both_engines! {
    async fn policies_and_covers_are_published_in_versions_and_read_by_partners(database: Database) {
        let scene = Scene::start(&database).await;
        let mut policies = AdmissionPolicyServiceClient::new(scene.vendor_staff(&["policy-manager"]));
        let mut next = samples::policy();
        next.policy.as_mut().unwrap().english_required_when_urgent = true;
        policies.publish_admission_policy(next).await.unwrap();
        let get = vendor::GetAdmissionPolicyRequest { product_id: "atlas".into() };
        let read = scene.gate().get_admission_policy(get).await.unwrap().into_inner().policy.unwrap();
        assert_eq!((read.version, read.english_required_when_urgent), (2, true));
        let get = vendor::GetAdmissionPolicyRequest { product_id: "other".into() };
        assert_eq!(refused(scene.gate().get_admission_policy(get).await).1, "NOT_FOUND");
        let mut bad = samples::policy();
        let policy = bad.policy.as_mut().unwrap();
        policy.requirement_sets[0].artefacts.clear();
        policy.requirement_sets[0].information.push("no.such.field".into());
        policy.redaction_policies.clear();
        let named = fields(policies.publish_admission_policy(bad).await);
        let expected = [
            "policy.requirement_sets[0].artefacts",
            "policy.requirement_sets[0].information",
            "policy.redaction_policies",
        ];
        assert_eq!(named, expected);

        let mut calendars = CalendarServiceClient::new(scene.vendor_staff(&["policy-manager"]));
        let mut bad = samples::coverage();
        let coverage = bad.coverage.as_mut().unwrap();
        coverage.zone = "MT".into();
        coverage.holidays = vec!["2026-13-01".into()];
        let named = fields(calendars.publish_coverage(bad).await);
        assert_eq!(named, ["coverage.zone", "coverage.holidays[0]"]);
        calendars.publish_coverage(samples::coverage()).await.unwrap();
        let mut partners = CalendarServiceClient::new(scene.north_at_vendor());
        let get = |code: &str| vendor::GetCoverageRequest { coverage: code.into() };
        let read = partners.get_coverage(get("around-the-clock")).await.unwrap().into_inner().coverage.unwrap();
        assert_eq!(read.version, 2);
        assert_eq!(refused(partners.get_coverage(get("never")).await).1, "NOT_FOUND");
    }

    async fn v06_a_note_of_the_vendors_own_is_in_no_history_and_at_no_partner(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let secret = "between us: their admin is new";
        let note = vendor::AddInternalNoteRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            text: secret.into(),
        };
        scene.desk().add_internal_note(note).await.unwrap();
        let bad = vendor::AddInternalNoteRequest::default();
        assert_eq!(fields(scene.desk().add_internal_note(bad).await), ["request_id", "case_id", "text"]);
        let write = vendor::WriteToPartnerRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            text: "We are on it.".into(),
            ..Default::default()
        };
        scene.desk().write_to_partner(write.clone()).await.unwrap();
        let empty = vendor::WriteToPartnerRequest { request_id: fresh(), text: String::new(), ..write };
        assert_eq!(fields(scene.desk().write_to_partner(empty).await), ["text"]);
        let seen = until(async || {
            let ticket = scene.ticket(&ticket.ticket_id).await;
            ticket.notes.iter().any(|note| note.text == "We are on it.").then_some(ticket)
        })
        .await;
        assert!(!format!("{seen:?}").contains(secret));
        let desk = scene.desk_case(&case_id).await;
        assert_eq!(desk.internal_notes[0].text, secret);
        let shared = desk.events.iter().flat_map(|event| event.payload.to_vec()).collect::<Vec<u8>>();
        assert!(!String::from_utf8_lossy(&shared).contains("between us"));
    }

    async fn engineers_see_every_case_and_bad_requests_name_their_fields(database: Database) {
        let scene = Scene::start(&database).await;
        let unknown = World::system().id::<vouch_core::id::CaseTag>().to_string();
        let get = vendor::GetDeskCaseRequest { case_id: unknown, ..Default::default() };
        assert_eq!(refused(scene.desk().get_desk_case(get).await).1, "NOT_FOUND");
        let page = Some(PageRequest { page_size: -1, page_token: String::new() });
        let list = vendor::ListDeskCasesRequest { page };
        assert_eq!(fields(scene.desk().list_desk_cases(list).await), ["page.page_size"]);
        let bad = vendor::ProvideSolutionRequest { request_id: fresh(), ..Default::default() };
        assert_eq!(fields(scene.desk().provide_solution(bad).await), ["case_id", "solution"]);
        let bad = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: "case_1".into(),
            request: Some(vendor::InformationRequested::default()),
        };
        assert_eq!(fields(scene.desk().request_information(bad).await), ["case_id", "request.questions"]);
        let bad = vendor::CloseCaseRequest { request_id: fresh(), case_id: "x".into(), summary: "a\u{0}".into() };
        assert_eq!(fields(scene.desk().close_case(bad).await), ["case_id", "summary"]);
        let bad = vendor::GetEscalationRequest { escalation_id: "esc".into() };
        assert_eq!(fields(scene.gate().get_escalation(bad).await), ["escalation_id"]);
        let bad = vendor::EscalateCaseRequest { request_id: fresh(), bundle_id: "b".into(), ..Default::default() };
        assert_eq!(fields(scene.gate().escalate_case(bad).await), ["escalation", "bundle_id"]);
    }

    async fn b04_a_customer_who_asks_the_vendor_for_a_case_is_told_its_partner(database: Database) {
        let scene = Scene::start(&database).await;
        let ask = async |organisation: &str| {
            let token = scene.vendor_ground.end_user_token("eve", organisation);
            let channel = scene.vendor_ground.bearer(scene.vendor.address, &token);
            let mut gate = EscalationServiceClient::new(channel);
            gate.escalate_case(vendor::EscalateCaseRequest::default()).await.unwrap_err()
        };
        let told = ask("contoso").await;
        assert_eq!(told.code(), Code::PermissionDenied);
        assert_eq!(vouch_contract::status::reason_of(&told), "CUSTOMER_MUST_USE_PARTNER");
        assert!(told.message().contains("north Systems") && told.message().contains("help@north.example"), "{told:?}");
        let general = ask("nobody-known").await;
        assert!(!general.message().contains("north"), "{general:?}");
        assert_eq!(vouch_contract::status::reason_of(&general), "CUSTOMER_MUST_USE_PARTNER");
    }
}

//! A case goes on under the cover with which it was accepted.
//!
//! Proves V09.

use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_host::testing::fresh;
use vouch_storage::on_both_engines;

use crate::gate::{Ready, reasons};
use crate::revocation::until_revoked;
use crate::samples;
use crate::scene::{Scene, until};

impl Scene {
    async fn suspend_agreement(&self) {
        let mut agreements = AgreementServiceClient::new(self.license_staff());
        let list = license::ListAgreementsRequest { end_user_id: "contoso".into(), page: None };
        let found = agreements.list_agreements(list).await.unwrap().into_inner().agreements.remove(0);
        let suspend = license::SetAgreementStateRequest {
            request_id: fresh(),
            agreement_id: found.agreement_id,
            etag: found.etag,
            state: license::AgreementState::Suspended.into(),
            note: "not paid".into(),
        };
        agreements.set_agreement_state(suspend).await.unwrap();
    }

    async fn until_case_state(&self, case_id: &str, state: vendor::CaseState) {
        until(async || (self.desk_case(case_id).await.case.unwrap().state() == state).then_some(())).await;
    }
}

on_both_engines! {
    async fn v09_a_case_is_solved_and_closed_though_licence_and_agreement_ended_under_it(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id;
        let ready = Ready::make(&scene).await;
        let accepted = scene.desk_case(&case_id).await.case.unwrap();

        // At night, both end, and the vendor hears of it.
        scene.set_license_state(license::LicenseState::Revoked).await;
        scene.suspend_agreement().await;
        until_revoked(&scene, &ready).await;
        assert_eq!(reasons(scene.gate().escalate_case(ready.request()).await), ["PROOF_REVOKED"]);
        let next = scene.verified_ticket().await;
        assert_eq!(next.state(), partner::TicketState::Open);
        let found = next.entitlement.unwrap().findings;
        assert!(found.iter().any(|finding| finding.reason() == common::Reason::Revoked), "{found:?}");

        // In the morning both sides work on: they ask and answer with further diagnostics, solve, confirm and close.
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        let request = vendor::InformationRequested { questions: vec!["Which driver?".into()], ..Default::default() };
        let ask = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            request: Some(request),
        };
        scene.desk().request_information(ask).await.unwrap();
        until(async || scene.ticket(&id).await.escalation.unwrap().case_state().eq(&vendor::CaseState::AwaitingPartner).then_some(())).await;
        let bundle_id = scene.upload(&id, &samples::manifest(&["packages", "os"])).await;
        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            text: "The one of 2026.".into(),
            bundle_id,
        };
        scene.tickets().answer_vendor(answer).await.unwrap();
        scene.until_case_state(&case_id, vendor::CaseState::InProgress).await;
        let solution = vendor::SolutionProvided { text: "Install the new driver.".into(), ..Default::default() };
        let solve = vendor::ProvideSolutionRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            solution: Some(solution),
        };
        scene.desk().provide_solution(solve).await.unwrap();
        scene.until_state(&id, partner::TicketState::SolutionProposed).await;
        let confirm = partner::ConfirmSolutionRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            works: true,
            remarks: String::new(),
        };
        scene.tickets().confirm_solution(confirm).await.unwrap();
        let mark = partner::MarkTicketReadyToCloseRequest { request_id: fresh(), ticket_id: id.clone(), told_at: None };
        scene.tickets().mark_ticket_ready_to_close(mark).await.unwrap();
        scene.until_case_state(&case_id, vendor::CaseState::ReadyToClose).await;
        let summary = "It prints.".into();
        let close = vendor::CloseCaseRequest { request_id: fresh(), case_id: case_id.clone(), summary };
        scene.desk().close_case(close).await.unwrap();
        scene.until_state(&id, partner::TicketState::Closed).await;

        let closed = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!((closed.cover, closed.severity), (accepted.cover, accepted.severity));
        let due = |promised: &[vendor::PromisedTime]| promised.iter().map(|time| time.due_at).collect::<Vec<_>>();
        assert_eq!(due(&closed.promised), due(&accepted.promised), "what was promised stays promised");
        // The pack had three: one is spent, and what another case and the refused escalation set aside is as it was.
        scene.until_account((0, 2, 1)).await;
    }
}

//! The first escalation, end to end, through three services.
//!
//! Proves B01, B05, H04, Q07, Q10, V03, W04, W06.

use prost::Message;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::key_set_service_client::KeySetServiceClient;
use vouch_host::testing::fresh;
use vouch_proof::{AdmissionReceipt, KeySet};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{Scene, until};

on_both_engines! {
    async fn b01_b05_q07_q10_a_ticket_becomes_a_case_and_is_solved_confirmed_and_closed(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id.clone();
        let escalation = ticket.escalation.clone().unwrap();
        assert_eq!(escalation.status(), vendor::EscalationStatus::Accepted);
        assert!(escalation.decision.unwrap().accepted);

        // The engineer takes it, asks, and is answered.
        let listed = scene.desk().list_desk_cases(vendor::ListDeskCasesRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.cases[0].case_id, case_id);
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        let claimed = scene.desk().claim_case(claim).await.unwrap().into_inner().case.unwrap();
        assert_eq!((claimed.state(), claimed.engineer.as_str()), (vendor::CaseState::InProgress, "https://staff.vendor.example#grace"));
        let ask = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            request: Some(vendor::InformationRequested {
                questions: vec!["Which driver?".into()],
                collectors: vec!["packages".into()],
                ..Default::default()
            }),
        };
        scene.desk().request_information(ask).await.unwrap();
        let asked = until(async || {
            let ticket = scene.ticket(&id).await;
            ticket.notes.iter().any(|note| note.text.contains("Which driver?")).then_some(ticket)
        })
        .await;
        assert_eq!(asked.escalation.unwrap().case_state(), vendor::CaseState::AwaitingPartner);
        let more = scene.upload(&id, &samples::manifest(&["packages", "os"])).await;
        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            text: "The one of 2026.".into(),
            bundle_id: more,
        };
        let answered = scene.tickets().answer_vendor(answer).await.unwrap().into_inner().ticket.unwrap();
        assert!(answered.notes.iter().any(|note| note.pending), "it shows as pending until the vendor has it");
        until(async || {
            let case = scene.desk_case(&case_id).await.case.unwrap();
            (case.state() == vendor::CaseState::InProgress).then_some(())
        })
        .await;

        // A solution that does not work, and one that does.
        for (text, works) in [("Restart it.", false), ("Install the new driver.", true)] {
            let solve = vendor::ProvideSolutionRequest {
                request_id: fresh(),
                case_id: case_id.clone(),
                solution: Some(vendor::SolutionProvided { text: text.into(), ..Default::default() }),
            };
            scene.desk().provide_solution(solve).await.unwrap();
            scene.until_state(&id, partner::TicketState::SolutionProposed).await;
            let remarks = if works { String::new() } else { "Still nothing.".into() };
            let word =
                partner::ConfirmSolutionRequest { request_id: fresh(), ticket_id: id.clone(), works, remarks };
            scene.tickets().confirm_solution(word).await.unwrap();
            if !works {
                until(async || {
                    let case = scene.desk_case(&case_id).await.case.unwrap();
                    (case.state() == vendor::CaseState::InProgress).then_some(())
                })
                .await;
            }
        }
        let early = vendor::CloseCaseRequest { request_id: fresh(), case_id: case_id.clone(), summary: "ok".into() };
        let refused = vouch_host::testing::refused(scene.desk().close_case(early.clone()).await);
        assert_eq!(refused.1, "STATE_CONFLICT", "not before the end user was told");
        let ready =
            partner::MarkTicketReadyToCloseRequest { request_id: fresh(), ticket_id: id.clone(), told_at: None };
        let marked = scene.tickets().mark_ticket_ready_to_close(ready).await.unwrap().into_inner().ticket.unwrap();
        assert!(marked.notes.iter().any(|note| note.audience() == partner::Audience::EndUser), "the end user is told");
        until(async || {
            let case = scene.desk_case(&case_id).await.case.unwrap();
            (case.state() == vendor::CaseState::ReadyToClose).then_some(())
        })
        .await;
        scene.desk().close_case(early).await.unwrap();
        let closed = scene.until_state(&id, partner::TicketState::Closed).await;

        // Both sides hold the same history, to the last hash.
        let history = scene.desk_case(&case_id).await.events;
        let (last, held) = (history.last().unwrap(), closed.escalation.unwrap());
        assert_eq!((held.last_sequence, held.last_hash), (last.sequence, last.hash.clone()));
        let kinds: Vec<_> = history.iter().map(|event| event.type_name.rsplit('.').next().unwrap()).collect();
        let expected = [
            "CaseAccepted",
            "CaseClaimed",
            "InformationRequested",
            "InformationProvided",
            "SolutionProvided",
            "SolutionDeclined",
            "SolutionProvided",
            "MarkedReadyToClose",
            "CaseClosed",
        ];
        assert_eq!(kinds, expected);
    }

    async fn h04_the_incident_is_captured_when_a_technician_responds(database: Database) {
        let scene = Scene::start(&database).await;
        let account = async || {
            let request = license::GetIncidentAccountRequest { end_user_id: "contoso".into() };
            let account = scene.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
            (account.available, account.reserved, account.captured)
        };
        let (_, case_id) = scene.escalated().await;
        assert_eq!(account().await, (2, 1, 0), "set aside with the proof");
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        let note =
            vendor::WriteToPartnerRequest { request_id: fresh(), case_id, text: "On it.".into(), ..Default::default() };
        scene.desk().write_to_partner(note).await.unwrap();
        until(async || (account().await == (2, 0, 1)).then_some(())).await;
    }

    async fn w06_a_withdrawn_escalation_gives_the_incident_back_and_the_ticket_to_the_front_line(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let first = ticket.escalation.unwrap().escalation_id;
        let withdraw = partner::WithdrawTicketEscalationRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            reason: "solved here".into(),
        };
        scene.tickets().withdraw_ticket_escalation(withdraw).await.unwrap();
        let back = scene.until_state(&ticket.ticket_id, partner::TicketState::Troubleshooting).await;
        assert_eq!(back.escalation.unwrap().status(), vendor::EscalationStatus::Withdrawn);
        let twice = partner::WithdrawTicketEscalationRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            reason: "once more".into(),
        };
        let refused = vouch_host::testing::refused(scene.tickets().withdraw_ticket_escalation(twice).await);
        assert_eq!(refused.1, "STATE_CONFLICT", "there is nothing to take back");
        assert_eq!(scene.desk_case(&case_id).await.case.unwrap().state(), vendor::CaseState::Withdrawn);
        until(async || {
            let request = license::GetIncidentAccountRequest { end_user_id: "contoso".into() };
            let account = scene.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
            (account.available == 3).then_some(())
        })
        .await;
        // Escalated again, it is another escalation and another case.
        let bundle_id = scene.ticket(&ticket.ticket_id).await.bundle_ids[0].clone();
        scene.escalate(&ticket.ticket_id, &bundle_id).await;
        let again = scene.until_state(&ticket.ticket_id, partner::TicketState::Escalated).await.escalation.unwrap();
        assert_ne!((again.escalation_id, again.case_id), (first, case_id));
    }

    async fn q07_a_refusal_comes_back_with_every_reason_and_the_same_escalation_goes_again(database: Database) {
        let scene = Scene::start(&database).await;
        let ticket = scene.open_ticket().await;
        let id = ticket.ticket_id.clone();
        let verify = partner::VerifyEntitlementRequest { request_id: fresh(), ticket_id: id.clone() };
        scene.tickets().verify_entitlement(verify).await.unwrap();
        let [step, replication] = samples::records();
        let record = |record| partner::RecordTroubleshootingRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            record: Some(record),
        };
        scene.tickets().record_troubleshooting(record(step)).await.unwrap();
        let thin = scene.upload(&id, &samples::manifest(&["os"])).await;
        scene.escalate(&id, &thin).await;
        let refused = scene.until_state(&id, partner::TicketState::Troubleshooting).await.escalation.unwrap();
        assert_eq!(refused.status(), vendor::EscalationStatus::Refused);
        let found = refused.decision.unwrap().findings;
        let mut subjects: Vec<_> = found.iter().map(|finding| finding.subject.as_str()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["logs", "replication", "searches", "statement_confirmed_at"]);

        scene.tickets().record_troubleshooting(record(replication)).await.unwrap();
        let search =
            partner::SearchKnowledgeRequest { request_id: fresh(), ticket_id: id.clone(), query: "spool".into() };
        scene.tickets().search_knowledge(search).await.unwrap();
        let etag = scene.ticket(&id).await.etag;
        let confirm = partner::ConfirmStatementRequest { request_id: fresh(), ticket_id: id.clone(), etag };
        scene.tickets().confirm_statement(confirm).await.unwrap();
        let whole = scene.upload(&id, &samples::manifest(&samples::ARTEFACTS)).await;
        scene.escalate(&id, &whole).await;
        let accepted = scene.until_state(&id, partner::TicketState::Escalated).await.escalation.unwrap();
        assert_eq!(accepted.escalation_id, refused.escalation_id, "one escalation, however often it is tried");
    }

    async fn q07_a_case_closed_as_duties_not_done_goes_on_under_its_number(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let number = ticket.escalation.unwrap().case_number;
        let close = vendor::CloseDutiesNotDoneRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            missing: vec!["The published steps were not tried.".into()],
        };
        scene.desk().close_duties_not_done(close).await.unwrap();
        let back = scene.until_state(&ticket.ticket_id, partner::TicketState::Troubleshooting).await;
        assert!(back.notes.iter().any(|note| note.text.contains("published steps")), "the list comes with it");
        let [step, _] = samples::records();
        let record = partner::RecordTroubleshootingRequest {
            request_id: fresh(),
            ticket_id: ticket.ticket_id.clone(),
            record: Some(step),
        };
        scene.tickets().record_troubleshooting(record).await.unwrap();
        scene.escalate(&ticket.ticket_id, &back.bundle_ids[0]).await;
        let again = scene.until_state(&ticket.ticket_id, partner::TicketState::Escalated).await.escalation.unwrap();
        assert_eq!((again.case_id, again.case_number), (case_id, number));
    }

    async fn v03_the_receipt_names_case_proof_bundle_and_promise_and_is_verified_offline(database: Database) {
        let scene = Scene::start(&database).await;
        scene.until_followed().await;
        let (ticket, case_id) = scene.escalated().await;
        let view = ticket.escalation.unwrap();
        let mut anyone = KeySetServiceClient::new(scene.vendor_ground.anonymous(scene.vendor.address));
        let keys = anyone.get_key_set(vendor::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap();
        let receipt = AdmissionReceipt::verify(&view.receipt, &KeySet::from_jwks(&keys.jwks).unwrap()).unwrap();
        let case = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!((receipt.case, receipt.number, receipt.aud.as_str()), (case_id, view.case_number, "north"));
        assert_eq!((receipt.revocation.as_str(), receipt.severity.as_str()), ("checked", "2"));
        let promised = &case.promised[0];
        assert_eq!(receipt.promised[0].due, promised.due_at.unwrap().seconds);
        assert_eq!(promised.due_at.unwrap().seconds - case.accept_time.unwrap().seconds, 2 * 3600);
        let decision = view.decision.unwrap().encode_to_vec();
        assert_eq!(receipt.decision, vouch_diagnostics::Digest::of(&decision).to_string());
        assert!(AdmissionReceipt::verify(&view.receipt.replace('A', "B"), &KeySet::from_jwks(&keys.jwks).unwrap()).is_err());
    }

    async fn w04_both_companies_numbers_are_on_both_records(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let case = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!(case.ticket_number, ticket.number);
        assert_eq!(ticket.escalation.unwrap().case_number, case.number);
        // Said over the phone, each finds its record; one misheard digit finds none.
        let said = |number: &str| number.replace('-', " ");
        let by_number = vendor::GetDeskCaseRequest { number: said(&case.number), ..Default::default() };
        let found = scene.desk().get_desk_case(by_number).await.unwrap().into_inner().case.unwrap();
        assert_eq!(found.case_id, case_id);
        let by_number = partner::GetTicketRequest { number: said(&ticket.number), ..Default::default() };
        let found = scene.tickets().get_ticket(by_number.clone()).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(found.ticket_id, ticket.ticket_id);
        let other = TicketServiceClient::new(scene.other_agent()).get_ticket(by_number).await;
        assert_eq!(vouch_host::testing::refused(other).1, "NOT_FOUND", "another partner's number finds nothing");
        let misheard = |number: &str| {
            let last = if number.ends_with('1') { '2' } else { '1' };
            format!("{}{last}", &number[..number.len() - 1])
        };
        let wrong = vendor::GetDeskCaseRequest { number: misheard(&case.number), ..Default::default() };
        assert_eq!(vouch_host::testing::fields(scene.desk().get_desk_case(wrong).await), ["number"]);
        let wrong = partner::GetTicketRequest { number: misheard(&ticket.number), ..Default::default() };
        assert_eq!(vouch_host::testing::fields(scene.tickets().get_ticket(wrong).await), ["number"]);
    }
}

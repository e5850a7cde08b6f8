//! The gate itself, called past the partner service: what it refuses, and what a partner sees of cases.
//!
//! Proves B02, B03, Q07, V02, V04, W06.

use tonic::Code;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::record_troubleshooting_request::Record;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::admission_policy_service_client::AdmissionPolicyServiceClient;
use vouch_contract::pb::vendor::v1::escalation_service_client::EscalationServiceClient;
use vouch_contract::status::findings;
use vouch_core::World;
use vouch_core::id::EscalationTag;
use vouch_core::testing::ManualClock;
use vouch_diagnostics::Digest;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{ADA, Scene, until};

/// An escalation that was proven and whose bundle is at the vendor.
pub(crate) struct Ready {
    pub(crate) escalation: vendor::Escalation,
    bundle_id: String,
    pub(crate) root: Digest,
    pub(crate) proof: String,
}

impl Ready {
    pub(crate) async fn make(scene: &Scene) -> Self {
        // Its bundle goes the way of every bundle: through the partner service, which signs it.
        let (ticket, bundle_id) = scene.worked_ticket().await;
        let (_, case_bundle, root) = bundle_at_vendor(scene, &ticket.ticket_id, &bundle_id).await;
        let escalation = escalation();
        let proof = prove(scene, &escalation, root).await;
        Self { escalation, bundle_id: case_bundle, root, proof }
    }

    pub(crate) fn request(&self) -> vendor::EscalateCaseRequest {
        vendor::EscalateCaseRequest {
            request_id: fresh(),
            escalation: Some(self.escalation.clone()),
            bundle_id: self.bundle_id.clone(),
            proof: self.proof.clone(),
        }
    }
}

/// Escalates a ticket, so that its bundle is at the vendor; returns the case, the vendor's bundle and its root.
async fn bundle_at_vendor(scene: &Scene, ticket_id: &str, bundle_id: &str) -> (String, String, Digest) {
    scene.escalate(ticket_id, bundle_id).await;
    let ticket = scene.until_state(ticket_id, partner::TicketState::Escalated).await;
    let case_id = ticket.escalation.unwrap().case_id;
    let case = scene.desk_case(&case_id).await.case.unwrap();
    let receipt = case.receipt.split('.').nth(1).unwrap().to_owned();
    let claims = data_encoding::BASE64URL_NOPAD.decode(receipt.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    (case_id, case.bundle_id, Digest::parse(claims["bundle"].as_str().unwrap()).unwrap())
}

fn escalation() -> vendor::Escalation {
    let problem = samples::problem();
    let now = Some(timestamp(World::system().now()));
    let mut steps = Vec::new();
    let mut replication = None;
    for record in samples::records() {
        match record {
            Record::Step(step) => steps.push(step),
            Record::Replication(one) => replication = Some(one),
        }
    }
    vendor::Escalation {
        escalation_id: World::system().id::<EscalationTag>().to_string(),
        ticket_number: "10-428".into(),
        created_at: now,
        product_id: problem.product_id,
        version: problem.version,
        category: problem.category,
        severity: problem.severity,
        impact: problem.impact,
        subject: problem.subject,
        description: problem.description,
        language: problem.language,
        environment: problem.environment,
        origin: problem.origin,
        searches: vec![vendor::KnowledgeSearch { query: "spool".into(), searched_at: now, article_ids: vec![] }],
        steps,
        replication,
        statement_confirmed_at: now,
        contact_times: problem.contact_times,
        ..Default::default()
    }
}

pub(crate) async fn prove(scene: &Scene, escalation: &vendor::Escalation, root: Digest) -> String {
    let reference = license::license_ref::Ref::LicenseKey(scene.license_key.clone());
    let question = license::EntitlementQuestion {
        license: Some(license::LicenseRef { r#ref: Some(reference) }),
        product_id: escalation.product_id.clone(),
        version: escalation.version.clone(),
        severity: escalation.severity,
        channel: vouch_contract::pb::common::v1::Channel::Portal.into(),
        contact_email: ADA.into(),
        ..Default::default()
    };
    let request = license::IssueEntitlementProofRequest {
        question: Some(question),
        escalation_id: escalation.escalation_id.clone(),
        bundle_root: root.0.to_vec().into(),
        audience: "vendor.vouch".into(),
        ..Default::default()
    };
    scene.entitlement().issue_entitlement_proof(request).await.unwrap().into_inner().proof
}

/// The reasons of a refusal at the gate.
pub(crate) fn reasons<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> Vec<String> {
    let status = answer.unwrap_err();
    assert_eq!(vouch_contract::status::reason_of(&status), "ADMISSION_REFUSED", "{status:?}");
    let found = findings(&status).unwrap().findings;
    found.iter().map(|finding| finding.reason().as_str_name().trim_start_matches("REASON_").to_owned()).collect()
}

on_both_engines! {
    async fn b02_no_proof_another_ones_a_tampered_and_a_used_one_open_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        let without = vendor::EscalateCaseRequest { proof: String::new(), ..ready.request() };
        assert_eq!(reasons(scene.gate().escalate_case(without).await), ["PROOF_MISSING"]);
        let mut tampered: Vec<char> = ready.proof.chars().collect();
        let middle = tampered.len() / 2;
        tampered[middle] = if tampered[middle] == 'A' { 'B' } else { 'A' };
        let tampered = vendor::EscalateCaseRequest { proof: tampered.into_iter().collect(), ..ready.request() };
        assert_eq!(reasons(scene.gate().escalate_case(tampered).await), ["PROOF_INVALID"]);
        let others = reasons(scene.other_gate().escalate_case(ready.request()).await);
        assert_eq!(others, ["PROOF_HOLDER_MISMATCH", "BUNDLE_INCOMPLETE"], "proof and bundle are north's");

        let asked = vendor::GetEscalationRequest { escalation_id: ready.escalation.escalation_id.clone() };
        let became = scene.gate().get_escalation(asked.clone()).await.unwrap().into_inner();
        assert_eq!(became.status(), vendor::EscalationStatus::Refused);
        assert_eq!(became.decision.unwrap().findings.len(), 1, "the last decision");
        let accepted = scene.gate().escalate_case(ready.request()).await.unwrap().into_inner();
        let became = scene.gate().get_escalation(asked).await.unwrap().into_inner();
        assert_eq!((became.status(), became.case), (vendor::EscalationStatus::Accepted, accepted.case));
        let mut used = ready.request();
        used.escalation.as_mut().unwrap().escalation_id = World::system().id::<EscalationTag>().to_string();
        let used = reasons(scene.gate().escalate_case(used).await);
        assert_eq!(used, ["PROOF_ESCALATION_MISMATCH", "PROOF_USED"]);
    }

    async fn b03_no_bundle_an_unknown_another_one_and_one_without_a_required_artefact_open_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        let other = prove(&scene, &ready.escalation, Digest::of(b"another manifest")).await;
        let other = vendor::EscalateCaseRequest { proof: other, ..ready.request() };
        assert_eq!(reasons(scene.gate().escalate_case(other).await), ["PROOF_BUNDLE_MISMATCH"]);
        let mut policy = samples::policy();
        policy.policy.as_mut().unwrap().requirement_sets[0].artefacts.push("core-dump".into());
        policy.policy.as_mut().unwrap().redaction_policies = vec!["strict/1".into()];
        AdmissionPolicyServiceClient::new(scene.vendor_staff(&["policy-manager"]))
            .publish_admission_policy(policy)
            .await
            .unwrap();
        let stricter = reasons(scene.gate().escalate_case(ready.request()).await);
        assert_eq!(stricter, ["REDACTION_INSUFFICIENT", "ARTEFACT_MISSING"]);
        AdmissionPolicyServiceClient::new(scene.vendor_staff(&["policy-manager"]))
            .publish_admission_policy(samples::policy())
            .await
            .unwrap();
        let none = vendor::EscalateCaseRequest { bundle_id: String::new(), ..ready.request() };
        assert_eq!(reasons(scene.gate().escalate_case(none).await), ["BUNDLE_MISSING"]);
        let id = World::system().id::<vouch_core::id::BundleTag>().to_string();
        let unknown = vendor::EscalateCaseRequest { bundle_id: id, ..ready.request() };
        assert_eq!(reasons(scene.gate().escalate_case(unknown).await), ["BUNDLE_INCOMPLETE"]);
        let mut old = ready.request();
        let day_ago = World::system().now() - jiff::SignedDuration::from_hours(24 * 8);
        old.escalation.as_mut().unwrap().created_at = Some(timestamp(day_ago));
        assert_eq!(fields(scene.gate().escalate_case(old).await), ["escalation.created_at"]);
    }

    async fn v02_a_preflight_judges_alike_and_changes_nothing(database: Database) {
        let scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        let mut asked = vendor::PreflightEscalationRequest {
            escalation: Some(ready.escalation.clone()),
            bundle_id: ready.bundle_id.clone(),
            proof: String::new(),
        };
        let judge = async |asked: &vendor::PreflightEscalationRequest| {
            scene.gate().preflight_escalation(asked.clone()).await.unwrap().into_inner().decision.unwrap()
        };
        assert!(judge(&asked).await.accepted, "acceptable once proven");
        asked.escalation.as_mut().unwrap().searches.clear();
        asked.escalation.as_mut().unwrap().impact.clear();
        let decision = judge(&asked).await;
        let subjects: Vec<_> = decision.findings.iter().map(|finding| finding.subject.as_str()).collect();
        assert_eq!((decision.accepted, subjects), (false, vec!["impact", "searches"]));
        let unknown = vendor::GetEscalationRequest { escalation_id: ready.escalation.escalation_id.clone() };
        let became = scene.gate().get_escalation(unknown).await.unwrap().into_inner();
        assert_eq!(became.status(), vendor::EscalationStatus::Unknown, "nothing was created");
        asked.escalation.as_mut().unwrap().severity = 99;
        assert_eq!(fields(scene.gate().preflight_escalation(asked).await), ["escalation.severity"]);
    }

    async fn v04_an_escalation_that_is_repeated_is_one_case_and_a_withdrawn_one_none(database: Database) {
        let scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        let calls = (0..8).map(|_| {
            let (mut gate, request) = (scene.gate(), ready.request());
            tokio::spawn(async move { gate.escalate_case(request).await.unwrap().into_inner().case.unwrap() })
        });
        let mut cases = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            cases.push(call.await.unwrap());
        }
        assert!(cases.windows(2).all(|pair| pair[0] == pair[1]), "eight requests at once, one case, one receipt");

        let late = escalation();
        let withdraw = vendor::WithdrawEscalationRequest {
            request_id: fresh(),
            escalation_id: late.escalation_id.clone(),
            reason: "changed our mind".into(),
        };
        scene.gate().withdraw_escalation(withdraw.clone()).await.unwrap();
        let again = vendor::WithdrawEscalationRequest { request_id: fresh(), ..withdraw };
        scene.gate().withdraw_escalation(again).await.unwrap();
        let proof = prove(&scene, &late, ready.root).await;
        let arrives = vendor::EscalateCaseRequest { escalation: Some(late), proof, ..ready.request() };
        let refused_late = refused(scene.gate().escalate_case(arrives).await);
        assert_eq!(refused_late, (Code::FailedPrecondition, "ESCALATION_WITHDRAWN".into()));
        let bad = vendor::WithdrawEscalationRequest::default();
        let named = fields(scene.gate().withdraw_escalation(bad).await);
        assert_eq!(named, ["request_id", "escalation_id", "reason"]);
    }

    async fn a_partner_sees_and_changes_its_own_cases_only(database: Database) {
        let scene = Scene::start(&database).await;
        let (_, case_id) = scene.escalated().await;
        let get = vendor::GetCaseRequest { case_id: case_id.clone(), ..Default::default() };
        let case = scene.gate().get_case(get.clone()).await.unwrap().into_inner().case.unwrap();
        assert_eq!(case.case_id, case_id);
        let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
        assert_eq!(refused(scene.other_gate().get_case(get).await), not_found);
        let mut listed = scene.gate().list_cases(vendor::ListCasesRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.cases.pop().unwrap().case_id, case_id);
        let others = scene.other_gate().list_cases(vendor::ListCasesRequest::default()).await.unwrap().into_inner();
        assert!(others.cases.is_empty());
        let page = Some(PageRequest { page_size: 999, page_token: String::new() });
        assert_eq!(fields(scene.gate().list_cases(vendor::ListCasesRequest { page }).await), ["page.page_size"]);

        let note = vendor::AddNoteRequest { request_id: fresh(), case_id: case_id.clone(), text: "hello".into() };
        assert_eq!(refused(scene.other_gate().add_note(note.clone()).await), not_found);
        let event = scene.gate().add_note(note.clone()).await.unwrap().into_inner().event.unwrap();
        assert_eq!(event.origin, note.request_id, "what a partner contributes comes back under its own id");
        let answer = vendor::ProvideInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            information: Some(vendor::InformationProvided { text: "42".into(), bundle_id: String::new() }),
        };
        let unasked = refused(scene.gate().provide_information(answer.clone()).await);
        assert_eq!(unasked, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim.clone()).await.unwrap();
        let twice = vendor::ClaimCaseRequest { request_id: fresh(), ..claim };
        assert_eq!(refused(scene.desk().claim_case(twice).await).1, "STATE_CONFLICT", "somebody has it");
        let ask = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            request: Some(vendor::InformationRequested { questions: vec!["Why?".into()], ..Default::default() }),
        };
        scene.desk().request_information(ask).await.unwrap();
        scene.gate().provide_information(answer).await.unwrap();

        let decline = vendor::DeclineSolutionRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            remarks: "no".into(),
        };
        assert_eq!(refused(scene.gate().decline_solution(decline.clone()).await).1, "STATE_CONFLICT");
        let ready = vendor::MarkReadyToCloseRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            confirmed_at: Some(timestamp(World::system().now())),
            told_at: Some(timestamp(World::system().now())),
        };
        assert_eq!(refused(scene.gate().mark_ready_to_close(ready.clone()).await).1, "STATE_CONFLICT");
        let solve = vendor::ProvideSolutionRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            solution: Some(vendor::SolutionProvided { text: "Do this.".into(), ..Default::default() }),
        };
        scene.desk().provide_solution(solve.clone()).await.unwrap();
        scene.gate().decline_solution(decline).await.unwrap();
        let solve = vendor::ProvideSolutionRequest { request_id: fresh(), ..solve };
        scene.desk().provide_solution(solve).await.unwrap();
        scene.gate().mark_ready_to_close(ready).await.unwrap();
        let close = vendor::CloseCaseRequest { request_id: fresh(), case_id, summary: "done".into() };
        scene.desk().close_case(close).await.unwrap();
        let late = vendor::AddNoteRequest { request_id: fresh(), ..note };
        assert_eq!(refused(scene.gate().add_note(late).await).1, "STATE_CONFLICT", "closed");
    }

    async fn q07_duties_are_completed_as_at_the_gate_but_for_the_proof(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let handed_over = scene.desk_case(&case_id).await.escalation.unwrap();
        let complete = |escalation: vendor::Escalation| vendor::CompleteDutiesRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            escalation: Some(escalation),
            bundle_id: String::new(),
            text: "done".into(),
        };
        let claim = || vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        let early = refused(scene.gate().complete_duties(complete(handed_over.clone())).await);
        assert_eq!(early, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "nothing is missing");
        let close = vendor::CloseDutiesNotDoneRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            missing: vec!["more".into()],
        };
        scene.desk().close_duties_not_done(close.clone()).await.unwrap();
        let bad = vendor::CloseDutiesNotDoneRequest { request_id: fresh(), missing: vec![], ..close };
        assert_eq!(fields(scene.desk().close_duties_not_done(bad).await), ["missing"]);
        let thin = vendor::Escalation { steps: vec![], ..handed_over.clone() };
        assert_eq!(reasons(scene.gate().complete_duties(complete(thin)).await), ["DUTY_NOT_DONE"]);
        let other = vendor::Escalation { severity: 4, ..handed_over.clone() };
        assert_eq!(fields(scene.gate().complete_duties(complete(other)).await), ["escalation.severity"]);
        // Whose rights these are is not said: another one may stand behind the ticket by now.
        let of_another = vendor::Escalation { liaison_administrative_rights: true, ..handed_over };
        scene.gate().complete_duties(complete(of_another)).await.unwrap();
        assert!(!scene.desk_case(&case_id).await.case.unwrap().liaison_administrative_rights);
        let case = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!(case.number, ticket.escalation.unwrap().case_number);
        let claimed = scene.desk().claim_case(claim()).await.unwrap().into_inner().case.unwrap();
        assert!(!claimed.engineer.is_empty(), "nobody had it, so somebody can take it");
        assert_eq!(refused(scene.desk().claim_case(claim()).await).1, "STATE_CONFLICT");
    }

    async fn w06_what_a_proof_set_aside_goes_back_when_a_refused_escalation_is_withdrawn(database: Database) {
        let scene = Scene::start(&database).await;
        let ready = Ready::make(&scene).await;
        let account = async || {
            let request = license::GetIncidentAccountRequest { end_user_id: "contoso".into() };
            let account = scene.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap();
            (account.available, account.reserved)
        };
        assert_eq!(account().await, (1, 2), "one for the case, one for the proof");
        let mut thin = ready.request();
        thin.escalation.as_mut().unwrap().searches.clear();
        assert_eq!(reasons(scene.gate().escalate_case(thin).await), ["DUTY_NOT_DONE"]);
        let withdraw = vendor::WithdrawEscalationRequest {
            request_id: fresh(),
            escalation_id: ready.escalation.escalation_id.clone(),
            reason: "solved".into(),
        };
        scene.gate().withdraw_escalation(withdraw).await.unwrap();
        until(async || (account().await == (2, 1)).then_some(())).await;
        // A proof that was minted before the withdrawal was heard of arrives late: what it set aside goes back, too.
        let late = prove(&scene, &ready.escalation, ready.root).await;
        assert_eq!(account().await, (1, 2));
        let late = vendor::EscalateCaseRequest { proof: late, ..ready.request() };
        assert_eq!(refused(scene.gate().escalate_case(late).await).1, "ESCALATION_WITHDRAWN");
        until(async || (account().await == (2, 1)).then_some(())).await;
    }

    async fn a_suspended_partner_opens_no_case_and_a_silent_registry_leaves_it_to_the_proof(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let mut scene = Scene::start_with(&database, clock.world()).await;
        let ready = Ready::make(&scene).await;
        let get = license::GetPartnerRequest { partner_id: "north".into() };
        let north = scene.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap();
        let suspend = license::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: "north".into(),
            etag: north.etag,
            standing: license::PartnerStanding::Suspended.into(),
            ..Default::default()
        };
        scene.registry().set_partner_standing(suspend).await.unwrap();
        let preflight = vendor::PreflightEscalationRequest {
            escalation: Some(ready.escalation.clone()),
            bundle_id: ready.bundle_id.clone(),
            proof: String::new(),
        };
        until(async || {
            let judged = scene.gate().preflight_escalation(preflight.clone()).await.unwrap().into_inner();
            (!judged.decision.unwrap().accepted).then_some(())
        })
        .await;
        assert_eq!(reasons(scene.gate().escalate_case(ready.request()).await), ["PARTNER_SUSPENDED"]);

        // Once nothing is heard of the registry for a minute, the proof alone decides, and the receipt says so.
        scene.license.tell_to_stop();
        until(async || scene.registry().list_partners(license::ListPartnersRequest::default()).await.err()).await;
        clock.advance_seconds(61);
        let accepted = scene.gate().escalate_case(ready.request()).await.unwrap().into_inner();
        assert_eq!(accepted.decision.unwrap().revocation(), vendor::RevocationCheck::Unknown);
    }

    async fn the_feed_goes_on_where_the_cursor_stands_and_knows_a_foreign_one(database: Database) {
        let scene = Scene::start(&database).await;
        let (_, case_id) = scene.escalated().await;
        let watch = async |cursor: String| {
            scene.gate().watch_cases(vendor::WatchCasesRequest { cursor }).await.map(tonic::Response::into_inner)
        };
        let first = watch(String::new()).await.unwrap().message().await.unwrap().unwrap();
        assert_eq!((first.events.len(), first.events[0].sequence), (1, 1));
        let note = vendor::AddNoteRequest { request_id: fresh(), case_id, text: "hello".into() };
        let mut going_on = watch(first.cursor.clone()).await.unwrap();
        scene.gate().add_note(note).await.unwrap();
        let next = loop {
            let message = going_on.message().await.unwrap().unwrap();
            if !message.events.is_empty() {
                break message;
            }
        };
        assert_eq!((next.events.len(), next.events[0].sequence), (1, 2), "no event twice, none left out");
        assert_eq!(next.events[0].previous_hash, first.events[0].hash);
        let mut others = EscalationServiceClient::new(scene.south_at_vendor());
        let foreign = vendor::WatchCasesRequest { cursor: next.cursor };
        let diverged = refused(others.watch_cases(foreign).await.map(|_| ()));
        assert_eq!(diverged, (Code::FailedPrecondition, "HISTORY_DIVERGED".into()));
        assert_eq!(fields(watch("nonsense".into()).await.map(|_| ())), ["cursor"]);
    }
}

//! Marked steps, and the liaison's administrative rights on their way from the agreement to both desks.
//!
//! Proves S07.

use vouch_contract::pb::common::v1::{Finding, Reason, StepMark, Weight};
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::record_troubleshooting_request::Record;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_host::testing::fresh;
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{ADA, Scene, until};

pub(crate) const NEEDS: i32 = StepMark::NeedsAdministrativeRights as i32;
const EXPOSES: i32 = StepMark::ExposesSensitiveData as i32;

impl Scene {
    /// Marks a liaison as having administrative rights on the product, or takes the mark back.
    pub(crate) async fn mark_liaison(&self, email: &str, administrative_rights: bool) {
        let mut agreements = AgreementServiceClient::new(self.license_staff());
        let listed = agreements.list_agreements(license::ListAgreementsRequest::default()).await.unwrap().into_inner();
        let agreement = listed.agreements.into_iter().next().unwrap();
        let liaison = agreement.liaisons.into_iter().find(|liaison| liaison.email == email).unwrap();
        let liaison = license::Liaison { contact_id: liaison.contact_id, administrative_rights, ..Default::default() };
        let request = license::UpdateLiaisonRequest {
            request_id: fresh(),
            agreement_id: agreement.agreement_id,
            etag: agreement.etag,
            liaison: Some(liaison),
            update_mask: Some(prost_types::FieldMask { paths: vec!["administrative_rights".into()] }),
        };
        agreements.update_liaison(request).await.unwrap();
    }

    /// Has an engineer take a case.
    pub(crate) async fn claim(&self, case_id: &str) {
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.into() };
        self.desk().claim_case(claim).await.unwrap();
    }

    /// Has an engineer write a marked step to the partner; returns what the engineer is warned of.
    pub(crate) async fn write_marked(&self, case_id: &str, text: &str, marks: &[i32]) -> Vec<Finding> {
        let write = vendor::WriteToPartnerRequest {
            request_id: fresh(),
            case_id: case_id.into(),
            text: text.into(),
            marks: marks.to_vec(),
        };
        self.desk().write_to_partner(write).await.unwrap().into_inner().findings
    }

    /// Waits until a ticket has a note with this text; returns the ticket with the note.
    pub(crate) async fn until_told(&self, ticket_id: &str, text: &str) -> (partner::Ticket, partner::Note) {
        until(async || {
            let ticket = self.ticket(ticket_id).await;
            let note = ticket.notes.iter().find(|note| note.text == text).cloned();
            note.map(|note| (ticket, note))
        })
        .await
    }
}

/// What the warnings are about; that they are warnings of the right kind, and nothing else.
pub(crate) fn subjects(findings: &[Finding]) -> Vec<&str> {
    let is_warning = |finding: &Finding| {
        (finding.reason(), finding.weight()) == (Reason::LiaisonLacksAdministrativeRights, Weight::Warning)
    };
    assert!(findings.iter().all(is_warning), "{findings:?}");
    findings.iter().map(|finding| finding.subject.as_str()).collect()
}

on_both_engines! {
    async fn s07_both_desks_are_warned_of_marked_steps_while_the_liaison_is_not_known_to_have_rights(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, bundle_id) = scene.worked_ticket().await;
        let id = ticket.ticket_id;
        assert!(!ticket.liaison_administrative_rights, "the agreement does not mark her");
        let [Record::Step(step), _] = samples::records() else { panic!("no step") };
        let record = partner::RecordTroubleshootingRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            record: Some(Record::Step(vendor::TroubleshootingStep { marks: vec![NEEDS], ..step })),
        };
        let told = scene.tickets().record_troubleshooting(record).await.unwrap().into_inner();
        assert_eq!(subjects(&told.findings), ["step.marks"]);
        scene.escalate(&id, &bundle_id).await;
        let ticket = scene.until_state(&id, partner::TicketState::Escalated).await;
        let escalation = ticket.escalation.unwrap();
        assert_eq!(escalation.decision.unwrap().findings, [], "the gate does not look at it");
        let case_id = escalation.case_id;
        let case = scene.desk_case(&case_id).await;
        assert!(!case.case.unwrap().liaison_administrative_rights);
        assert_eq!(case.escalation.unwrap().steps[1].marks, [NEEDS], "the marks of what was tried travel with it");

        scene.claim(&case_id).await;
        assert_eq!(subjects(&scene.write_marked(&case_id, "Restart it.", &[NEEDS]).await), ["marks"]);
        let (ticket, note) = scene.until_told(&id, "Restart it.").await;
        assert_eq!((note.marks, subjects(&ticket.findings)), (vec![NEEDS], vec![note.note_id.as_str()]));
        let asked = vendor::InformationRequested {
            questions: vec!["Which security filters are there?".into()],
            marks: vec![EXPOSES],
            ..Default::default()
        };
        let ask = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            request: Some(asked),
        };
        let told = scene.desk().request_information(ask).await.unwrap().into_inner();
        assert_eq!(subjects(&told.findings), ["request.marks"]);
        let (ticket, note) = scene.until_told(&id, "Which security filters are there?").await;
        assert_eq!(subjects(&ticket.findings)[1], note.note_id);
        assert!(ticket.findings[1].message.contains("exposes sensitive data"), "{:?}", ticket.findings);
        assert_eq!(ticket.escalation.unwrap().vendor_request.unwrap().marks, [EXPOSES]);
        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            text: "None.".into(),
            bundle_id: String::new(),
        };
        scene.tickets().answer_vendor(answer).await.unwrap();
        scene.until_state(&id, partner::TicketState::Escalated).await;
    }

    async fn s07_what_the_agreement_says_counts_when_entitlement_is_verified(database: Database) {
        let scene = Scene::start(&database).await;
        scene.mark_liaison(ADA, true).await;
        let (marked, case_id) = scene.escalated().await;
        assert!(marked.liaison_administrative_rights);
        assert!(scene.desk_case(&case_id).await.case.unwrap().liaison_administrative_rights);
        scene.claim(&case_id).await;
        assert_eq!(scene.write_marked(&case_id, "Restart it.", &[NEEDS, EXPOSES]).await, []);
        let (ticket, note) = scene.until_told(&marked.ticket_id, "Restart it.").await;
        assert_eq!((note.marks.as_slice(), ticket.findings.len()), ([NEEDS, EXPOSES].as_slice(), 0));

        // Handed in anew, it says what the licence service says now.
        scene.mark_liaison(ADA, false).await;
        let close = vendor::CloseDutiesNotDoneRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            missing: vec!["The driver's version.".into()],
        };
        scene.desk().close_duties_not_done(close).await.unwrap();
        scene.until_state(&marked.ticket_id, partner::TicketState::Troubleshooting).await;
        let verified = scene.verify(&marked.ticket_id).await;
        assert!(!verified.liaison_administrative_rights);
        assert!(verified.entitlement.unwrap().entitled, "nothing is refused");
        assert_eq!(subjects(&verified.findings), [note.note_id.as_str()], "of what was told before, too");
        scene.escalate(&marked.ticket_id, &ticket.bundle_ids[0]).await;
        scene.until_state(&marked.ticket_id, partner::TicketState::Escalated).await;
        assert!(!scene.desk_case(&case_id).await.case.unwrap().liaison_administrative_rights);
        assert_eq!(subjects(&scene.write_marked(&case_id, "Again.", &[NEEDS]).await), ["marks"]);
    }

    async fn s07_somebody_who_is_no_liaison_has_no_rights_that_count(database: Database) {
        let scene = Scene::start(&database).await;
        scene.mark_liaison(ADA, true).await;
        let request = partner::OpenTicketRequest {
            contact_email: "admin@contoso.example".into(),
            ..scene.open_request()
        };
        let id = scene.tickets().open_ticket(request).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        let told = scene.verify(&id).await;
        assert!(!told.liaison_administrative_rights);
        let adopt = partner::AdoptTicketRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            liaison_email: ADA.into(),
        };
        let adopted = scene.tickets().adopt_ticket(adopt).await.unwrap().into_inner().ticket.unwrap();
        assert!(!adopted.liaison_administrative_rights, "not before she was asked about");
        assert!(scene.verify(&id).await.liaison_administrative_rights);
        let note = partner::AddNoteRequest {
            request_id: fresh(),
            ticket_id: id,
            audience: partner::Audience::EndUser.into(),
            text: "Please restart it.".into(),
            marks: vec![NEEDS],
        };
        let told = scene.tickets().add_note(note).await.unwrap().into_inner();
        assert_eq!(told.findings, []);
    }
}

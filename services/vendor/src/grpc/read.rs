//! Reading the requests about escalations and cases.

use prost::Message;
use vouch_contract::convert::instant;
use vouch_contract::escalation;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::ProductId;
use vouch_core::id::{BundleId, CaseId, EscalationId, StaticType};
use vouch_core::{StepMarks, Violations, World, id, text};
use vouch_host::Page;

use crate::commands::admission::{CompleteDuties, Escalate, HandOver};
use crate::domain::case::{Case, CaseEvent};

/// The list of cases, in page tokens.
pub(super) const CASES: &str = "cases";
/// The longest text of a note.
pub(super) const LONG: usize = 20_000;

/// One thing that is wanted, by its name.
#[derive(Debug, Clone)]
pub(super) struct One<T>(pub T);

/// A case that is to be read, with its bundles after one of them.
#[derive(Debug, Clone)]
pub(super) struct AskedCase {
    pub id: CaseId,
    pub after_bundle: Option<BundleId>,
}

/// A page of cases.
#[derive(Debug, Clone)]
pub(super) struct ListOfCases(pub Page);

/// An escalation to be taken back.
#[derive(Debug, Clone)]
pub(super) struct Withdrawal {
    pub escalation_id: EscalationId,
    pub reason: String,
    pub origin: String,
}

/// What a partner contributes to a case.
#[derive(Debug, Clone)]
pub(super) struct Contribution {
    pub case_id: CaseId,
    pub event: CaseEvent,
    pub origin: String,
}

impl CaseEvent {
    /// A note gets its id when it is taken in, and not when it is read: reading may be repeated.
    pub(super) fn with_note_id(self, world: &World) -> Self {
        match self {
            Self::Note { text, marks, .. } => Self::Note { id: world.id(), text, marks },
            other => other,
        }
    }

    /// Who owned the issue before is known once the case is.
    pub(super) fn with_liaison_of(self, case: &Case) -> Self {
        match self {
            Self::LiaisonChanged { to, notice_id, has_rights, .. } => {
                Self::LiaisonChanged { from: case.liaison.clone(), to, notice_id, has_rights }
            }
            other => other,
        }
    }
}

/// A note whose id is given later.
pub(super) fn note(text: String, marks: StepMarks) -> CaseEvent {
    CaseEvent::Note { id: vouch_core::id::Id::from_uuid(vouch_core::id::nil()), text, marks }
}

pub(super) fn one<T: StaticType>(field: &str, text: &str) -> Result<One<vouch_core::id::Id<T>>, Violations> {
    let mut violations = Violations::new();
    let id = violations.take(field, id::parse(text));
    violations.finish(id.map(One))
}

impl TryFrom<pb::GetAdmissionPolicyRequest> for One<ProductId> {
    type Error = Violations;

    fn try_from(request: pb::GetAdmissionPolicyRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("product_id", ProductId::parse(&request.product_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::GetEscalationRequest> for One<EscalationId> {
    type Error = Violations;

    fn try_from(request: pb::GetEscalationRequest) -> Result<Self, Violations> {
        one("escalation_id", &request.escalation_id)
    }
}

impl TryFrom<pb::GetCaseRequest> for AskedCase {
    type Error = Violations;

    fn try_from(request: pb::GetCaseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("case_id", id::parse(&request.case_id));
        let after_bundle = violations.take("after_bundle_id", optional_bundle(&request.after_bundle_id));
        violations.finish(id.zip(after_bundle).map(|(id, after_bundle)| Self { id, after_bundle }))
    }
}

impl TryFrom<pb::ListCasesRequest> for ListOfCases {
    type Error = Violations;

    fn try_from(request: pb::ListCasesRequest) -> Result<Self, Violations> {
        Page::read(request.page, CASES).map(Self)
    }
}

/// Reads an escalation and keeps it as it came.
fn hand_over(message: Option<pb::Escalation>, v: &mut Violations) -> Option<HandOver> {
    v.nested("escalation", message, |message, v| {
        let bytes = message.encode_to_vec();
        Some(HandOver { escalation: escalation::read(message, v)?, bytes })
    })
}

fn optional_bundle(text: &str) -> Result<Option<BundleId>, String> {
    if text.is_empty() { Ok(None) } else { id::parse(text).map(Some) }
}

fn escalate(message: Option<pb::Escalation>, bundle_id: &str) -> Result<Escalate, Violations> {
    let mut violations = Violations::new();
    let hand_over = hand_over(message, &mut violations);
    let bundle_id = violations.take("bundle_id", optional_bundle(bundle_id));
    let read = hand_over.zip(bundle_id).map(|(hand_over, bundle_id)| Escalate { hand_over, bundle_id });
    violations.finish(read)
}

impl TryFrom<pb::PreflightEscalationRequest> for Escalate {
    type Error = Violations;

    fn try_from(request: pb::PreflightEscalationRequest) -> Result<Self, Violations> {
        escalate(request.escalation, &request.bundle_id)
    }
}

impl TryFrom<pb::EscalateCaseRequest> for Escalate {
    type Error = Violations;

    fn try_from(request: pb::EscalateCaseRequest) -> Result<Self, Violations> {
        escalate(request.escalation, &request.bundle_id)
    }
}

impl TryFrom<pb::CompleteDutiesRequest> for CompleteDuties {
    type Error = Violations;

    fn try_from(request: pb::CompleteDutiesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let case_id = violations.take("case_id", id::parse(&request.case_id));
        let escalate = violations.absorb(escalate(request.escalation, &request.bundle_id));
        let text = violations.take("text", text::paragraph(&request.text, LONG));
        let origin = request.request_id;
        let command = (|| Some(Self { case_id: case_id?, escalate: escalate?, text: text?, origin }))();
        violations.finish(command)
    }
}

impl TryFrom<pb::WithdrawEscalationRequest> for Withdrawal {
    type Error = Violations;

    fn try_from(request: pb::WithdrawEscalationRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let escalation_id = violations.take("escalation_id", id::parse(&request.escalation_id));
        let reason = violations.take("reason", text::paragraph(&request.reason, 2000));
        let origin = request.request_id;
        let command = (|| Some(Self { escalation_id: escalation_id?, reason: reason?, origin }))();
        violations.finish(command)
    }
}

/// A contribution: the case, and the event that the fields make.
fn contribution(
    case_id: &str,
    origin: String,
    read: impl FnOnce(&mut Violations) -> Option<CaseEvent>,
) -> Result<Contribution, Violations> {
    let mut violations = Violations::new();
    let case_id = violations.take("case_id", id::parse(case_id));
    let event = read(&mut violations);
    violations.finish(case_id.zip(event).map(|(case_id, event)| Contribution { case_id, event, origin }))
}

impl TryFrom<pb::AddNoteRequest> for Contribution {
    type Error = Violations;

    fn try_from(request: pb::AddNoteRequest) -> Result<Self, Violations> {
        contribution(&request.case_id, request.request_id, |v| {
            v.take("text", text::paragraph(&request.text, LONG)).map(|text| note(text, StepMarks::none()))
        })
    }
}

impl TryFrom<pb::ProvideInformationRequest> for Contribution {
    type Error = Violations;

    fn try_from(request: pb::ProvideInformationRequest) -> Result<Self, Violations> {
        contribution(&request.case_id, request.request_id, |v| {
            v.nested("information", request.information, |information, v| {
                let text = v.take("text", text::paragraph(&information.text, LONG));
                let bundle_id = v.take("bundle_id", optional_bundle(&information.bundle_id));
                Some(CaseEvent::InformationProvided { text: text?, bundle_id: bundle_id? })
            })
        })
    }
}

impl TryFrom<pb::MarkReadyToCloseRequest> for Contribution {
    type Error = Violations;

    fn try_from(request: pb::MarkReadyToCloseRequest) -> Result<Self, Violations> {
        let required =
            |at: Option<prost_types::Timestamp>| at.ok_or("is required".to_owned()).and_then(|at| instant(&at));
        contribution(&request.case_id, request.request_id, |v| {
            let confirmed_at = v.take("confirmed_at", required(request.confirmed_at));
            let told_at = v.take("told_at", required(request.told_at));
            let (confirmed_at, told_at) = confirmed_at.zip(told_at)?;
            if told_at < confirmed_at {
                v.add("told_at", "must not be before the end user confirmed the solution");
            }
            Some(CaseEvent::MarkedReadyToClose { confirmed_at, told_at })
        })
    }
}

impl TryFrom<pb::DeclineSolutionRequest> for Contribution {
    type Error = Violations;

    fn try_from(request: pb::DeclineSolutionRequest) -> Result<Self, Violations> {
        contribution(&request.case_id, request.request_id, |v| {
            let remarks = v.take("remarks", text::paragraph(&request.remarks, LONG))?;
            Some(CaseEvent::SolutionDeclined { remarks })
        })
    }
}

impl TryFrom<pb::ChangeLiaisonRequest> for Contribution {
    type Error = Violations;

    fn try_from(request: pb::ChangeLiaisonRequest) -> Result<Self, Violations> {
        contribution(&request.case_id, request.request_id, |v| {
            let to = v.take("contact_id", id::parse(&request.contact_id));
            let notice_id = v.take("liaison_notice_id", id::parse(&request.liaison_notice_id));
            let has_rights = request.administrative_rights;
            Some(CaseEvent::LiaisonChanged { from: String::new(), to: to?, notice_id: notice_id?, has_rights })
        })
    }
}

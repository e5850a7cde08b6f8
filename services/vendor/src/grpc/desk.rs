//! `CaseDeskService`.

use prost::Message;
use tonic::{Request, Response, Status};
use vouch_contract::convert::{finding, read_step_marks};
use vouch_contract::pb::common::v1::Finding;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::case_desk_service_server::CaseDeskService;
use vouch_core::code::ProfileTitle;
use vouch_core::id::{BundleId, CaseId, NoteId};
use vouch_core::{Error, Violations, id, short_number, text};
use vouch_host::{Call, Page};
use vouch_storage::{Snapshot, Tx, WriteError};

use super::Handlers;
use super::case_view::{bundles_of, notes_of};
use super::read::{LONG, One, note, one};
use crate::commands::cases::{self as commands, Of};
use crate::domain::case::{Case, CaseEvent, Side};
use crate::history::{Room, case_message, event_message, fitting};
use crate::store::cases;
use crate::store::history::{StoredEvent, event_list};

/// The list of open cases, in page tokens.
const DESK: &str = "desk";
/// How many events one answer holds.
const MAX_EVENTS: i64 = 1000;
/// The most questions, collectors, missing items and articles.
const MAX_LIST: usize = 50;

#[tonic::async_trait]
impl CaseDeskService for Handlers {
    async fn list_desk_cases(
        &self,
        request: Request<pb::ListDeskCasesRequest>,
    ) -> Result<Response<pb::ListDeskCasesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<DeskPage>| async move {
                let DeskPage(page) = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut found = cases::case_list_open(&mut snapshot, page).await?;
                let info = page.cut(&mut found, DESK, |(key, _)| key.clone());
                let cases = found.iter().map(|(_, case)| case_message(case)).collect();
                Ok(pb::ListDeskCasesResponse { cases, page: Some(info) })
            })
            .await
    }

    async fn get_desk_case(
        &self,
        request: Request<pb::GetDeskCaseRequest>,
    ) -> Result<Response<pb::GetDeskCaseResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Asked>| async move {
                let mut snapshot = self.rpc.store.snapshot().await?;
                let (case, named) = match &call.command.named {
                    Named::Id(id) => (cases::case_fetch(&mut snapshot, *id).await?, id.to_string()),
                    Named::Number(number) => {
                        (cases::case_fetch_by_number(&mut snapshot, *number).await?, short_number::show(*number))
                    }
                };
                let case = case.ok_or_else(|| Error::not_found("case", named))?;
                let escalation = cases::case_escalation(&mut snapshot, case.id).await?;
                let Asked { after_sequence, after_note, after_bundle, .. } = call.command;
                // Whoever goes on in one list has the others already.
                let is_first = after_sequence == 0 && after_note.is_none() && after_bundle.is_none();
                let room = &mut Room::whole();
                let (events, more_events) = if is_first || after_sequence > 0 {
                    events_of(&mut snapshot, case.id, after_sequence, room).await?
                } else {
                    (Vec::new(), false)
                };
                let (notes, more_internal_notes) = if is_first || after_note.is_some() {
                    notes_of(&mut snapshot, case.id, after_note, room).await?
                } else {
                    (Vec::new(), false)
                };
                let (bundles, more_bundles) = if is_first || after_bundle.is_some() {
                    bundles_of(&mut snapshot, case.id, after_bundle, room).await?
                } else {
                    (Vec::new(), false)
                };
                Ok(pb::GetDeskCaseResponse {
                    case: Some(case_message(&case)),
                    escalation: Some(pb::Escalation::decode(escalation.as_slice()).map_err(Error::internal)?),
                    events: events.into_iter().map(event_message).collect(),
                    internal_notes: notes,
                    more_internal_notes,
                    more_events,
                    // It stands in bundles: what is told twice takes the room of what is told once.
                    analysis: None,
                    bundles,
                    more_bundles,
                })
            })
            .await
    }

    async fn claim_case(
        &self,
        request: Request<pb::ClaimCaseRequest>,
    ) -> Result<Response<pb::ClaimCaseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/ClaimCase", request, |mut tx, call| async move {
                let call: &Call<One<CaseId>> = &call;
                let engineer = call.caller.subject.clone();
                let (case, _) = self.act(&mut tx, call, call.command.0, CaseEvent::Claimed { engineer }).await?;
                Ok((tx, pb::ClaimCaseResponse { case: Some(case_message(&case)) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn write_to_partner(
        &self,
        request: Request<pb::WriteToPartnerRequest>,
    ) -> Result<Response<pb::WriteToPartnerResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/WriteToPartner", request, |mut tx, call| async move {
                let call: &Call<Act<pb::WriteToPartnerRequest>> = &call;
                let (case, event) = self.act(&mut tx, call, call.command.case_id, call.command.event.clone()).await?;
                let findings = warnings(&case, "marks", &call.command.event);
                Ok((tx, pb::WriteToPartnerResponse { event: Some(event_message(event)), findings }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn add_internal_note(
        &self,
        request: Request<pb::AddInternalNoteRequest>,
    ) -> Result<Response<pb::AddInternalNoteResponse>, Status> {
        self.rpc
            .mutate("CaseDeskService/AddInternalNote", request, |mut tx, call| async move {
                let call: &Call<NoteInternally> = &call;
                let NoteInternally { case_id, text } = &call.command;
                let doing = self.doing(call, Side::Engineer, "");
                let note = commands::note_internally(&mut tx, &doing, *case_id, text.clone()).await?;
                Ok((tx, pb::AddInternalNoteResponse { note: Some(note.into()) }))
            })
            .await
    }

    async fn request_information(
        &self,
        request: Request<pb::RequestInformationRequest>,
    ) -> Result<Response<pb::RequestInformationResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/RequestInformation", request, |mut tx, call| async move {
                let call: &Call<Act<pb::RequestInformationRequest>> = &call;
                commands::check_collectors(&mut tx, &call.command.event).await?;
                let (case, _) = self.act(&mut tx, call, call.command.case_id, call.command.event.clone()).await?;
                let findings = warnings(&case, "request.marks", &call.command.event);
                Ok((tx, pb::RequestInformationResponse { case: Some(case_message(&case)), findings }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn provide_solution(
        &self,
        request: Request<pb::ProvideSolutionRequest>,
    ) -> Result<Response<pb::ProvideSolutionResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/ProvideSolution", request, |mut tx, call| async move {
                let call: &Call<Act<pb::ProvideSolutionRequest>> = &call;
                let (case, _) = self.act(&mut tx, call, call.command.case_id, call.command.event.clone()).await?;
                let findings = warnings(&case, "solution.marks", &call.command.event);
                Ok((tx, pb::ProvideSolutionResponse { case: Some(case_message(&case)), findings }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn close_case(
        &self,
        request: Request<pb::CloseCaseRequest>,
    ) -> Result<Response<pb::CloseCaseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/CloseCase", request, |mut tx, call| async move {
                let call: &Call<Act<pb::CloseCaseRequest>> = &call;
                let (case, _) = self.act(&mut tx, call, call.command.case_id, call.command.event.clone()).await?;
                Ok((tx, pb::CloseCaseResponse { case: Some(case_message(&case)) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn close_duties_not_done(
        &self,
        request: Request<pb::CloseDutiesNotDoneRequest>,
    ) -> Result<Response<pb::CloseDutiesNotDoneResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CaseDeskService/CloseDutiesNotDone", request, |mut tx, call| async move {
                let call: &Call<Act<pb::CloseDutiesNotDoneRequest>> = &call;
                let (case, _) = self.act(&mut tx, call, call.command.case_id, call.command.event.clone()).await?;
                Ok((tx, pb::CloseDutiesNotDoneResponse { case: Some(case_message(&case)) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }
}

impl Handlers {
    /// What an engineer does to a case.
    async fn act<C>(
        &self,
        tx: &mut Tx,
        call: &Call<C>,
        case_id: CaseId,
        event: CaseEvent,
    ) -> Result<(Case, StoredEvent), WriteError> {
        let case = commands::lock(tx, self.rpc.store.dialect(), &Of::Desk, case_id).await?;
        let event = event.with_note_id(&call.world);
        commands::record(tx, &self.doing(call, Side::Engineer, ""), case, &event).await
    }
}

/// A case that is to be read.
#[derive(Debug, Clone)]
struct Asked {
    named: Named,
    after_sequence: i64,
    after_bundle: Option<BundleId>,
    after_note: Option<NoteId>,
}

/// A case, by one of its names.
#[derive(Debug, Clone)]
enum Named {
    Id(CaseId),
    Number(u64),
}

/// A page of the desk.
#[derive(Debug, Clone)]
struct DeskPage(Page);

/// A note for the vendor's own. It is no event, and cannot become one.
#[derive(Debug, Clone)]
struct NoteInternally {
    case_id: CaseId,
    text: String,
}

/// What an engineer does, by the request that says so.
#[derive(Debug, Clone)]
struct Act<Q> {
    case_id: CaseId,
    event: CaseEvent,
    asked_by: std::marker::PhantomData<Q>,
}

fn act<Q>(case_id: &str, read: impl FnOnce(&mut Violations) -> Option<CaseEvent>) -> Result<Act<Q>, Violations> {
    let mut violations = Violations::new();
    let case_id = violations.take("case_id", id::parse(case_id));
    let event = read(&mut violations);
    let asked_by = std::marker::PhantomData;
    violations.finish(case_id.zip(event).map(|(case_id, event)| Act { case_id, event, asked_by }))
}

/// The shared history of a case after an event, as much of it as there is room for; and whether there is more.
async fn events_of(
    snapshot: &mut Snapshot,
    case_id: CaseId,
    after: i64,
    room: &mut Room,
) -> Result<(Vec<StoredEvent>, bool), Error> {
    let mut events = event_list(snapshot, case_id, after, MAX_EVENTS + 1).await?;
    let fitting = fitting(events.iter().take(usize::try_from(MAX_EVENTS).unwrap_or(usize::MAX)), room);
    let more = events.len() > fitting;
    events.truncate(fitting);
    Ok((events, more))
}

/// What the engineer who gives a step is warned of, in the field of its marks.
fn warnings(case: &Case, field: &str, event: &CaseEvent) -> Vec<Finding> {
    case.warning(field, event).iter().map(finding).collect()
}

/// Reads a list of lines, at least `least` of them.
fn lines(field: &str, texts: &[String], least: usize, v: &mut Violations) -> Vec<String> {
    if !(least..=MAX_LIST).contains(&texts.len()) {
        v.add(field, format!("must be {least} to {MAX_LIST}"));
    }
    let mut read = Vec::new();
    for (index, line) in texts.iter().take(MAX_LIST).enumerate() {
        read.extend(v.take(&format!("{field}[{index}]"), text::paragraph(line, 2000)));
    }
    read
}

impl TryFrom<pb::ListDeskCasesRequest> for DeskPage {
    type Error = Violations;

    fn try_from(request: pb::ListDeskCasesRequest) -> Result<Self, Violations> {
        Page::read(request.page, DESK).map(Self)
    }
}

impl TryFrom<pb::GetDeskCaseRequest> for Asked {
    type Error = Violations;

    fn try_from(request: pb::GetDeskCaseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let named = match (request.case_id.as_str(), request.number.as_str()) {
            (id, "") => violations.take("case_id", id::parse(id)).map(Named::Id),
            ("", number) => violations.take("number", short_number::parse(number)).map(Named::Number),
            (_, _) => violations.take("number", Err("must be empty beside a case_id")),
        };
        if request.after_sequence < 0 {
            violations.add("after_sequence", "must not be negative");
        }
        let after_bundle = match request.after_bundle_id.as_str() {
            "" => None,
            named => violations.take("after_bundle_id", id::parse(named)),
        };
        let after_note = match request.after_note_id.as_str() {
            "" => None,
            named => violations.take("after_note_id", id::parse(named)),
        };
        let after_sequence = request.after_sequence;
        violations.finish(named.map(|named| Self { named, after_sequence, after_bundle, after_note }))
    }
}

impl TryFrom<pb::ClaimCaseRequest> for One<CaseId> {
    type Error = Violations;

    fn try_from(request: pb::ClaimCaseRequest) -> Result<Self, Violations> {
        one("case_id", &request.case_id)
    }
}

impl TryFrom<pb::AddInternalNoteRequest> for NoteInternally {
    type Error = Violations;

    fn try_from(request: pb::AddInternalNoteRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let case_id = violations.take("case_id", id::parse(&request.case_id));
        let text = violations.take("text", text::paragraph(&request.text, LONG));
        violations.finish(case_id.zip(text).map(|(case_id, text)| Self { case_id, text }))
    }
}

impl TryFrom<pb::WriteToPartnerRequest> for Act<pb::WriteToPartnerRequest> {
    type Error = Violations;

    fn try_from(request: pb::WriteToPartnerRequest) -> Result<Self, Violations> {
        act(&request.case_id, |v| {
            let text = v.take("text", text::paragraph(&request.text, LONG));
            let marks = read_step_marks(&request.marks, v);
            Some(note(text?, marks))
        })
    }
}

impl TryFrom<pb::RequestInformationRequest> for Act<pb::RequestInformationRequest> {
    type Error = Violations;

    fn try_from(request: pb::RequestInformationRequest) -> Result<Self, Violations> {
        act(&request.case_id, |v| {
            v.nested("request", request.request, |asked, v| {
                let questions = lines("questions", &asked.questions, 1, v);
                let collectors = lines("collectors", &asked.collectors, 0, v);
                let profile = match asked.profile.as_str() {
                    "" => None,
                    named => v.take("profile", ProfileTitle::parse(named)),
                };
                let marks = read_step_marks(&asked.marks, v);
                Some(CaseEvent::InformationRequested { questions, collectors, profile, marks })
            })
        })
    }
}

impl TryFrom<pb::ProvideSolutionRequest> for Act<pb::ProvideSolutionRequest> {
    type Error = Violations;

    fn try_from(request: pb::ProvideSolutionRequest) -> Result<Self, Violations> {
        act(&request.case_id, |v| {
            v.nested("solution", request.solution, |solution, v| {
                let text = v.take("text", text::paragraph(&solution.text, LONG));
                if solution.article_ids.len() > MAX_LIST {
                    v.add("article_ids", format!("must be at most {MAX_LIST}"));
                }
                let mut article_ids = Vec::new();
                for (index, article) in solution.article_ids.iter().take(MAX_LIST).enumerate() {
                    article_ids.extend(v.take(&format!("article_ids[{index}]"), id::parse(article)));
                }
                let marks = read_step_marks(&solution.marks, v);
                Some(CaseEvent::SolutionProvided { text: text?, article_ids, marks })
            })
        })
    }
}

impl TryFrom<pb::CloseCaseRequest> for Act<pb::CloseCaseRequest> {
    type Error = Violations;

    fn try_from(request: pb::CloseCaseRequest) -> Result<Self, Violations> {
        act(&request.case_id, |v| {
            let summary = v.take("summary", text::paragraph(&request.summary, 2000))?;
            Some(CaseEvent::Closed { summary })
        })
    }
}

impl TryFrom<pb::CloseDutiesNotDoneRequest> for Act<pb::CloseDutiesNotDoneRequest> {
    type Error = Violations;

    fn try_from(request: pb::CloseDutiesNotDoneRequest) -> Result<Self, Violations> {
        act(&request.case_id, |v| {
            let missing = lines("missing", &request.missing, 1, v);
            Some(CaseEvent::DutiesNotDone { missing })
        })
    }
}

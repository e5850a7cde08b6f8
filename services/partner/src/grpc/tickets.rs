//! `TicketService`.

use prost::Message;
use tonic::{Request, Response, Status};
use vouch_contract::convert::{finding, timestamp};
use vouch_contract::pb::common::v1::Finding;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::ticket_service_server::TicketService;
use vouch_core::escalation::KnowledgeSearch;
use vouch_core::{Error, StepMarks, id, short_number};
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};
use vouch_storage::{Tx, WriteError};

use super::Handlers;
use super::asking::Verified;
use super::read_tickets::{
    Adopt, Answer, Confirm, Escalate, Judge, Listed, Named, OfProduct, Ready, Record, Restate, Said, Search, Shown,
    Step, Withdraw, WriteNote,
};
use super::view::{known_problems, ticket_line, ticket_message, translated_notes};
use crate::commands::tickets::{self as commands, Doing, OpenTicket};
use crate::commands::{charges, successions};
use crate::domain::ticket::{Entitlement, Ticket, Viewer};
use crate::links::as_error;
use crate::store::tickets;

#[tonic::async_trait]
impl TicketService for Handlers {
    async fn list_categories(
        &self,
        request: Request<pb::ListCategoriesRequest>,
    ) -> Result<Response<pb::ListCategoriesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OfProduct>| async move {
                let OfProduct { vendor_id, product_id } = &call.command;
                let categories = self.categories(&call.caller, vendor_id, product_id).await?;
                Ok(pb::ListCategoriesResponse { categories })
            })
            .await
    }

    async fn open_ticket(
        &self,
        request: Request<pb::OpenTicketRequest>,
    ) -> Result<Response<pb::OpenTicketResponse>, Status> {
        let known = self.known_categories(&request).await;
        self.rpc
            .mutate("TicketService/OpenTicket", request, |mut tx, call| {
                let known = known.clone();
                async move {
                    let call: &Call<OpenTicket> = &call;
                    let asked = &call.command;
                    let contact_email = own_address(&call.caller, &asked.contact_email, "contact_email")?;
                    self.check_open(asked, known.as_deref())?;
                    let doing = self.doing(call)?;
                    let ticket = commands::open(&mut tx, &doing, asked, contact_email).await?;
                    let ticket = ticket_message(&mut tx, &doing.viewer, &ticket).await?;
                    Ok((tx, pb::OpenTicketResponse { ticket: Some(ticket) }))
                }
            })
            .await
    }

    async fn get_ticket(
        &self,
        request: Request<pb::GetTicketRequest>,
    ) -> Result<Response<pb::GetTicketResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Shown>| async move {
                let viewer = viewer_of(&call.caller)?;
                if call.command.translate && !is_agent(&call.caller) {
                    return Err(Error::field("translate", "must be false: it is for agents"));
                }
                let mut snapshot = self.rpc.store.snapshot().await?;
                let (id, named) = match &call.command.named {
                    Named::Id(id) => (Some(*id), id.to_string()),
                    Named::Number(number) => {
                        (tickets::ticket_id_of(&mut snapshot, *number).await?, short_number::show(*number))
                    }
                };
                // Found by its number, it is still shown to those only who may see it.
                let ticket = match id {
                    Some(id) => tickets::ticket_fetch(&mut snapshot, &viewer, id).await?,
                    None => None,
                };
                let ticket = ticket.ok_or_else(|| Error::not_found("ticket", named))?;
                let mut message = ticket_message(&mut snapshot, &viewer, &ticket).await?;
                drop(snapshot);
                if call.command.translate {
                    let notes = std::mem::take(&mut message.notes);
                    message.notes = self.translated(&ticket, |by| translated_notes(notes, by)).await?;
                }
                Ok(pb::GetTicketResponse { ticket: Some(message) })
            })
            .await
    }

    async fn list_tickets(
        &self,
        request: Request<pb::ListTicketsRequest>,
    ) -> Result<Response<pb::ListTicketsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Listed>| async move {
                let (Listed(page), viewer) = (&call.command, viewer_of(&call.caller)?);
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut found = tickets::ticket_list(&mut snapshot, &viewer, page).await?;
                let info = page.cut(&mut found, super::read_tickets::TICKETS, |ticket| ticket.id.to_string());
                let mut tickets = Vec::with_capacity(found.len());
                for ticket in &found {
                    tickets.push(ticket_line(&mut snapshot, &viewer, ticket).await?);
                }
                Ok(pb::ListTicketsResponse { tickets, page: Some(info) })
            })
            .await
    }

    async fn verify_entitlement(
        &self,
        request: Request<pb::VerifyEntitlementRequest>,
    ) -> Result<Response<pb::VerifyEntitlementResponse>, Status> {
        let verified = &self.ask_entitlement(&request).await;
        self.rpc
            .mutate("TicketService/VerifyEntitlement", request, |mut tx, call| async move {
                let call: &Call<Step<pb::VerifyEntitlementRequest>> = &call;
                let Verified { asked_at_revision, status, contact_has_rights } = verified.as_ref().map_err(as_error)?;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                let told_at = pb::EntitlementStatus { checked_at: Some(timestamp(call.now)), ..status.clone() };
                let answer = Entitlement { entitled: status.entitled, told: told_at.encode_to_vec() };
                ticket.verify(*asked_at_revision, answer, *contact_has_rights)?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::VerifyEntitlementResponse { ticket: Some(ticket) }))
            })
            .await
    }

    async fn adopt_ticket(
        &self,
        request: Request<pb::AdoptTicketRequest>,
    ) -> Result<Response<pb::AdoptTicketResponse>, Status> {
        self.rpc
            .mutate("TicketService/AdoptTicket", request, |mut tx, call| async move {
                let call: &Call<Adopt> = &call;
                let liaison_email = own_address(&call.caller, &call.command.liaison_email, "liaison_email")?;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                ticket.adopt(liaison_email)?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::AdoptTicketResponse { ticket: Some(ticket) }))
            })
            .await
    }

    async fn search_knowledge(
        &self,
        request: Request<pb::SearchKnowledgeRequest>,
    ) -> Result<Response<pb::SearchKnowledgeResponse>, Status> {
        let found = &self.ask_knowledge(&request).await;
        self.rpc
            .mutate("TicketService/SearchKnowledge", request, |mut tx, call| async move {
                let call: &Call<Search> = &call;
                let articles = found.clone().map_err(|status| as_error(&status))?;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                let article_ids = articles.iter().filter_map(|article| id::parse(&article.article_id).ok()).collect();
                let query = call.command.query.clone();
                ticket.searched(KnowledgeSearch { query, searched_at: call.now, article_ids })?;
                let (tx, _) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::SearchKnowledgeResponse { articles }))
            })
            .await
    }

    async fn update_problem(
        &self,
        request: Request<pb::UpdateProblemRequest>,
    ) -> Result<Response<pb::UpdateProblemResponse>, Status> {
        self.rpc
            .mutate("TicketService/UpdateProblem", request, |mut tx, call| async move {
                let call: &Call<Restate> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                check_etag(&ticket, &call.command.etag)?;
                ticket.restate(call.command.problem.clone())?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::UpdateProblemResponse { ticket: Some(ticket) }))
            })
            .await
    }

    async fn record_troubleshooting(
        &self,
        request: Request<pb::RecordTroubleshootingRequest>,
    ) -> Result<Response<pb::RecordTroubleshootingResponse>, Status> {
        self.rpc
            .mutate("TicketService/RecordTroubleshooting", request, |mut tx, call| async move {
                let call: &Call<Record> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                ticket.record(call.command.what.clone(), &call.caller.subject)?;
                let findings =
                    call.command.what.marks().map_or_else(Vec::new, |marks| warnings(&ticket, "step.marks", marks));
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::RecordTroubleshootingResponse { ticket: Some(ticket), findings }))
            })
            .await
    }

    async fn confirm_statement(
        &self,
        request: Request<pb::ConfirmStatementRequest>,
    ) -> Result<Response<pb::ConfirmStatementResponse>, Status> {
        self.rpc
            .mutate("TicketService/ConfirmStatement", request, |mut tx, call| async move {
                let call: &Call<Confirm> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                check_etag(&ticket, &call.command.etag)?;
                ticket.confirm_statement(call.now)?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::ConfirmStatementResponse { ticket: Some(ticket) }))
            })
            .await
    }

    async fn turn_over_ticket(
        &self,
        request: Request<pb::TurnOverTicketRequest>,
    ) -> Result<Response<pb::TurnOverTicketResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/TurnOverTicket", request, |mut tx, call| async move {
                let call: &Call<Step<pb::TurnOverTicketRequest>> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                charges::turn_over(&mut tx, &doing, &mut ticket).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::TurnOverTicketResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn answer_ticket(
        &self,
        request: Request<pb::AnswerTicketRequest>,
    ) -> Result<Response<pb::AnswerTicketResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/AnswerTicket", request, |mut tx, call| async move {
                let call: &Call<Said<pb::AnswerTicketRequest>> = &call;
                let Said { id, text, marks, .. } = &call.command;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, *id).await?;
                charges::answer_at_once(&mut tx, &doing, &mut ticket, text, marks.clone()).await?;
                let findings = warnings(&ticket, "marks", marks);
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::AnswerTicketResponse { ticket: Some(ticket), findings }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn close_ticket(
        &self,
        request: Request<pb::CloseTicketRequest>,
    ) -> Result<Response<pb::CloseTicketResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/CloseTicket", request, |mut tx, call| async move {
                let call: &Call<Said<pb::CloseTicketRequest>> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                charges::close(&mut tx, &doing, &mut ticket, &call.command.text).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::CloseTicketResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn keep_ticket(
        &self,
        request: Request<pb::KeepTicketRequest>,
    ) -> Result<Response<pb::KeepTicketResponse>, Status> {
        self.rpc
            .mutate("TicketService/KeepTicket", request, |mut tx, call| async move {
                let call: &Call<Said<pb::KeepTicketRequest>> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                successions::keep(&mut tx, &doing, &mut ticket, &call.command.text).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::KeepTicketResponse { ticket: Some(ticket) }))
            })
            .await
    }

    async fn add_note(&self, request: Request<pb::AddNoteRequest>) -> Result<Response<pb::AddNoteResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/AddNote", request, |mut tx, call| async move {
                let call: &Call<WriteNote> = &call;
                let WriteNote { id, audience, text, marks } = &call.command;
                let doing = self.doing(call)?;
                if !doing.viewer.may_write(*audience) {
                    return Err(Error::field("audience", "must be AUDIENCE_END_USER for an end user").into());
                }
                if !marks.is_empty() && !doing.viewer.may_mark(*audience) {
                    return Err(
                        Error::field("marks", "must be empty but for a note of an agent to the end user").into()
                    );
                }
                let mut ticket = commands::lock(&mut tx, &doing, *id).await?;
                commands::note(&mut tx, &doing, &mut ticket, *audience, text, marks.clone()).await?;
                let findings = warnings(&ticket, "marks", marks);
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::AddNoteResponse { ticket: Some(ticket), findings }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn escalate_ticket(
        &self,
        request: Request<pb::EscalateTicketRequest>,
    ) -> Result<Response<pb::EscalateTicketResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/EscalateTicket", request, |mut tx, call| async move {
                let call: &Call<Escalate> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                commands::escalate(&mut tx, &doing, &mut ticket, call.command.bundle_id).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                let findings = known_problems(&ticket, &call.command.bundle_id.to_string());
                Ok((tx, pb::EscalateTicketResponse { ticket: Some(ticket), findings }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn withdraw_ticket_escalation(
        &self,
        request: Request<pb::WithdrawTicketEscalationRequest>,
    ) -> Result<Response<pb::WithdrawTicketEscalationResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/WithdrawTicketEscalation", request, |mut tx, call| async move {
                let call: &Call<Withdraw> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                commands::withdraw(&mut tx, &doing, &mut ticket, &call.command.reason).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::WithdrawTicketEscalationResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn answer_vendor(
        &self,
        request: Request<pb::AnswerVendorRequest>,
    ) -> Result<Response<pb::AnswerVendorResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/AnswerVendor", request, |mut tx, call| async move {
                let call: &Call<Answer> = &call;
                let Answer { id, text, bundle_id } = &call.command;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, *id).await?;
                commands::answer(&mut tx, &doing, &mut ticket, text, *bundle_id).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::AnswerVendorResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn confirm_solution(
        &self,
        request: Request<pb::ConfirmSolutionRequest>,
    ) -> Result<Response<pb::ConfirmSolutionResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/ConfirmSolution", request, |mut tx, call| async move {
                let call: &Call<Judge> = &call;
                let Judge { id, works, remarks } = &call.command;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, *id).await?;
                commands::judge_solution(&mut tx, &doing, &mut ticket, *works, remarks).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::ConfirmSolutionResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }

    async fn mark_ticket_ready_to_close(
        &self,
        request: Request<pb::MarkTicketReadyToCloseRequest>,
    ) -> Result<Response<pb::MarkTicketReadyToCloseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("TicketService/MarkTicketReadyToClose", request, |mut tx, call| async move {
                let call: &Call<Ready> = &call;
                let doing = self.doing(call)?;
                let mut ticket = commands::lock(&mut tx, &doing, call.command.id).await?;
                commands::mark_ready(&mut tx, &doing, &mut ticket, call.command.told_at).await?;
                let (tx, ticket) = self.keep(tx, &doing, ticket).await?;
                Ok((tx, pb::MarkTicketReadyToCloseResponse { ticket: Some(ticket) }))
            })
            .await?;
        self.bell.ring();
        Ok(answer)
    }
}

impl Handlers {
    pub(super) fn doing<'a, C>(&self, call: &'a Call<C>) -> Result<Doing<'a>, Error> {
        Ok(Doing {
            dialect: self.rpc.store.dialect(),
            world: &call.world,
            now: call.now,
            viewer: viewer_of(&call.caller)?,
            actor: &call.caller.subject,
        })
    }

    /// Writes a ticket, and shows it to whoever changed it.
    async fn keep(&self, mut tx: Tx, doing: &Doing<'_>, ticket: Ticket) -> Result<(Tx, pb::Ticket), WriteError> {
        tickets::ticket_update(&mut tx, &ticket).await?;
        let message = ticket_message(&mut tx, &doing.viewer, &ticket).await?;
        Ok((tx, message))
    }
}

/// What the agent who gives a step is warned of.
fn warnings(ticket: &Ticket, subject: &str, marks: &StepMarks) -> Vec<Finding> {
    ticket.warning(subject, marks).iter().map(finding).collect()
}

/// Whose tickets a caller sees.
pub(super) fn viewer_of(caller: &Caller) -> Result<Viewer, Error> {
    match caller.kind {
        CallerKind::PartnerStaff => {
            let partner = caller.partner();
            partner
                .map(Viewer::Partner)
                .ok_or_else(|| Error::internal("a person of a partner came without the partner"))
        }
        CallerKind::EndUser => Ok(Viewer::Customer(caller.organisation.clone().unwrap_or_default())),
        CallerKind::PartnerWorkload
        | CallerKind::ResellerWorkload
        | CallerKind::VendorWorkload
        | CallerKind::VendorStaff
        | CallerKind::Anonymous => Err(Error::internal("a caller came for whom no tickets are meant")),
    }
}

/// Whether somebody works on tickets.
fn is_agent(caller: &Caller) -> bool {
    caller.kind == CallerKind::PartnerStaff && caller.roles.iter().any(|role| role == "agent")
}

/// The address that a request may name: an end user's own only, which its token vouches for; any for an agent, who answers for it.
fn own_address(caller: &Caller, named: &str, field: &str) -> Result<String, Error> {
    if caller.kind != CallerKind::EndUser {
        let named = Some(named).filter(|named| !named.is_empty());
        return named.map(str::to_owned).ok_or_else(|| Error::field(field, "is required"));
    }
    match &caller.email {
        Some(own) if named.is_empty() || named == own => Ok(own.clone()),
        Some(_) => Err(Error::field(field, "must be the address that your token was issued with")),
        None => Err(Error::field(field, "cannot be taken: your token vouches for no e-mail address")),
    }
}

fn check_etag(ticket: &Ticket, sent: &str) -> Result<(), Error> {
    if sent == format!("v{}", ticket.revision) {
        return Ok(());
    }
    Err(Error::EtagMismatch { what: "ticket", id: ticket.id.to_string() })
}

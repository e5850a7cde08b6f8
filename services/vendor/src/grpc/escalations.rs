//! `EscalationService`.

use prost::Message;
use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::escalation_service_server::EscalationService;
use vouch_core::code::PartnerId;
use vouch_core::id::EscalationId;
use vouch_core::{Error, Reason};
use vouch_host::{Call, Streamed, streamed};
use vouch_storage::analyses;

use super::bundles::partner_of;
use super::case_view::bundles_of;
use super::read::{AskedCase, Contribution, ListOfCases, One, Withdrawal};
use super::{Handlers, read};
use crate::commands::admission::{self, CompleteDuties, Escalate, Gate, Verified};
use crate::commands::cases::{self as commands, Doing, Of};
use crate::domain::admission::{Revocation, Standing};
use crate::domain::case::{CaseEvent, Side};
use crate::feed::{Watch, read_cursor};
use crate::history::{Room, case_message, decision_message, event_message};
use crate::store::escalations::{Status as Became, escalation_fetch, refusal_fetch_last};
use crate::store::{cases, policies};

#[tonic::async_trait]
impl EscalationService for Handlers {
    async fn get_admission_policy(
        &self,
        request: Request<pb::GetAdmissionPolicyRequest>,
    ) -> Result<Response<pb::GetAdmissionPolicyResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<vouch_core::code::ProductId>>| async move {
                let One(product_id) = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let found = policies::policy_fetch::<pb::AdmissionPolicy>(&mut snapshot, product_id).await?;
                let found = found.ok_or_else(|| Error::not_found("admission policy of product", product_id))?;
                let policy = Some(super::policies::wrap_policy(found));
                Ok(pb::GetAdmissionPolicyResponse { policy, diagnostics: Some(self.diagnostics.terms().into()) })
            })
            .await
    }

    async fn preflight_escalation(
        &self,
        request: Request<pb::PreflightEscalationRequest>,
    ) -> Result<Response<pb::PreflightEscalationResponse>, Status> {
        let verified = &self.verify(&request.get_ref().proof).await?;
        self.rpc
            .query(request, |call: Call<Escalate>| async move {
                let partner_id = partner_of(&call.caller)?;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let gate = self.gate(&call, &partner_id, verified);
                let decision = admission::preflight(&mut snapshot, &gate, &call.command, verified).await?;
                Ok(pb::PreflightEscalationResponse { decision: Some(decision_message(&decision)) })
            })
            .await
    }

    async fn escalate_case(
        &self,
        request: Request<pb::EscalateCaseRequest>,
    ) -> Result<Response<pb::EscalateCaseResponse>, Status> {
        // Ordering: verified before the transaction begins, because a key that is not known yet is fetched.
        let verified = &self.verify(&request.get_ref().proof).await?;
        let escalated = self
            .rpc
            .mutate_or_record("EscalationService/EscalateCase", request, |tx, call| async move {
                let call: &Call<Escalate> = &call;
                let partner_id = partner_of(&call.caller)?;
                let (tx, admitted) =
                    admission::escalate(tx, &self.gate(call, &partner_id, verified), &call.command, verified).await?;
                let answer = match admitted {
                    Err(refused) => Err(refused),
                    Ok(admitted) => Ok(pb::EscalateCaseResponse {
                        case: Some(case_message(&admitted.case)),
                        decision: Some(
                            pb::AdmissionDecision::decode(admitted.decision.as_slice()).map_err(Error::internal)?,
                        ),
                        decision_record: admitted.decision.into(),
                    }),
                };
                Ok((tx, answer))
            })
            .await?;
        self.ring();
        Ok(escalated)
    }

    async fn get_escalation(
        &self,
        request: Request<pb::GetEscalationRequest>,
    ) -> Result<Response<pb::GetEscalationResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<EscalationId>>| async move {
                let (One(id), partner_id) = (&call.command, partner_of(&call.caller)?);
                self.what_became_of(*id, &partner_id).await
            })
            .await
    }

    async fn withdraw_escalation(
        &self,
        request: Request<pb::WithdrawEscalationRequest>,
    ) -> Result<Response<pb::WithdrawEscalationResponse>, Status> {
        let withdrawn = self
            .rpc
            .mutate("EscalationService/WithdrawEscalation", request, |mut tx, call| async move {
                let call: &Call<Withdrawal> = &call;
                let Withdrawal { escalation_id, reason, origin } = &call.command;
                let partner_id = partner_of(&call.caller)?;
                let doing = self.doing(call, Side::Partner, origin);
                let at = commands::withdraw(&mut tx, &doing, &partner_id, *escalation_id, reason).await?;
                Ok((tx, pb::WithdrawEscalationResponse { withdraw_time: Some(timestamp(at)) }))
            })
            .await?;
        self.ring();
        Ok(withdrawn)
    }

    async fn get_case(&self, request: Request<pb::GetCaseRequest>) -> Result<Response<pb::GetCaseResponse>, Status> {
        self.rpc
            .query(request, |call: Call<AskedCase>| async move {
                let (AskedCase { id, after_bundle }, partner_id) = (&call.command, partner_of(&call.caller)?);
                let mut snapshot = self.rpc.store.snapshot().await?;
                let case = cases::case_fetch(&mut snapshot, *id)
                    .await?
                    .filter(|case| case.partner_id == partner_id)
                    .ok_or_else(|| Error::not_found("case", id))?;
                // Told once: it stands in bundles, too.
                let analysis = match after_bundle {
                    None => analyses::fetch(&mut snapshot, case.bundle_id).await?,
                    Some(_) => None,
                };
                let analysis = analysis.map(vouch_host::analyses::message).transpose()?;
                let room = &mut Room::whole();
                let (bundles, more_bundles) = bundles_of(&mut snapshot, case.id, *after_bundle, room).await?;
                Ok(pb::GetCaseResponse { case: Some(case_message(&case)), analysis, bundles, more_bundles })
            })
            .await
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOfCases>| async move {
                let (ListOfCases(page), partner_id) = (&call.command, partner_of(&call.caller)?);
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut found = cases::case_list(&mut snapshot, &partner_id, page).await?;
                let info = page.cut(&mut found, read::CASES, |case| case.id.to_string());
                Ok(pb::ListCasesResponse { cases: found.iter().map(case_message).collect(), page: Some(info) })
            })
            .await
    }

    async fn add_note(&self, request: Request<pb::AddNoteRequest>) -> Result<Response<pb::AddNoteResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/AddNote", request, |mut tx, call| async move {
                let event = self.contribute(&mut tx, &call).await?;
                Ok((tx, pb::AddNoteResponse { event: Some(event) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn provide_information(
        &self,
        request: Request<pb::ProvideInformationRequest>,
    ) -> Result<Response<pb::ProvideInformationResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/ProvideInformation", request, |mut tx, call| async move {
                let event = self.contribute(&mut tx, &call).await?;
                Ok((tx, pb::ProvideInformationResponse { event: Some(event) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn mark_ready_to_close(
        &self,
        request: Request<pb::MarkReadyToCloseRequest>,
    ) -> Result<Response<pb::MarkReadyToCloseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/MarkReadyToClose", request, |mut tx, call| async move {
                let event = self.contribute(&mut tx, &call).await?;
                Ok((tx, pb::MarkReadyToCloseResponse { event: Some(event) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn decline_solution(
        &self,
        request: Request<pb::DeclineSolutionRequest>,
    ) -> Result<Response<pb::DeclineSolutionResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/DeclineSolution", request, |mut tx, call| async move {
                let event = self.contribute(&mut tx, &call).await?;
                Ok((tx, pb::DeclineSolutionResponse { event: Some(event) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn change_liaison(
        &self,
        request: Request<pb::ChangeLiaisonRequest>,
    ) -> Result<Response<pb::ChangeLiaisonResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/ChangeLiaison", request, |mut tx, call| async move {
                let event = self.contribute(&mut tx, &call).await?;
                Ok((tx, pb::ChangeLiaisonResponse { event: Some(event) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    async fn complete_duties(
        &self,
        request: Request<pb::CompleteDutiesRequest>,
    ) -> Result<Response<pb::CompleteDutiesResponse>, Status> {
        let answer = self
            .rpc
            .mutate("EscalationService/CompleteDuties", request, |mut tx, call| async move {
                let call: &Call<CompleteDuties> = &call;
                let partner_id = partner_of(&call.caller)?;
                let gate = self.gate(call, &partner_id, &None);
                let event = admission::complete_duties(&mut tx, &gate, &call.command).await?;
                Ok((tx, pb::CompleteDutiesResponse { event: Some(event_message(event)) }))
            })
            .await?;
        self.ring();
        Ok(answer)
    }

    type WatchCasesStream = Streamed<pb::WatchCasesResponse>;

    async fn watch_cases(
        &self,
        request: Request<pb::WatchCasesRequest>,
    ) -> Result<Response<Self::WatchCasesStream>, Status> {
        let told = |error: Error| self.rpc.status(&error);
        let caller = vouch_host::caller(&request).map_err(told)?;
        let partner_id = partner_of(&caller).map_err(told)?;
        let place = read_cursor(&request.get_ref().cursor, &self.epoch).map_err(told)?;
        let watch =
            Watch { rpc: self.rpc.clone(), bell: self.bell.clone(), epoch: self.epoch.to_string(), partner_id, place };
        watch.begin().await.map_err(told)?;
        let (partners, workload) = (self.partners.clone(), caller.workload.clone());
        Ok(streamed(self.stopping.clone(), move |sender| async move {
            tokio::select! {
                ended = watch.run(sender) => ended,
                () = partners.gone(workload.as_ref()) => {
                    Err(vouch_contract::status::early(
                        tonic::Code::Unauthenticated,
                        Reason::Unauthenticated,
                        "the workload is no longer registered",
                        crate::DOMAIN,
                    ))
                }
            }
        }))
    }
}

impl Handlers {
    /// Verifies a proof, where one came. Without the licence service's keys nothing can be said of it yet.
    async fn verify(&self, proof: &str) -> Result<Verified, Status> {
        if proof.is_empty() {
            return Ok(None);
        }
        let verified = self.proof_keys.verify(proof, self.rpc.world.now()).await;
        verified.map(Some).map_err(|error| self.rpc.status(&error))
    }

    fn gate<'a, C>(&'a self, call: &'a Call<C>, partner_id: &'a PartnerId, verified: &Verified) -> Gate<'a> {
        let license = match verified {
            Some(Ok(claims)) => self.entitlements.standing(claims),
            Some(Err(_)) | None => Standing::Unknown,
        };
        Gate {
            dialect: self.rpc.store.dialect(),
            world: &call.world,
            keys: &self.keys,
            issuer: &self.name,
            partner_id,
            holder: &call.caller.subject,
            revocation: Revocation { partner: self.partners.standing(partner_id), license },
            now: call.now,
        }
    }

    /// Takes in what a partner contributes to one of its cases.
    async fn contribute(
        &self,
        tx: &mut vouch_storage::Tx,
        call: &Call<Contribution>,
    ) -> Result<pb::CaseEvent, vouch_storage::WriteError> {
        let Contribution { case_id, event, origin } = &call.command;
        let partner_id = partner_of(&call.caller)?;
        let case = commands::lock(tx, self.rpc.store.dialect(), &Of::Partner(&partner_id), *case_id).await?;
        if let CaseEvent::InformationProvided { bundle_id, .. } = event {
            commands::check_bundle(tx, &case, "information.bundle_id", *bundle_id).await?;
        }
        let doing = self.doing(call, Side::Partner, origin);
        let event = event.clone().with_note_id(&call.world).with_liaison_of(&case);
        let (_, stored) = commands::record(tx, &doing, case, &event).await?;
        Ok(event_message(stored))
    }

    pub(super) fn doing<'a, C>(&'a self, call: &'a Call<C>, side: Side, origin: &'a str) -> Doing<'a> {
        Doing {
            dialect: self.rpc.store.dialect(),
            world: &call.world,
            now: call.now,
            side,
            actor: &call.caller.subject,
            origin,
        }
    }

    /// Wakes those who watch, and whoever sends settlements.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    async fn what_became_of(
        &self,
        id: EscalationId,
        partner_id: &PartnerId,
    ) -> Result<pb::GetEscalationResponse, Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        let known = escalation_fetch(&mut snapshot, partner_id, id).await?;
        let status = match known.map(|known| known.status) {
            None | Some(Became::New) => pb::EscalationStatus::Unknown,
            Some(Became::Refused) => pb::EscalationStatus::Refused,
            Some(Became::Accepted) => pb::EscalationStatus::Accepted,
            Some(Became::Withdrawn) => pb::EscalationStatus::Withdrawn,
        };
        let opened = cases::case_fetch_by_escalation(&mut snapshot, partner_id, id).await?;
        let (case, decision) = match opened {
            Some((case, decision)) => (Some(case_message(&case)), Some(decision)),
            None => (None, refusal_fetch_last(&mut snapshot, partner_id, id).await?),
        };
        let decision = decision.map(|bytes| pb::AdmissionDecision::decode(bytes.as_slice())).transpose();
        Ok(pb::GetEscalationResponse { status: status.into(), decision: decision.map_err(Error::internal)?, case })
    }
}

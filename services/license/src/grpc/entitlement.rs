//! `EntitlementService`.

use tonic::{Request, Response, Status, Streaming};
use vouch_contract::convert;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_server::EntitlementService;
use vouch_core::{Error, Reason, Violations, id, text};
use vouch_host::{Call, Rotation, Streamed};
use vouch_identity::Caller;

use super::checks::{Batch, Check, Checked, ask_as, read_question};
use super::{Handlers, read};
use crate::commands::proofs::{self, Holder, Surroundings};
use crate::domain::entitlement::ProofRequest;

#[tonic::async_trait]
impl EntitlementService for Handlers {
    async fn check_entitlement(
        &self,
        request: Request<pb::CheckEntitlementRequest>,
    ) -> Result<Response<pb::CheckEntitlementResponse>, Status> {
        self.rpc.query(request, |call: Call<Check>| async move { self.check(call).await }).await
    }

    async fn batch_check_entitlements(
        &self,
        request: Request<pb::BatchCheckEntitlementsRequest>,
    ) -> Result<Response<pb::BatchCheckEntitlementsResponse>, Status> {
        let checked = async {
            let caller = vouch_host::caller(&request)?;
            let pb::BatchCheckEntitlementsRequest { questions, at_least_revision, omit_cover } = request.into_inner();
            let batch = Batch { questions, at_least_revision, omit_cover };
            self.check_batch(&caller, batch).await
        };
        let Checked { items, revision, now } = checked.await.map_err(|error| self.rpc.status(&error))?;
        let checked_at = Some(convert::timestamp(now));
        Ok(Response::new(pb::BatchCheckEntitlementsResponse { items, revision, checked_at }))
    }

    type StreamCheckEntitlementsStream = Streamed<pb::StreamCheckEntitlementsResponse>;

    async fn stream_check_entitlements(
        &self,
        request: Request<Streaming<pb::StreamCheckEntitlementsRequest>>,
    ) -> Result<Response<Self::StreamCheckEntitlementsStream>, Status> {
        let caller = vouch_host::caller(&request).map_err(|error| self.rpc.status(&error))?;
        let (handlers, mut batches) = (self.clone(), request.into_inner());
        Ok(vouch_host::streamed(self.stopping.clone(), move |sender| async move {
            while let Some(request) = vouch_host::next_message(&mut batches, handlers.rpc.domain).await? {
                handlers.is_still_known(&caller)?;
                let pb::StreamCheckEntitlementsRequest { questions, at_least_revision, omit_cover } = request;
                let batch = Batch { questions, at_least_revision, omit_cover };
                let checked = handlers.check_batch(&caller, batch).await;
                let Checked { items, revision, now } = checked.map_err(|error| handlers.rpc.status(&error))?;
                let checked_at = Some(convert::timestamp(now));
                let answers = pb::StreamCheckEntitlementsResponse { items, revision, checked_at };
                if sender.send(Ok(answers)).await.is_err() {
                    break;
                }
            }
            Ok(())
        }))
    }

    type WatchEntitlementsStream = Streamed<pb::WatchEntitlementsResponse>;

    async fn watch_entitlements(
        &self,
        request: Request<pb::WatchEntitlementsRequest>,
    ) -> Result<Response<Self::WatchEntitlementsStream>, Status> {
        let watch = self.watch(request).await.map_err(|error| self.rpc.status(&error))?;
        Ok(vouch_host::streamed(self.stopping.clone(), |sender| watch.run(sender)))
    }

    async fn issue_entitlement_proof(
        &self,
        request: Request<pb::IssueEntitlementProofRequest>,
    ) -> Result<Response<pb::IssueEntitlementProofResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ProofRequest>| async move {
                let question = ask_as(&call.caller, call.command.question.clone())?;
                let request = ProofRequest { question, ..call.command.clone() };
                let guess = self.may_guess(&call.caller, call.now)?;
                let around = Surroundings {
                    dialect: self.store().dialect(),
                    secrets: self.secrets(),
                    world: self.world(),
                    issuer: &self.issuer,
                    now: call.now,
                };
                let holder = holder(&call.caller)?;
                let (holder, request) = (&holder, &request);
                let issued = self.store().write(|tx| proofs::issue(tx, around, holder, request)).await;
                if let Err(Error::Judged { findings, .. }) = &issued
                    && findings.has(Reason::LicenseNotFound)
                {
                    guess.miss();
                }
                let issued = issued?;
                let proof = self.keys.sign(|key| issued.claims.sign(key))?;
                Ok(pb::IssueEntitlementProofResponse {
                    proof,
                    expires_at: Some(convert::timestamp(issued.expires_at)),
                    hold: Some(issued.hold.into()),
                    answer: Some(issued.answer.into()),
                })
            })
            .await
    }

    async fn rotate_signing_key(
        &self,
        request: Request<pb::RotateSigningKeyRequest>,
    ) -> Result<Response<pb::RotateSigningKeyResponse>, Status> {
        let rotated = self.rpc.mutate("EntitlementService/RotateSigningKey", request, |mut tx, call| async move {
            let Rotate(rotation) = call.command;
            let signs_from = self.keys.rotate(&mut tx, rotation).await?;
            Ok((tx, pb::RotateSigningKeyResponse { signs_from: Some(convert::timestamp(signs_from)) }))
        });
        let rotated = rotated.await?;
        self.keys.reload().await.map_err(|error| self.rpc.status(&error))?;
        Ok(rotated)
    }

    async fn get_key_set(
        &self,
        _request: Request<pb::GetKeySetRequest>,
    ) -> Result<Response<pb::GetKeySetResponse>, Status> {
        let key_set = self.keys.published().map_err(|error| self.rpc.status(&error))?;
        Ok(Response::new(pb::GetKeySetResponse { key_set: Some(key_set) }))
    }
}

fn holder(caller: &Caller) -> Result<Holder, Error> {
    let unnamed = || Error::internal("a partner's workload came without its name");
    Ok(Holder {
        partner_id: caller.partner().ok_or_else(unnamed)?,
        workload: caller.workload.clone().ok_or_else(unnamed)?,
    })
}

/// Another key is wanted.
#[derive(Debug, Clone, Copy)]
struct Rotate(Rotation);

impl TryFrom<pb::RotateSigningKeyRequest> for Rotate {
    type Error = Violations;

    fn try_from(request: pb::RotateSigningKeyRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let rotation = match pb::KeyRotation::try_from(request.rotation) {
            Ok(pb::KeyRotation::Planned) => Some(Rotation::Planned),
            Ok(pb::KeyRotation::Compromised) => Some(Rotation::Compromised),
            Ok(pb::KeyRotation::Unspecified) => violations.take("rotation", Err("is required")),
            Err(_) => violations.take("rotation", Err(format!("has the unknown value {}", request.rotation))),
        };
        violations.finish(rotation.map(Self))
    }
}

impl TryFrom<pb::IssueEntitlementProofRequest> for ProofRequest {
    type Error = Violations;

    fn try_from(request: pb::IssueEntitlementProofRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let question = violations.nested("question", request.question, |question, v| {
            let question = read_question(question, v)?;
            let required = [
                ("product_id", question.product_id.is_some()),
                ("version", question.version.is_some()),
                ("severity", question.severity.is_some()),
                ("channel", question.channel.is_some()),
                ("contact_email", question.contact_email.is_some()),
            ];
            for (field, _) in required.iter().filter(|(_, is_there)| !is_there) {
                v.add(*field, "is required for a proof");
            }
            Some(question)
        });
        let escalation_id = violations.take("escalation_id", id::parse(&request.escalation_id));
        let bundle_root = violations.take("bundle_root", read::digest(&request.bundle_root));
        let audience = violations.take("audience", text::line(&request.audience, 100));
        let charge = violations.take("charged_hold_id", read::optional(&request.charged_hold_id, id::parse));
        let command = (|| {
            Some(Self {
                question: question?,
                escalation_id: escalation_id?,
                bundle_root: bundle_root?,
                audience: audience?,
                charge: charge?,
            })
        })();
        violations.finish(command)
    }
}

//! `EntitlementService`.

use tonic::{Request, Response, Status};
use vouch_contract::convert;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_server::EntitlementService;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::{Error, Reason, Violations, id, text};
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};

use super::Handlers;
use super::read;
use crate::commands::proofs::{self, Holder, Surroundings};
use crate::domain::entitlement::{Known, LicenseRef, ProofRequest, Question, Viewer, judge};
use crate::domain::guesses::Guess;
use crate::domain::license_key::LicenseKey;
use crate::store::facts::facts_fetch;

#[tonic::async_trait]
impl EntitlementService for Handlers {
    async fn check_entitlement(
        &self,
        request: Request<pb::CheckEntitlementRequest>,
    ) -> Result<Response<pb::CheckEntitlementResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Question>| async move {
                let question = ask_as(&call.caller, call.command.clone())?;
                let guess = self.may_guess(&call)?;
                let mut snapshot = self.store().snapshot().await?;
                let known = facts_fetch(&mut snapshot, self.secrets(), &question.license, call.now).await?;
                let facts = known.as_ref().map(Known::facts);
                let answer = judge(facts.as_ref(), &question, &viewer(&call.caller)?, call.now);
                if answer.findings.has(Reason::LicenseNotFound) {
                    guess.miss();
                }
                Ok(pb::CheckEntitlementResponse { answer: Some(answer.into()) })
            })
            .await
    }

    async fn issue_entitlement_proof(
        &self,
        request: Request<pb::IssueEntitlementProofRequest>,
    ) -> Result<Response<pb::IssueEntitlementProofResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ProofRequest>| async move {
                let question = ask_as(&call.caller, call.command.question.clone())?;
                let request = ProofRequest { question, ..call.command.clone() };
                let guess = self.may_guess(&call)?;
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

    async fn get_key_set(
        &self,
        _request: Request<pb::GetKeySetRequest>,
    ) -> Result<Response<pb::GetKeySetResponse>, Status> {
        let key_set = self.keys.published().map_err(|error| self.rpc.status(&error))?;
        Ok(Response::new(pb::GetKeySetResponse { key_set: Some(key_set) }))
    }
}

impl Handlers {
    /// A question is a guess until its answer shows that the licence is known.
    fn may_guess<C>(&self, call: &Call<C>) -> Result<Guess<'_, String>, Error> {
        self.callers.guess(call.caller.name(), call.now).map_err(|retry_after| Error::RateLimited { retry_after })
    }
}

/// The question as this caller may ask it: a partner's service asks for itself.
fn ask_as(caller: &Caller, mut question: Question) -> Result<Question, Error> {
    if caller.kind == CallerKind::PartnerWorkload {
        let own = caller.partner();
        if question.partner_id.is_some() && question.partner_id != own {
            return Err(Error::field("question.partner_id", "must be empty or your own"));
        }
        question.partner_id = own;
    }
    Ok(question)
}

fn viewer(caller: &Caller) -> Result<Viewer, Error> {
    Ok(super::scope(caller)?.map_or(Viewer::Vendor, Viewer::Partner))
}

fn holder(caller: &Caller) -> Result<Holder, Error> {
    let unnamed = || Error::internal("a partner's workload came without its name");
    Ok(Holder {
        partner_id: caller.partner().ok_or_else(unnamed)?,
        workload: caller.workload.clone().ok_or_else(unnamed)?,
    })
}

impl TryFrom<pb::CheckEntitlementRequest> for Question {
    type Error = Violations;

    fn try_from(request: pb::CheckEntitlementRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let question = violations.nested("question", request.question, read_question);
        violations.finish(question)
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
        let bundle_root = violations.take(
            "bundle_root",
            <[u8; 32]>::try_from(request.bundle_root.as_ref()).map_err(|_| "must be a SHA-256 digest of 32 bytes"),
        );
        let audience = violations.take("audience", text::line(&request.audience, 100));
        let command = (|| {
            Some(Self {
                question: question?,
                escalation_id: escalation_id?,
                bundle_root: bundle_root?,
                audience: audience?,
            })
        })();
        violations.finish(command)
    }
}

fn read_question(question: pb::EntitlementQuestion, v: &mut Violations) -> Option<Question> {
    let license = v.nested("license", question.license, |license, v| match license.r#ref {
        Some(pb::license_ref::Ref::LicenseKey(key)) => {
            v.take("license_key", LicenseKey::parse(&key)).map(LicenseRef::Key)
        }
        Some(pb::license_ref::Ref::LicenseId(text)) => v.take("license_id", id::parse(&text)).map(LicenseRef::Id),
        None => v.take("ref", Err("is required: license_key or license_id")),
    });
    let partner_id = v.take("partner_id", read::optional(&question.partner_id, PartnerId::parse));
    let product_id = v.take("product_id", read::optional(&question.product_id, ProductId::parse));
    let version = v.take("version", read::optional(&question.version, |version| text::line(version, 64)));
    let severity = v.take("severity", optional_number(question.severity, convert::read_severity));
    let channel = v.take("channel", optional_number(question.channel, convert::read_channel));
    let contact_email = v.take("contact_email", read::optional(&question.contact_email, text::email));
    Some(Question {
        license: license?,
        partner_id: partner_id?,
        product_id: product_id?,
        version: version?,
        severity: severity?,
        channel: channel?,
        contact_email: contact_email?,
    })
}

fn optional_number<T>(number: i32, read: impl FnOnce(i32) -> Result<T, String>) -> Result<Option<T>, String> {
    if number == 0 { Ok(None) } else { read(number).map(Some) }
}

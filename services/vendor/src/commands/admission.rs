//! The gate at work: what it is shown is gathered, judged and written in one transaction.

use jiff::{SignedDuration, Timestamp};
use prost::Message;
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::escalation::Escalation;
use vouch_core::id::{BundleId, CaseId, EscalationId, HoldId, ReceiptTag};
use vouch_core::{Error, Kind, Reason, Violations, World, id, short_number};
use vouch_diagnostics::Digest;
use vouch_host::SigningKeys;
use vouch_host::analyses::{message, warnings};
use vouch_proof::history::GENESIS;
use vouch_proof::{AdmissionReceipt, CLOCK_SKEW, EntitlementProof, PromisedTime, VerifyError};
use vouch_storage::{Dialect, Tx, WriteError, analyses};

use super::cases::{Doing, Of, chain, lock, record, settle};
use crate::domain::admission::{BundleEvidence, Decision, Evidence, ProofEvidence, Revocation, admit};
use crate::domain::bundle::Bundle;
use crate::domain::case::{Case, CaseEvent, CaseState, FrozenCover, HistoryHead, MAX_AGE, Settlement, Side};
use crate::domain::coverage::FIRST_RESPONSE;
use crate::domain::policy::AdmissionPolicy;
use crate::history::decision_message;
use crate::published::{read_coverage, read_policy};
use crate::store::escalations::{self, Status};
use crate::store::history::{StoredEvent, event_append};
use crate::store::retention::bundle_hold;
use crate::store::{bundles, cases, policies};

/// An escalation as it came, and as it was read.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// As it was read.
    pub escalation: Escalation,
    /// As it came: kept verbatim.
    pub bytes: Vec<u8>,
}

/// An escalation to be judged.
#[derive(Debug, Clone)]
pub struct Escalate {
    /// The escalation.
    pub hand_over: HandOver,
    /// The bundle; `None` where none was named.
    pub bundle_id: Option<BundleId>,
}

/// A proof, verified before the transaction began; `None` where none came.
pub type Verified = Option<Result<EntitlementProof, VerifyError>>;

/// Who knocks, and what the gate has at hand.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// Entropy for ids.
    pub world: &'a World,
    /// The keys that sign receipts.
    pub keys: &'a SigningKeys,
    /// The service's own name in receipts.
    pub issuer: &'a str,
    /// The partner.
    pub partner_id: &'a PartnerId,
    /// The exact workload that calls.
    pub holder: &'a str,
    /// What is known of the partner's standing, and of the licence of the proof.
    pub revocation: Revocation,
    /// The instant.
    pub now: Timestamp,
}

/// What a gate says who was asked only.
pub async fn preflight(
    connection: &mut AnyConnection,
    gate: &Gate<'_>,
    request: &Escalate,
    verified: &Verified,
) -> Result<Decision, Error> {
    check_age(&request.hand_over.escalation, gate.now)?;
    let (decision, _) = judge(connection, gate, request, verified, true).await.map_err(refused)?;
    Ok(decision)
}

/// A case, with the decision that accepted it.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The case.
    pub case: Case,
    /// The decision, as it was recorded.
    pub decision: Vec<u8>,
}

/// Judges an escalation, and opens its case. A refusal is recorded and nothing else; a repeat returns the first case.
pub async fn escalate(
    mut tx: Tx,
    gate: &Gate<'_>,
    request: &Escalate,
    verified: &Verified,
) -> Result<(Tx, Result<Admitted, Error>), WriteError> {
    let HandOver { escalation, bytes } = &request.hand_over;
    let (partner_id, now) = (gate.partner_id, gate.now);
    let mut known = escalations::escalation_lock(&mut tx, gate.dialect, partner_id, escalation.id, now).await?;
    match known.status {
        Status::Accepted => {
            let (case, decision) = cases::case_fetch_by_escalation(&mut tx, partner_id, escalation.id)
                .await?
                .ok_or_else(|| Error::internal("an accepted escalation has no case"))?;
            return Ok((tx, Ok(Admitted { case, decision })));
        }
        Status::Withdrawn => {
            // A proof that was minted on the way set an incident aside, which nobody would give back.
            if let Some(hold_id) = held(gate, escalation.id, verified)? {
                settle(&mut tx, &escalation.id.to_string(), hold_id, Settlement::Release, &gate.doing("")).await?;
            }
            let message = "the escalation was withdrawn; open a new one".to_owned();
            let reason = Reason::EscalationWithdrawn;
            return Ok((tx, Err(Error::Refused { kind: Kind::Refused, reason, message })));
        }
        Status::New | Status::Refused => {}
    }
    check_age(escalation, now)?;
    let (decision, shown) = judge(&mut tx, gate, request, verified, false).await?;
    let recorded = decision_message(&decision).encode_to_vec();
    (known.status, known.changed_at) = (Status::Accepted, now);
    // What is accepted has both: the judgement says so.
    let (Some(claims), Some(bundle), true) = (shown.claims, shown.bundle, decision.accepts()) else {
        (known.status, known.attempts) = (Status::Refused, known.attempts + 1);
        known.hold_id = held(gate, escalation.id, verified)?.or(known.hold_id);
        escalations::escalation_update(&mut tx, partner_id, escalation.id, &known).await?;
        escalations::refusal_insert(&mut tx, partner_id, escalation.id, known.attempts, &recorded, now).await?;
        return Ok((tx, Err(judged(decision))));
    };
    let mut case = open(&mut tx, gate, escalation, &claims, &bundle).await?;
    case.receipt = sign_receipt(gate, &case, &claims, &bundle, &recorded)?;
    let doing = gate.doing("");
    let event = chain_first(&mut case, &doing);
    cases::case_insert(&mut tx, &case, bytes, &recorded).await?;
    bundle_hold(&mut tx, case.id, case.bundle_id, now).await?;
    escalations::escalation_update(&mut tx, partner_id, escalation.id, &known).await?;
    event_append(&mut tx, gate.dialect, partner_id, &event).await?;
    Ok((tx, Ok(Admitted { case, decision: recorded })))
}

/// What was missing when a case was closed as duties not done.
#[derive(Debug, Clone)]
pub struct CompleteDuties {
    /// The case.
    pub case_id: CaseId,
    /// The escalation as it is known now, with another bundle or none.
    pub escalate: Escalate,
    /// What was done.
    pub text: String,
    /// The partner's own id of this.
    pub origin: String,
}

/// Judges what was handed in as at the gate, but for the proof, and lets the case go on.
pub async fn complete_duties(
    tx: &mut AnyConnection,
    gate: &Gate<'_>,
    command: &CompleteDuties,
) -> Result<StoredEvent, WriteError> {
    // A running case goes on whatever the partner's standing.
    let gate = &Gate { revocation: Revocation::UNKNOWN, ..*gate };
    let case = lock(tx, gate.dialect, &Of::Partner(gate.partner_id), command.case_id).await?;
    let escalation = &command.escalate.hand_over.escalation;
    let mut violations = Violations::new();
    for (field, differs) in [
        ("escalation.escalation_id", escalation.id != case.escalation_id),
        ("escalation.product_id", escalation.problem.product_id != case.product_id),
        ("escalation.severity", escalation.problem.severity != case.severity),
    ] {
        if differs {
            violations.add(field, "must be that of the case");
        }
    }
    violations.finish(Some(())).map_err(Error::from)?;
    let bundle_id = command.escalate.bundle_id.filter(|id| *id != case.bundle_id);
    let escalate = Escalate { bundle_id: Some(bundle_id.unwrap_or(case.bundle_id)), ..command.escalate.clone() };
    let (decision, _) = judge(tx, gate, &escalate, &None, true).await?;
    if !decision.accepts() {
        return Err(judged(decision).into());
    }
    cases::case_hand_over_anew(tx, case.id, &command.escalate.hand_over.bytes).await?;
    let event =
        CaseEvent::DutiesCompleted { text: command.text.clone(), bundle_id, has_rights: escalation.liaison_has_rights };
    let (_, event) = record(tx, &gate.doing(&command.origin), case, &event).await?;
    Ok(event)
}

impl<'a> Gate<'a> {
    fn doing(&self, origin: &'a str) -> Doing<'a> {
        let Self { dialect, world, now, holder, .. } = *self;
        Doing { dialect, world, now, side: Side::Partner, actor: holder, origin }
    }
}

/// The incident that a genuine proof of this partner set aside for this escalation.
fn held(gate: &Gate<'_>, id: EscalationId, verified: &Verified) -> Result<Option<HoldId>, Error> {
    let claims = verified.as_ref().and_then(|verified| verified.as_ref().ok());
    let own = claims.filter(|claims| claims.act.partner == gate.partner_id.as_str() && claims.esc == id.to_string());
    own.map(|claims| read(&claims.inc.hold)).transpose()
}

/// What was shown that is genuine.
struct Shown {
    claims: Option<EntitlementProof>,
    bundle: Option<Bundle>,
}

async fn judge(
    connection: &mut AnyConnection,
    gate: &Gate<'_>,
    request: &Escalate,
    verified: &Verified,
    proof_may_follow: bool,
) -> Result<(Decision, Shown), WriteError> {
    let escalation = &request.hand_over.escalation;
    let policy = policy_of(connection, &escalation.problem.product_id).await?;
    let bundle = match request.bundle_id {
        // One whose contents were deleted is committed no longer.
        Some(id) => {
            let found = bundles::bundle_fetch(connection, gate.partner_id, id).await?;
            found.filter(|bundle| bundle.content_deleted_at.is_none())
        }
        None => None,
    };
    let proof = match verified {
        None if proof_may_follow => ProofEvidence::NotAskedFor,
        None => ProofEvidence::Missing,
        Some(Err(problem)) => ProofEvidence::Refused(*problem),
        Some(Ok(claims)) => {
            let used = cases::proof_is_used(connection, read(&claims.jti)?).await?;
            ProofEvidence::Genuine { claims: Box::new(claims.clone()), used }
        }
    };
    let analysis = match &bundle {
        Some(bundle) => analyses::fetch(connection, bundle.id).await?,
        None => None,
    };
    let known_problems = analysis.map(message).transpose()?.as_ref().map(warnings).unwrap_or_default();
    let evidence = Evidence {
        partner_id: gate.partner_id.clone(),
        holder: gate.holder.to_owned(),
        proof,
        bundle: bundle.as_ref().map(|bundle| BundleEvidence {
            root: bundle.root,
            redaction: bundle.redaction.clone(),
            collected_at: bundle.collected_at,
            artefacts: bundle.artefacts.clone(),
        }),
        bundle_named: request.bundle_id.is_some(),
        known_problems,
        revocation: gate.revocation,
    };
    let decision = admit(&policy, escalation, &evidence, gate.now);
    let claims = verified.as_ref().and_then(|verified| verified.as_ref().ok().cloned());
    Ok((decision, Shown { claims, bundle }))
}

/// The policy of a product that counts now.
pub(super) async fn policy_of(
    connection: &mut AnyConnection,
    product_id: &ProductId,
) -> Result<AdmissionPolicy, WriteError> {
    let unknown = || Error::not_found("admission policy of product", product_id);
    let found = policies::policy_fetch(connection, product_id).await?.ok_or_else(unknown)?;
    let mut violations = Violations::new();
    let terms = read_policy(&found.content, &mut violations);
    let (product_id, terms) =
        violations.finish(terms).map_err(|problems| Error::internal(format!("a published policy: {problems:?}")))?;
    Ok(AdmissionPolicy { product_id, version: found.version, terms, published_at: found.published_at })
}

async fn open(
    connection: &mut AnyConnection,
    gate: &Gate<'_>,
    escalation: &Escalation,
    claims: &EntitlementProof,
    bundle: &Bundle,
) -> Result<Case, WriteError> {
    let problem = &escalation.problem;
    let found = policies::coverage_fetch(connection, &claims.agr.coverage).await?;
    if found.is_none() {
        tracing::warn!(coverage = claims.agr.coverage, "a cover was never published: no time is promised");
    }
    let coverage = found.and_then(|found| read_coverage(&found.content, &mut Violations::new()));
    let first_response_due = coverage.and_then(|coverage| coverage.first_response_due(problem.severity, gate.now));
    Ok(Case {
        id: gate.world.id(),
        // Eight digits: short enough for the phone, and not the count of anybody's cases.
        number: 10_000_000 + u64::from(u32::from_be_bytes(gate.world.random()) % 90_000_000),
        partner_id: gate.partner_id.clone(),
        escalation_id: escalation.id,
        ticket_number: escalation.ticket_number.clone(),
        state: CaseState::Accepted,
        severity: problem.severity,
        subject: problem.subject.clone(),
        product_id: problem.product_id.clone(),
        version: problem.version.clone(),
        cover: FrozenCover {
            end_user_id: EndUserId::parse(&claims.sub).map_err(Error::internal)?,
            contact_id: claims.contact.clone(),
            license_id: read(&claims.lic.id)?,
            license_revision: claims.lic.rev,
            agreement_id: claims.agr.id.as_deref().map(read).transpose()?,
            tier_id: claims.agr.tier.clone(),
            coverage: claims.agr.coverage.clone(),
            priority: claims.agr.priority,
            hold_id: read(&claims.inc.hold)?,
        },
        proof_id: read(&claims.jti)?,
        bundle_id: bundle.id,
        receipt: String::new(),
        liaison: claims.contact.clone(),
        liaison_has_rights: escalation.liaison_has_rights,
        engineer: None,
        accepted_at: gate.now,
        first_response_due,
        first_response_at: None,
        test_case: escalation.test_case,
        revision: 1,
        head: HistoryHead { sequence: 0, hash: GENESIS },
    })
}

fn chain_first(case: &mut Case, doing: &Doing<'_>) -> StoredEvent {
    let event = CaseEvent::Accepted(Box::new(case.clone()));
    chain(case, &event, doing)
}

fn sign_receipt(
    gate: &Gate<'_>,
    case: &Case,
    claims: &EntitlementProof,
    bundle: &Bundle,
    decision: &[u8],
) -> Result<String, Error> {
    let promised = case
        .first_response_due
        .map(|due| PromisedTime { target: FIRST_RESPONSE.into(), due: due.as_second() })
        .into_iter()
        .collect();
    let receipt = AdmissionReceipt {
        iss: gate.issuer.to_owned(),
        aud: gate.partner_id.to_string(),
        jti: gate.world.id::<ReceiptTag>().to_string(),
        iat: gate.now.as_second(),
        esc: case.escalation_id.to_string(),
        case: case.id.to_string(),
        number: short_number::show(case.number),
        proof: claims.jti.clone(),
        bundle: bundle.root.to_string(),
        severity: case.severity.as_str().to_owned(),
        revocation: gate.revocation.as_str().to_owned(),
        promised,
        decision: Digest::of(decision).to_string(),
    };
    gate.keys.sign(|key| receipt.sign(key))
}

/// A creation in the future is a wrong clock; one long ago would make old diagnostics fresh.
fn check_age(escalation: &Escalation, now: Timestamp) -> Result<(), Error> {
    let age = now.duration_since(escalation.created_at);
    if age < SignedDuration::ZERO - CLOCK_SKEW || age > MAX_AGE {
        return Err(Error::field("escalation.created_at", "must be at most 7 days ago and not in the future"));
    }
    Ok(())
}

fn judged(decision: Decision) -> Error {
    let message = "the escalation was not admitted; see the findings";
    Error::Judged { reason: Reason::AdmissionRefused, message, findings: decision.findings }
}

/// An id in a claim of a genuine proof: what is none is the licence service's fault.
fn read<T: vouch_core::id::StaticType>(claim: &str) -> Result<vouch_core::id::Id<T>, Error> {
    id::parse(claim).map_err(|problem| Error::internal(format!("a claim of a genuine proof {problem}")))
}

fn refused(error: WriteError) -> Error {
    match error {
        WriteError::Store(error) => error.into(),
        WriteError::Refused(error) => error,
    }
}

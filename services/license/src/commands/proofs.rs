//! Issuing proofs: the check, the hold and the record in one transaction; the signature after it.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::{CureBy, Error, Finding, Findings, Reason, Severity, World};
use vouch_identity::SpiffeId;
use vouch_proof::{Act, Agreement, Bundle, EntitlementProof, Incident, License};
use vouch_storage::{Dialect, Secrets, Tx, WriteError};

use super::incidents::escalations::{self, Doing, Reservation, reserve};
use crate::domain::entitlement::{Answer, Cover, Escalated, Known, ProofRequest, Question, Viewer, judge};
use crate::domain::incident::{Hold, Outlook};
use crate::domain::tier::Tier;
use crate::store::facts::{facts_fetch, facts_lock};
use crate::store::proofs::{IssuedProof, proof_insert};

/// Who asks for a proof.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The partner.
    pub partner_id: PartnerId,
    /// The exact workload that will present the proof.
    pub workload: SpiffeId,
}

/// What was issued: the claims, ready to be signed.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The claims.
    pub claims: EntitlementProof,
    /// The hold.
    pub hold: Hold,
    /// The answer on which it rests.
    pub answer: Answer,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What issuing takes from its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// The keys under which licence keys are digested.
    pub secrets: &'a Secrets,
    /// Entropy for ids.
    pub world: &'a World,
    /// The service's own name in proofs.
    pub issuer: &'a str,
    /// The instant.
    pub now: Timestamp,
}

/// Checks, reserves and records. Refused with every finding when the answer is no; then nothing is reserved.
pub async fn issue(
    mut tx: Tx,
    around: Surroundings<'_>,
    holder: &Holder,
    request: &ProofRequest,
) -> Result<(Tx, Issued), WriteError> {
    let Surroundings { dialect, secrets, world, now, .. } = around;
    let viewer = Viewer::Partner(holder.partner_id.clone());
    let known = facts_lock(&mut tx, dialect, secrets, &request.question.license, &viewer, now).await?;
    let facts = known.as_ref().map(Known::facts);
    let mut answer = judge(facts.as_ref(), &request.question, &viewer, now);

    // A renewal finds its units set aside already: that none is left beside them must not refuse it. Whether one is left is
    // decided under the lock, by the reservation.
    let others_block = answer.findings.blocks_beside(Reason::IncidentsExhausted);
    let (Some(cover), Some(tier), false) = (&answer.cover, tier_of(&answer), others_block) else {
        return Err(refused(answer.findings));
    };
    let expires_at = now + EntitlementProof::MAX_LIFETIME;
    let reservation = Reservation {
        partner_id: &holder.partner_id,
        escalation_id: request.escalation_id,
        end_user_id: &cover.end_user_id,
        units: tier.charging.units(),
        is_down: request.question.severity == Some(Severity::SiteDown),
        charge: request.charge,
    };
    let workload = holder.workload.to_string();
    let doing = Doing { dialect, world, now, by: &workload };
    let Some(hold) = reserve(&mut tx, doing, &reservation, expires_at).await? else {
        answer.findings.remove(Reason::IncidentsExhausted);
        answer.findings.add(no_incident_left());
        return Err(refused(answer.findings));
    };
    answer.findings.remove(Reason::IncidentsExhausted);
    let wanted = if hold.charge.is_some() { 0 } else { tier.charging.units() };
    if hold.paid() < wanted {
        answer.findings.add(no_incident_left().as_warning());
    }

    let product = facts.as_ref().map(|facts| facts.product.id.to_string()).unwrap_or_default();
    let claims =
        claims(around, holder, request, &Proven { cover, tier: &tier, product, hold: &hold, wanted, expires_at });
    let record = IssuedProof {
        id: vouch_core::id::parse(&claims.jti).map_err(Error::internal)?,
        hold_id: hold.id,
        license_id: cover.license_id,
        license_revision: cover.license_revision,
        bundle_root: request.bundle_root,
        issued_at: now,
        expires_at,
    };
    proof_insert(&mut tx, &record).await?;
    Ok((tx, Issued { claims, hold, answer, expires_at }))
}

/// Answers as a request for a proof would be answered now: with what the escalation's hold has, and what its charge pays for. Writes
/// nothing. As for a proof, neither is looked at while something else stands against it.
pub async fn foresee(
    connection: &mut AnyConnection,
    (secrets, now): (&Secrets, Timestamp),
    partner_id: &PartnerId,
    question: &Question,
    Escalated { escalation_id, charge }: Escalated,
) -> Result<Answer, Error> {
    let viewer = Viewer::Partner(partner_id.clone());
    let known = facts_fetch(connection, secrets, &question.license, &viewer, now).await?;
    let mut answer = judge(known.as_ref().map(Known::facts).as_ref(), question, &viewer, now);
    let others_block = answer.findings.blocks_beside(Reason::IncidentsExhausted);
    let (Some(cover), Some(tier), false) = (&answer.cover, tier_of(&answer), others_block) else { return Ok(answer) };
    let reservation = Reservation {
        partner_id,
        escalation_id,
        end_user_id: &cover.end_user_id,
        units: tier.charging.units(),
        is_down: question.severity == Some(Severity::SiteDown),
        charge,
    };
    let outlook = escalations::foresee(connection, now, &reservation).await?;
    answer.findings.remove(Reason::IncidentsExhausted);
    match outlook {
        Outlook::Paid => {}
        Outlook::Owed => answer.findings.add(no_incident_left().as_warning()),
        Outlook::Lacking => answer.findings.add(no_incident_left()),
    }
    Ok(answer)
}

/// What was found and set aside, to be proven.
struct Proven<'a> {
    cover: &'a Cover,
    tier: &'a Tier,
    product: String,
    hold: &'a Hold,
    /// How many units it has to have.
    wanted: u32,
    expires_at: Timestamp,
}

fn claims(around: Surroundings<'_>, holder: &Holder, request: &ProofRequest, proven: &Proven<'_>) -> EntitlementProof {
    let Proven { cover, tier, product, hold, wanted, expires_at } = proven;
    let issued_at = around.now.as_second();
    // Without an incident set aside, or with one owed, the proof opens nothing but what is helped without one.
    let waived = hold.paid() < *wanted;
    let severities = Severity::ALL
        .into_iter()
        .filter(|severity| tier.covers(*severity) && (!waived || *severity == Severity::SiteDown));
    EntitlementProof {
        iss: around.issuer.to_owned(),
        aud: request.audience.clone(),
        jti: around.world.id::<vouch_core::id::ProofTag>().to_string(),
        iat: issued_at,
        nbf: issued_at,
        exp: expires_at.as_second(),
        sub: cover.end_user_id.to_string(),
        act: Act { sub: holder.workload.to_string(), partner: holder.partner_id.to_string() },
        lic: License {
            id: cover.license_id.to_string(),
            rev: cover.license_revision,
            product: product.clone(),
            version: request.question.version.clone().unwrap_or_default(),
        },
        agr: Agreement {
            id: cover.agreement_id.map(|id| id.to_string()),
            tier: tier.id.to_string(),
            severities: severities.map(|severity| severity.as_str().to_owned()).collect(),
            coverage: tier.coverage.clone(),
            until: cover.until.map(Timestamp::as_second),
            priority: tier.priority,
        },
        contact: cover.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        bundle: Bundle { alg: "sha-256".into(), root: data_encoding::HEXLOWER.encode(&request.bundle_root) },
        esc: request.escalation_id.to_string(),
        inc: Incident { hold: hold.id.to_string(), units: hold.paid() },
    }
}

fn tier_of(answer: &Answer) -> Option<Arc<Tier>> {
    answer.cover.as_ref().and_then(|cover| cover.tier.clone())
}

fn no_incident_left() -> Finding {
    Finding::blocking(
        Reason::IncidentsExhausted,
        "incidents",
        "No prepaid incident is left.",
        CureBy::EndUser,
        "Buy a pack of incidents.",
    )
}

fn refused(findings: Findings) -> WriteError {
    let message = "the end user is not entitled to this; see the findings";
    WriteError::Refused(Error::Judged { reason: Reason::EntitlementRefused, message, findings })
}

//! The judgement itself.

use jiff::Timestamp;
use vouch_core::escalation::Escalation;
use vouch_core::{CureBy, Finding, Findings, Reason, Severity};
use vouch_proof::{CLOCK_SKEW, EntitlementProof, VerifyError};

use super::{BundleEvidence, Evidence, ProofEvidence, Revocation, Standing};
use crate::domain::policy::{AdmissionPolicy, Duty, RequirementSet, is_done, is_english, is_filled};

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Everything that was found.
    pub findings: Findings,
    /// The version of the policy.
    pub policy_version: i64,
    /// When.
    pub decided_at: Timestamp,
    /// What was known of revocations; `None` where there was no proof to check.
    pub revocation: Option<Revocation>,
}

impl Decision {
    /// Whether the escalation is accepted.
    pub fn accepts(&self) -> bool {
        !self.findings.blocks()
    }
}

/// Judges an escalation.
pub fn admit(policy: &AdmissionPolicy, escalation: &Escalation, evidence: &Evidence, now: Timestamp) -> Decision {
    let mut findings = Findings::new();
    if evidence.revocation.partner == Standing::Revoked {
        findings.add(Finding::blocking(
            Reason::PartnerSuspended,
            "partner",
            "The partner is suspended.",
            CureBy::Partner,
            "Settle the matter with the vendor's partner management.",
        ));
    }
    judge_proof(&mut findings, escalation, evidence);
    judge_bundle(&mut findings, policy, escalation, evidence, now);
    if let Some(set) = policy.terms.set_for(&escalation.problem.category, escalation.problem.severity) {
        judge_category(&mut findings, policy, escalation);
        judge_information(&mut findings, set, escalation);
        judge_duties(&mut findings, set, escalation);
        if let Some(bundle) = &evidence.bundle {
            judge_artefacts(&mut findings, set, bundle);
        }
    }
    judge_language(&mut findings, policy, escalation);
    // Invariant: nobody is refused for what an analyzer says.
    findings.extend(evidence.known_problems.iter().cloned().map(Finding::as_warning));
    let revocation = match evidence.proof {
        ProofEvidence::Genuine { .. } => Some(evidence.revocation),
        ProofEvidence::NotAskedFor | ProofEvidence::Missing | ProofEvidence::Refused(_) => None,
    };
    Decision { findings, policy_version: policy.version, decided_at: now, revocation }
}

fn judge_proof(findings: &mut Findings, escalation: &Escalation, evidence: &Evidence) {
    let new_proof =
        "Have the licence service issue a proof for this escalation and this bundle, and send it untouched.";
    let add = |findings: &mut Findings, reason, message: String| {
        findings.add(Finding::blocking(reason, "proof", message, CureBy::Partner, new_proof));
    };
    match &evidence.proof {
        ProofEvidence::NotAskedFor => {}
        ProofEvidence::Missing => add(findings, Reason::ProofMissing, "No entitlement proof is attached.".into()),
        ProofEvidence::Refused(problem @ (VerifyError::Expired | VerifyError::NotYet)) => {
            add(findings, Reason::ProofExpired, format!("The proof is not in its time: {problem}."));
        }
        ProofEvidence::Refused(problem) => {
            add(findings, Reason::ProofInvalid, format!("The proof is not to be trusted: {problem}."));
        }
        ProofEvidence::Genuine { claims, used } => {
            if claims.act.sub != evidence.holder || claims.act.partner != evidence.partner_id.as_str() {
                add(findings, Reason::ProofHolderMismatch, "The proof was issued to another partner.".into());
            }
            if claims.esc != escalation.id.to_string() {
                add(findings, Reason::ProofEscalationMismatch, "The proof is for another escalation.".into());
            }
            if *used {
                add(findings, Reason::ProofUsed, "The proof opened a case before.".into());
            }
            if evidence.revocation.license == Standing::Revoked {
                findings.add(Finding::blocking(
                    Reason::ProofRevoked,
                    "proof",
                    "The licence was suspended or revoked after the proof was issued.",
                    CureBy::Partner,
                    "Have a new proof issued: the licence service says what changed, and who can cure it.",
                ));
            }
            if evidence.bundle.as_ref().is_some_and(|bundle| bundle.root.to_string() != claims.bundle.root) {
                add(
                    findings,
                    Reason::ProofBundleMismatch,
                    "The proof names another bundle than the one attached.".into(),
                );
            }
            judge_cover(findings, escalation, claims);
        }
    }
}

fn judge_cover(findings: &mut Findings, escalation: &Escalation, claims: &EntitlementProof) {
    let problem = &escalation.problem;
    for (subject, proven, said) in [
        ("product_id", claims.lic.product.as_str(), problem.product_id.as_str()),
        ("version", claims.lic.version.as_str(), problem.version.as_str()),
    ] {
        if proven != said {
            let message = format!("The proof covers {subject} {proven:?}, and the escalation says {said:?}.");
            let remedy = "Escalate what the proof covers, or have a proof issued for this.";
            findings.add(Finding::blocking(Reason::ProductNotCovered, subject, message, CureBy::Partner, remedy));
        }
    }
    if !claims.agr.severities.iter().any(|severity| severity == problem.severity.as_str()) {
        let message = format!("The proof does not cover severity {}.", problem.severity.as_str());
        let remedy = "Lower the severity by agreement, or move to a tier that covers it.";
        findings.add(Finding::blocking(Reason::SeverityNotCovered, "severity", message, CureBy::EndUser, remedy));
    }
    // A licence that covers by itself has no agreement in which somebody could be named.
    if claims.agr.id.is_some() && claims.contact.is_empty() {
        findings.add(Finding::blocking(
            Reason::ContactNotNamed,
            "contact",
            "The proof names no contact of the agreement.",
            CureBy::EndUser,
            "Let a named contact adopt the issue.",
        ));
    }
}

fn judge_bundle(
    findings: &mut Findings,
    policy: &AdmissionPolicy,
    escalation: &Escalation,
    evidence: &Evidence,
    now: Timestamp,
) {
    let collect_again = "Collect again, redact under the required policy, upload, commit, and name the bundle.";
    let mut add = |reason, message: String| {
        findings.add(Finding::blocking(reason, "bundle_id", message, CureBy::Partner, collect_again));
    };
    let Some(bundle) = &evidence.bundle else {
        return if evidence.bundle_named {
            add(Reason::BundleIncomplete, "The partner has committed no such bundle.".into());
        } else {
            add(Reason::BundleMissing, "No diagnostics are attached.".into());
        };
    };
    if bundle.collected_at > now + CLOCK_SKEW {
        add(Reason::BundleStale, "The diagnostics say that they were collected in the future.".into());
    } else if escalation.created_at.duration_since(bundle.collected_at) > policy.terms.freshness {
        let hours = policy.terms.freshness.as_hours();
        add(
            Reason::BundleStale,
            format!("The diagnostics were collected more than {hours} hours before the escalation."),
        );
    }
    if !policy.terms.redaction_policies.contains(&bundle.redaction) {
        let accepted = policy.terms.redaction_policies.iter().cloned().collect::<Vec<_>>().join(", ");
        let message = format!("The diagnostics were redacted under {}, and {accepted} is required.", bundle.redaction);
        add(Reason::RedactionInsufficient, message);
    }
}

fn judge_artefacts(findings: &mut Findings, set: &RequirementSet, bundle: &BundleEvidence) {
    for artefact in set.artefacts.iter().filter(|artefact| !bundle.artefacts.contains(*artefact)) {
        findings.add(Finding::blocking(
            Reason::ArtefactMissing,
            artefact,
            format!("The bundle has no {artefact}."),
            CureBy::Partner,
            "Collect again with a profile that collects it.",
        ));
    }
}

/// A category that the vendor does not know could slip past the requirements that were written for it.
fn judge_category(findings: &mut Findings, policy: &AdmissionPolicy, escalation: &Escalation) {
    let said = &escalation.problem.category;
    let categories = &policy.terms.categories;
    if !categories.iter().any(|(code, _)| code == said) {
        let codes: Vec<&str> = categories.iter().map(|(code, _)| code.as_str()).collect();
        findings.add(Finding::blocking(
            Reason::InformationMissing,
            "category",
            format!("{said:?} is none of the vendor's categories."),
            CureBy::Partner,
            format!("Choose one of {}.", codes.join(", ")),
        ));
    }
}

fn judge_information(findings: &mut Findings, set: &RequirementSet, escalation: &Escalation) {
    for field in set.information.iter().filter(|field| *field != "category" && !is_filled(escalation, field)) {
        findings.add(Finding::blocking(
            Reason::InformationMissing,
            field,
            format!("{field} is required and empty."),
            CureBy::Partner,
            "Complete it with the end user.",
        ));
    }
}

fn judge_duties(findings: &mut Findings, set: &RequirementSet, escalation: &Escalation) {
    for duty in set.duties.iter().filter(|duty| !is_done(escalation, **duty)) {
        let (reason, subject, message, cure_by) = match duty {
            Duty::KnowledgeSearched => {
                (Reason::DutyNotDone, "searches", "The knowledge base was not searched.", CureBy::Partner)
            }
            Duty::TroubleshootingRecorded => {
                (Reason::DutyNotDone, "steps", "No troubleshooting step is recorded.", CureBy::Partner)
            }
            Duty::ReplicationAttempted => (
                Reason::DutyNotDone,
                "replication",
                "No attempt to replicate the problem is recorded.",
                CureBy::Partner,
            ),
            Duty::OriginStated => {
                (Reason::DutyNotDone, "origin", "It is not said where the problem originates.", CureBy::Partner)
            }
            Duty::ErrorReported => {
                (Reason::DutyNotDone, "error_report", "The error is not reported as one.", CureBy::Partner)
            }
            Duty::StatementConfirmed => (
                Reason::StatementNotConfirmed,
                "statement_confirmed_at",
                "The end user did not confirm the problem statement.",
                CureBy::EndUser,
            ),
        };
        findings.add(Finding::blocking(reason, subject, message, cure_by, "Do it, and record it in the ticket."));
    }
}

/// Advice, and a gate only where the vendor says so.
fn judge_language(findings: &mut Findings, policy: &AdmissionPolicy, escalation: &Escalation) {
    let problem = &escalation.problem;
    let is_urgent = matches!(problem.severity, Severity::SiteDown | Severity::One);
    if !is_urgent || is_english(&problem.language) || !problem.description_english.is_empty() {
        return;
    }
    let finding = Finding::blocking(
        Reason::LanguageAdvice,
        "description_english",
        "The problem is urgent, and is not described in English.",
        CureBy::Partner,
        "Add the description in English, so that any region can take it.",
    );
    findings.add(if policy.terms.english_required_when_urgent { finding } else { finding.as_warning() });
}

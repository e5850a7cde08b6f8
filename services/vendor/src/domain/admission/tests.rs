//! The gate by examples: one complete escalation, and what each thing that is wrong with it adds.
//!
//! Proves B02, B03, M07, Q02, Q03, Q07, Q11, S07, V01, V02, V10.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::escalation::{
    ContactTimes, Environment, ErrorReport, Escalation, FrontLineWork, KnowledgeSearch, Origin, Problem, Replication,
    TroubleshootingStep,
};
use vouch_core::id::EscalationId;
use vouch_core::{CureBy, Finding, Reason, Severity, StepMark, StepMarks, World, id};
use vouch_diagnostics::Digest;
use vouch_proof::{Act, Agreement, Bundle, EntitlementProof, Incident, License, VerifyError};

use super::*;
use crate::domain::policy::{AdmissionPolicy, Duty, FIELDS, PolicyTerms, RequirementSet};

fn noon() -> Timestamp {
    "2026-06-08T12:00:00Z".parse().unwrap()
}

fn escalation_id() -> EscalationId {
    id::parse("esc_01jz0000000000000000000000").unwrap()
}

fn policy() -> AdmissionPolicy {
    let everything = RequirementSet {
        categories: BTreeSet::new(),
        severities: BTreeSet::new(),
        information: vec!["environment.kind".into(), "further.site".into()],
        artefacts: vec!["os".into(), "logs".into()],
        duties: vec![
            Duty::KnowledgeSearched,
            Duty::TroubleshootingRecorded,
            Duty::ReplicationAttempted,
            Duty::OriginStated,
            Duty::StatementConfirmed,
        ],
    };
    let site_down = RequirementSet {
        severities: BTreeSet::from([Severity::SiteDown]),
        information: vec!["impact".into()],
        artefacts: vec!["os".into()],
        duties: vec![],
        ..everything.clone()
    };
    AdmissionPolicy {
        product_id: ProductId::parse("atlas").unwrap(),
        version: 3,
        terms: PolicyTerms {
            sets: vec![site_down, everything],
            redaction_policies: BTreeSet::from(["standard/1".to_owned()]),
            freshness: SignedDuration::from_hours(24),
            english_required_when_urgent: false,
            categories: vec![("printing".into(), "Printing".into())],
        },
        published_at: noon(),
    }
}

fn escalation() -> Escalation {
    let search = KnowledgeSearch { query: "spool".into(), searched_at: noon(), article_ids: vec![] };
    let step = TroubleshootingStep {
        action: "restarted".into(),
        finding: "no change".into(),
        done_at: noon(),
        marks: StepMarks::none(),
    };
    Escalation {
        id: escalation_id(),
        ticket_number: "10-428".into(),
        created_at: noon(),
        problem: Problem {
            product_id: ProductId::parse("atlas").unwrap(),
            version: "7.2.1".into(),
            category: "printing".into(),
            severity: Severity::Two,
            impact: "nobody prints".into(),
            subject: "No jobs".into(),
            description: "Nothing is printed.".into(),
            language: "en".into(),
            description_english: String::new(),
            key_words: vec![],
            environment: Environment { kind: "production".into(), ..Environment::default() },
            origin: Some(Origin::Product),
            error_report: None,
            contact_times: None,
        },
        work: FrontLineWork {
            searches: vec![search],
            steps: vec![step],
            replication: Some(Replication { reproduced: true, unmodified: true, notes: "shows".into() }),
        },
        statement_confirmed_at: Some(noon()),
        further: BTreeMap::from([("site".to_owned(), "Bern".to_owned())]),
        test_case: false,
        liaison_has_rights: false,
    }
}

fn claims() -> EntitlementProof {
    EntitlementProof {
        iss: "license.vouch".into(),
        aud: "vendor.vouch".into(),
        jti: World::system().id::<vouch_core::id::ProofTag>().to_string(),
        iat: 0,
        nbf: 0,
        exp: 900,
        sub: "contoso".into(),
        act: Act { sub: "spiffe://north.example/partner/north".into(), partner: "north".into() },
        lic: License { id: "lic_x".into(), rev: 1, product: "atlas".into(), version: "7.2.1".into() },
        agr: Agreement {
            id: Some("agr_x".into()),
            tier: "premium".into(),
            severities: ["site-down", "1", "2"].map(str::to_owned).to_vec(),
            coverage: "around-the-clock".into(),
            until: None,
            priority: 20,
        },
        contact: "con_x".into(),
        bundle: Bundle { alg: "sha-256".into(), root: Digest::of(b"manifest").to_string() },
        esc: escalation_id().to_string(),
        inc: Incident { hold: "hold_x".into(), units: 1 },
    }
}

fn evidence() -> Evidence {
    Evidence {
        partner_id: PartnerId::parse("north").unwrap(),
        holder: "spiffe://north.example/partner/north".into(),
        proof: ProofEvidence::Genuine { claims: Box::new(claims()), used: false },
        bundle: Some(BundleEvidence {
            root: Digest::of(b"manifest"),
            redaction: "standard/1".into(),
            collected_at: noon() - SignedDuration::from_hours(2),
            artefacts: ["os", "logs", "disks"].map(str::to_owned).into(),
        }),
        bundle_named: true,
        known_problems: Vec::new(),
        revocation: Revocation { partner: Standing::Good, license: Standing::Good },
    }
}

fn reasons(escalation: &Escalation, evidence: &Evidence) -> Vec<Reason> {
    admit(&policy(), escalation, evidence, noon()).findings.reasons()
}

/// What one change of the escalation makes the gate find.
fn with_escalation(change: impl FnOnce(&mut Escalation)) -> Vec<Reason> {
    let mut changed = escalation();
    change(&mut changed);
    reasons(&changed, &evidence())
}

/// What one change of the evidence makes the gate find.
fn with_evidence(change: impl FnOnce(&mut Evidence)) -> Vec<Reason> {
    let mut changed = evidence();
    change(&mut changed);
    reasons(&escalation(), &changed)
}

/// What one change of the proof makes the gate find.
fn with_claims(change: impl FnOnce(&mut EntitlementProof)) -> Vec<Reason> {
    let mut changed = claims();
    change(&mut changed);
    with_evidence(|evidence| evidence.proof = ProofEvidence::Genuine { claims: Box::new(changed), used: false })
}

#[test]
fn b02_b03_a_proven_and_complete_escalation_is_accepted() {
    let decision = admit(&policy(), &escalation(), &evidence(), noon());
    assert!(decision.accepts(), "{:?}", decision.findings);
    assert_eq!((decision.policy_version, decision.findings.reasons()), (3, vec![]));
}

#[test]
fn v10_a_known_problem_is_told_and_stands_in_nobodys_way() {
    let known = Finding::blocking(Reason::KnownProblem, "ATL-7", "It is known.", CureBy::Partner, "Read on.");
    let decision = admit(&policy(), &escalation(), &Evidence { known_problems: vec![known], ..evidence() }, noon());
    assert!(decision.accepts(), "{:?}", decision.findings);
    assert_eq!(decision.findings.reasons(), [Reason::KnownProblem]);
}

#[test]
fn b02_each_thing_that_is_wrong_with_a_proof_is_found() {
    let refused = |problem| with_evidence(|evidence| evidence.proof = ProofEvidence::Refused(problem));
    let table = [
        (with_evidence(|evidence| evidence.proof = ProofEvidence::Missing), Reason::ProofMissing),
        (refused(VerifyError::BadSignature), Reason::ProofInvalid),
        (refused(VerifyError::WrongAudience), Reason::ProofInvalid),
        (refused(VerifyError::Expired), Reason::ProofExpired),
        (refused(VerifyError::NotYet), Reason::ProofExpired),
        (with_claims(|claims| claims.act.sub = "spiffe://x/partner/north".into()), Reason::ProofHolderMismatch),
        (with_claims(|claims| claims.act.partner = "south".into()), Reason::ProofHolderMismatch),
        (with_claims(|claims| claims.esc = "esc_other".into()), Reason::ProofEscalationMismatch),
        (with_claims(|claims| claims.bundle.root = "00".into()), Reason::ProofBundleMismatch),
        (with_claims(|claims| claims.lic.product = "other".into()), Reason::ProductNotCovered),
        (with_claims(|claims| claims.lic.version = "6.0.0".into()), Reason::ProductNotCovered),
        (with_claims(|claims| claims.agr.severities = vec!["3".into()]), Reason::SeverityNotCovered),
        (with_claims(|claims| claims.contact.clear()), Reason::ContactNotNamed),
    ];
    for (found, expected) in table {
        assert_eq!(found, [expected]);
    }
    let used = with_evidence(|evidence| {
        evidence.proof = ProofEvidence::Genuine { claims: Box::new(claims()), used: true };
    });
    assert_eq!(used, [Reason::ProofUsed]);
    let by_license_alone = with_claims(|claims| {
        claims.agr.id = None;
        claims.contact.clear();
    });
    assert!(by_license_alone.is_empty(), "a licence that covers by itself names nobody");
}

#[test]
fn b03_each_thing_that_is_wrong_with_a_bundle_is_found() {
    fn with_bundle(change: impl FnOnce(&mut BundleEvidence)) -> Vec<Reason> {
        with_evidence(|evidence| change(evidence.bundle.as_mut().unwrap()))
    }
    let none = with_evidence(|evidence| (evidence.bundle, evidence.bundle_named) = (None, false));
    assert_eq!(none, [Reason::BundleMissing]);
    assert_eq!(with_evidence(|evidence| evidence.bundle = None), [Reason::BundleIncomplete]);
    assert_eq!(with_bundle(|bundle| bundle.redaction = "none/1".into()), [Reason::RedactionInsufficient]);
    let day = SignedDuration::from_hours(24);
    assert_eq!(with_bundle(|bundle| bundle.collected_at = noon() - day), [], "a day is fresh enough");
    let older = noon() - day - SignedDuration::from_secs(1);
    assert_eq!(with_bundle(|bundle| bundle.collected_at = older), [Reason::BundleStale]);
    assert_eq!(with_bundle(|bundle| bundle.collected_at = noon() + day), [Reason::BundleStale], "from the future");
    let both = with_bundle(|bundle| bundle.artefacts = BTreeSet::new());
    assert_eq!(both, [Reason::ArtefactMissing, Reason::ArtefactMissing]);
}

#[test]
fn q07_every_missing_item_and_duty_is_found_at_once() {
    let found = with_escalation(|escalation| {
        escalation.problem.environment = Environment::default();
        escalation.further.clear();
        escalation.work = FrontLineWork::default();
        escalation.problem.origin = None;
        escalation.statement_confirmed_at = None;
    });
    let (missing, duty) = (Reason::InformationMissing, Reason::DutyNotDone);
    assert_eq!(found, [missing, missing, duty, duty, duty, duty, Reason::StatementNotConfirmed]);
}

#[test]
fn s07_no_step_and_no_liaison_is_refused_for_its_marks_and_rights() {
    let judged = |escalation: &Escalation| admit(&policy(), escalation, &evidence(), noon()).findings.into_sorted();
    let mut marked = escalation();
    marked.work.steps[0].marks = StepMark::ALL.into_iter().collect();
    for has_rights in [false, true] {
        marked.liaison_has_rights = has_rights;
        assert_eq!(judged(&marked), judged(&escalation()), "{has_rights}");
    }
}

/// Empties one field.
type Emptying = fn(&mut Escalation);

/// An escalation in which nothing is left out that a vendor may require.
fn complete() -> Escalation {
    let mut complete = escalation();
    let problem = &mut complete.problem;
    (problem.language, problem.description_english) = ("de".into(), "Nothing is printed.".into());
    problem.key_words = vec!["spool".into()];
    let filled = || "filled in".to_owned();
    problem.environment =
        Environment { kind: "production".into(), operating_system: filled(), system_id: filled(), details: filled() };
    problem.error_report = Some(ErrorReport {
        documentation_passage: filled(),
        replication_steps: filled(),
        expected: filled(),
        actual: filled(),
    });
    problem.contact_times = Some(ContactTimes { zone: "UTC".into(), ranges: vec![] });
    complete
}

#[test]
fn q03_each_field_that_a_vendor_requires_is_missed_where_it_is_empty() {
    let mut demanding = policy();
    let fields = FIELDS.iter().map(|field| (*field).to_owned());
    demanding.terms.sets[1].information = fields.chain(["further.site".to_owned()]).collect();
    let missing = |escalation: &Escalation| {
        let found = admit(&demanding, escalation, &evidence(), noon()).findings.into_sorted().into_iter();
        let missing = found.filter(|finding| finding.reason == Reason::InformationMissing);
        missing.map(|finding| finding.subject).collect::<Vec<_>>()
    };
    assert!(missing(&complete()).is_empty());
    let table: [(&str, Emptying); 15] = [
        ("version", |escalation| escalation.problem.version.clear()),
        ("category", |escalation| escalation.problem.category.clear()),
        ("impact", |escalation| escalation.problem.impact.clear()),
        ("language", |escalation| escalation.problem.language.clear()),
        ("description_english", |escalation| escalation.problem.description_english.clear()),
        ("key_words", |escalation| escalation.problem.key_words.clear()),
        ("environment.kind", |escalation| escalation.problem.environment.kind.clear()),
        ("environment.operating_system", |escalation| escalation.problem.environment.operating_system.clear()),
        ("environment.system_id", |escalation| escalation.problem.environment.system_id.clear()),
        ("environment.details", |escalation| escalation.problem.environment.details.clear()),
        ("origin", |escalation| escalation.problem.origin = None),
        ("error_report", |escalation| escalation.problem.error_report = None),
        ("replication", |escalation| escalation.work.replication = None),
        ("contact_times", |escalation| escalation.problem.contact_times = None),
        ("further.site", |escalation| escalation.further.clear()),
    ];
    assert!(FIELDS.iter().all(|field| table.iter().any(|(tried, _)| tried == field)), "every field is tried");
    for (field, empty) in table {
        let mut lacking = complete();
        empty(&mut lacking);
        assert_eq!(missing(&lacking), [field]);
    }
}

#[test]
fn q03_what_is_required_is_that_of_the_category_and_severity() {
    let mut policy = policy();
    let everything = &mut policy.terms.sets[1];
    (everything.categories, everything.information) = (BTreeSet::from(["printing".into()]), vec!["key_words".into()]);
    let other = RequirementSet { categories: BTreeSet::new(), information: vec![], ..everything.clone() };
    policy.terms.sets.push(other);
    policy.terms.categories.push(("storage".into(), "Storage".into()));
    let found = |category: &str| {
        let mut said = escalation();
        said.problem.category = category.into();
        admit(&policy, &said, &evidence(), noon()).findings.reasons()
    };
    assert_eq!((found("printing"), found("storage")), (vec![Reason::InformationMissing], vec![]));
}

#[test]
fn q11_an_error_is_reported_as_one_where_the_vendor_demands_it() {
    let mut demanding = policy();
    demanding.terms.sets[1].duties.push(Duty::ErrorReported);
    let found = |escalation: &Escalation| admit(&demanding, escalation, &evidence(), noon()).findings.reasons();
    assert_eq!(found(&escalation()), [Reason::DutyNotDone]);
    assert_eq!(found(&complete()), []);
}

#[test]
fn m07_a_category_that_the_vendor_does_not_know_is_found() {
    for unknown in ["", "cooking"] {
        let found = with_escalation(|escalation| escalation.problem.category = unknown.into());
        assert_eq!(found, [Reason::InformationMissing], "{unknown:?}");
    }
}

#[test]
fn site_down_has_its_own_short_set_and_never_an_empty_one() {
    let bare = |escalation: &mut Escalation| {
        escalation.problem.severity = Severity::SiteDown;
        escalation.work = FrontLineWork::default();
        escalation.statement_confirmed_at = None;
        escalation.further.clear();
    };
    assert_eq!(with_escalation(bare), []);
    let mut changed = escalation();
    bare(&mut changed);
    changed.problem.impact.clear();
    let without_bundle = Evidence { bundle: None, bundle_named: false, ..evidence() };
    let found = reasons(&changed, &without_bundle);
    assert_eq!(found, [Reason::BundleMissing, Reason::InformationMissing]);
}

#[test]
fn a_language_is_advice_and_a_gate_only_where_the_vendor_says_so() {
    let mut german = escalation();
    (german.problem.severity, german.problem.language) = (Severity::One, "de".into());
    let advised = admit(&policy(), &german, &evidence(), noon());
    assert!(advised.accepts());
    assert_eq!(advised.findings.reasons(), [Reason::LanguageAdvice]);
    let mut strict = policy();
    strict.terms.english_required_when_urgent = true;
    assert!(!admit(&strict, &german, &evidence(), noon()).accepts());
    german.problem.description_english = "Nothing is printed.".into();
    assert!(admit(&strict, &german, &evidence(), noon()).findings.reasons().is_empty());
}

#[test]
fn a_suspended_partner_is_refused_and_a_stale_feed_decides_on_the_proof_alone() {
    let suspended = with_evidence(|evidence| {
        evidence.revocation.partner = Standing::Revoked;
    });
    assert_eq!(suspended, [Reason::PartnerSuspended]);
    let unknown = Evidence { revocation: Revocation::UNKNOWN, ..evidence() };
    let decision = admit(&policy(), &escalation(), &unknown, noon());
    assert_eq!((decision.accepts(), decision.revocation), (true, Some(Revocation::UNKNOWN)));
}

#[test]
fn b02_what_the_feeds_say_of_partner_and_licence_is_found_and_what_they_do_not_say_is_no_finding() {
    use Standing::{Good, Revoked, Unknown};
    let (suspended, revoked) = (Reason::PartnerSuspended, Reason::ProofRevoked);
    let table = [
        (Good, Good, vec![], "checked"),
        (Good, Revoked, vec![revoked], "checked"),
        (Good, Unknown, vec![], "unknown"),
        (Revoked, Good, vec![suspended], "checked"),
        (Revoked, Revoked, vec![suspended, revoked], "checked"),
        (Revoked, Unknown, vec![suspended], "unknown"),
        (Unknown, Good, vec![], "unknown"),
        (Unknown, Revoked, vec![revoked], "unknown"),
        (Unknown, Unknown, vec![], "unknown"),
    ];
    for (partner, license, expected, word) in table {
        let revocation = Revocation { partner, license };
        let decision = admit(&policy(), &escalation(), &Evidence { revocation, ..evidence() }, noon());
        assert_eq!((decision.accepts(), revocation.as_str()), (expected.is_empty(), word), "{revocation:?}");
        assert_eq!(decision.findings.reasons(), expected, "{revocation:?}");
    }
    let without_proof = Evidence {
        proof: ProofEvidence::NotAskedFor,
        revocation: Revocation { partner: Good, license: Revoked },
        ..evidence()
    };
    assert!(reasons(&escalation(), &without_proof).is_empty(), "there is no proof that could be revoked");
}

#[test]
fn v01_everything_that_is_wrong_is_told_at_once_with_who_cures_it() {
    let mut changed = escalation();
    changed.work.searches.clear();
    changed.problem.environment.kind.clear();
    let nothing = Evidence { proof: ProofEvidence::Missing, bundle: None, bundle_named: false, ..evidence() };
    let decision = admit(&policy(), &changed, &nothing, noon());
    let expected =
        [Reason::ProofMissing, Reason::BundleMissing, Reason::InformationMissing, Reason::DutyNotDone].to_vec();
    assert_eq!(decision.findings.reasons(), expected);
    assert!(decision.findings.into_sorted().iter().all(|finding| !finding.remedy.is_empty()));
}

#[test]
fn v02_without_a_proof_a_preflight_says_what_else_is_missing() {
    assert!(with_evidence(|evidence| evidence.proof = ProofEvidence::NotAskedFor).is_empty());
}

proptest! {
    /// Invariant 1: whatever else is said, there is no case without a genuine proof of one's own and a bundle.
    #[test]
    fn b02_b03_nothing_is_accepted_without_proof_and_bundle(
        has_proof in any::<bool>(), has_bundle in any::<bool>(), used in any::<bool>(), own in any::<bool>(),
        test_case in any::<bool>(), site_down in any::<bool>()
    ) {
        let mut said = escalation();
        said.test_case = test_case;
        if site_down {
            said.problem.severity = Severity::SiteDown;
        }
        let mut shown = evidence();
        if !own {
            shown.holder = "spiffe://south.example/partner/south".into();
        }
        shown.proof = if has_proof {
            ProofEvidence::Genuine { claims: Box::new(claims()), used }
        } else {
            ProofEvidence::Missing
        };
        if !has_bundle {
            shown.bundle = None;
        }
        let accepted = admit(&policy(), &said, &shown, noon()).accepts();
        prop_assert_eq!(accepted, has_proof && has_bundle && own && !used);
    }
}

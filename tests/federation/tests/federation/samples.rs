//! What the scene is furnished with.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::record_troubleshooting_request::Record;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::World;
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Redaction};
use vouch_host::testing::fresh;
use vouch_identity::development::Authority;

use crate::scene::ADA;

/// The artefacts that the policy requires.
pub(crate) const ARTEFACTS: [&str; 2] = ["os", "logs"];

pub(crate) fn tier(id: &str, charging: license::Charging) -> license::CreateTierRequest {
    let severities =
        [common::Severity::SiteDown, common::Severity::One, common::Severity::Two, common::Severity::Three];
    let tier = license::Tier {
        tier_id: id.into(),
        name: id.into(),
        assisted: true,
        channels: vec![common::Channel::Portal.into(), common::Channel::Email.into()],
        severities: severities.map(Into::into).to_vec(),
        coverage: "around-the-clock".into(),
        priority: 20,
        charging: charging.into(),
        early_access: false,
    };
    license::CreateTierRequest { request_id: fresh(), tier: Some(tier) }
}

pub(crate) fn product() -> license::CreateProductRequest {
    let product = license::Product {
        product_id: "atlas".into(),
        name: "Atlas Server".into(),
        basis: license::EntitlementBasis::Either.into(),
        default_tier_id: "premium".into(),
        ..Default::default()
    };
    license::CreateProductRequest { request_id: fresh(), product: Some(product) }
}

pub(crate) fn release() -> license::PublishReleaseRequest {
    let release = license::Release { version: "7.2.1".into(), released_on: "2026-01-15".into(), ..Default::default() };
    license::PublishReleaseRequest { request_id: fresh(), product_id: "atlas".into(), release: Some(release) }
}

pub(crate) fn registration(id: &str, authority: &Authority, manifest_jwks: &str) -> license::RegisterPartnerRequest {
    let partner = license::Partner {
        partner_id: id.into(),
        name: format!("{id} Systems"),
        programme: license::PartnerProgramme::SolutionProvider.into(),
        spiffe_ids: vec![format!("spiffe://{id}.example/partner/{id}")],
        trust_bundle_pem: authority.certificate_pem().into(),
        manifest_jwks: manifest_jwks.into(),
        support_contact: Some(license::SupportContact {
            name: "Desk".into(),
            email: format!("help@{id}.example"),
            ..Default::default()
        }),
        ..Default::default()
    };
    license::RegisterPartnerRequest { request_id: fresh(), partner: Some(partner) }
}

pub(crate) fn license() -> license::CreateLicenseRequest {
    let license = license::License {
        product_id: "atlas".into(),
        quantity: 25,
        end_user: Some(license::EndUser { end_user_id: "contoso".into(), name: "Contoso Ltd".into() }),
        responsible_partner_id: "north".into(),
        valid_from: "2026-01-01".into(),
        valid_until: "2036-12-31".into(),
        zone: "America/Denver".into(),
        ..Default::default()
    };
    license::CreateLicenseRequest { request_id: fresh(), license: Some(license) }
}

pub(crate) fn agreement() -> license::CreateAgreementRequest {
    let agreement = license::Agreement {
        end_user_id: "contoso".into(),
        tier_id: "premium".into(),
        valid_from: "2026-01-01".into(),
        valid_until: "2036-12-31".into(),
        zone: "America/Denver".into(),
        liaison_seats: 2,
        ..Default::default()
    };
    license::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement) }
}

pub(crate) fn liaison(agreement_id: &str) -> license::NameLiaisonRequest {
    let liaison = license::Liaison { name: "Ada Lovelace".into(), email: ADA.into(), ..Default::default() };
    license::NameLiaisonRequest { request_id: fresh(), agreement_id: agreement_id.into(), liaison: Some(liaison) }
}

/// Three prepaid incidents.
pub(crate) fn pack() -> license::GrantIncidentsRequest {
    license::GrantIncidentsRequest {
        request_id: fresh(),
        end_user_id: "contoso".into(),
        units: 3,
        order_reference: "order-1".into(),
        ..Default::default()
    }
}

pub(crate) fn policy() -> vendor::PublishAdmissionPolicyRequest {
    let duties = [
        vendor::FrontLineDuty::KnowledgeSearched,
        vendor::FrontLineDuty::TroubleshootingRecorded,
        vendor::FrontLineDuty::ReplicationAttempted,
        vendor::FrontLineDuty::OriginStated,
        vendor::FrontLineDuty::StatementConfirmed,
    ];
    let everything = vendor::RequirementSet {
        information: vec!["version".into(), "impact".into(), "environment.kind".into()],
        artefacts: ARTEFACTS.map(str::to_owned).to_vec(),
        duties: duties.map(Into::into).to_vec(),
        ..Default::default()
    };
    let policy = vendor::AdmissionPolicy {
        product_id: "atlas".into(),
        requirement_sets: vec![everything],
        redaction_policies: vec!["standard/1".into()],
        freshness: Some(prost_types::Duration { seconds: 24 * 3600, nanos: 0 }),
        categories: vec![vendor::Category { category: "printing".into(), name: "Printing".into() }],
        ..Default::default()
    };
    vendor::PublishAdmissionPolicyRequest { request_id: fresh(), policy: Some(policy) }
}

/// Around the clock, with the targets of the readings.
pub(crate) fn coverage() -> vendor::PublishCoverageRequest {
    use vendor::response_target::Within;
    let hours = |severity: common::Severity, hours: i64| vendor::ResponseTarget {
        severity: severity.into(),
        within: Some(Within::ElapsedTime(prost_types::Duration { seconds: hours * 3600, nanos: 0 })),
    };
    let coverage = vendor::Coverage {
        coverage: "around-the-clock".into(),
        zone: "America/Denver".into(),
        first_response: vec![
            hours(common::Severity::One, 1),
            hours(common::Severity::Two, 2),
            hours(common::Severity::Three, 4),
        ],
        ..Default::default()
    };
    vendor::PublishCoverageRequest { request_id: fresh(), coverage: Some(coverage) }
}

pub(crate) fn problem() -> partner::Problem {
    let range = vendor::ContactRange { weekdays: vec![1, 2, 3], from: "09:00".into(), until: "17:00".into() };
    partner::Problem {
        product_id: "atlas".into(),
        version: "7.2.1".into(),
        category: "printing".into(),
        severity: common::Severity::Two.into(),
        impact: "Nobody in Bern prints.".into(),
        subject: "No jobs leave the spool".into(),
        description: "Since this morning nothing is printed.".into(),
        language: "en".into(),
        environment: Some(vendor::OperatingEnvironment { kind: "production".into(), ..Default::default() }),
        origin: vendor::ProblemOrigin::Product.into(),
        contact_times: Some(vendor::ContactTimes { zone: "Europe/Zurich".into(), ranges: vec![range] }),
        ..Default::default()
    }
}

/// A troubleshooting step, and an attempt to replicate.
pub(crate) fn records() -> [Record; 2] {
    let step = vendor::TroubleshootingStep {
        action: "Restarted the spool.".into(),
        finding: "No change.".into(),
        done_at: Some(timestamp(World::system().now())),
        ..Default::default()
    };
    let replication =
        vendor::Replication { reproduced: true, unmodified: true, notes: "Shows on a fresh server.".into() };
    [Record::Step(step), Record::Replication(replication)]
}

/// A manifest with an entry for each artefact, and the content of its blobs.
pub(crate) fn manifest(artefacts: &[&str]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let contents: Vec<Vec<u8>> = artefacts.iter().map(|artefact| format!("{artefact}\n").into_bytes()).collect();
    let entries = artefacts.iter().zip(&contents).map(|(artefact, content)| Entry {
        path: format!("{artefact}.txt"),
        media_type: "text/plain".into(),
        size_bytes: content.len() as u64,
        sha256: Digest::of(content),
        collector: (*artefact).into(),
        failed: None,
        packed: None,
        masked: Masked::default(),
    });
    let manifest = Manifest {
        format: 1,
        profile: "linux-host/1".into(),
        ticket: None,
        pseudonyms_for: None,
        collected_at: World::system().now(),
        redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
        packs: Vec::new(),
        entries: entries.collect(),
    };
    (manifest.write().unwrap().0, contents)
}

pub(crate) fn blob(content: &[u8]) -> vendor::BlobRef {
    let size_bytes = i64::try_from(content.len()).unwrap();
    vendor::BlobRef { sha256: Digest::of(content).0.to_vec().into(), size_bytes }
}

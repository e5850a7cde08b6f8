//! Proofs of entitlement, and the holds that they name.
//!
//! Proves B02, H03, V01.

use tonic::Code;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::World;
use vouch_host::testing::{fields, fresh, refused};
use vouch_proof::{EntitlementProof, KeySet};
use vouch_storage::on_both_engines;

use crate::support::{NORTH, Service, escalation};

async fn key_set(service: &Service) -> KeySet {
    let mut client = pb::entitlement_service_client::EntitlementServiceClient::new(service.anonymous());
    let answer = client.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner();
    KeySet::from_jwks(&answer.key_set.unwrap().jwks).unwrap()
}

async fn account(service: &Service) -> pb::IncidentAccount {
    let request = pb::GetIncidentAccountRequest { end_user_id: "contoso".into() };
    service.incidents().get_incident_account(request).await.unwrap().into_inner().account.unwrap()
}

async fn grant(service: &Service, units: i64) {
    let request = pb::GrantIncidentsRequest {
        request_id: fresh(),
        end_user_id: "contoso".into(),
        units,
        order_reference: format!("order {}", fresh()),
        ..Default::default()
    };
    service.incidents().grant_incidents(request).await.unwrap();
}

on_both_engines! {
    async fn b02_a_proof_names_the_end_user_the_holder_the_bundle_and_the_escalation(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let esc = escalation();
        let issued = service.entitlement().issue_entitlement_proof(covered.proof_request(&esc)).await.unwrap().into_inner();

        let keys = key_set(&service).await;
        let now = World::system().now();
        let proof = EntitlementProof::verify(&issued.proof, &keys, "license.vouch", "vendor.vouch", now).unwrap();
        assert_eq!((proof.sub.as_str(), proof.act.sub.as_str()), ("contoso", NORTH));
        assert_eq!((proof.esc, proof.bundle.root), (esc, "07".repeat(32)));
        assert_eq!((proof.lic.id, proof.lic.rev), (covered.license.license_id, 1));
        assert_eq!(proof.agr.severities, ["site-down", "1", "2"]);
        assert_eq!(proof.contact, covered.agreement.liaisons[0].contact_id);
        assert_eq!(proof.exp - proof.iat, 900);
        assert_eq!(proof.inc.hold, issued.hold.unwrap().hold_id);
        assert!(!issued.proof.contains(&covered.license_key), "never the key");
    }

    async fn b02_a_proof_still_verifies_after_a_restart(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let request = covered.proof_request(&escalation());
        let issued = service.entitlement().issue_entitlement_proof(request).await.unwrap().into_inner();
        let service = service.restart(&database).await;
        EntitlementProof::verify_origin(&issued.proof, &key_set(&service).await).unwrap();
    }

    async fn v01_a_refused_proof_lists_every_finding_and_reserves_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let mut request = covered.proof_request(&escalation());
        request.question.as_mut().unwrap().contact_email = "eve@contoso.example".into();
        let status = service.entitlement().issue_entitlement_proof(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(vouch_contract::status::reason_of(&status), "ENTITLEMENT_REFUSED");
        let found = vouch_contract::status::findings(&status).unwrap().findings;
        let reasons: Vec<_> = found.iter().map(common::Finding::reason).collect();
        assert_eq!(reasons, [common::Reason::IncidentsExhausted, common::Reason::ContactNotNamed]);
        assert_eq!(account(&service).await.reserved, 0);
    }

    async fn one_escalation_has_one_hold_however_often_its_proof_is_renewed(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        grant(&service, 1).await;
        let request = covered.proof_request(&escalation());
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (mut client, request) = (service.entitlement(), request.clone());
                tokio::spawn(async move { client.issue_entitlement_proof(request).await.unwrap().into_inner() })
            })
            .collect();
        let (mut holds, mut proofs) = (Vec::new(), Vec::new());
        for caller in callers {
            let issued = caller.await.unwrap();
            holds.push(issued.hold.unwrap().hold_id);
            proofs.push(issued.proof);
        }
        holds.dedup();
        proofs.sort();
        proofs.dedup();
        assert_eq!((holds.len(), proofs.len()), (1, 8), "one hold, and a fresh proof each time");
        let account = account(&service).await;
        assert_eq!((account.available, account.reserved), (0, 1));

        let other = covered.proof_request(&escalation());
        let refused = service.entitlement().issue_entitlement_proof(other).await.unwrap_err();
        let found = vouch_contract::status::findings(&refused).unwrap().findings;
        assert_eq!(found[0].reason(), common::Reason::IncidentsExhausted);
    }

    async fn ten_escalations_at_once_share_three_incidents(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        grant(&service, 3).await;
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (mut client, request) = (service.entitlement(), covered.proof_request(&escalation()));
                tokio::spawn(async move { client.issue_entitlement_proof(request).await.is_ok() })
            })
            .collect();
        let mut issued = 0;
        for caller in callers {
            issued += u8::from(caller.await.unwrap());
        }
        let account = account(&service).await;
        assert_eq!((issued, account.available, account.reserved), (3, 0, 3));
    }

    async fn h03_a_site_down_is_proven_without_an_incident_and_for_nothing_else(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        let esc = escalation();
        let mut down = covered.proof_request(&esc);
        down.question.as_mut().unwrap().severity = common::Severity::SiteDown.into();
        let issued = service.entitlement().issue_entitlement_proof(down).await.unwrap().into_inner();
        let proof = EntitlementProof::verify_origin(&issued.proof, &key_set(&service).await).unwrap();
        assert_eq!((proof.agr.severities, proof.inc.units), (vec!["site-down".to_owned()], 0));
        let hold = issued.hold.unwrap();
        assert_eq!((hold.units, hold.owed), (0, 1), "helped at any balance, and owed");
        let owing = account(&service).await;
        assert_eq!((owing.available, owing.reserved, owing.owed), (0, 1, 1));
        assert_eq!(issued.answer.unwrap().findings[0].weight(), common::Weight::Warning);

        let ordinary = covered.proof_request(&esc);
        let status = service.entitlement().issue_entitlement_proof(ordinary.clone()).await.unwrap_err();
        let found = vouch_contract::status::findings(&status).unwrap().findings;
        assert_eq!(found[0].reason(), common::Reason::IncidentsExhausted, "the owing hold pays for nothing else");
        grant(&service, 1).await;
        let paid = account(&service).await;
        assert_eq!((paid.available, paid.reserved, paid.owed), (0, 1, 0), "taken from the next pack");
        let issued = service.entitlement().issue_entitlement_proof(ordinary).await.unwrap().into_inner();
        assert_eq!(issued.hold.unwrap().units, 1, "the one hold has its unit");
        assert_eq!(account(&service).await.reserved, 1);
    }

    async fn one_escalation_for_two_end_users_at_once_is_one_of_them(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let named = pb::Liaison { name: "Ada".into(), email: crate::support::ADA.into(), ..Default::default() };
        let license = pb::License { liaisons: vec![named], ..crate::support::license("fabrikam") };
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license) };
        let other = service.licenses().create_license(request).await.unwrap().into_inner();
        let first = covered.proof_request(&escalation());
        let mut second = first.clone();
        second.question.as_mut().unwrap().license =
            Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(other.license_key)) });
        let callers = [first, second].map(|request| {
            let mut client = service.entitlement();
            tokio::spawn(async move { client.issue_entitlement_proof(request).await })
        });
        let mut issued = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Ok(_) => issued += 1,
                answer => assert_eq!(refused(answer).1, "STATE_CONFLICT"),
            }
        }
        assert_eq!(issued, 1);
    }

    async fn an_escalation_of_one_end_user_is_not_proven_for_another(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let esc = escalation();
        service.entitlement().issue_entitlement_proof(covered.proof_request(&esc)).await.unwrap();
        let request = pb::CreateLicenseRequest {
            request_id: fresh(),
            license: Some(pb::License {
                liaisons: vec![pb::Liaison { name: "Ada".into(), email: crate::support::ADA.into(), ..Default::default() }],
                ..crate::support::license("fabrikam")
            }),
        };
        let other = service.licenses().create_license(request).await.unwrap().into_inner();
        let mut request = covered.proof_request(&esc);
        request.question.as_mut().unwrap().license =
            Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(other.license_key)) });
        let (code, reason) = refused(service.entitlement().issue_entitlement_proof(request).await);
        assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "STATE_CONFLICT"));
    }

    async fn a_suspended_partner_is_issued_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let suspend = pb::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: "north".into(),
            etag: "v1".into(),
            standing: pb::PartnerStanding::Suspended.into(),
            ..Default::default()
        };
        service.registry().set_partner_standing(suspend).await.unwrap();
        let request = covered.proof_request(&escalation());
        let status = service.entitlement().issue_entitlement_proof(request).await.unwrap_err();
        let found = vouch_contract::status::findings(&status).unwrap().findings;
        assert_eq!(found[0].reason(), common::Reason::PartnerSuspended);
    }

    async fn a_proof_needs_everything_and_names_what_is_missing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let question = pb::EntitlementQuestion { license: covered.question().license, ..Default::default() };
        let request = pb::IssueEntitlementProofRequest { question: Some(question), ..Default::default() };
        let named = fields(service.entitlement().issue_entitlement_proof(request).await);
        let expected = [
            "question.product_id",
            "question.version",
            "question.severity",
            "question.channel",
            "question.contact_email",
            "escalation_id",
            "bundle_root",
            "audience",
        ];
        assert_eq!(named, expected);
    }
}

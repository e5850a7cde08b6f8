//! "Was this covered on 3 May at 14:10?": checks for an instant in the past.
//!
//! Proves Q02, V01.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{Covered, Service, not_found, release_request};

fn check_at(covered: &Covered, at: &str) -> pb::CheckEntitlementRequest {
    let as_of = Some(timestamp(at.parse().unwrap()));
    pb::CheckEntitlementRequest { question: Some(covered.question()), as_of, ..Default::default() }
}

/// The reasons that a check for an instant gives.
async fn reasons_at(service: &Service, covered: &Covered, at: &str) -> Vec<String> {
    let answer = service.entitlement().check_entitlement(check_at(covered, at)).await.unwrap().into_inner();
    let findings = answer.answer.unwrap().findings;
    findings.iter().map(|finding| finding.reason().as_str_name().trim_start_matches("REASON_").to_owned()).collect()
}

on_both_engines! {
    async fn q02_what_was_on_record_on_3_may_at_14_10_is_judged_as_of_then(database: Database) {
        let clock = ManualClock::at("2026-05-01T08:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        clock.set("2026-05-03T12:00:00Z");
        service.set_state(&covered.license, pb::LicenseState::Suspended).await;
        clock.set("2026-05-03T14:00:00Z");
        service.set_state(&covered.license, pb::LicenseState::Active).await;
        clock.set("2026-05-04T08:00:00Z");
        service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        clock.set("2026-06-01T08:00:00Z");
        let before = check_at(&covered, "2026-04-30T08:00:00Z");
        assert_eq!(fields(service.entitlement().check_entitlement(before).await), ["as_of"], "no history then");
        let cases = [
            ("2026-05-02T08:00:00Z", vec![]),
            ("2026-05-03T11:59:59Z", vec![]),
            ("2026-05-03T12:00:00Z", vec!["SUSPENDED"]),
            ("2026-05-03T14:10:00Z", vec![]),
            ("2026-05-04T08:00:00Z", vec!["REVOKED"]),
            ("2026-05-31T08:00:00Z", vec!["REVOKED"]),
        ];
        for (at, expected) in cases {
            assert_eq!(reasons_at(&service, &covered, at).await, expected, "{at}");
        }
    }

    async fn q02_the_standing_of_a_partner_and_the_releases_are_those_of_then(database: Database) {
        let clock = ManualClock::at("2026-05-01T08:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let mut covered = service.cover("standard").await;
        let standing = async |standing: pb::PartnerStanding| {
            let get = pb::GetPartnerRequest { partner_id: "north".into() };
            let etag = service.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap().etag;
            let (partner_id, standing) = ("north".into(), standing.into());
            let note = "as decided on Monday".to_owned();
            let set = pb::SetPartnerStandingRequest { request_id: fresh(), partner_id, etag, standing, note };
            service.registry().set_partner_standing(set).await.unwrap();
        };
        clock.set("2026-05-02T08:00:00Z");
        standing(pb::PartnerStanding::Suspended).await;
        clock.set("2026-05-03T08:00:00Z");
        standing(pb::PartnerStanding::Good).await;
        service.catalog().publish_release(release_request("7.3.0", "2026-05-03")).await.unwrap();
        clock.set("2026-06-01T08:00:00Z");
        let list = |id: &str| pb::ListPartnerChangesRequest { partner_id: id.into(), page: None };
        let told = service.registry().list_partner_changes(list("north")).await.unwrap().into_inner().changes;
        let words: Vec<_> = told.iter().map(|change| change.change.as_str()).collect();
        assert_eq!(words, ["registered", "suspended", "reinstated"]);
        let programme = told[0].fields.iter().find(|field| field.field == "programme").unwrap();
        assert_eq!((told[0].revision, programme.after.as_str()), (1, "solution-provider"));
        assert!(told[1..].iter().all(|change| change.note == "as decided on Monday"), "{told:?}");
        assert_eq!(refused(service.registry().list_partner_changes(list("nobody")).await), not_found());
        assert_eq!(reasons_at(&service, &covered, "2026-05-01T12:00:00Z").await, [""; 0]);
        assert_eq!(reasons_at(&service, &covered, "2026-05-02T12:00:00Z").await, ["PARTNER_SUSPENDED"]);
        assert_eq!(reasons_at(&service, &covered, "2026-05-03T12:00:00Z").await, [""; 0]);

        covered.license_key.make_ascii_lowercase();
        let mut newer = check_at(&covered, "2026-05-02T20:00:00Z");
        newer.question.as_mut().unwrap().version = "7.3.0".into();
        let answer = service.entitlement().check_entitlement(newer).await.unwrap().into_inner().answer.unwrap();
        let told: Vec<_> = answer.findings.iter().map(|finding| finding.reason().as_str_name()).collect();
        assert_eq!(told, ["REASON_PARTNER_SUSPENDED", "REASON_VERSION_UNKNOWN"]);
    }

    async fn q02_the_agreement_of_then_and_the_people_named_in_it_decide(database: Database) {
        let clock = ManualClock::at("2026-05-01T08:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let id = &covered.agreement.agreement_id;
        let set_state = async |state: pb::AgreementState| {
            let get = pb::GetAgreementRequest { agreement_id: id.clone() };
            let etag = service.agreements().get_agreement(get).await.unwrap().into_inner().agreement.unwrap().etag;
            let note = if state == pb::AgreementState::Suspended { "not paid".to_owned() } else { String::new() };
            let (agreement_id, state) = (id.clone(), state.into());
            let set = pb::SetAgreementStateRequest { request_id: fresh(), agreement_id, etag, state, note };
            service.agreements().set_agreement_state(set).await.unwrap();
        };
        clock.set("2026-05-02T08:00:00Z");
        set_state(pb::AgreementState::Suspended).await;
        clock.set("2026-05-03T08:00:00Z");
        set_state(pb::AgreementState::Active).await;
        let contact_id = covered.agreement.liaisons[0].contact_id.clone();
        let end = pb::EndLiaisonRequest { request_id: fresh(), agreement_id: id.clone(), contact_id };
        service.agreements().end_liaison(end.clone()).await.unwrap();
        clock.set("2026-06-01T08:00:00Z");
        assert_eq!(reasons_at(&service, &covered, "2026-05-01T12:00:00Z").await, [""; 0]);
        let suspended = ["CONTACT_NOT_NAMED", "AGREEMENT_SUSPENDED"];
        assert_eq!(reasons_at(&service, &covered, "2026-05-02T12:00:00Z").await, suspended);
        assert_eq!(reasons_at(&service, &covered, "2026-05-03T12:00:00Z").await, ["CONTACT_NOT_NAMED"]);

        let list = pb::ListAgreementChangesRequest { agreement_id: id.clone(), page: None };
        let told = service.agreements().list_agreement_changes(list).await.unwrap().into_inner().changes;
        let words: Vec<_> = told.iter().map(|change| change.change.as_str()).collect();
        assert_eq!(words, ["created", "liaison named", "suspended", "resumed", "liaison ended"]);
        let tier = told[0].fields.iter().find(|field| field.field == "tier_id").unwrap();
        assert_eq!((told[0].revision, tier.before.as_str(), tier.after.as_str()), (1, "", "standard"));
        assert!(told[0].changed_by.ends_with("#ada"), "{:?}", told[0]);
        let notes: Vec<_> = told.iter().map(|change| change.note.as_str()).collect();
        assert_eq!(notes, ["", "", "not paid", "", ""]);
        let field = &told[4].fields[0];
        assert_eq!((field.field.as_str(), &field.before, field.after.as_str()), ("liaisons", &end.contact_id, ""));
        let unknown = pb::ListAgreementChangesRequest { agreement_id: "agr_00000000000000000000000000".into(), page: None };
        assert_eq!(refused(service.agreements().list_agreement_changes(unknown).await), not_found());
    }

    async fn q02_an_incident_that_was_left_then_counts(database: Database) {
        let clock = ManualClock::at("2026-05-01T08:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("prepaid").await;
        clock.set("2026-05-02T08:00:00Z");
        let grant = pb::GrantIncidentsRequest {
            request_id: fresh(),
            end_user_id: "contoso".into(),
            units: 1,
            order_reference: "PO-5".into(),
            ..Default::default()
        };
        service.incidents().grant_incidents(grant).await.unwrap();
        clock.set("2026-05-03T08:00:00Z");
        let proof = covered.proof_request(&crate::support::escalation());
        service.entitlement().issue_entitlement_proof(proof).await.unwrap();
        clock.set("2026-05-04T08:00:00Z");
        let exhausted = ["INCIDENTS_EXHAUSTED"];
        assert_eq!(reasons_at(&service, &covered, "2026-05-01T12:00:00Z").await, exhausted);
        assert_eq!(reasons_at(&service, &covered, "2026-05-02T12:00:00Z").await, [""; 0]);
        assert_eq!(reasons_at(&service, &covered, "2026-05-03T12:00:00Z").await, exhausted, "it is set aside");
    }

    async fn a_check_for_the_future_is_refused_and_who_left_the_chain_learns_nothing_of_the_past(database: Database) {
        let clock = ManualClock::at("2026-05-01T08:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let ahead = check_at(&covered, "2026-05-01T08:00:01Z");
        assert_eq!(fields(service.entitlement().check_entitlement(ahead).await), ["as_of"]);
        let both = pb::CheckEntitlementRequest { explain: true, ..check_at(&covered, "2026-05-01T08:00:00Z") };
        assert_eq!(fields(service.entitlement().check_entitlement(both).await), ["explain"]);

        clock.set("2026-05-02T08:00:00Z");
        let away = pb::TransferLicenseRequest {
            request_id: fresh(),
            license_id: covered.license.license_id.clone(),
            etag: covered.license.etag.clone(),
            responsible_partner_id: "south".into(),
            note: "as agreed".into(),
            ..Default::default()
        };
        service.licenses().transfer_license(away).await.unwrap();
        clock.set("2026-05-03T08:00:00Z");
        assert_eq!(reasons_at(&service, &covered, "2026-05-01T12:00:00Z").await, ["LICENSE_NOT_FOUND"]);
        for (at, expected) in [("2026-05-02T12:00:00Z", None), ("2026-05-01T12:00:00Z", Some("REASON_LICENSE_NOT_FOUND"))] {
            let mut south = EntitlementServiceClient::new(service.other_partner());
            let answer = south.check_entitlement(check_at(&covered, at)).await.unwrap().into_inner().answer.unwrap();
            let found = answer.findings.first().map(|finding| finding.reason().as_str_name());
            assert_eq!(found, expected, "of the time before it came, a partner learns nothing: {at}");
        }
    }
}

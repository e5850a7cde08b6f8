//! Checks of entitlement.
//!
//! Proves B05, M06, Q02, S01, V01.

use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::domain::guesses::MISSES;
use vouch_license::domain::license_key::LicenseKey;
use vouch_storage::on_both_engines;

use crate::support::{Service, escalation, name_request, tier_request};

async fn check(channel: Channel, question: pb::EntitlementQuestion) -> Result<pb::EntitlementAnswer, Status> {
    let request = pb::CheckEntitlementRequest { question: Some(question), ..Default::default() };
    Ok(EntitlementServiceClient::new(channel).check_entitlement(request).await?.into_inner().answer.unwrap())
}

fn reasons(answer: &pb::EntitlementAnswer) -> Vec<common::Reason> {
    answer.findings.iter().map(common::Finding::reason).collect()
}

on_both_engines! {
    async fn q02_a_partner_verifies_that_its_end_user_is_entitled(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let answer = check(service.partner(), covered.question()).await.unwrap();
        assert_eq!(answer.verdict(), pb::Verdict::Entitled, "{answer:?}");
        let cover = answer.cover.unwrap();
        assert_eq!((cover.tier_id.as_str(), cover.license_revision), ("standard", 1));
        assert_eq!(cover.agreement_id, covered.agreement.agreement_id);
        assert_eq!(cover.contact_id, covered.agreement.liaisons[0].contact_id);
        assert!(cover.severities().any(|severity| severity == common::Severity::SiteDown));

        let by_id = pb::LicenseRef {
            r#ref: Some(pb::license_ref::Ref::LicenseId(covered.license.license_id.clone())),
        };
        let question = pb::EntitlementQuestion { license: Some(by_id), ..covered.question() };
        assert_eq!(check(service.partner(), question).await.unwrap().verdict(), pb::Verdict::Entitled);
    }

    async fn v01_a_negative_answer_lists_every_reason_with_cure_and_remedy(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let question = pb::EntitlementQuestion {
            version: "9.9".into(),
            severity: common::Severity::Three.into(),
            channel: common::Channel::Phone.into(),
            contact_email: "eve@contoso.example".into(),
            ..covered.question()
        };
        let answer = check(service.partner(), question).await.unwrap();
        assert_eq!(answer.verdict(), pb::Verdict::NotEntitled);
        let expected = [
            common::Reason::VersionUnknown,
            common::Reason::SeverityNotCovered,
            common::Reason::ChannelNotCovered,
            common::Reason::ContactNotNamed,
        ];
        assert_eq!(reasons(&answer), expected);
        for finding in &answer.findings {
            assert!(finding.cure_by() != common::CureBy::Unspecified && !finding.remedy.is_empty(), "{finding:?}");
        }
    }

    async fn m06_an_end_user_of_a_free_tier_is_refused_assistance_and_told_both_ways_on(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let mut free = tier_request("free", pb::Charging::Included);
        let tier = free.tier.as_mut().unwrap();
        (tier.assisted, tier.channels, tier.severities) = (false, vec![], vec![]);
        service.catalog().create_tier(free).await.unwrap();
        let covered = service.cover("free").await;
        for channel in [common::Channel::Portal, common::Channel::Email, common::Channel::Phone, common::Channel::Chat] {
            let question = pb::EntitlementQuestion { channel: channel.into(), ..covered.question() };
            let answer = check(service.partner(), question).await.unwrap();
            assert_eq!((answer.verdict(), reasons(&answer)), (pb::Verdict::NotEntitled, vec![common::Reason::TierExcludesAssistedSupport]));
            let finding = &answer.findings[0];
            assert_eq!(finding.cure_by(), common::CureBy::EndUser);
            assert!(finding.remedy.contains("sales") && finding.remedy.contains("onboarding programme"), "{finding:?}");
        }
        let proof = service.entitlement().issue_entitlement_proof(covered.proof_request(&escalation())).await;
        let refusal = (Code::FailedPrecondition, "ENTITLEMENT_REFUSED".into());
        assert_eq!(refused(proof), refusal, "and nothing is escalated");
    }

    async fn a_stranger_cannot_tell_a_foreign_licence_from_an_unknown_one(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut foreign = check(service.other_partner(), covered.question()).await.unwrap();
        let unknown = LicenseKey::from_random([3; 24]).reveal();
        let unknown = pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(unknown)) };
        let question = pb::EntitlementQuestion { license: Some(unknown), ..covered.question() };
        let mut unknown = check(service.other_partner(), question).await.unwrap();
        (foreign.checked_at, unknown.checked_at) = (None, None);
        assert_eq!(foreign, unknown);
        assert_eq!(reasons(&foreign), [common::Reason::LicenseNotFound]);
    }

    async fn b05_a_reseller_checks_licences_over_rpc(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let bare = pb::EntitlementQuestion { license: covered.question().license, ..Default::default() };
        let answer = check(service.reseller(), bare.clone()).await.unwrap();
        assert_eq!(answer.verdict(), pb::Verdict::Entitled, "what is left out is not judged");

        let suspend = pb::SetLicenseStateRequest {
            request_id: fresh(),
            license_id: covered.license.license_id,
            etag: covered.license.etag,
            state: pb::LicenseState::Suspended.into(),
            note: "unpaid".into(),
        };
        service.licenses().set_license_state(suspend).await.unwrap();
        assert_eq!(reasons(&check(service.reseller(), bare).await.unwrap()), [common::Reason::Suspended]);
    }

    async fn a_partner_asks_for_itself_and_a_bad_question_is_refused_whole(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let none = pb::CheckEntitlementRequest::default();
        assert_eq!(fields(service.entitlement().check_entitlement(none).await), ["question"]);
        let question = pb::EntitlementQuestion { partner_id: "south".into(), ..covered.question() };
        assert_eq!(fields(check(service.partner(), question).await), ["question.partner_id"]);
        let question = pb::EntitlementQuestion {
            license: None,
            version: "x".repeat(65),
            severity: 9,
            channel: -1,
            contact_email: "nobody".into(),
            ..covered.question()
        };
        let expected = ["license", "version", "severity", "channel", "contact_email"];
        assert_eq!(fields(check(service.partner(), question).await), expected.map(|f| format!("question.{f}")));
    }

    async fn who_names_too_many_unknown_keys_has_to_wait(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        for n in 0..MISSES {
            let key = LicenseKey::from_random([u8::try_from(n).unwrap(); 24]).reveal();
            let license = pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(key)) };
            let question = pb::EntitlementQuestion { license: Some(license), ..covered.question() };
            assert_eq!(reasons(&check(service.partner(), question).await.unwrap()), [common::Reason::LicenseNotFound]);
        }
        let known = refused(check(service.partner(), covered.question()).await);
        assert_eq!(known, (Code::ResourceExhausted, "RATE_LIMITED".into()));
        assert!(check(service.reseller(), covered.question()).await.is_ok(), "another caller does not wait");
    }

    async fn a_burst_of_good_questions_is_answered_whole(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let channel = service.partner();
        let burst: Vec<_> =
            (0..60).map(|_| tokio::spawn(check(channel.clone(), covered.question()))).collect();
        for answer in burst {
            assert_eq!(answer.await.unwrap().unwrap().verdict(), pb::Verdict::Entitled);
        }
    }

    async fn s01_a_contact_whose_role_ended_is_refused_from_then_on(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let agreement_id = covered.agreement.agreement_id.clone();
        service.agreements().name_liaison(name_request(&agreement_id, "grace@contoso.example")).await.unwrap();
        let contact_id = covered.agreement.liaisons[0].contact_id.clone();
        let end = pb::EndLiaisonRequest { request_id: fresh(), agreement_id, contact_id };
        service.agreements().end_liaison(end).await.unwrap();
        let answer = check(service.partner(), covered.question()).await.unwrap();
        assert_eq!(reasons(&answer), [common::Reason::ContactNotNamed]);
        assert!(!format!("{answer:?}").contains("grace"), "the refusal names nobody");
    }
}

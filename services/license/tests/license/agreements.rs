//! Agreements and the people named in them.
//!
//! Proves S01.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{ADA, Service, agreement, exists, name_request, not_found, overlaps};

fn create(agreement: pb::Agreement) -> pb::CreateAgreementRequest {
    pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement) }
}

on_both_engines! {
    async fn s01_liaisons_are_named_up_to_the_seats_and_end_at_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let id = covered.agreement.agreement_id.clone();
        let named = service.agreements().name_liaison(name_request(&id, "Grace@Contoso.example")).await.unwrap();
        assert_eq!(named.into_inner().liaison.unwrap().email, "grace@contoso.example");

        let full = refused(service.agreements().name_liaison(name_request(&id, "eve@contoso.example")).await);
        assert_eq!(full, (Code::FailedPrecondition, "SEATS_EXHAUSTED".into()));
        let contact_id = covered.agreement.liaisons[0].contact_id.clone();
        let end = pb::EndLiaisonRequest { request_id: fresh(), agreement_id: id.clone(), contact_id };
        let after = service.agreements().end_liaison(end.clone()).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!(after.liaisons.len(), 1);
        let again = pb::EndLiaisonRequest { request_id: fresh(), ..end };
        assert_eq!(refused(service.agreements().end_liaison(again).await), not_found());
        service.agreements().name_liaison(name_request(&id, ADA)).await.expect("a freed seat and address");
    }

    async fn an_address_is_named_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let again = name_request(&covered.agreement.agreement_id, &ADA.to_uppercase());
        assert_eq!(refused(service.agreements().name_liaison(again).await), exists());
    }

    async fn ten_at_once_do_not_share_the_last_seat(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let id = &covered.agreement.agreement_id;
        let callers: Vec<_> = (0..10)
            .map(|n| {
                let (mut client, request) = (service.agreements(), name_request(id, &format!("p{n}@contoso.example")));
                tokio::spawn(async move { client.name_liaison(request).await })
            })
            .collect();
        let mut named = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Ok(_) => named += 1,
                answer => assert_eq!(refused(answer), (Code::FailedPrecondition, "SEATS_EXHAUSTED".into())),
            }
        }
        assert_eq!(named, 1);
    }

    async fn agreements_of_one_end_user_do_not_overlap(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("standard").await;
        let overlapping = pb::Agreement {
            valid_from: "2099-12-31".into(),
            valid_until: "2100-12-31".into(),
            ..agreement("contoso", "prepaid")
        };
        let status = service.agreements().create_agreement(create(overlapping)).await.unwrap_err();
        assert_eq!(overlaps(&status), ["agreement.valid_from"]);
        let within = pb::Agreement { valid_until: "2026-12-31".into(), ..agreement("contoso", "prepaid") };
        let status = service.agreements().create_agreement(create(within)).await.unwrap_err();
        assert_eq!(overlaps(&status), ["agreement.valid_from", "agreement.valid_until"]);
        let after = pb::Agreement {
            valid_from: "2100-01-01".into(),
            valid_until: "2100-12-31".into(),
            ..agreement("contoso", "prepaid")
        };
        service.agreements().create_agreement(create(after)).await.unwrap();
        let list = pb::ListAgreementsRequest { end_user_id: "contoso".into(), ..pb::ListAgreementsRequest::default() };
        assert_eq!(service.agreements().list_agreements(list).await.unwrap().into_inner().agreements.len(), 2);
        let list = pb::ListAgreementsRequest { end_user_id: "?".into(), ..pb::ListAgreementsRequest::default() };
        assert_eq!(fields(service.agreements().list_agreements(list).await), ["end_user_id"]);
    }

    async fn two_overlapping_agreements_at_once_become_one(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(crate::support::license("contoso")) };
        service.licenses().create_license(request).await.unwrap();
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (mut client, request) = (service.agreements(), create(agreement("contoso", "standard")));
                tokio::spawn(async move { client.create_agreement(request).await.is_ok() })
            })
            .collect();
        let mut entered = 0;
        for caller in callers {
            entered += usize::from(caller.await.unwrap());
        }
        assert_eq!(entered, 1);
    }

    async fn an_agreement_is_suspended_and_resumed_with_its_current_etag(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let set = |agreement: &pb::Agreement, state: pb::AgreementState| pb::SetAgreementStateRequest {
            request_id: fresh(),
            agreement_id: agreement.agreement_id.clone(),
            etag: agreement.etag.clone(),
            state: state.into(),
            ..Default::default()
        };
        let suspend = set(&covered.agreement, pb::AgreementState::Suspended);
        let suspended = service.agreements().set_agreement_state(suspend).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!(suspended.state(), pb::AgreementState::Suspended);
        let stale = set(&covered.agreement, pb::AgreementState::Active);
        let stale = refused(service.agreements().set_agreement_state(stale).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
        let again = set(&suspended, pb::AgreementState::Suspended);
        let again = refused(service.agreements().set_agreement_state(again).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let note = "two\nlines".into();
        let unreadable = pb::SetAgreementStateRequest { note, ..set(&suspended, pb::AgreementState::Active) };
        assert_eq!(fields(service.agreements().set_agreement_state(unreadable).await), ["note"]);

        let get = pb::GetAgreementRequest { agreement_id: suspended.agreement_id.clone() };
        let read = service.agreements().get_agreement(get).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!(read, suspended);
        let unknown = pb::GetAgreementRequest { agreement_id: read.agreement_id.replace('0', "1") };
        assert_eq!(refused(service.agreements().get_agreement(unknown).await), not_found());
    }

    async fn every_bad_field_of_an_agreement_is_named_at_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let bad = pb::Agreement {
            end_user_id: "contoso".into(),
            tier_id: "standard".into(),
            valid_from: "2026-02-30".into(),
            valid_until: "soon".into(),
            zone: String::new(),
            liaison_seats: 0,
            ..pb::Agreement::default()
        };
        let named = fields(service.agreements().create_agreement(create(bad)).await);
        let expected = ["valid_from", "valid_until", "zone", "liaison_seats"];
        assert_eq!(named, expected.map(|field| format!("agreement.{field}")));
        let unknown = agreement("nobody", "nothing");
        let named = fields(service.agreements().create_agreement(create(unknown)).await);
        assert_eq!(named, ["agreement.end_user_id", "agreement.tier_id"]);
    }
}

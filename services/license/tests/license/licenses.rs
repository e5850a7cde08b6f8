//! Licences.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{Service, license, not_found};

fn create(license: pb::License) -> pb::CreateLicenseRequest {
    pb::CreateLicenseRequest { request_id: fresh(), license: Some(license) }
}

fn set_state(license: &pb::License, state: pb::LicenseState) -> pb::SetLicenseStateRequest {
    pb::SetLicenseStateRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        state: state.into(),
        note: "as agreed".into(),
    }
}

on_both_engines! {
    async fn a_licence_is_created_and_its_key_told_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let request = create(license("contoso"));
        let created = service.licenses().create_license(request.clone()).await.unwrap().into_inner();
        assert_eq!(created.license_key.split('-').count(), 5);
        let license = created.license.clone().unwrap();
        assert!(created.license_key.ends_with(&license.key_hint));
        assert_eq!((license.state(), license.revision), (pb::LicenseState::Active, 1));

        let again = service.licenses().create_license(request).await.unwrap().into_inner();
        assert_eq!(again, created, "a repeat within a day tells the same key");
        let get = pb::GetLicenseRequest { license_id: license.license_id.clone() };
        let read = service.licenses().get_license(get).await.unwrap().into_inner().license.unwrap();
        assert_eq!(read, license);
    }

    async fn a_key_is_not_told_again_after_a_day(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let request = create(license("contoso"));
        service.licenses().create_license(request.clone()).await.unwrap();
        clock.set("2026-06-09T10:00:00Z");
        let later = service.licenses().create_license(request).await;
        assert_eq!(refused(later), (Code::AlreadyExists, "ALREADY_EXISTS".into()));
    }

    async fn every_bad_field_of_a_licence_is_named_at_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let bad = pb::License {
            license_id: "lic_mine".into(),
            product_id: String::new(),
            quantity: 0,
            end_user: Some(pb::EndUser { end_user_id: "Contoso Ltd".into(), name: String::new() }),
            responsible_partner_id: "north".into(),
            valid_from: "2026-06-30".into(),
            valid_until: "2026-06-29".into(),
            grace_days: 366,
            zone: "MT".into(),
            ..pb::License::default()
        };
        let named = fields(service.licenses().create_license(create(bad)).await);
        let expected = [
            "license_id",
            "product_id",
            "quantity",
            "end_user.end_user_id",
            "end_user.name",
            "grace_days",
            "zone",
            "valid_until",
        ];
        assert_eq!(named, expected.map(|field| format!("license.{field}")));
        let unknown = pb::License {
            product_id: "nothing".into(),
            responsible_partner_id: "nobody".into(),
            reseller_partner_id: "noone".into(),
            ..license("contoso")
        };
        let named = fields(service.licenses().create_license(create(unknown)).await);
        assert_eq!(named, ["license.product_id", "license.responsible_partner_id", "license.reseller_partner_id"]);
    }

    async fn a_licence_moves_by_the_table_and_with_its_current_etag(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let created = service.licenses().create_license(create(license("contoso"))).await.unwrap().into_inner();
        let first = created.license.unwrap();

        let suspend = set_state(&first, pb::LicenseState::Suspended);
        let suspended = service.licenses().set_license_state(suspend).await.unwrap().into_inner().license.unwrap();
        assert_eq!((suspended.state(), suspended.state_note.as_str()), (pb::LicenseState::Suspended, "as agreed"));
        let stale = set_state(&first, pb::LicenseState::Revoked);
        let stale = refused(service.licenses().set_license_state(stale).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));

        let again = set_state(&suspended, pb::LicenseState::Suspended);
        let again = refused(service.licenses().set_license_state(again).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let revoke = set_state(&suspended, pb::LicenseState::Revoked);
        let revoked = service.licenses().set_license_state(revoke).await.unwrap().into_inner().license.unwrap();
        let back = set_state(&revoked, pb::LicenseState::Active);
        let back = refused(service.licenses().set_license_state(back).await);
        assert_eq!(back, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "revoked is for good");
        let bare = pb::SetLicenseStateRequest::default();
        let named = fields(service.licenses().set_license_state(bare).await);
        assert_eq!(named, ["request_id", "license_id", "etag", "note", "state"]);
    }

    async fn a_partner_sees_the_licences_that_it_supports_or_sold_and_no_other(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let sold = pb::License { reseller_partner_id: "south".into(), ..license("contoso") };
        let mut ids = Vec::new();
        for license in [sold, license("fabrikam")] {
            let created = service.licenses().create_license(create(license)).await.unwrap().into_inner();
            ids.push(created.license.unwrap().license_id);
        }
        let list = |channel| async move {
            let listed = LicenseServiceClient::new(channel).list_licenses(pb::ListLicensesRequest::default()).await;
            listed.unwrap().into_inner().licenses.into_iter().map(|license| license.license_id).collect::<Vec<_>>()
        };
        assert_eq!(list(service.partner()).await, ids);
        assert_eq!(list(service.other_partner()).await, ids[..1]);

        let mut south = LicenseServiceClient::new(service.other_partner());
        let foreign = south.get_license(pb::GetLicenseRequest { license_id: ids[1].clone() }).await;
        let unknown = pb::GetLicenseRequest { license_id: ids[1].replace('0', "1") };
        assert_eq!(refused(foreign), not_found());
        assert_eq!(refused(service.licenses().get_license(unknown).await), not_found(), "foreign and unknown are told the same");
        let malformed = pb::GetLicenseRequest { license_id: "lic_1".into() };
        assert_eq!(fields(service.licenses().get_license(malformed).await), ["license_id"]);
        let of = pb::ListLicensesRequest { end_user_id: "fabrikam".into(), ..pb::ListLicensesRequest::default() };
        assert_eq!(service.licenses().list_licenses(of).await.unwrap().into_inner().licenses.len(), 1);
        let of = pb::ListLicensesRequest { end_user_id: "Not A Code".into(), ..pb::ListLicensesRequest::default() };
        assert_eq!(fields(service.licenses().list_licenses(of).await), ["end_user_id"]);
    }
}

//! Licence files: verified without asking anybody.
//!
//! Proves H06.

use jiff::SignedDuration;
use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_proof::{KeySet, LicenseFile};
use vouch_storage::on_both_engines;

use crate::support::{Service, not_found};

fn file(license: &pb::License, days: i32) -> pb::GetLicenseFileRequest {
    pb::GetLicenseFileRequest { license_id: license.license_id.clone(), days }
}

async fn key_set(service: &Service) -> KeySet {
    let mut anybody = EntitlementServiceClient::new(service.anonymous());
    let published = anybody.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap();
    KeySet::from_jwks(&published.jwks).unwrap()
}

on_both_engines! {
    async fn a_licence_file_is_verified_offline_also_after_the_key_was_rotated(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut partner = LicenseServiceClient::new(service.partner());
        let signed = partner.get_license_file(file(&covered.license, 0)).await.unwrap().into_inner();
        let said = signed.license_file.split('.').nth(1).unwrap();
        let said = String::from_utf8(data_encoding::BASE64URL_NOPAD.decode(said.as_bytes()).unwrap()).unwrap();
        assert!(!said.contains(&covered.license_key) && !said.contains("ada@"), "neither key nor people: {said}");
        let now = clock.world().now();
        let read = LicenseFile::verify(&signed.license_file, &key_set(&service).await, now).unwrap();
        assert_eq!((read.sub.as_str(), read.lic.quantity, read.lic.product.as_str()), ("contoso", 25, "atlas"));
        assert_eq!(read.exp - read.iat, 90 * 24 * 3600, "90 days unless said otherwise");

        let rotate = pb::RotateSigningKeyRequest { request_id: fresh(), rotation: pb::KeyRotation::Planned.into() };
        EntitlementServiceClient::new(service.staff()).rotate_signing_key(rotate).await.unwrap();
        clock.advance_seconds(80 * 24 * 3600);
        let later = clock.world().now();
        let keys = key_set(&service).await;
        LicenseFile::verify(&signed.license_file, &keys, later).expect("the old key is still published");
        let much_later = later + SignedDuration::from_hours(10 * 24 + 1);
        assert!(LicenseFile::verify(&signed.license_file, &keys, much_later).is_err(), "it ends");
    }

    async fn a_licence_file_does_not_outlast_the_licence(database: Database) {
        let clock = ManualClock::at("2099-12-30T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let signed = service.licenses().get_license_file(file(&covered.license, 400)).await.unwrap().into_inner();
        let grace_ends = "2100-01-15T07:00:00Z".parse::<jiff::Timestamp>().unwrap();
        assert_eq!(signed.expires_at.unwrap().seconds, grace_ends.as_second());
        clock.set("2100-01-15T07:00:00Z");
        let over = refused(service.licenses().get_license_file(file(&covered.license, 1)).await);
        assert_eq!(over, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }

    async fn a_licence_file_of_a_licence_that_begins_later_is_not_to_be_relied_on_before(database: Database) {
        let clock = ManualClock::at("2025-12-30T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let signed = service.licenses().get_license_file(file(&covered.license, 30)).await.unwrap().into_inner();
        let keys = key_set(&service).await;
        assert!(LicenseFile::verify(&signed.license_file, &keys, clock.world().now()).is_err());
        clock.set("2026-01-01T07:00:00Z");
        LicenseFile::verify(&signed.license_file, &keys, clock.world().now()).expect("from its first day on");
    }

    async fn a_licence_file_is_for_a_licence_that_is_in_force_and_ones_own(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut other = LicenseServiceClient::new(service.other_partner());
        assert_eq!(refused(other.get_license_file(file(&covered.license, 1)).await), not_found());
        assert_eq!(fields(other.get_license_file(file(&pb::License::default(), 401)).await), ["license_id", "days"]);
        service.set_state(&covered.license, pb::LicenseState::Suspended).await;
        let suspended = refused(service.licenses().get_license_file(file(&covered.license, 1)).await);
        assert_eq!(suspended, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }
}

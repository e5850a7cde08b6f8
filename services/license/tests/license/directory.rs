//! Who supports whom.
//!
//! Proves B04, Q01.

use tonic::Code;
use tonic_types::StatusExt;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::directory_service_client::DirectoryServiceClient;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::domain::guesses::MISSES;
use vouch_license::domain::license_key::LicenseKey;
use vouch_storage::on_both_engines;

use crate::support::Service;

fn find(license_key: &str) -> pb::FindSupportContactRequest {
    pb::FindSupportContactRequest { license_key: license_key.into(), ..Default::default() }
}

fn unknown_key(n: u8) -> String {
    LicenseKey::from_random([n; 24]).reveal()
}

on_both_engines! {
    async fn q01_anyone_with_a_licence_key_is_told_whom_to_turn_to(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut anyone = DirectoryServiceClient::new(service.anonymous());
        let found = anyone.find_support_contact(find(&covered.license_key.to_lowercase())).await.unwrap().into_inner();
        assert_eq!(found.partner_name, "north Systems");
        assert_eq!(found.support_contact.unwrap().email, "help@north.example");
    }

    async fn b04_the_vendors_own_and_the_organisation_itself_are_told_by_its_account_code(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("standard").await;
        let by_code = |id: &str| pb::FindSupportContactRequest { end_user_id: id.into(), ..Default::default() };
        let mut staff = DirectoryServiceClient::new(service.staff());
        let found = staff.find_support_contact(by_code("contoso")).await.unwrap().into_inner();
        assert_eq!(found.partner_name, "north Systems");
        let person = |organisation: &str| {
            let token = service.ground.end_user_token("eve", organisation);
            DirectoryServiceClient::new(service.ground.bearer(service.running.address, &token))
        };
        assert!(person("contoso").find_support_contact(by_code("contoso")).await.is_ok());
        let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
        assert_eq!(refused(person("fabrikam").find_support_contact(by_code("contoso")).await), not_found);
        assert_eq!(refused(staff.find_support_contact(by_code("nobody")).await), not_found);
        let mut north = DirectoryServiceClient::new(service.partner());
        assert_eq!(refused(north.find_support_contact(by_code("contoso")).await), not_found, "no oracle for partners");
        let both = pb::FindSupportContactRequest { license_key: "x".into(), end_user_id: "contoso".into() };
        assert_eq!(fields(staff.find_support_contact(both).await), ["end_user_id"]);
    }

    async fn q01_an_unknown_a_mistyped_and_a_revoked_key_are_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut anyone = DirectoryServiceClient::new(service.anonymous());
        let not_found = (Code::NotFound, "LICENSE_NOT_FOUND".to_owned());
        assert_eq!(refused(anyone.find_support_contact(find(&unknown_key(1))).await), not_found);
        assert_eq!(fields(anyone.find_support_contact(find("ABC")).await), ["license_key"]);

        let revoke = pb::SetLicenseStateRequest {
            request_id: fresh(),
            license_id: covered.license.license_id,
            etag: covered.license.etag,
            state: pb::LicenseState::Revoked.into(),
            note: "charged back".into(),
        };
        service.licenses().set_license_state(revoke).await.unwrap();
        assert_eq!(refused(anyone.find_support_contact(find(&covered.license_key)).await), not_found);
    }

    async fn guessing_keys_is_limited_and_the_limit_tells_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut guesser = DirectoryServiceClient::new(service.anonymous());
        for n in 0..MISSES {
            let guess = find(&unknown_key(u8::try_from(n).unwrap()));
            assert_eq!(refused(guesser.find_support_contact(guess).await).1, "LICENSE_NOT_FOUND");
        }
        for key in [unknown_key(200), covered.license_key] {
            let status = guesser.find_support_contact(find(&key)).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(status.get_details_retry_info().unwrap().retry_delay.is_some(), "it says when to come back");
        }
    }
}

//! Licences in other hands, and who reads their history.
//!
//! Proves Q14, W15, W19.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::orders::{quantity, renew};
use crate::support::{Service, not_found};

fn transfer(license: &pb::License) -> pb::TransferLicenseRequest {
    pb::TransferLicenseRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        note: "as agreed".into(),
        ..Default::default()
    }
}

fn to(license: &pb::License, end_user_id: &str) -> pb::TransferLicenseRequest {
    let end_user = Some(pb::EndUser { end_user_id: end_user_id.into(), name: end_user_id.to_uppercase() });
    pb::TransferLicenseRequest { end_user, ..transfer(license) }
}

async fn transferred(service: &Service, request: pb::TransferLicenseRequest) -> pb::License {
    service.licenses().transfer_license(request).await.unwrap().into_inner().license.unwrap()
}

fn history(license: &pb::License) -> pb::ListLicenseChangesRequest {
    pb::ListLicenseChangesRequest { license_id: license.license_id.clone(), page: None }
}

on_both_engines! {
    async fn w15_a_licence_goes_to_another_end_user_and_not_back_without_a_word(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let moved = transferred(&service, to(&covered.license, "fabrikam")).await;
        assert_eq!(moved.end_user.as_ref().unwrap().end_user_id, "fabrikam");
        let answer = service
            .entitlement()
            .check_entitlement(pb::CheckEntitlementRequest { question: Some(covered.question()), ..Default::default() })
            .await
            .unwrap()
            .into_inner()
            .answer
            .unwrap();
        assert_eq!(answer.cover.unwrap().agreement_id, "", "the old end user's agreement stays behind");

        let itself = to(&moved, "fabrikam");
        assert_eq!(fields(service.licenses().transfer_license(itself).await), ["end_user"]);
        let circle = to(&moved, "contoso");
        assert_eq!(fields(service.licenses().transfer_license(circle).await), ["end_user.end_user_id"]);
        let nothing = pb::TransferLicenseRequest { note: String::new(), ..transfer(&moved) };
        assert_eq!(fields(service.licenses().transfer_license(nothing).await), ["note"]);
        let mistake = pb::TransferLicenseRequest { correction: true, ..to(&moved, "contoso") };
        assert_eq!(transferred(&service, mistake).await.end_user.unwrap().end_user_id, "contoso");
    }

    async fn w15_another_partner_becomes_responsible_and_the_old_one_sees_nothing_more(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let unknown = pb::TransferLicenseRequest { responsible_partner_id: "nobody".into(), ..transfer(&covered.license) };
        assert_eq!(fields(service.licenses().transfer_license(unknown).await), ["responsible_partner_id"]);
        let request = pb::TransferLicenseRequest { responsible_partner_id: "south".into(), ..transfer(&covered.license) };
        let answer = service.licenses().transfer_license(request).await.unwrap().into_inner();
        let license = answer.license.unwrap();

        let get = pb::GetLicenseRequest { license_id: license.license_id.clone() };
        let mut old = LicenseServiceClient::new(service.partner());
        assert_eq!(refused(old.get_license(get.clone()).await), not_found());
        assert_eq!(refused(old.list_license_changes(history(&license)).await), not_found());
        let check = pb::CheckEntitlementRequest {
            question: Some(covered.question()),
            at_least_revision: answer.facts_revision,
            ..Default::default()
        };
        let found = service.entitlement().check_entitlement(check.clone()).await.unwrap().into_inner().answer.unwrap();
        assert_eq!(found.findings[0].reason().as_str_name(), "REASON_LICENSE_NOT_FOUND");
        let found = EntitlementServiceClient::new(service.other_partner()).check_entitlement(check).await.unwrap();
        assert_eq!(found.into_inner().answer.unwrap().verdict(), pb::Verdict::Entitled);
    }

    async fn w15_nothing_is_handed_to_a_partner_that_is_suspended(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let get = pb::GetPartnerRequest { partner_id: "south".into() };
        let etag = service.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap().etag;
        let standing = pb::PartnerStanding::Suspended.into();
        let (partner_id, note) = ("south".into(), String::new());
        let suspend = pb::SetPartnerStandingRequest { request_id: fresh(), partner_id, etag, standing, note };
        service.registry().set_partner_standing(suspend).await.unwrap();
        let request = pb::TransferLicenseRequest { responsible_partner_id: "south".into(), ..transfer(&covered.license) };
        assert_eq!(fields(service.licenses().transfer_license(request).await), ["responsible_partner_id"]);
    }

    async fn q14_the_history_tells_what_was_changed_and_a_partner_reads_its_own_part(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let more = service.licenses().change_license_quantity(quantity(&covered.license, 40)).await.unwrap();
        let more = more.into_inner().license.unwrap();
        let mut north = LicenseServiceClient::new(service.partner());
        let own = north.list_license_changes(history(&more)).await.unwrap().into_inner().changes;
        assert_eq!(own.iter().map(|change| change.revision).collect::<Vec<_>>(), [1, 2], "from its creation");
        assert!(own.iter().all(|change| change.changed_by.is_empty()), "whoever did it");
        let south = pb::TransferLicenseRequest { responsible_partner_id: "south".into(), ..transfer(&more) };
        let handed = transferred(&service, south).await;
        service.licenses().renew_license(renew(&handed, "2100-12-31")).await.unwrap();

        let told = service.licenses().list_license_changes(history(&handed)).await.unwrap().into_inner().changes;
        let words: Vec<_> = told.iter().map(|change| (change.revision, change.change.as_str())).collect();
        assert_eq!(words, [(1, "created"), (2, "quantity changed"), (3, "transferred"), (4, "renewed")]);
        let quantity = told[0].fields.iter().find(|field| field.field == "quantity").unwrap();
        assert_eq!((quantity.before.as_str(), quantity.after.as_str()), ("", "25"));
        assert!(told[0].changed_by.ends_with("#ada"), "{:?}", told[0]);
        let field = &told[1].fields[0];
        assert_eq!((field.field.as_str(), field.before.as_str(), field.after.as_str()), ("quantity", "25", "40"));
        assert!(told[2].changed_by.ends_with("#ada") && told[2].note == "as agreed", "{:?}", told[2]);
        let page = |size, page_token| vouch_contract::pb::common::v1::PageRequest { page_size: size, page_token };
        let (mut pages, mut token) = (Vec::new(), String::new());
        loop {
            let list = pb::ListLicenseChangesRequest { page: Some(page(3, token)), ..history(&handed) };
            let listed = service.licenses().list_license_changes(list).await.unwrap().into_inner();
            pages.push(listed.changes.iter().map(|change| change.revision).collect::<Vec<_>>());
            token = listed.page.unwrap().next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(pages, [vec![1, 2, 3], vec![4]]);

        let mut south = LicenseServiceClient::new(service.other_partner());
        let seen = south.list_license_changes(history(&handed)).await.unwrap().into_inner().changes;
        assert_eq!(seen.iter().map(|change| change.revision).collect::<Vec<_>>(), [3, 4], "from when it came in");
        assert!(seen[0].fields.iter().all(|field| field.before.is_empty()) && seen[0].changed_by.is_empty());
        let first = pb::ListLicenseChangesRequest { page: Some(page(1, String::new())), ..history(&handed) };
        let first = south.list_license_changes(first).await.unwrap().into_inner();
        let next = first.page.unwrap().next_page_token;
        let rest = pb::ListLicenseChangesRequest { page: Some(page(1, next)), ..history(&handed) };
        let rest = south.list_license_changes(rest).await.unwrap().into_inner().changes;
        assert_eq!((first.changes[0].revision, rest[0].revision, rest.len()), (3, 4, 1), "page by page the same");
    }

    async fn w15_a_revoked_licence_is_not_transferred(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        let late = refused(service.licenses().transfer_license(to(&covered.license, "fabrikam")).await);
        assert_eq!(late, (Code::Aborted, "ETAG_MISMATCH".into()));
        let get = pb::GetLicenseRequest { license_id: covered.license.license_id.clone() };
        let revoked = service.licenses().get_license(get).await.unwrap().into_inner().license.unwrap();
        let refused = refused(service.licenses().transfer_license(to(&revoked, "fabrikam")).await);
        assert_eq!(refused, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }
}

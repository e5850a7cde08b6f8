//! Which releases a licence may receive, and how their dates change.
//!
//! Proves H06, M03, W21.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::orders::create;
use crate::support::{Service, agreement, license, not_found, release_request, tier_request};

fn receivable(license: &pb::License) -> pb::ListReceivableReleasesRequest {
    pb::ListReceivableReleasesRequest { license_id: license.license_id.clone(), page: None }
}

fn update(etag: &str, release: pb::Release, paths: &[&str]) -> pb::UpdateReleaseRequest {
    pb::UpdateReleaseRequest {
        request_id: fresh(),
        product_id: "atlas".into(),
        etag: etag.into(),
        release: Some(release),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
    }
}

fn version(version: &str) -> pb::Release {
    pb::Release { version: version.into(), ..Default::default() }
}

/// A token of this list with another key than a release's place.
fn token(key: &str) -> String {
    data_encoding::BASE64URL_NOPAD.encode(format!("1:receivable-releases:{key}").as_bytes())
}

async fn etag(service: &Service) -> String {
    let get = pb::GetProductRequest { product_id: "atlas".into() };
    service.catalog().get_product(get).await.unwrap().into_inner().product.unwrap().etag
}

async fn told(service: &Service, license: &pb::License) -> Vec<(String, pb::Receivable, bool)> {
    let list = service.licenses().list_receivable_releases(receivable(license)).await.unwrap().into_inner();
    let told =
        list.releases.into_iter().map(|one| (one.release.clone().unwrap().version, one.receivable(), one.supported));
    told.collect()
}

on_both_engines! {
    async fn h06_maintenance_decides_which_releases_a_licence_may_receive_and_lists_them(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        service.catalog().create_tier(tier_request("premium", pb::Charging::Included)).await.unwrap();
        let early = pb::Release { early_access_on: "2026-06-01".into(), released_on: "2026-07-01".into(), ..version("8.0") };
        let mut publish = release_request("8.0", "2026-07-01");
        publish.release = Some(early);
        service.catalog().publish_release(publish).await.unwrap();
        service.catalog().publish_release(release_request("7.3", "2026-06-01")).await.unwrap();
        let maintained = pb::License { maintenance_until: "2026-05-31".into(), ..license("contoso") };
        let maintained = service.licenses().create_license(create(maintained)).await.unwrap().into_inner().license.unwrap();
        assert_eq!(
            told(&service, &maintained).await,
            [
                ("8.0".to_owned(), pb::Receivable::OutOfMaintenance, true),
                ("7.3".to_owned(), pb::Receivable::OutOfMaintenance, true),
                ("7.2.1".to_owned(), pb::Receivable::Yes, true),
            ]
        );
        let endless = service.licenses().create_license(create(license("fabrikam"))).await.unwrap().into_inner().license.unwrap();
        assert_eq!(told(&service, &endless).await[0].1, pb::Receivable::NotYet);
        let premium = pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement("fabrikam", "premium")) };
        service.agreements().create_agreement(premium).await.unwrap();
        assert_eq!(told(&service, &endless).await[0].1, pb::Receivable::Yes, "premium has early access");
        let check = pb::CheckEntitlementRequest {
            question: Some(pb::EntitlementQuestion {
                license: Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(maintained.license_id.clone())) }),
                product_id: "atlas".into(),
                version: "8.0".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = service.entitlement().check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
        let reasons: Vec<_> = answer.findings.iter().map(|finding| finding.reason().as_str_name()).collect();
        assert_eq!(reasons, ["REASON_VERSION_OUT_OF_MAINTENANCE", "REASON_RELEASE_NOT_AVAILABLE"]);

        service.set_state(&endless, pb::LicenseState::Revoked).await;
        assert!(told(&service, &endless).await.iter().all(|one| one.1 == pb::Receivable::NotLicensed));
        let mut other = LicenseServiceClient::new(service.other_partner());
        assert_eq!(refused(other.list_receivable_releases(receivable(&maintained)).await), not_found());
        let page = vouch_contract::pb::common::v1::PageRequest { page_size: 2, page_token: String::new() };
        let first = pb::ListReceivableReleasesRequest { page: Some(page.clone()), ..receivable(&maintained) };
        let first = service.licenses().list_receivable_releases(first).await.unwrap().into_inner();
        let page_token = first.page.unwrap().next_page_token;
        let page = vouch_contract::pb::common::v1::PageRequest { page_token, ..page };
        let rest = pb::ListReceivableReleasesRequest { page: Some(page), ..receivable(&maintained) };
        let rest = service.licenses().list_receivable_releases(rest).await.unwrap().into_inner().releases;
        assert_eq!(rest[0].release.as_ref().unwrap().version, "7.2.1");
    }

    async fn h06_releases_are_listed_page_by_page_in_one_order_whatever_their_versions_are_called(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        for (version, day) in [("7.3 \u{3b2}", "2026-02-01"), ("7.3", "2026-02-01"), ("6.9", "2025-05-01"), ("7.4", "2026-03-01")] {
            service.catalog().publish_release(release_request(version, day)).await.unwrap();
        }
        let license = service.licenses().create_license(create(license("contoso"))).await.unwrap().into_inner().license.unwrap();
        let whole = told(&service, &license).await;
        let mut days = vec!["7.4", "7.3 \u{3b2}", "7.3", "7.2.1", "6.9"];
        let (mut paged, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = Some(vouch_contract::pb::common::v1::PageRequest { page_size: 1, page_token });
            let list = pb::ListReceivableReleasesRequest { page, ..receivable(&license) };
            let listed = service.licenses().list_receivable_releases(list).await.unwrap().into_inner();
            paged.extend(listed.releases.into_iter().map(|one| (one.release.clone().unwrap().version, one.receivable(), one.supported)));
            page_token = listed.page.unwrap().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, whole);
        let mut versions: Vec<_> = paged.iter().map(|(version, ..)| version.as_str()).collect();
        assert_eq!((versions[0], versions[3], versions[4]), (days[0], days[3], days[4]), "newest first");
        versions.sort_unstable();
        days.sort_unstable();
        assert_eq!(versions, days, "each once");
        let broken = Some(vouch_contract::pb::common::v1::PageRequest { page_size: 1, page_token: token("2") });
        let broken = pb::ListReceivableReleasesRequest { page: broken, ..receivable(&license) };
        assert_eq!(fields(service.licenses().list_receivable_releases(broken).await), ["page.page_token"]);
    }

    async fn w21_the_end_of_support_is_set_later_and_checks_follow(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let ended = pb::Release { end_of_support_on: "2026-06-09".into(), ..version("7.2.1") };
        let answer = service.catalog().update_release(update(&etag(&service).await, ended.clone(), &["end_of_support_on"])).await;
        let answer = answer.unwrap().into_inner();
        let release = &answer.product.unwrap().releases[0];
        assert_eq!((release.end_of_support_on.as_str(), release.released_on.as_str()), ("2026-06-09", "2026-01-15"));
        let check = pb::CheckEntitlementRequest {
            question: Some(covered.question()),
            at_least_revision: answer.facts_revision,
            ..Default::default()
        };
        let found = service.entitlement().check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
        assert_eq!(found.findings[0].reason().as_str_name(), "REASON_RELEASE_END_OF_LIFE");
        assert!(!told(&service, &covered.license).await[0].2, "told as no longer supported");

        let again = update(&etag(&service).await, version("7.2.1"), &["end_of_support_on"]);
        let cleared = service.catalog().update_release(again).await.unwrap().into_inner().product.unwrap();
        assert_eq!(cleared.releases[0].end_of_support_on, "", "a date that is named and empty is taken away");
    }

    async fn a_release_is_not_updated_wrongly(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let mut catalog = service.catalog();
        let none = update(&etag(&service).await, version("7.2.1"), &[]);
        assert_eq!(fields(catalog.update_release(none).await), ["update_mask"]);
        let strange = update("", pb::Release { released_on: "soon".into(), ..version("") }, &["released_on", "name"]);
        assert_eq!(fields(catalog.update_release(strange).await), ["etag", "update_mask", "release.version", "release.released_on"]);
        let stale = refused(catalog.update_release(update("v99", version("7.2.1"), &["end_of_support_on"])).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
        let unknown = update(&etag(&service).await, version("9.9"), &["end_of_support_on"]);
        assert_eq!(refused(catalog.update_release(unknown).await), not_found());
        let turned = pb::Release { end_of_support_on: "2026-01-14".into(), early_access_on: "2026-01-16".into(), ..version("7.2.1") };
        let turned = update(&etag(&service).await, turned, &["end_of_support_on", "early_access_on"]);
        assert_eq!(fields(catalog.update_release(turned).await), ["release.end_of_support_on", "release.early_access_on"]);
        assert_eq!(etag(&service).await, "v2", "nothing was changed");
    }
}

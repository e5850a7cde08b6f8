//! Products, releases, tiers.
//!
//! Proves V04.

use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{Service, exists, invalid, not_found, release_request, tier_request};

on_both_engines! {
    async fn a_product_is_entered_read_and_listed(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let got = service.catalog().get_product(pb::GetProductRequest { product_id: "atlas".into() }).await.unwrap();
        let product = got.into_inner().product.unwrap();
        assert_eq!((product.name.as_str(), product.default_tier_id.as_str()), ("Atlas Server", "standard"));
        assert_eq!(product.releases[0].version, "7.2.1");

        service.catalog().publish_release(release_request("8.0.0", "2026-07-01")).await.unwrap();
        let listed = service.catalog().list_products(pb::ListProductsRequest::default()).await.unwrap().into_inner();
        let versions: Vec<_> = listed.products[0].releases.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, ["8.0.0", "7.2.1"], "newest first");
        let tiers = service.catalog().list_tiers(pb::ListTiersRequest::default()).await.unwrap().into_inner().tiers;
        let ids: Vec<_> = tiers.iter().map(|tier| tier.tier_id.as_str()).collect();
        assert_eq!(ids, ["prepaid", "standard"]);
    }

    async fn what_is_there_is_not_entered_twice(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let product = pb::Product {
            product_id: "atlas".into(),
            name: "Again".into(),
            basis: pb::EntitlementBasis::Agreement.into(),
            ..pb::Product::default()
        };
        let again = pb::CreateProductRequest { request_id: fresh(), product: Some(product) };
        assert_eq!(refused(service.catalog().create_product(again).await), exists());
        let again = release_request("7.2.1", "2026-02-02");
        assert_eq!(refused(service.catalog().publish_release(again).await), exists());
        let again = tier_request("standard", pb::Charging::Included);
        assert_eq!(refused(service.catalog().create_tier(again).await), exists());
    }

    async fn what_is_not_there_is_not_found(database: Database) {
        let service = Service::start(&database).await;
        let get = pb::GetProductRequest { product_id: "nowhere".into() };
        assert_eq!(refused(service.catalog().get_product(get).await), not_found());
        assert_eq!(refused(service.catalog().publish_release(release_request("1", "2026-01-01")).await), not_found());
    }

    async fn every_bad_field_is_named_at_once_and_nothing_is_entered(database: Database) {
        let service = Service::start(&database).await;
        let product = pb::Product {
            product_id: "No Code".into(),
            name: "bell\u{7}".into(),
            basis: 99,
            etag: "v1".into(),
            ..pb::Product::default()
        };
        let request = pb::CreateProductRequest { request_id: String::new(), product: Some(product) };
        let named = fields(service.catalog().create_product(request).await);
        assert_eq!(named, ["request_id", "product.etag", "product.product_id", "product.name", "product.basis"]);

        let tier = pb::Tier { assisted: true, severities: vec![77], priority: 1001, ..pb::Tier::default() };
        let request = pb::CreateTierRequest { request_id: fresh(), tier: Some(tier) };
        let named = fields(service.catalog().create_tier(request).await);
        let expected = ["tier_id", "name", "severities", "coverage", "priority", "charging", "channels"];
        assert_eq!(named, expected.map(|field| format!("tier.{field}")));

        let product = pb::Product {
            product_id: "atlas".into(),
            name: "Atlas".into(),
            default_tier_id: "nowhere".into(),
            ..pb::Product::default()
        };
        let request = pb::CreateProductRequest { request_id: fresh(), product: Some(product) };
        assert_eq!(fields(service.catalog().create_product(request).await), ["product.default_tier_id"]);
        let listed = service.catalog().list_products(pb::ListProductsRequest::default()).await.unwrap().into_inner();
        assert!(listed.products.is_empty());
        let missing = pb::CreateProductRequest { request_id: fresh(), product: None };
        assert_eq!(fields(service.catalog().create_product(missing).await), ["product"]);
    }

    async fn a_list_comes_in_pages_of_a_stated_size(database: Database) {
        let service = Service::start(&database).await;
        for id in ["aa", "bb", "cc", "dd", "ee"] {
            service.catalog().create_tier(tier_request(id, pb::Charging::Included)).await.unwrap();
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = common::PageRequest { page_size: 2, page_token };
            let request = pb::ListTiersRequest { page: Some(page) };
            let listed = service.catalog().list_tiers(request).await.unwrap().into_inner();
            assert!(listed.tiers.len() <= 2);
            seen.extend(listed.tiers.into_iter().map(|tier| tier.tier_id));
            page_token = listed.page.unwrap().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["aa", "bb", "cc", "dd", "ee"]);

        let page = common::PageRequest { page_size: 201, page_token: "made up".into() };
        let request = pb::ListProductsRequest { page: Some(page.clone()) };
        assert_eq!(fields(service.catalog().list_products(request).await), ["page.page_size", "page.page_token"]);
        assert_eq!(refused(service.catalog().list_tiers(pb::ListTiersRequest { page: Some(page) }).await), invalid());
    }

    async fn v04_one_request_sent_ten_times_at_once_is_carried_out_once_and_answered_ten_times(database: Database) {
        let service = Service::start(&database).await;
        let request = tier_request("gold", pb::Charging::Included);
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (mut client, request) = (service.catalog(), request.clone());
                tokio::spawn(async move { client.create_tier(request).await.unwrap().into_inner() })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().tier.unwrap().tier_id, "gold", "nobody hears that it exists already");
        }
    }

    async fn v04_a_repeated_request_is_answered_again_and_a_changed_one_refused(database: Database) {
        let service = Service::start(&database).await;
        let request = tier_request("gold", pb::Charging::Included);
        let first = service.catalog().create_tier(request.clone()).await.unwrap().into_inner();
        let again = service.catalog().create_tier(request.clone()).await.unwrap().into_inner();
        assert_eq!(first, again);
        let mut other = request;
        other.tier.as_mut().unwrap().name = "Another".into();
        let (code, reason) = refused(service.catalog().create_tier(other).await);
        assert_eq!((code, reason.as_str()), (tonic::Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    }
}

//! What the service publishes, and who may call it.
//!
//! Proves V07.

use tonic::Code;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::key_set_service_client::KeySetServiceClient;
use vouch_contract::pb::partner::v1::vendor_directory_service_client::VendorDirectoryServiceClient;
use vouch_host::testing::{call_bare, refused};
use vouch_proof::KeySet;
use vouch_storage::Engine;
use vouch_storage::testing::Database;

use crate::support::Service;

#[tokio::test]
async fn v07_the_keys_that_verify_manifests_are_open_to_anybody_and_outlive_nothing_secret() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await;
    let mut anyone = KeySetServiceClient::new(service.ground.anonymous(service.running.address));
    let keys = anyone.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap();
    assert!(!KeySet::from_jwks(&keys.jwks).unwrap().is_empty());
}

#[tokio::test]
async fn agents_read_the_directory_of_vendors_and_end_users_do_not() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await;
    let mut agent = VendorDirectoryServiceClient::new(service.agent("north"));
    let vendors = agent.list_vendors(pb::ListVendorsRequest {}).await.unwrap().into_inner().vendors;
    assert_eq!((vendors.len(), vendors[0].vendor_id.as_str()), (1, "acme"));
    let token = service.ground.end_user_token("eve", "contoso");
    let mut customer = VendorDirectoryServiceClient::new(service.ground.bearer(service.running.address, &token));
    let refusal = refused(customer.list_vendors(pb::ListVendorsRequest {}).await);
    assert_eq!(refusal, (Code::PermissionDenied, "ACCESS_DENIED".into()));
}

#[tokio::test]
async fn a_person_comes_through_a_portal_with_its_own_certificate() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await;
    let address = service.running.address;
    let portal = "spiffe://vendor.example/vendor/portal";
    let channel = service.ground.workload(address, &service.ground.vendor, portal);
    let alone = call_bare(channel.clone(), "/vouch.partner.v1.EndUserService/ListCustomers").await;
    assert_eq!(alone.unwrap_err().code(), Code::Unauthenticated, "a portal alone is nobody here");
    let token = service.ground.partner_token("ada", "north", &["agent"]);
    let through = vouch_host::testing::with_bearer(channel, &token);
    call_bare(through, "/vouch.partner.v1.EndUserService/ListCustomers").await.unwrap();
}

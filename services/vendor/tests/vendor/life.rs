//! How the service lives, and who may call it.
//!
//! Proves B04, V03.

use tonic::Code;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::key_set_service_client::KeySetServiceClient;
use vouch_host::testing::call_bare;
use vouch_proof::KeySet;
use vouch_storage::Engine;
use vouch_storage::testing::Database;

use crate::support::Service;

#[tokio::test]
async fn v03_the_keys_that_verify_receipts_are_open_to_anybody() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await;
    let mut anyone = KeySetServiceClient::new(service.ground.anonymous(service.running.address));
    let keys = anyone.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap();
    assert!(!KeySet::from_jwks(&keys.jwks).unwrap().is_empty());
    assert!(!keys.jwks.contains("\"d\""), "public parts only");
}

#[tokio::test]
async fn b04_no_rpc_that_creates_or_changes_a_case_is_open_to_a_customer() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await;
    let customer = service.ground.end_user_token("eve", "contoso");
    let mut open = Vec::new();
    for rpc_service in vouch_contract::services().filter(|service| service.full_name().starts_with("vouch.vendor.")) {
        for method in rpc_service.methods() {
            let path = format!("/{}/{}", rpc_service.full_name(), method.name());
            let answer = call_bare(service.ground.bearer(service.running.address, &customer), &path).await;
            if answer.map_err(|status| status.code()) != Err(Code::PermissionDenied) {
                open.push(format!("{}/{}", rpc_service.name(), method.name()));
            }
        }
    }
    assert_eq!(open, ["KeySetService/GetKeySet"]);
}

#[tokio::test]
async fn a_licence_service_that_does_not_answer_keeps_nobody_from_starting() {
    let database = Database::fresh(Engine::Sqlite).await;
    let mut service = Service::start(&database).await;
    call_bare(service.staff(&[]), "/vouch.vendor.v1.KeySetService/GetKeySet").await.unwrap();
    service.running.tell_to_stop();
    service.running.stopped().await.unwrap();
}

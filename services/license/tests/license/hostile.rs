//! What callers should not send.

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_host::testing::{fresh, refused};
use vouch_storage::Engine;
use vouch_storage::testing::Database;

use crate::support::{ALL_ROLES, Service, license};

/// Sends any bytes as a message.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        let length = bytes::Buf::remaining(buffer);
        bytes::Buf::advance(buffer, length);
        Ok(Some(()))
    }
}

async fn send(service: &Service, path: &str, message: Bytes) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(service.staff());
    client.ready().await.unwrap();
    let path: PathAndQuery = path.parse().unwrap();
    client.unary(Request::new(message), path, Raw).await.map(|_| ())
}

#[tokio::test]
async fn a_message_that_is_none_is_the_callers_fault_on_every_rpc() {
    let service = Service::alone().await.with_catalogue().await;
    for rpc_service in vouch_contract::services().filter(|service| service.full_name().starts_with("vouch.license.")) {
        for method in rpc_service.methods() {
            let path = format!("/{}/{}", rpc_service.full_name(), method.name());
            let (code, reason) = refused(send(&service, &path, Bytes::from_static(&[0x0a, 0xff])).await);
            let denied = (code, reason.as_str()) == (Code::PermissionDenied, "ACCESS_DENIED");
            let invalid = (code, reason.as_str()) == (Code::InvalidArgument, "INVALID_FIELD");
            assert!(denied || invalid, "{path}: {code:?} {reason}");
        }
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_its_reason() {
    let database = Database::fresh(Engine::Sqlite).await;
    let small = |config: &mut vouch_host::config::HostConfig| config.limits.message_bytes = 1024;
    let service = Service::start_with(&database, vouch_core::World::system(), small).await;
    let path = "/vouch.license.v1.CatalogService/CreateTier";
    let (code, reason) = refused(send(&service, path, Bytes::from(vec![0; 2048])).await);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
}

#[tokio::test]
async fn a_deadline_that_passed_is_told_as_such() {
    let service = Service::alone().await;
    let mut request = Request::new(pb::ListTiersRequest::default());
    request.metadata_mut().insert("grpc-timeout", "1n".parse().unwrap());
    let status = service.catalog().list_tiers(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
}

#[tokio::test]
async fn an_unknown_rpc_is_unimplemented_and_becomes_no_metric() {
    let service = Service::alone().await;
    for invented in ["/vouch.license.v1.CatalogService/Invent", "/a/b", "/vouch.partner.v1.TicketService/OpenTicket"] {
        let (code, reason) = refused(send(&service, invented, Bytes::new()).await);
        let denied = code == Code::PermissionDenied;
        assert!(
            denied || (code, reason.as_str()) == (Code::Unimplemented, "NOT_SERVED"),
            "{invented}: {code:?} {reason}"
        );
    }
}

#[tokio::test]
async fn errors_tell_nothing_internal_and_no_secret() {
    let service = Service::alone().await.with_catalogue().await;
    let covered = service.cover("standard").await;
    let mut request = covered.proof_request("esc_broken");
    request.audience = "x".repeat(5000);
    let status = service.entitlement().issue_entitlement_proof(request).await.unwrap_err();
    let told = format!("{status:?}");
    assert!(!told.contains(&covered.license_key), "a licence key in an error: {told}");
    for internal in ["sqlx", "SELECT", "panicked", "src/"] {
        assert!(!told.contains(internal), "{internal} in {told}");
    }
}

#[tokio::test]
async fn a_token_for_another_service_is_not_accepted() {
    let service = Service::alone().await;
    let token =
        service.ground.staff.token(&vouch_core::World::system(), "vendor.vouch", "ada", None, ALL_ROLES, 300).unwrap();
    let channel = service.ground.bearer(service.running.address, &token);
    let mut client = pb::license_service_client::LicenseServiceClient::new(channel);
    let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license("contoso")) };
    let (code, reason) = refused(client.create_license(request).await);
    assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
}

//! How the service lives: health, readiness, reflection, browsers, drain.

use std::time::Duration;

use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::World;
use vouch_storage::testing::Database;
use vouch_storage::{Engine, StoreConfig, on_both_engines};

use crate::support::{Service, tier_request};

async fn ops(service: &Service, path: &str) -> String {
    let mut stream = TcpStream::connect(service.running.ops).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

on_both_engines! {
    async fn health_is_told_to_anybody_and_is_true(database: Database) {
        let mut service = Service::start(&database).await;
        let mut health = HealthClient::new(service.anonymous());
        for name in ["", "vouch.license.v1.EntitlementService"] {
            let request = HealthCheckRequest { service: name.into() };
            // The first request is answered once the service is up; its health may be told a moment later.
            let mut watch = health.watch(request).await.unwrap().into_inner();
            let serving = async {
                while let Some(answer) = watch.next().await {
                    if answer.unwrap().status() == ServingStatus::Serving {
                        return true;
                    }
                }
                false
            };
            assert!(serving.await, "{name:?}");
        }
        assert!(ops(&service, "/livez").await.starts_with("HTTP/1.1 200"));
        assert!(ops(&service, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(ops(&service, "/metrics").await.contains("vouch_rpc_requests_total"));

        let request = HealthCheckRequest { service: String::new() };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
        service.running.tell_to_stop();
        let next = watch.next().await.unwrap().unwrap();
        assert_eq!(next.status(), ServingStatus::NotServing, "before the first request is turned away");
        drop((watch, health));
        service.running.stopped().await.unwrap();
    }
}

#[tokio::test]
async fn a_known_caller_reads_the_contract_by_reflection() {
    let service = Service::alone().await.with_catalogue().await;
    let request = || {
        let message_request = Some(MessageRequest::ListServices(String::new()));
        tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request })
    };
    let mut client = ServerReflectionClient::new(service.partner());
    let mut answers = client.server_reflection_info(request()).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.next().await.unwrap().unwrap().message_response
    else {
        panic!("a list of services was asked for");
    };
    assert!(list.service.iter().any(|service| service.name == "vouch.license.v1.EntitlementService"));
    let anonymous = ServerReflectionClient::new(service.anonymous()).server_reflection_info(request()).await;
    assert_eq!(anonymous.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_service_stops() {
    let database = Database::fresh(Engine::Sqlite).await;
    let mut service = Service::start(&database).await;
    service.catalog().create_tier(tier_request("gold", pb::Charging::Included)).await.expect("the service is up");
    // Holds SQLite's write lock from beside the service, so that a mutation is under way for as long as this test wants.
    let StoreConfig::Sqlite { path, .. } = &database.config else { panic!("SQLite was asked for") };
    let mut beside = sqlx::AnyConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut beside).await.unwrap();
    let client = service.catalog();
    let (mut writer, mut reader) = (client.clone(), client);
    let mut under_way = Box::pin(writer.create_tier(tier_request("silver", pb::Charging::Included)));
    assert!(futures_util::poll!(&mut under_way).is_pending());
    // On the same connection requests arrive in the order in which they were sent: once this one is answered, the other is
    // under way.
    reader.list_tiers(pb::ListTiersRequest::default()).await.unwrap();

    let mut health = HealthClient::new(service.anonymous());
    let mut watch = health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    while watch.next().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    service.running.tell_to_stop();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((watch, health));
    assert!(futures_util::poll!(&mut under_way).is_pending(), "it waits for the lock");
    sqlx::query("ROLLBACK").execute(&mut beside).await.unwrap();
    under_way.await.expect("it was finished, and not cut off");
    drop((writer, reader));
    tokio::time::timeout(Duration::from_secs(10), service.running.stopped()).await.expect("in time").unwrap();
}

#[tokio::test]
async fn data_and_keys_outlive_the_process() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start(&database).await.with_catalogue().await;
    let covered = service.cover("standard").await;
    let service = service.restart(&database).await;
    let request = pb::CheckEntitlementRequest { question: Some(covered.question()), ..Default::default() };
    let answer = service.entitlement().check_entitlement(request).await.unwrap().into_inner().answer.unwrap();
    assert_eq!(answer.verdict(), pb::Verdict::Entitled, "the registry, the key digests and the licence are there");
}

#[tokio::test]
async fn browsers_call_over_grpc_web_without_a_client_certificate() {
    let database = Database::fresh(Engine::Sqlite).await;
    let service = Service::start_with(&database, World::system(), |config| {
        config.listen.browsers = Some(([127, 0, 0, 1], 0).into());
        config.listen.origins = vec!["https://desk.example".into()];
    })
    .await;
    let roots = service.ground.vendor.certificate_pem();
    let connect = || web::connect(service.running.browsers.unwrap(), roots);
    let preflight = "OPTIONS /vouch.license.v1.EntitlementService/GetKeySet HTTP/1.1\r\nHost: localhost\r\n\
                     Origin: https://desk.example\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: content-type,x-grpc-web\r\nConnection: close\r\n\r\n";
    let answer = web::exchange(connect().await, preflight.as_bytes()).await.to_lowercase();
    assert!(answer.contains("access-control-allow-origin: https://desk.example"), "{answer}");

    let body = [0_u8; 5];
    let mut request = format!(
        "POST /vouch.license.v1.EntitlementService/GetKeySet HTTP/1.1\r\nHost: localhost\r\n\
         Origin: https://desk.example\r\nContent-Type: application/grpc-web+proto\r\nX-Grpc-Web: 1\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    let answer = web::exchange(connect().await, &request).await;
    assert!(answer.contains("200 OK") && answer.contains("grpc-status:0") && answer.contains("EdDSA"), "{answer}");
    let stranger = preflight.replace("desk.example", "evil.example");
    let answer = web::exchange(connect().await, stranger.as_bytes()).await.to_lowercase();
    assert!(!answer.contains("access-control-allow-origin: https://evil.example"), "{answer}");
}

/// A browser's side of HTTP/1.1 over TLS.
mod web {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    pub(super) async fn connect(address: SocketAddr, roots_pem: &str) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(roots_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    pub(super) async fn exchange(mut stream: TlsStream<TcpStream>, request: &[u8]) -> String {
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A peer that closes without a TLS goodbye is no error here: the answer is judged by its content.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

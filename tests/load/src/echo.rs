//! The bare program: the same messages under the same TLS acceptor, without callers, rules or facts.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tonic::{Request, Response, Status, Streaming};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_server::{EntitlementService, EntitlementServiceServer};
use vouch_host::config::HostConfig;
use vouch_host::{ClientCertificates, Connections, ServerTls, Streamed};
use vouch_identity::TrustBundles;

/// Answers every check with one and the same answer.
struct Echo(pb::CheckEntitlementResponse);

#[tonic::async_trait]
impl EntitlementService for Echo {
    async fn check_entitlement(
        &self,
        _request: Request<pb::CheckEntitlementRequest>,
    ) -> Result<Response<pb::CheckEntitlementResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn batch_check_entitlements(
        &self,
        _request: Request<pb::BatchCheckEntitlementsRequest>,
    ) -> Result<Response<pb::BatchCheckEntitlementsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type StreamCheckEntitlementsStream = Streamed<pb::StreamCheckEntitlementsResponse>;

    async fn stream_check_entitlements(
        &self,
        _request: Request<Streaming<pb::StreamCheckEntitlementsRequest>>,
    ) -> Result<Response<Self::StreamCheckEntitlementsStream>, Status> {
        Err(Status::unimplemented(""))
    }

    type WatchEntitlementsStream = Streamed<pb::WatchEntitlementsResponse>;

    async fn watch_entitlements(
        &self,
        _request: Request<pb::WatchEntitlementsRequest>,
    ) -> Result<Response<Self::WatchEntitlementsStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn issue_entitlement_proof(
        &self,
        _request: Request<pb::IssueEntitlementProofRequest>,
    ) -> Result<Response<pb::IssueEntitlementProofResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn rotate_signing_key(
        &self,
        _request: Request<pb::RotateSigningKeyRequest>,
    ) -> Result<Response<pb::RotateSigningKeyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_key_set(
        &self,
        _request: Request<pb::GetKeySetRequest>,
    ) -> Result<Response<pb::GetKeySetResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Serves it with a service's certificate; where. It believes no authority, and so verifies none of its callers.
pub(crate) async fn serve(config: &HostConfig, answer: pb::CheckEntitlementResponse) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    let (certificate, key) = (read(&config.tls.certificate), read(&config.tls.key));
    let bundles = TrustBundles::empty(provider.clone());
    let tls = ServerTls::new(provider, bundles, ClientCertificates::Never, &certificate, &key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = Connections::accept(listener, Arc::new(tls), config.limits.connections);
    let server = tonic::transport::Server::builder().add_service(EntitlementServiceServer::new(Echo(answer)));
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

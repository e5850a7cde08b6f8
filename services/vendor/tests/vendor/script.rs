//! A licence service that says what a test wrote down for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_server::{EntitlementService, EntitlementServiceServer};
use vouch_core::testing::ManualClock;
use vouch_host::Streamed;

/// What one watch is told before it ends, or why it is refused.
pub(crate) type Told = Result<Vec<pb::WatchEntitlementsResponse>, Status>;

/// The script of a feed of entitlements.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    asked: Arc<Mutex<Vec<pb::WatchEntitlementsRequest>>>,
    told: Arc<Mutex<VecDeque<(i64, Told)>>>,
    clock: Arc<ManualClock>,
}

impl Script {
    /// Serves a script that is still empty.
    pub(crate) async fn serve(clock: &Arc<ManualClock>) -> (Self, Channel) {
        let script = Self { asked: Arc::default(), told: Arc::default(), clock: clock.clone() };
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let server = tonic::transport::Server::builder().add_service(EntitlementServiceServer::new(script.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        (script, channel)
    }

    /// Writes down what the next watch is told.
    pub(crate) fn then(&self, told: Told) {
        self.then_after(0, told);
    }

    /// The same, once the clock was moved on while the watch waits.
    pub(crate) fn then_after(&self, seconds: i64, told: Told) {
        self.told.lock().unwrap().push_back((seconds, told));
    }

    /// What was asked since it was looked at last: after which revision, and whether from now.
    pub(crate) fn asked(&self) -> Vec<(i64, bool)> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.into_iter().map(|request| (request.after_revision, request.from_now)).collect()
    }
}

#[tonic::async_trait]
impl EntitlementService for Script {
    async fn check_entitlement(
        &self,
        _request: Request<pb::CheckEntitlementRequest>,
    ) -> Result<Response<pb::CheckEntitlementResponse>, Status> {
        Err(Status::unimplemented(""))
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
        request: Request<pb::WatchEntitlementsRequest>,
    ) -> Result<Response<Self::WatchEntitlementsStream>, Status> {
        self.asked.lock().unwrap().push(request.into_inner());
        let (seconds, told) = self.told.lock().unwrap().pop_front().unwrap();
        self.clock.advance_seconds(seconds);
        Ok(Response::new(Box::pin(tokio_stream::iter(told?.into_iter().map(Ok)))))
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

//! The bare program: the same messages under the same TLS, appended to a file and synced, without callers, rows or digests.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_contract::pb::vendor::v1::bundle_service_server::{BundleService, BundleServiceServer};
use vouch_host::{ClientCertificates, Connections, ServerTls};
use vouch_identity::TrustBundles;

use super::{IN_FLIGHT, PIECE};

/// Appends what comes to a file for each stream.
struct Bare {
    folder: PathBuf,
    next: AtomicU32,
}

#[tonic::async_trait]
impl BundleService for Bare {
    async fn find_missing_blobs(
        &self,
        _request: Request<pb::FindMissingBlobsRequest>,
    ) -> Result<Response<pb::FindMissingBlobsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn write_blob(
        &self,
        request: Request<Streaming<pb::WriteBlobRequest>>,
    ) -> Result<Response<pb::WriteBlobResponse>, Status> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let (parts, mut written) = mpsc::channel::<Bytes>(2);
        let writing = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::create(path)?;
            while let Some(part) = written.blocking_recv() {
                file.write_all(&part)?;
            }
            file.sync_all()
        });
        let mut messages = request.into_inner();
        while let Some(message) = messages.message().await? {
            if parts.send(message.part).await.is_err() {
                break;
            }
        }
        drop(parts);
        writing.await.map_err(|_| Status::internal(""))?.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(pb::WriteBlobResponse { committed_bytes: 0, complete: true }))
    }

    async fn query_blob(
        &self,
        _request: Request<pb::QueryBlobRequest>,
    ) -> Result<Response<pb::QueryBlobResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn commit_bundle(
        &self,
        _request: Request<pb::CommitBundleRequest>,
    ) -> Result<Response<pb::CommitBundleResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn query_bundle(
        &self,
        _request: Request<pb::QueryBundleRequest>,
    ) -> Result<Response<pb::QueryBundleResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_bundle_reads(
        &self,
        _request: Request<pb::ListBundleReadsRequest>,
    ) -> Result<Response<pb::ListBundleReadsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Serves it with a service's certificate; where.
pub(super) async fn serve(folder: &Path, certificate: &[u8], key: &[u8]) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let bundles = TrustBundles::empty(provider.clone());
    let tls = ServerTls::new(provider, bundles, ClientCertificates::Never, certificate, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = Connections::accept(listener, Arc::new(tls), 64);
    let service = BundleServiceServer::new(Bare { folder: folder.to_owned(), next: AtomicU32::new(0) });
    let server = tonic::transport::Server::builder().add_service(service.max_decoding_message_size(2 * PIECE));
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

/// Sends so many blobs of so many bytes out of memory.
pub(super) async fn send(channel: Channel, blobs: u64, bytes_each: u64) {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let senders: Vec<_> = (0..IN_FLIGHT as u64)
        .map(|first| {
            let (mut client, piece) = (BundleServiceClient::new(channel.clone()), piece.clone());
            tokio::spawn(async move {
                for _ in (first..blobs).step_by(IN_FLIGHT) {
                    let piece = piece.clone();
                    let parts = (0..bytes_each.div_ceil(PIECE as u64)).map(move |number| {
                        let offset_bytes = i64::try_from(number * PIECE as u64).unwrap();
                        pb::WriteBlobRequest { blob: None, offset_bytes, part: piece.clone() }
                    });
                    client.write_blob(tokio_stream::iter(parts)).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
}

//! TLS connections: TLS 1.3 only, HTTP/2 and HTTP/1.1, no session tickets, certificates that change without a restart.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use vouch_identity::{PeerInfo, TrustBundles};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Whether a listener asks for client certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Asked for; a caller may have none.
    Optional,
    /// Never asked for: a browser would show its owner a dialogue.
    Never,
}

/// The certificate that a service shows, and whom it believes.
#[derive(Debug)]
pub struct ServerTls {
    bundles: TrustBundles,
    provider: Arc<CryptoProvider>,
    client_certificates: ClientCertificates,
    current: ArcSwap<ServerConfig>,
}

impl ServerTls {
    /// Reads the certificate and key (PEM).
    pub fn new(
        provider: Arc<CryptoProvider>,
        bundles: TrustBundles,
        client_certificates: ClientCertificates,
        certificate: &[u8],
        key: &[u8],
    ) -> Result<Self, String> {
        let config = server_config(&provider, &bundles, client_certificates, certificate, key)?;
        Ok(Self { bundles, provider, client_certificates, current: ArcSwap::from_pointee(config) })
    }

    /// Takes another certificate and key: new connections see them, living ones go on.
    pub fn replace(&self, certificate: &[u8], key: &[u8]) -> Result<(), String> {
        let config = server_config(&self.provider, &self.bundles, self.client_certificates, certificate, key)?;
        self.current.store(Arc::new(config));
        Ok(())
    }

    /// Reads the files again.
    pub(crate) fn reload(&self, certificate: &Path, key: &Path) -> Result<(), String> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        self.replace(&read(certificate)?, &read(key)?)
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    bundles: &TrustBundles,
    client_certificates: ClientCertificates,
    certificate: &[u8],
    key: &[u8],
) -> Result<ServerConfig, String> {
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "the private key cannot be read".to_owned())?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    let builder = match client_certificates {
        ClientCertificates::Optional => builder.with_client_cert_verifier(Arc::new(bundles.clone())),
        ClientCertificates::Never => builder.with_no_client_auth(),
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| format!("certificate and key do not fit: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session would skip the verification of the client's certificate.
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// Accepts connections: handshakes run side by side, none holds up another, and there are never more than a set number.
#[derive(Debug)]
pub struct Connections;

impl Connections {
    /// The finished connections of a listener. Ends when what it returns is dropped.
    pub fn accept(listener: TcpListener, tls: Arc<ServerTls>, most: usize) -> ReceiverStream<io::Result<Connection>> {
        let (finished, incoming) = mpsc::channel(64);
        let places = Arc::new(Semaphore::new(most));
        tokio::spawn(async move {
            loop {
                let Ok(place) = places.clone().acquire_owned().await else {
                    return;
                };
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = finished.closed() => return,
                };
                let (stream, address) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: going on at once would only burn the processor.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let (tls, finished) = (tls.clone(), finished.clone());
                tokio::spawn(async move {
                    let handshake = TlsAcceptor::from(tls.current.load_full()).accept(stream);
                    match tokio::time::timeout(HANDSHAKE, handshake).await {
                        Ok(Ok(stream)) => {
                            let (tcp, session) = stream.get_ref();
                            let _ = tcp.set_nodelay(true);
                            let peer = tls.bundles.peer(session.peer_certificates()).map(Arc::new);
                            let info = PeerInfo { peer, address: Some(address) };
                            metrics::gauge!("vouch_connections").increment(1);
                            let _ = finished.send(Ok(Connection { stream, info, _place: place })).await;
                        }
                        Ok(Err(error)) => tracing::debug!(peer.address = %address, %error, "a handshake failed"),
                        Err(_) => tracing::debug!(peer.address = %address, "a handshake took too long"),
                    }
                });
            }
        });
        ReceiverStream::new(incoming)
    }
}

/// A connection with a finished handshake.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    info: PeerInfo,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::gauge!("vouch_connections").decrement(1);
    }
}

impl Connected for Connection {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }
}

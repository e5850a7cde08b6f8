//! What the TLS acceptor takes and refuses, and how certificates change under it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::StreamExt;
use vouch_host::{ClientCertificates, Connections, ServerTls, Trust};
use vouch_identity::development::{Authority, Identity};
use vouch_identity::{PeerInfo, TrustBundles, TrustDomain};

const SERVER: &str = "spiffe://vendor.example/vendor/license";
const NORTH: &str = "spiffe://north.example/partner/north";

struct Acceptor {
    vendor: Authority,
    north: Authority,
    tls: Arc<ServerTls>,
    address: SocketAddr,
    seen: tokio::sync::mpsc::Receiver<PeerInfo>,
}

async fn acceptor(most: usize) -> Acceptor {
    let (vendor, north) = (Authority::new("vendor").unwrap(), Authority::new("north").unwrap());
    let provider = Arc::new(default_provider());
    let bundles = TrustBundles::empty(provider.clone());
    bundles.replace([(TrustDomain::parse("north.example").unwrap(), north.certificate_pem())]).unwrap();
    let own = vendor.workload(SERVER).unwrap();
    let (certificate, key) = (own.certificate_pem.as_bytes(), own.key_pem.as_bytes());
    let tls = ServerTls::new(provider, bundles, ClientCertificates::Optional, certificate, key).unwrap();
    let tls = Arc::new(tls);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, seen) = tokio::sync::mpsc::channel(8);
    let mut connections = Connections::accept(listener, tls.clone(), most);
    tokio::spawn(async move {
        use tonic::transport::server::Connected;
        // Kept open, as a server does.
        let mut open = Vec::new();
        while let Some(connection) = connections.next().await {
            let connection = connection.unwrap();
            told.send(connection.connect_info()).await.unwrap();
            open.push(connection);
        }
    });
    Acceptor { vendor, north, tls, address, seen }
}

impl Acceptor {
    async fn connect(
        &self,
        identity: Option<&Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.vendor.certificate_pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    async fn tls13(&self, identity: Option<&Identity>) -> TlsStream<TcpStream> {
        self.connect(identity, &rustls::version::TLS13).await.unwrap()
    }
}

fn certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let acceptor = acceptor(8).await;
    assert!(acceptor.connect(None, &rustls::version::TLS12).await.is_err());
    acceptor.tls13(None).await;
}

#[tokio::test]
async fn a_workload_is_known_by_the_id_in_its_certificate_and_a_caller_without_one_by_none() {
    let mut acceptor = acceptor(8).await;
    let _nobody = acceptor.tls13(None).await;
    assert!(acceptor.seen.recv().await.unwrap().peer.is_none());
    let north = acceptor.north.workload(NORTH).unwrap();
    let _north = acceptor.tls13(Some(&north)).await;
    assert_eq!(acceptor.seen.recv().await.unwrap().peer.unwrap().id().to_string(), NORTH);
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_not_believed_ends_the_connection() {
    let mut acceptor = acceptor(8).await;
    let stranger = Authority::new("stranger").unwrap().workload(NORTH).unwrap();
    // In TLS 1.3 the client hears of it with its first read.
    let mut stream = acceptor.tls13(Some(&stranger)).await;
    assert!(stream.read_u8().await.is_err());
    let _north = acceptor.tls13(Some(&acceptor.north.workload(NORTH).unwrap())).await;
    assert!(acceptor.seen.recv().await.unwrap().peer.is_some(), "the stranger never arrived");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection_without_a_restart() {
    let acceptor = acceptor(8).await;
    let before = certificate(&acceptor.tls13(None).await);
    let own = acceptor.vendor.workload(SERVER).unwrap();
    acceptor.tls.replace(own.certificate_pem.as_bytes(), own.key_pem.as_bytes()).unwrap();
    let after = certificate(&acceptor.tls13(None).await);
    assert_ne!(before, after);

    let other = acceptor.vendor.workload(SERVER).unwrap();
    let misfit = acceptor.tls.replace(own.certificate_pem.as_bytes(), other.key_pem.as_bytes());
    assert!(misfit.is_err(), "a key that does not fit changes nothing");
    assert_eq!(certificate(&acceptor.tls13(None).await), after);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let mut acceptor = acceptor(1).await;
    let _first = acceptor.tls13(None).await;
    acceptor.seen.recv().await.unwrap();
    let second = acceptor.connect(None, &rustls::version::TLS13);
    tokio::pin!(second);
    // Nothing can be waited for here but that nothing happens: the handshake is polled, and has no answer.
    for _ in 0..1000 {
        assert!(futures_util::poll!(&mut second).is_pending());
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_operators_bundle_is_read_again_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    std::fs::write(&path, old.certificate_pem()).unwrap();
    let bundles = TrustBundles::empty(Arc::new(default_provider()));
    let domain = TrustDomain::parse("north.example").unwrap();
    let trust = Trust::new(bundles.clone(), vec![(domain.clone(), path.clone())]).unwrap();
    let now = vouch_core::World::system().now();
    let believed = |authority: &Authority| {
        let identity = authority.workload(NORTH).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap()];
        bundles.believes(&bundles.peer(Some(&chain)).unwrap(), now)
    };
    assert!(believed(&old) && !believed(&new));

    std::fs::write(&path, "no certificate").unwrap();
    assert!(trust.reload().is_err() && trust.reload().is_err(), "it is told until it is mended");
    assert!(believed(&old), "what stood before stands");
    std::fs::write(&path, new.certificate_pem()).unwrap();
    trust.reload().unwrap();
    assert!(believed(&new) && !believed(&old));

    trust.set_registered(vec![(domain, old.certificate_pem().to_owned())]).unwrap();
    assert!(!believed(&old), "a trust domain that the operator configured is the operator's");
}

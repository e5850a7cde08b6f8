//! Calling another service: TLS 1.3, with this service's own certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::rt::TokioIo;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long a connection may take to come about.
pub const CONNECT: Duration = Duration::from_secs(5);

/// Whom a client believes, and what it shows of itself. Shared by its channels; a replacement is seen by the next
/// connection.
#[derive(Debug)]
pub struct ClientTls {
    provider: Arc<CryptoProvider>,
    current: ArcSwap<ClientConfig>,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, Copy)]
pub struct ClientIdentity<'a> {
    /// The certificate and its intermediates.
    pub certificate: &'a [u8],
    /// The private key.
    pub key: &'a [u8],
}

impl ClientTls {
    /// Believes servers of these authorities (PEM), and shows this identity if there is one.
    pub fn new(authorities: &[u8], identity: Option<ClientIdentity<'_>>) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = client_config(&provider, authorities, identity)?;
        Ok(Self { provider, current: ArcSwap::from_pointee(config) })
    }

    /// Takes other authorities and another identity.
    pub fn replace(&self, authorities: &[u8], identity: Option<ClientIdentity<'_>>) -> Result<(), String> {
        self.current.store(Arc::new(client_config(&self.provider, authorities, identity)?));
        Ok(())
    }
}

/// The files of a client: whom it believes, and what it shows of itself.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    /// The authorities that it believes, PEM.
    pub authorities: PathBuf,
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

impl ClientFiles {
    /// Reads the files.
    pub fn read(&self) -> Result<ClientTls, String> {
        let [authorities, certificate, key] = self.contents()?;
        ClientTls::new(&authorities, Some(ClientIdentity { certificate: &certificate, key: &key }))
    }

    /// Reads the files again into what was made of them before.
    pub fn reload(&self, tls: &ClientTls) -> Result<(), String> {
        let [authorities, certificate, key] = self.contents()?;
        tls.replace(&authorities, Some(ClientIdentity { certificate: &certificate, key: &key }))
    }

    fn contents(&self) -> Result<[Vec<u8>; 3], String> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok([read(&self.authorities)?, read(&self.certificate)?, read(&self.key)?])
    }
}

/// A channel to `https://host:port`. It connects when it is first used, and again whenever it has to.
pub fn channel(address: &str, tls: Arc<ClientTls>) -> Result<Channel, String> {
    let place = address.strip_prefix("https://").ok_or("the address must begin with https://")?;
    // tonic sees a plain address: the connection below is the one that speaks TLS.
    let endpoint = Endpoint::from_shared(format!("http://{place}"))
        .map_err(|_| "the address must be https://host:port".to_owned())?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(false)
        .tcp_nodelay(true);
    Ok(endpoint.connect_with_connector_lazy(tower::service_fn(move |uri: Uri| connect(uri, tls.clone()))))
}

async fn connect(
    uri: Uri,
    tls: Arc<ClientTls>,
) -> std::io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let host = uri.host().unwrap_or_default().to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone())
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "the host has no name that TLS knows"))?;
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(tls.current.load_full()).connect(name, stream).await?;
    Ok(TokioIo::new(stream))
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    authorities: &[u8],
    identity: Option<ClientIdentity<'_>>,
) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let authority = authority.map_err(|error| format!("the authorities cannot be read: {error}"))?;
        roots.add(authority).map_err(|error| format!("an authority cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no authority to believe".into());
    }
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.certificate)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| format!("the certificate cannot be read: {error}"))?;
            let key =
                PrivateKeyDer::from_pem_slice(identity.key).map_err(|_| "the private key cannot be read".to_owned())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("certificate and key do not fit: {error}"))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

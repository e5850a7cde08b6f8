//! Whose certificates are believed: one set of authorities for each trust domain.
//!
//! A certificate names its trust domain, and only that domain's authorities can have signed it: partner A's authority
//! cannot make a certificate for partner B.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use crate::{SpiffeId, TrustDomain};

type Verifiers = BTreeMap<TrustDomain, Arc<dyn ClientCertVerifier>>;

/// The authorities of every trust domain that is believed. Clones share them; a replacement is seen by the next handshake
/// and by the next request of every living connection.
#[derive(Debug, Clone)]
pub struct TrustBundles(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    verifiers: ArcSwap<Verifiers>,
    generation: AtomicU64,
    provider: Arc<CryptoProvider>,
}

impl TrustBundles {
    /// Believes nobody yet.
    pub fn empty(provider: Arc<CryptoProvider>) -> Self {
        Self(Arc::new(Inner { verifiers: ArcSwap::default(), generation: AtomicU64::new(0), provider }))
    }

    /// Replaces all authorities: for each trust domain its certificates in PEM. Either all are taken or none.
    pub fn replace<'a>(
        &self,
        bundles: impl IntoIterator<Item = (TrustDomain, &'a str)>,
    ) -> Result<(), (TrustDomain, String)> {
        let mut roots: BTreeMap<TrustDomain, RootCertStore> = BTreeMap::new();
        for (domain, pem) in bundles {
            let store = roots.entry(domain.clone()).or_insert_with(RootCertStore::empty);
            add_authorities(store, pem).map_err(|problem| (domain, problem))?;
        }
        let mut verifiers = Verifiers::new();
        for (domain, store) in roots {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), self.0.provider.clone())
                .build()
                .map_err(|error| (domain.clone(), error.to_string()))?;
            verifiers.insert(domain, verifier);
        }
        self.0.verifiers.store(Arc::new(verifiers));
        self.0.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Checks that a text in PEM holds at least one authority and nothing unreadable.
    pub fn check(pem: &str) -> Result<(), String> {
        add_authorities(&mut RootCertStore::empty(), pem)
    }

    /// Verifies a chain against the authorities of the trust domain that it names.
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<SpiffeId, rustls::Error> {
        let id = SpiffeId::from_certificate(end_entity).map_err(|problem| {
            tracing::debug!(problem, "a client certificate names no workload");
            rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })?;
        let verifiers = self.0.verifiers.load();
        let verifier =
            verifiers.get(id.domain()).ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        verifier.verify_client_cert(end_entity, intermediates, now)?;
        Ok(id)
    }

    /// The peer behind a finished handshake; `None` when it showed no certificate.
    pub fn peer(&self, chain: Option<&[CertificateDer<'static>]>) -> Option<Peer> {
        let chain = chain?.to_vec();
        let id = SpiffeId::from_certificate(chain.first()?).ok()?;
        // Generation 0 is never current once authorities are there: the first request judges the peer.
        Some(Peer { id, chain, judged: AtomicU64::new(0), ends_at: AtomicU64::new(0) })
    }

    /// Whether a peer is believed now: judged again whenever the authorities changed, and never past its certificate's end.
    pub fn believes(&self, peer: &Peer, now: jiff::Timestamp) -> bool {
        let generation = self.0.generation.load(Ordering::Acquire);
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        if peer.judged.load(Ordering::Acquire) == generation && seconds < peer.ends_at.load(Ordering::Acquire) {
            return true;
        }
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let Some((end_entity, intermediates)) = peer.chain.split_first() else {
            return false;
        };
        if self.verify(end_entity, intermediates, now).is_err() {
            return false;
        }
        peer.ends_at.store(end_of(&peer.chain).unwrap_or(0), Ordering::Release);
        peer.judged.store(generation, Ordering::Release);
        true
    }
}

/// A workload on the other side of a connection.
#[derive(Debug)]
pub struct Peer {
    id: SpiffeId,
    chain: Vec<CertificateDer<'static>>,
    /// The generation of authorities that believed it last.
    judged: AtomicU64,
    /// When the first certificate of its chain ends, in seconds since 1970.
    ends_at: AtomicU64,
}

impl Peer {
    /// Its name.
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }
}

/// What a connection tells about the other side; every request of the connection carries it.
#[derive(Debug, Clone, Default)]
pub struct PeerInfo {
    /// The workload, when it showed a certificate.
    pub peer: Option<Arc<Peer>>,
    /// The address.
    pub address: Option<SocketAddr>,
}

fn add_authorities(store: &mut RootCertStore, pem: &str) -> Result<(), String> {
    let wrong = || "must be certificates of authorities in PEM".to_owned();
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        store.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
        found += 1;
    }
    if found == 0 { Err(wrong()) } else { Ok(()) }
}

fn end_of(chain: &[CertificateDer<'_>]) -> Option<u64> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let ends = chain.iter().map(|certificate| {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        u64::try_from(parsed.validity().not_after.timestamp()).ok()
    });
    ends.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Client certificates are optional: browsers and people have none.
impl ClientCertVerifier for TrustBundles {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: they would tell any visitor who the partners are.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verify(end_entity, intermediates, now).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 is required".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! Facts of an encrypted connection: its version, its certificates, and whether this host trusts them.

use std::fmt::Write as _;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, StreamOwned,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Shakes hands with a server, whatever its certificates are, and writes down what was seen. Nothing secret is ever sent over such a
/// connection.
pub(super) fn shake_hands(
    stream: TcpStream,
    host: &str,
    now: Timestamp,
    text: &mut String,
) -> Result<StreamOwned<ClientConnection, TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| "its name can be in no certificate".to_owned())?;
    let witness = Arc::new(Witness::new());
    let config = ClientConfig::builder_with_provider(Arc::clone(&witness.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Witness>::clone(&witness))
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let mut stream = StreamOwned::new(connection, stream);
    let shaken = shake(&mut stream);
    if let Some(trusted) = witness.trusted() {
        let _ = writeln!(text, "trusted by this host: {trusted}");
    }
    for (index, certificate) in (0..).zip(stream.conn.peer_certificates().unwrap_or_default()) {
        describe(index, certificate, now, text);
    }
    shaken.map_err(|error| format!("no handshake: {error}"))?;
    if let Some(version) = stream.conn.protocol_version() {
        let _ = writeln!(text, "tls version: {version:?}");
    }
    if let Some(suite) = stream.conn.negotiated_cipher_suite() {
        let _ = writeln!(text, "tls cipher suite: {:?}", suite.suite());
    }
    Ok(stream)
}

fn shake(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> io::Result<()> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}

/// What a certificate says, a line each.
fn describe(index: usize, certificate: &CertificateDer<'_>, now: Timestamp, text: &mut String) {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        let _ = writeln!(text, "certificate {index}: cannot be read");
        return;
    };
    let time = |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |time| time.to_string());
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let _ = writeln!(text, "certificate {index} subject: {}", certificate.subject());
    let _ = writeln!(text, "certificate {index} issuer: {}", certificate.issuer());
    let _ = writeln!(text, "certificate {index} valid from: {}", time(from));
    let _ = writeln!(text, "certificate {index} valid until: {}", time(until));
    let days = (until - now.as_second()).div_euclid(86_400);
    let _ = writeln!(text, "certificate {index} days left: {days}");
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        let names: Vec<String> = names.value.general_names.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "certificate {index} names: {}", names.join(", "));
    }
}

/// Lets every certificate pass, and writes down whether this host would have.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
    verdict: Mutex<Option<String>>,
}

impl Witness {
    fn new() -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        // A host without a list of authorities has no verifier.
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
        Self { provider, verifier, verdict: Mutex::new(None) }
    }

    fn trusted(&self) -> Option<String> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.verifier {
            None => "cannot be told: it has no list of authorities".to_owned(),
            Some(verifier) => {
                match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    Ok(_) => "yes".to_owned(),
                    Err(error) => format!("no: {error}"),
                }
            }
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;

    #[test]
    fn a_certificate_that_nobody_trusts_is_told_with_its_days() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            while connection.is_handshaking() {
                connection.complete_io(&mut stream).unwrap();
            }
        });
        let mut text = String::new();
        let now = "2026-06-08T12:00:00Z".parse().unwrap();
        let shaken = shake_hands(TcpStream::connect(address).unwrap(), "localhost", now, &mut text);
        drop(shaken.unwrap());
        server.join().unwrap();
        assert!(text.contains("trusted by this host: no: ") || text.contains("cannot be told"), "{text}");
        assert!(text.contains("certificate 0 days left: ") && text.contains("localhost"), "{text}");
        assert!(text.contains("tls version: TLSv1_3"), "{text}");
    }
}

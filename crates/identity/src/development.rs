//! An authority and a token issuer for tests and for development: made on the spot, believed by nobody else.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer as CaIssuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::json;
use vouch_core::World;

/// A certificate with its private key, both in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: CaIssuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: String,
}

impl Authority {
    /// Makes an authority with the given name.
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        Self::from_key(name, KeyPair::generate()?)
    }

    /// Makes it again from its key and certificate, both in PEM.
    pub fn restore(certificate_pem: &str, key_pem: &str) -> Result<Self, rcgen::Error> {
        let issuer = CaIssuer::from_ca_cert_pem(certificate_pem, KeyPair::from_pem(key_pem)?)?;
        Ok(Self { issuer, certificate_pem: certificate_pem.to_owned(), key_pem: key_pem.to_owned() })
    }

    fn from_key(name: &str, key: KeyPair) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let (certificate_pem, key_pem) = (certificate.pem(), key.serialize_pem());
        Ok(Self { issuer: CaIssuer::new(params, key), certificate_pem, key_pem })
    }

    /// The authority's own certificate: the trust bundle.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// A certificate for a workload: its SPIFFE id for those it calls, and the loopback names for those who call it.
    pub fn workload(&self, spiffe_id: &str) -> Result<Identity, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])?;
        params.subject_alt_names.push(SanType::URI(spiffe_id.try_into()?));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// A token issuer.
#[derive(Debug)]
pub struct TokenIssuer {
    /// Its `iss`.
    pub issuer: String,
    key_pem: String,
}

impl TokenIssuer {
    /// Makes an issuer with a fresh key.
    pub fn new(issuer: &str) -> Result<Self, rcgen::Error> {
        let key_pem = KeyPair::generate()?.serialize_pem();
        Ok(Self { issuer: issuer.to_owned(), key_pem })
    }

    /// Makes it again from its key in PEM.
    pub fn restore(issuer: &str, key_pem: &str) -> Self {
        Self { issuer: issuer.to_owned(), key_pem: key_pem.to_owned() }
    }

    /// The private key.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The keys that it publishes.
    pub fn jwks(&self) -> Result<String, jsonwebtoken::errors::Error> {
        let mut jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&self.key()?, Algorithm::ES256)?;
        jwk.common.key_id = Some("development".into());
        Ok(json!({ "keys": [jwk] }).to_string())
    }

    /// A token for a person, good for `lifetime_seconds`.
    pub fn token(
        &self,
        world: &World,
        audience: &str,
        subject: &str,
        organisation: Option<&str>,
        roles: &[&str],
        lifetime_seconds: i64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        self.token_with_email(world, audience, subject, organisation, roles, None, lifetime_seconds)
    }

    /// The same for a person whose e-mail address the issuer vouches for.
    #[expect(clippy::too_many_arguments, reason = "one for each claim")]
    pub fn token_with_email(
        &self,
        world: &World,
        audience: &str,
        subject: &str,
        organisation: Option<&str>,
        roles: &[&str],
        email: Option<&str>,
        lifetime_seconds: i64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = world.now().as_second();
        let mut claims = json!({
            "iss": self.issuer, "aud": audience, "sub": subject, "roles": roles,
            "iat": now, "nbf": now, "exp": now + lifetime_seconds,
        });
        if let Some(organisation) = organisation {
            claims["org"] = organisation.into();
        }
        if let Some(email) = email {
            (claims["email"], claims["email_verified"]) = (email.into(), true.into());
        }
        self.sign(&claims)
    }

    /// Signs any claims: for tests of what is not believed.
    pub fn sign(&self, claims: &serde_json::Value) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("development".into());
        jsonwebtoken::encode(&header, claims, &self.key()?)
    }

    fn key(&self) -> Result<EncodingKey, jsonwebtoken::errors::Error> {
        EncodingKey::from_ec_pem(self.key_pem.as_bytes())
    }
}

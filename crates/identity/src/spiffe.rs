//! Names of workloads: SPIFFE ids (the SPIFFE-ID standard, sections 2.1 to 2.4).

use std::fmt;

use vouch_core::code::PartnerId;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::CallerKind;

/// A trust domain: `north.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Reads a trust domain: 1 to 255 of `a-z 0-9 . - _`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=255).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 255 of a-z, 0-9, dot, hyphen, underscore".into())
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the path of an id says about the workload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadPath {
    /// `/partner/<partner id>`: a partner's service.
    Partner(PartnerId),
    /// `/reseller/<partner id>`: a partner's ordering systems.
    Reseller(PartnerId),
    /// `/vendor/<service>`: a service of the vendor.
    Vendor(String),
}

impl WorkloadPath {
    /// The kind of caller that a path tells.
    pub fn kind(&self) -> CallerKind {
        match self {
            Self::Partner(_) => CallerKind::PartnerWorkload,
            Self::Reseller(_) => CallerKind::ResellerWorkload,
            Self::Vendor(_) => CallerKind::VendorWorkload,
        }
    }
}

/// A SPIFFE id of one of the three kinds that Vouch knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    domain: TrustDomain,
    path: WorkloadPath,
}

impl SpiffeId {
    /// Reads `spiffe://<trust domain>/partner/<id>`, `…/reseller/<id>` or `…/vendor/<service>`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must be spiffe://<trust domain>/partner/<id>, …/reseller/<id> or …/vendor/<service>, in lower case"
                .to_owned()
        };
        let rest = text.strip_prefix("spiffe://").filter(|_| text.len() <= 512).ok_or_else(wrong)?;
        let mut parts = rest.split('/');
        let (Some(domain), Some(kind), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let name = PartnerId::parse(name).map_err(|_| wrong())?;
        let path = match kind {
            "partner" => WorkloadPath::Partner(name),
            "reseller" => WorkloadPath::Reseller(name),
            "vendor" => WorkloadPath::Vendor(name.as_str().to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self { domain: TrustDomain::parse(domain).map_err(|_| wrong())?, path })
    }

    /// Reads the id out of a certificate (DER): the one URI among its alternative names, as the X.509-SVID standard
    /// demands.
    pub fn from_certificate(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| "is no X.509 certificate".to_owned())?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| "has malformed alternative names".to_owned())?
            .ok_or("has no alternative names")?;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Self::parse(uri),
            _ => Err("must have exactly one URI among its alternative names".into()),
        }
    }

    /// The trust domain.
    pub fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// What the path says.
    pub fn path(&self) -> &WorkloadPath {
        &self.path
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/", self.domain)?;
        match &self.path {
            WorkloadPath::Partner(id) => write!(f, "partner/{id}"),
            WorkloadPath::Reseller(id) => write!(f, "reseller/{id}"),
            WorkloadPath::Vendor(service) => write!(f, "vendor/{service}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_its_one_spelling() {
        for good in [
            "spiffe://north.example/partner/north",
            "spiffe://north.example/reseller/north-reach",
            "spiffe://vendor.example/vendor/license",
        ] {
            assert_eq!(SpiffeId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "https://north.example/partner/north",
            "spiffe://north.example",
            "spiffe://north.example/partner",
            "spiffe://north.example/partner/north/",
            "spiffe://north.example/partner/north/x",
            "spiffe://north.example//partner/north",
            "spiffe://NORTH.example/partner/north",
            "spiffe://north.example:443/partner/north",
            "spiffe://user@north.example/partner/north",
            "spiffe://north.example/partner/north?x",
            "spiffe://north.example/partner/..",
            "spiffe:///partner/north",
            "spiffe://north.example/customer/north",
        ] {
            assert!(SpiffeId::parse(bad).is_err(), "{bad:?}");
        }
    }
}

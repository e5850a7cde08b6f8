//! Who a command acts as: a person with a token, a workload with a certificate, or nobody.

use std::sync::Arc;

use clap::ValueEnum;
use vouch_core::World;
use vouch_host::client::{self, ClientIdentity, ClientTls};
use vouch_identity::CallerKind;

use crate::folder::{Folder, ISSUERS, PARTNER};
use crate::output::Problem;
use crate::reach::{Place, Reach};

/// The named contact of the sample end user: the customer of the data folder.
pub(crate) const CONTACT: &str = "ada@contoso.example";

/// How long a token of the data folder is good for.
const LIFETIME_SECONDS: i64 = 3600;

/// Somebody of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The vendor's licence administrator, account manager, partner manager and policy manager.
    Administrator,
    /// An engineer of the vendor's support, who also edits knowledge.
    Engineer,
    /// An agent of the sample partner.
    Agent,
    /// A person of the sample end user.
    Customer,
    /// The sample partner's service.
    Partner,
    /// The sample partner's ordering system.
    Reseller,
    /// Another partner's service.
    OtherPartner,
    /// The vendor's own vendor service.
    Vendor,
    /// Nobody in particular.
    Anyone,
}

impl Role {
    /// What the role is to a service: the kind of its caller, and for a person the roles in its token.
    pub(crate) fn standing(self) -> (CallerKind, &'static [&'static str]) {
        match self {
            Self::Administrator => (
                CallerKind::VendorStaff,
                &["license-administrator", "account-manager", "partner-manager", "policy-manager"],
            ),
            Self::Engineer => (CallerKind::VendorStaff, &["support-engineer", "knowledge-editor"]),
            Self::Agent => (CallerKind::PartnerStaff, &["agent", "partner-manager"]),
            Self::Customer => (CallerKind::EndUser, &[]),
            Self::Partner | Self::OtherPartner => (CallerKind::PartnerWorkload, &[]),
            Self::Reseller => (CallerKind::ResellerWorkload, &[]),
            Self::Vendor => (CallerKind::VendorWorkload, &[]),
            Self::Anyone => (CallerKind::Anonymous, &[]),
        }
    }

    /// Whether it shows a certificate of its own.
    pub(crate) fn has_certificate(self) -> bool {
        self.identity().is_some()
    }

    /// Where the data folder has its certificate and its key.
    fn identity(self) -> Option<&'static str> {
        match self {
            Self::Partner => Some("identities/partner"),
            Self::Reseller => Some("identities/reseller"),
            Self::OtherPartner => Some("identities/other-partner"),
            Self::Vendor => Some("vendor/service"),
            Self::Administrator | Self::Engineer | Self::Agent | Self::Customer | Self::Anyone => None,
        }
    }

    /// A bearer token for a service; `None` for those who have none.
    pub(crate) fn token(self, folder: &Folder, audience: &str) -> Result<Option<String>, Problem> {
        let (kind, roles) = self.standing();
        let (issuer, organisation) = match kind {
            CallerKind::VendorStaff => (&ISSUERS[0], None),
            CallerKind::PartnerStaff => (&ISSUERS[1], Some(PARTNER)),
            CallerKind::EndUser => (&ISSUERS[2], Some("contoso")),
            CallerKind::PartnerWorkload
            | CallerKind::ResellerWorkload
            | CallerKind::VendorWorkload
            | CallerKind::Anonymous => return Ok(None),
        };
        let email = (self == Self::Customer).then_some(CONTACT);
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        folder
            .token_issuer(issuer)?
            .token_with_email(&World::system(), audience, &name, organisation, roles, email, LIFETIME_SECONDS)
            .map(Some)
            .map_err(|error| Problem::new(format!("a token could not be signed: {error}")))
    }

    /// The token of a person, on every request; a workload has none, and calls by its certificate.
    pub(crate) fn bearer(self, folder: &Folder, audience: &str) -> Result<Bearer, Problem> {
        let token = self.token(folder, audience)?;
        let header = |token| format!("Bearer {token}").parse().map_err(|_| Problem::new("a token is no header"));
        token.map(header).transpose().map(Bearer)
    }

    /// A channel to a service of the folder, with the certificate of those who have one.
    pub(crate) fn channel(self, folder: &Folder, service: &str) -> Result<Reach, Problem> {
        let authority = folder.read("authority/vendor.pem")?;
        let files = match self.identity() {
            Some(name) => Some((folder.read(&format!("{name}.pem"))?, folder.read(&format!("{name}-key.pem"))?)),
            None => None,
        };
        let identity = files
            .as_ref()
            .map(|(certificate, key)| ClientIdentity { certificate: certificate.as_bytes(), key: key.as_bytes() });
        let tls = ClientTls::new(authority.as_bytes(), identity)?;
        let address = address(folder, service)?;
        let channel = client::channel(&address, Arc::new(tls))?;
        Ok(Reach::new(channel, Place { service: service.to_owned(), address, data: folder.flag() }))
    }
}

/// Adds a bearer token to every request, where who calls has one.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(Option<tonic::metadata::AsciiMetadataValue>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

fn address(folder: &Folder, service: &str) -> Result<String, Problem> {
    let addresses: serde_json::Value = serde_json::from_str(&folder.read("addresses.json")?).map_err(|_| {
        Problem::new("addresses.json of the data folder cannot be read").next("Start `vouch up` again.")
    })?;
    addresses[service]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(format!("there is no service {service}")).next("It is license, vendor or partner."))
}

//! Partners.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use vouch_core::code::PartnerId;
use vouch_identity::{SpiffeId, TrustDomain, WorkloadPath};

use super::change::Fields;
use super::order::OrderQuotas;

/// The programme under which a partner sells and supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programme {
    /// Sells to and supports end users itself.
    SolutionProvider,
    /// Sells through resellers, supports for them.
    MasterReseller,
    /// Supports the product as part of its own.
    OemSaasMsp,
    /// The desk that the vendor itself runs, as a partner.
    VendorDesk,
}

impl Programme {
    /// Every programme.
    pub const ALL: [Self; 4] = [Self::SolutionProvider, Self::MasterReseller, Self::OemSaasMsp, Self::VendorDesk];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SolutionProvider => "solution-provider",
            Self::MasterReseller => "master-reseller",
            Self::OemSaasMsp => "oem-saas-msp",
            Self::VendorDesk => "vendor-desk",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|programme| programme.as_str() == text)
    }
}

/// Whether a partner may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May check, mint and escalate.
    Good,
    /// May neither mint nor escalate anew.
    Suspended,
}

impl Standing {
    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Suspended => "suspended",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Good, Self::Suspended].into_iter().find(|standing| standing.as_str() == text)
    }
}

/// Where end users turn to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportContact {
    /// The desk's name.
    pub name: String,
    /// Its e-mail address.
    pub email: String,
    /// Its telephone number; may be empty.
    pub phone: String,
    /// Its portal; may be empty.
    pub portal_url: String,
}

/// What is entered of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerProfile {
    /// The company's name.
    pub name: String,
    /// The programme.
    pub programme: Programme,
    /// The exact ids under which its systems call.
    pub spiffe_ids: Vec<SpiffeId>,
    /// The authorities of its trust domains, PEM.
    pub trust_bundle_pem: String,
    /// The keys with which it signs manifests, a JSON Web Key Set.
    pub manifest_jwks: String,
    /// Where its end users turn to.
    pub support_contact: SupportContact,
    /// What its ordering systems may do by themselves.
    pub order_quotas: OrderQuotas,
}

impl PartnerProfile {
    /// Its fields as text, for the partner's history: of authorities and keys, what they are known by.
    pub fn fields(&self) -> Fields {
        let known_by = |text: &str| HEXLOWER.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..8]);
        let (contact, quotas) = (&self.support_contact, self.order_quotas);
        let ids: Vec<_> = self.spiffe_ids.iter().map(ToString::to_string).collect();
        vec![
            ("name", self.name.clone()),
            ("spiffe_ids", ids.join(" ")),
            ("trust_bundle_pem", known_by(&self.trust_bundle_pem)),
            ("manifest_jwks", known_by(&self.manifest_jwks)),
            ("support_contact.name", contact.name.clone()),
            ("support_contact.email", contact.email.clone()),
            ("support_contact.phone", contact.phone.clone()),
            ("support_contact.portal_url", contact.portal_url.clone()),
            ("order_quotas.orders_per_day", quotas.orders_per_day.to_string()),
            ("order_quotas.units_per_order", quotas.units_per_order.to_string()),
        ]
    }

    /// The trust domains of its ids.
    pub fn trust_domains(&self) -> BTreeSet<TrustDomain> {
        self.spiffe_ids.iter().map(|id| id.domain().clone()).collect()
    }
}

/// Whether an id may be this partner's: its path must name the partner itself.
pub fn names_partner(id: &SpiffeId, partner: &PartnerId) -> bool {
    match id.path() {
        WorkloadPath::Partner(named) | WorkloadPath::Reseller(named) => named == partner,
        WorkloadPath::Vendor(_) => false,
    }
}

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its code.
    pub id: PartnerId,
    /// What is entered of it.
    pub profile: PartnerProfile,
    /// Whether it may act.
    pub standing: Standing,
    /// How often it was changed.
    pub revision: i64,
    /// When it was registered.
    pub created_at: Timestamp,
}

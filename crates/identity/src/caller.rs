//! What came of the question who calls.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use vouch_core::code::PartnerId;

use crate::{Person, SpiffeId};

/// The kind of a caller. A request has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerKind {
    /// A partner's service.
    PartnerWorkload,
    /// A reseller's system.
    ResellerWorkload,
    /// A service of the vendor.
    VendorWorkload,
    /// A person of the vendor.
    VendorStaff,
    /// A person of a partner.
    PartnerStaff,
    /// A person of an end-user organisation.
    EndUser,
    /// Somebody who proved nothing.
    Anonymous,
}

impl CallerKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::PartnerWorkload,
        Self::ResellerWorkload,
        Self::VendorWorkload,
        Self::VendorStaff,
        Self::PartnerStaff,
        Self::EndUser,
        Self::Anonymous,
    ];

    /// The word for it in logs and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PartnerWorkload => "partner-workload",
            Self::ResellerWorkload => "reseller-workload",
            Self::VendorWorkload => "vendor-workload",
            Self::VendorStaff => "vendor-staff",
            Self::PartnerStaff => "partner-staff",
            Self::EndUser => "end-user",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Who somebody is: made once for a workload that is registered, and for each request of anybody else.
#[derive(Debug)]
pub struct Identity {
    /// The kind.
    pub kind: CallerKind,
    /// The opaque subject: a person's, or the workload's SPIFFE id. Empty for the anonymous.
    pub subject: String,
    /// The partner or end-user organisation for which it acts; absent for the vendor's own and the anonymous.
    pub organisation: Option<String>,
    /// A person's roles.
    pub roles: Vec<String>,
    /// A person's e-mail address, where the issuer of the token vouches for one.
    pub email: Option<String>,
    /// The workload that calls, or through which a person calls.
    pub workload: Option<SpiffeId>,
    partner: Option<PartnerId>,
    name: Arc<str>,
}

impl Identity {
    /// A workload, and the partner whose it is; none for the vendor's own.
    pub fn workload(id: SpiffeId, kind: CallerKind, partner: Option<PartnerId>) -> Self {
        let organisation = partner.map(|partner| partner.as_str().to_owned());
        Self::new(kind, id.to_string(), organisation).through(Some(id))
    }

    /// A person for whom a token speaks, and the workload through which it came.
    pub fn person(person: Person, workload: Option<SpiffeId>) -> Self {
        let Person { kind, subject, organisation, roles, email, expires_at: _ } = person;
        Self { roles, email, ..Self::new(kind, subject, organisation) }.through(workload)
    }

    /// Somebody who proved nothing.
    pub fn anonymous() -> Self {
        Self::new(CallerKind::Anonymous, String::new(), None)
    }

    fn new(kind: CallerKind, subject: String, organisation: Option<String>) -> Self {
        let name = format!("{}:{}:{subject}", kind.as_str(), organisation.as_deref().unwrap_or("")).into();
        let partner = match kind {
            CallerKind::PartnerWorkload | CallerKind::ResellerWorkload | CallerKind::PartnerStaff => {
                organisation.as_deref().and_then(|id| PartnerId::parse(id).ok())
            }
            CallerKind::VendorWorkload | CallerKind::VendorStaff | CallerKind::EndUser | CallerKind::Anonymous => None,
        };
        Self { kind, subject, organisation, roles: Vec::new(), email: None, workload: None, partner, name }
    }

    fn through(self, workload: Option<SpiffeId>) -> Self {
        Self { workload, ..self }
    }

    /// The caller's stable name, under which the results of its mutations are kept.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The partner for which it acts, if it acts for one.
    pub fn partner(&self) -> Option<PartnerId> {
        self.partner.clone()
    }
}

/// Who calls. Made by the access layer only; a handler that has one knows that the contract's rule let it in. Every request carries one:
/// it shares the identity behind it, and stands for it.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Arc<Identity>,
    /// The address it calls from, for limits.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Somebody who calls from an address.
    pub fn new(identity: Arc<Identity>, address: Option<IpAddr>) -> Self {
        Self { identity, address }
    }
}

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

/// Who is registered. Asked on every request, so it answers from memory.
pub trait WorkloadDirectory: Send + Sync {
    /// The workload with exactly this id, if it is registered.
    fn find(&self, id: &SpiffeId) -> Option<Arc<Identity>>;
}

//! What came of the question who calls.

use std::net::IpAddr;

use vouch_core::code::PartnerId;

use crate::SpiffeId;

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

/// Who calls. Made by the access layer only; a handler that has one knows that the contract's rule let it in.
#[derive(Debug, Clone)]
pub struct Caller {
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
    /// The address it calls from, for limits.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// The caller's stable name, under which the results of its mutations are kept.
    pub fn name(&self) -> String {
        format!("{}:{}:{}", self.kind.as_str(), self.organisation.as_deref().unwrap_or(""), self.subject)
    }

    /// The partner for which it acts, if it acts for one.
    pub fn partner(&self) -> Option<PartnerId> {
        match self.kind {
            CallerKind::PartnerWorkload | CallerKind::ResellerWorkload | CallerKind::PartnerStaff => {
                self.organisation.as_deref().and_then(|id| PartnerId::parse(id).ok())
            }
            CallerKind::VendorWorkload | CallerKind::VendorStaff | CallerKind::EndUser | CallerKind::Anonymous => None,
        }
    }
}

/// A workload that the directory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: CallerKind,
    /// The partner whose it is; absent for the vendor's own.
    pub partner: Option<PartnerId>,
}

/// Who is registered. Asked on every request, so it answers from memory.
pub trait WorkloadDirectory: Send + Sync {
    /// The workload with exactly this id, if it is registered.
    fn find(&self, id: &SpiffeId) -> Option<Workload>;
}

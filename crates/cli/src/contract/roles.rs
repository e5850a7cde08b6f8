//! Who calls: by the access rule that stands beside the RPC in the contract.

use std::sync::LazyLock;

use clap::ValueEnum;
use prost_reflect::MethodDescriptor;
use vouch_identity::{AccessRules, Grant};

use crate::call;
use crate::identities::Role;

/// The roles in the order in which they are tried: the vendor's people first, as those who run this program.
const ORDER: [Role; 8] = [
    Role::Administrator,
    Role::Engineer,
    Role::Agent,
    Role::Partner,
    Role::Reseller,
    Role::Customer,
    Role::Vendor,
    Role::Anyone,
];

static RULES: LazyLock<Option<AccessRules>> = LazyLock::new(|| AccessRules::from_contract(vouch_contract::pool()).ok());

/// The first role to which an RPC is granted.
pub(super) fn fitting(method: &MethodDescriptor) -> Role {
    granted(method).next().unwrap_or(Role::Administrator)
}

/// The roles to which an RPC is granted, as a person reads them.
pub(super) fn list(method: &MethodDescriptor) -> String {
    let names: Vec<String> = granted(method).map(name).collect();
    if names.is_empty() { "nobody of the data folder".into() } else { names.join(", ") }
}

/// Whether an RPC is granted to a role.
pub(super) fn is_granted(rpc: &str, role: Role) -> bool {
    call::named(rpc).is_some_and(|method| granted(&method).any(|granted| granted == role))
}

/// Whether somebody to whom an RPC is granted may call another one, too.
pub(super) fn share(method: &MethodDescriptor, other: &str) -> bool {
    granted(method).any(|role| is_granted(other, role))
}

/// A role as `--as` takes it.
pub(super) fn name(role: Role) -> String {
    role.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn granted(method: &MethodDescriptor) -> impl Iterator<Item = Role> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let grants = RULES.as_ref().and_then(|rules| rules.grants(&path)).unwrap_or_default();
    ORDER.into_iter().filter(move |role| {
        let (kind, roles) = role.standing();
        let fits =
            |grant: &Grant| grant.roles.is_empty() || grant.roles.iter().any(|wanted| roles.contains(&wanted.as_str()));
        grants.iter().any(|grant| grant.caller == kind && fits(grant))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_by_somebody_to_whom_it_is_granted() {
        for (rpc, wanted) in [
            ("license.v1.LicenseService/CreateLicense", Role::Administrator),
            ("license.v1.EntitlementService/CheckEntitlement", Role::Administrator),
            ("license.v1.EntitlementService/IssueEntitlementProof", Role::Partner),
            ("license.v1.IncidentService/SettleHold", Role::Vendor),
            ("vendor.v1.CaseDeskService/ClaimCase", Role::Engineer),
            ("partner.v1.TicketService/OpenTicket", Role::Agent),
        ] {
            assert_eq!(fitting(&call::find(rpc).unwrap()), wanted, "{rpc}");
        }
    }

    #[test]
    fn every_rpc_is_granted_to_somebody_of_the_data_folder() {
        for service in vouch_contract::services() {
            for method in service.methods() {
                assert!(granted(&method).next().is_some(), "{}", method.full_name());
            }
        }
    }
}

//! The access rules, read from the contract.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, DynamicMessage, Value};

use crate::{Caller, CallerKind};

/// One way to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The kind of caller.
    pub caller: CallerKind,
    /// For persons: one of these roles is needed; empty: any will do.
    pub roles: Vec<String>,
    /// Whether a person may come through a workload.
    pub through_workload: bool,
}

/// The access rule of every RPC, by its path: `/vouch.license.v1.CatalogService/GetProduct`.
#[derive(Debug, Clone)]
pub struct AccessRules(BTreeMap<String, Vec<Grant>>);

impl AccessRules {
    /// Reads the rules of every RPC of every vouch package. An RPC without a rule, or with one that cannot be kept, is an
    /// error: the service must not start.
    pub fn from_contract(pool: &DescriptorPool) -> Result<Self, String> {
        let option = pool
            .get_extension_by_name("vouch.common.v1.access")
            .ok_or("the contract does not define vouch.common.v1.access")?;
        let mut rules = BTreeMap::new();
        for service in pool.services().filter(|service| service.full_name().starts_with("vouch.")) {
            for method in service.methods() {
                let name = method.full_name().to_owned();
                let options = method.options();
                if !options.has_extension(&option) {
                    return Err(format!("{name} has no access rule"));
                }
                let value = options.get_extension(&option);
                let rule = value.as_message().ok_or_else(|| format!("{name} has a malformed access rule"))?;
                let grants = read_grants(rule).map_err(|problem| format!("{name}: {problem}"))?;
                rules.insert(format!("/{}/{}", service.full_name(), method.name()), grants);
            }
        }
        Ok(Self(rules))
    }

    /// The grants of an RPC; `None` for a path that is not in the contract.
    pub fn grants(&self, path: &str) -> Option<&[Grant]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Every RPC's path with its grants.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Grant])> {
        self.0.iter().map(|(path, grants)| (path.as_str(), grants.as_slice()))
    }
}

impl Grant {
    /// Whether the grant lets this caller in.
    pub fn admits(&self, caller: &Caller) -> bool {
        let is_person = matches!(caller.kind, CallerKind::VendorStaff | CallerKind::PartnerStaff | CallerKind::EndUser);
        self.caller == caller.kind
            && (self.roles.is_empty() || self.roles.iter().any(|role| caller.roles.contains(role)))
            && (!is_person || caller.workload.is_none() || self.through_workload)
    }
}

fn read_grants(rule: &DynamicMessage) -> Result<Vec<Grant>, String> {
    let grants = rule.get_field_by_name("grants").ok_or("the rule has no grants")?;
    let grants = grants.as_list().ok_or("the rule's grants are no list")?;
    if grants.is_empty() {
        return Err("the rule grants nobody".into());
    }
    grants.iter().map(read_grant).collect()
}

fn read_grant(value: &Value) -> Result<Grant, String> {
    let grant = value.as_message().ok_or("a grant is no message")?;
    let number = grant.get_field_by_name("caller").and_then(|caller| caller.as_enum_number()).unwrap_or(0);
    let caller = match number {
        1 => CallerKind::PartnerWorkload,
        2 => CallerKind::ResellerWorkload,
        3 => CallerKind::VendorWorkload,
        4 => CallerKind::VendorStaff,
        5 => CallerKind::PartnerStaff,
        6 => CallerKind::EndUser,
        7 => CallerKind::Anonymous,
        _ => return Err(format!("a grant names the unknown caller {number}")),
    };
    let roles: Vec<String> = grant
        .get_field_by_name("roles")
        .map(|roles| {
            roles.as_list().unwrap_or_default().iter().filter_map(|role| role.as_str().map(str::to_owned)).collect()
        })
        .unwrap_or_default();
    let is_person = matches!(caller, CallerKind::VendorStaff | CallerKind::PartnerStaff | CallerKind::EndUser);
    let through_workload = grant.get_field_by_name("through_workload").and_then(|flag| flag.as_bool()).unwrap_or(false);
    if !is_person && (!roles.is_empty() || through_workload) {
        return Err("roles and through_workload are for persons".into());
    }
    Ok(Grant { caller, roles, through_workload })
}

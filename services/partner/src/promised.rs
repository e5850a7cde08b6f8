//! What vendors promise about diagnostics that are handed over, as each said last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use vouch_contract::pb::vendor::v1::DiagnosticsTerms;
use vouch_core::code::VendorId;

/// The promises of the vendors.
#[derive(Debug, Default)]
pub struct Promised(Mutex<BTreeMap<VendorId, DiagnosticsTerms>>);

impl Promised {
    /// Remembers what a vendor said.
    pub fn learn(&self, vendor_id: &VendorId, terms: Option<DiagnosticsTerms>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match terms {
            Some(terms) => said.insert(vendor_id.clone(), terms),
            None => said.remove(vendor_id),
        };
    }

    /// What a vendor said last; `None` while it was not asked.
    pub fn of(&self, vendor_id: &str) -> Option<DiagnosticsTerms> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.iter().find(|(id, _)| id.as_str() == vendor_id).map(|(_, terms)| terms.clone())
    }
}

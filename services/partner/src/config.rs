//! The partner service's own settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vouch_core::code::VendorId;
use vouch_host::config::Loaded;

/// `[[vendors]]`: a vendor that this deployment serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorEntry {
    /// This deployment's code for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its licence service is: `https://host:port`.
    pub license_address: String,
    /// Where its back line is: `https://host:port`.
    pub vendor_address: String,
    /// The authorities of both, PEM.
    pub authorities: PathBuf,
    /// The audience that proofs for it carry.
    pub audience: String,
}

/// The partner service's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerConfig {
    /// The directory of vendors.
    pub vendors: Vec<VendorEntry>,
}

impl PartnerConfig {
    pub(crate) fn take(loaded: &mut Loaded) -> Self {
        let mut vendors: Vec<VendorEntry> = loaded.list("vendors");
        for (index, vendor) in vendors.iter_mut().enumerate() {
            let place = |field: &str| format!("vendors[{index}].{field}");
            loaded.problems.take(&place("id"), VendorId::parse(&vendor.id));
            for (field, address) in
                [("license_address", &vendor.license_address), ("vendor_address", &vendor.vendor_address)]
            {
                if !address.starts_with("https://") {
                    loaded.problems.add(place(field), "must begin with https://");
                }
            }
            vendor.authorities = loaded.path(&vendor.authorities);
            if !vendor.authorities.is_file() {
                loaded.problems.add(place("authorities"), format!("{} is not a file", vendor.authorities.display()));
            }
            if vendor.name.is_empty() || vendor.audience.is_empty() {
                loaded.problems.add(place("name"), "name and audience must not be empty");
            }
        }
        Self { vendors }
    }
}

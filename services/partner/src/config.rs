//! The partner service's own settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vouch_core::code::{PartnerId, VendorId};
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

/// `[[organisations]]`: a partner organisation that this deployment hosts, with the certificate by which vendors know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// The vendors' code for it.
    pub id: String,
    /// Its certificate, PEM: `spiffe://<trust domain>/partner/<id>`.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// `[blobs]`: where diagnostics lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// A folder that only the service may read. It is made when it is missing.
    pub folder: PathBuf,
}

/// The partner service's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerConfig {
    /// Diagnostics.
    pub blobs: BlobSettings,
    /// The organisations.
    pub organisations: Vec<Organisation>,
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
        let mut organisations: Vec<Organisation> = loaded.list("organisations");
        for (index, organisation) in organisations.iter_mut().enumerate() {
            let place = |field: &str| format!("organisations[{index}].{field}");
            loaded.problems.take(&place("id"), PartnerId::parse(&organisation.id));
            organisation.certificate = loaded.path(&organisation.certificate);
            organisation.key = loaded.path(&organisation.key);
            for (field, path) in [("certificate", &organisation.certificate), ("key", &organisation.key)] {
                if !path.is_file() {
                    loaded.problems.add(place(field), format!("{} is not a file", path.display()));
                }
            }
        }
        let mut blobs: BlobSettings = loaded.section("blobs");
        if blobs.folder.as_os_str().is_empty() {
            loaded.problems.add("blobs.folder", "is required: a folder for diagnostics");
        }
        blobs.folder = loaded.path(&blobs.folder);
        Self { blobs, organisations, vendors }
    }
}

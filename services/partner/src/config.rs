//! The partner service's own settings.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use vouch_core::code::{PartnerId, VendorId};
pub use vouch_host::config::BlobSettings;
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

/// `[diagnostics]`: how diagnostics are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiagnosticsSettings {
    /// How long the contents of a bundle are kept after its ticket ended.
    pub retention_days: u32,
    /// The region in which they are kept, as people are told; empty where none is promised.
    pub region: String,
    /// How long uploads are kept that were not committed.
    pub lease_hours: u32,
    /// How often what is kept no longer is looked for.
    pub sweep_seconds: u64,
    /// How much a partner organisation may have stored.
    pub bytes_per_organisation: u64,
    /// How much of it for one ticket.
    pub bytes_per_ticket: u64,
}

impl Default for DiagnosticsSettings {
    fn default() -> Self {
        Self {
            retention_days: 30,
            region: String::new(),
            lease_hours: 24,
            sweep_seconds: 60,
            bytes_per_organisation: 1 << 40,
            bytes_per_ticket: 128 << 30,
        }
    }
}

impl DiagnosticsSettings {
    fn take(loaded: &mut Loaded) -> Self {
        let settings: Self = loaded.section("diagnostics");
        for (place, is_right, must) in [
            ("retention_days", (1..=36_500).contains(&settings.retention_days), "must be 1 to 36500"),
            ("lease_hours", (1..=720).contains(&settings.lease_hours), "must be 1 to 720"),
            ("sweep_seconds", (1..=86_400).contains(&settings.sweep_seconds), "must be 1 to 86400"),
            ("region", settings.region.len() <= 64, "must be at most 64 characters"),
        ] {
            if !is_right {
                loaded.problems.add(format!("diagnostics.{place}"), must);
            }
        }
        settings
    }

    /// How long contents are kept after their ticket ended.
    pub fn retention(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.retention_days))
    }

    /// How long uploads are kept that were not committed.
    pub fn lease(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.lease_hours))
    }
}

/// The partner service's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerConfig {
    /// Where diagnostics lie.
    pub blobs: BlobSettings,
    /// How they are kept.
    pub diagnostics: DiagnosticsSettings,
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
        let (blobs, diagnostics) = (BlobSettings::take(loaded), DiagnosticsSettings::take(loaded));
        Self { blobs, diagnostics, organisations, vendors }
    }
}

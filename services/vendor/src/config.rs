//! The vendor service's own settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use vouch_core::code::PartnerId;
pub use vouch_host::config::BlobSettings;
use vouch_host::config::Loaded;

use crate::domain::retention::Terms;

/// `[license]`: the licence service that this vendor's registry of partners is read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LicenseService {
    /// Where it is: `https://host:port`.
    pub address: String,
    /// The authorities of its certificate, PEM.
    pub authorities: PathBuf,
    /// Its name in proofs.
    pub issuer: String,
}

impl LicenseService {
    /// A licence service at an address, with the usual name.
    pub fn at(address: String, authorities: PathBuf) -> Self {
        Self { address, authorities, issuer: DEFAULT_ISSUER.into() }
    }
}

/// The name of a licence service whose operator gave it none.
const DEFAULT_ISSUER: &str = "license.vouch";
/// The name of this service, where the operator gives none.
const DEFAULT_NAME: &str = "vendor.vouch";

/// `[diagnostics]`: how diagnostics are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiagnosticsSettings {
    /// How long the contents of a bundle are kept after the last case that holds it ended.
    pub retention_days: u32,
    /// The region in which they are kept, as partners are told; empty where none is promised.
    pub region: String,
    /// How long uploads are kept that no case holds.
    pub lease_hours: u32,
    /// How often what is kept no longer is looked for.
    pub sweep_seconds: u64,
    /// How much a partner may have stored.
    pub bytes_per_partner: u64,
    /// How much these partners may have stored instead, by their codes.
    pub bytes_of: BTreeMap<String, u64>,
}

impl Default for DiagnosticsSettings {
    fn default() -> Self {
        Self {
            retention_days: 90,
            region: String::new(),
            lease_hours: 24,
            sweep_seconds: 60,
            bytes_per_partner: 1 << 40,
            bytes_of: BTreeMap::new(),
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
        for partner in settings.bytes_of.keys() {
            loaded.problems.take(&format!("diagnostics.bytes_of.{partner}"), PartnerId::parse(partner));
        }
        settings
    }

    /// What partners are promised.
    pub fn terms(&self) -> Terms {
        Terms {
            retention: SignedDuration::from_hours(24 * i64::from(self.retention_days)),
            region: self.region.clone(),
            lease: self.lease(),
        }
    }

    /// How long uploads are kept that no case holds.
    pub fn lease(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.lease_hours))
    }

    /// How much a partner may have stored.
    pub fn allowed_bytes(&self, partner: &PartnerId) -> u64 {
        self.bytes_of.get(partner.as_str()).copied().unwrap_or(self.bytes_per_partner)
    }
}

/// `[vendor]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Named {
    name: String,
}

/// The vendor service's own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorConfig {
    /// The service's own name: the audience of proofs, the issuer of receipts.
    pub name: String,
    /// The licence service.
    pub license: LicenseService,
    /// Where diagnostics lie.
    pub blobs: BlobSettings,
    /// How they are kept.
    pub diagnostics: DiagnosticsSettings,
}

impl VendorConfig {
    pub(crate) fn take(loaded: &mut Loaded) -> Self {
        let vendor: Named = loaded.section("vendor");
        let name = if vendor.name.is_empty() { DEFAULT_NAME.to_owned() } else { vendor.name };
        let mut license: LicenseService = loaded.section("license");
        if license.issuer.is_empty() {
            license.issuer = DEFAULT_ISSUER.into();
        }
        if !license.address.starts_with("https://") {
            loaded.problems.add("license.address", "is required: https://host:port of the licence service");
        }
        license.authorities = loaded.path(&license.authorities);
        if !license.authorities.is_file() {
            let message =
                format!("{} is not a file: the authorities of the licence service", license.authorities.display());
            loaded.problems.add("license.authorities", message);
        }
        let (blobs, diagnostics) = (BlobSettings::take(loaded), DiagnosticsSettings::take(loaded));
        Self { name, license, blobs, diagnostics }
    }
}

//! The vendor service's own settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vouch_host::config::Loaded;

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

/// `[blobs]`: where diagnostics lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// A folder that only the service may read. It is made when it is missing.
    pub folder: PathBuf,
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
    /// Diagnostics.
    pub blobs: BlobSettings,
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
        let mut blobs: BlobSettings = loaded.section("blobs");
        if blobs.folder.as_os_str().is_empty() {
            loaded.problems.add("blobs.folder", "is required: a folder for diagnostics");
        }
        blobs.folder = loaded.path(&blobs.folder);
        Self { name, license, blobs }
    }
}

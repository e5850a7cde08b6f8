//! The licence service's own settings.

use serde::{Deserialize, Serialize};
use vouch_host::config::Loaded;

use crate::mail::MailConfig;

/// `[license]`: the licence service's own settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LicenseConfig {
    /// The service's name in the proofs that it issues; verifiers pin it.
    pub issuer: String,
    /// How letters leave; a section of its own.
    #[serde(skip)]
    pub mail: Option<MailConfig>,
}

impl Default for LicenseConfig {
    fn default() -> Self {
        Self { issuer: "license.vouch".into(), mail: None }
    }
}

impl LicenseConfig {
    pub(crate) fn take(loaded: &mut Loaded) -> Self {
        let mut config: Self = loaded.section("license");
        if config.issuer.is_empty() || config.issuer.len() > 100 {
            loaded.problems.add("license.issuer", "must be 1 to 100 characters");
        }
        config.mail = MailConfig::take(loaded);
        config
    }
}

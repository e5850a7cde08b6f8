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
    /// After how many days the key that signs proofs is replaced: 1 to 3650.
    pub rotate_keys_days: u16,
    /// How letters leave; a section of its own.
    #[serde(skip)]
    pub mail: Option<MailConfig>,
}

impl Default for LicenseConfig {
    fn default() -> Self {
        Self { issuer: "license.vouch".into(), rotate_keys_days: 90, mail: None }
    }
}

impl LicenseConfig {
    pub(crate) fn take(loaded: &mut Loaded) -> Self {
        let mut config: Self = loaded.section("license");
        if config.issuer.is_empty() || config.issuer.len() > 100 {
            loaded.problems.add("license.issuer", "must be 1 to 100 characters");
        }
        if !(1..=3650).contains(&config.rotate_keys_days) {
            loaded.problems.add("license.rotate_keys_days", "must be 1 to 3650");
        }
        config.mail = MailConfig::take(loaded);
        config
    }
}

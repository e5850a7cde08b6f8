//! The licence file: a vendor tells what was licensed, for who cannot ask.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{CLOCK_SKEW, KeyError, KeySet, SigningKey, VerifyError};

/// The `typ` of a licence file.
const TYP: &str = "vouch-license+jwt";

/// The claims of a licence file. Instants are whole seconds since 1970 UTC, days are ISO 8601 in the licence's zone. Neither the key nor a
/// person is among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenseFile {
    /// The licence service that issued it.
    pub iss: String,
    /// The end-user organisation's account code.
    pub sub: String,
    /// When it was issued: what became of the licence after that is not in it.
    pub iat: i64,
    /// From when on it is to be relied on: the licence's first day, where that comes later.
    pub nbf: i64,
    /// Until when it is to be relied on.
    pub exp: i64,
    /// What was licensed.
    pub lic: LicensedTerms,
}

/// What was licensed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicensedTerms {
    /// The licence.
    pub id: String,
    /// Its revision.
    pub rev: i64,
    /// The last group of its key.
    pub hint: String,
    /// The product.
    pub product: String,
    /// Units licensed.
    pub quantity: i64,
    /// `paid` or `evaluation`.
    pub kind: String,
    /// The first day.
    pub valid_from: String,
    /// The last day; absent for a perpetual licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Days of grace after it.
    pub grace_days: u16,
    /// The last day of maintenance; absent where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_until: Option<String>,
    /// The zone of these days.
    pub zone: String,
}

impl LicenseFile {
    /// The longest time for which a file may be relied on.
    pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(400 * 24);

    /// Signs the file.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        key.sign(TYP, self)
    }

    /// Verifies that a file is genuine, and still to be relied on.
    pub fn verify(signed: &str, keys: &KeySet, now: Timestamp) -> Result<Self, VerifyError> {
        let file = Self::verify_origin(signed, keys)?;
        let (now, skew) = (now.as_second(), CLOCK_SKEW.as_secs());
        if file.iat > now + skew || file.nbf > now + skew {
            return Err(VerifyError::NotYet);
        }
        let end = file.exp.min(file.iat.saturating_add(Self::MAX_LIFETIME.as_secs()));
        if now >= end.saturating_add(skew) {
            return Err(VerifyError::Expired);
        }
        Ok(file)
    }

    /// Verifies the signature alone: for looking at a file after its time.
    pub fn verify_origin(signed: &str, keys: &KeySet) -> Result<Self, VerifyError> {
        keys.verify(TYP, signed)
    }
}

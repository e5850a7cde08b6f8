//! The entitlement proof: a licence service vouches that a partner's end user is covered, for one escalation and one bundle.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{CLOCK_SKEW, KeyError, KeySet, SigningKey, VerifyError};

/// The `typ` of an entitlement proof.
const TYP: &str = "vouch-entitlement+jwt";

/// The claims of an entitlement proof. Instants are whole seconds since 1970 UTC, as in RFC 7519.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementProof {
    /// The licence service that issued it.
    pub iss: String,
    /// The vendor service that it is for.
    pub aud: String,
    /// Its own id, used once.
    pub jti: String,
    /// When it was issued.
    pub iat: i64,
    /// From when on it holds.
    pub nbf: i64,
    /// Until when it holds.
    pub exp: i64,
    /// The end-user organisation.
    pub sub: String,
    /// Who may present it.
    pub act: Act,
    /// The licence.
    pub lic: License,
    /// The cover.
    pub agr: Agreement,
    /// The named contact, by opaque id.
    pub contact: String,
    /// The bundle that it is for.
    pub bundle: Bundle,
    /// The escalation that it is for.
    pub esc: String,
    /// The incident set aside.
    pub inc: Incident,
}

/// Who may present a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The partner's exact SPIFFE id.
    pub sub: String,
    /// The partner, as the registry names it.
    pub partner: String,
}

/// The licence that a proof rests on. Never its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// The `lic_…` id.
    pub id: String,
    /// The revision that was judged.
    pub rev: i64,
    /// The product.
    pub product: String,
    /// The version that has the problem.
    pub version: String,
}

/// The cover that a proof grants, frozen for the case that it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The agreement; absent where the licence alone covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tier.
    pub tier: String,
    /// The severities covered: `site-down`, `1`, `2`, `3`.
    pub severities: Vec<String>,
    /// Hours of cover, the vendor's code for a calendar.
    pub coverage: String,
    /// Until when the cover lasts; absent where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Order at equal severity: the higher goes first.
    pub priority: i32,
}

/// The bundle that a proof is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The digest's algorithm: `sha-256`.
    pub alg: String,
    /// The digest of the bundle's manifest, in lower-case hexadecimal.
    pub root: String,
}

/// The incident set aside for the escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The hold.
    pub hold: String,
    /// How many units.
    pub units: u32,
}

impl EntitlementProof {
    /// The longest time for which a proof may hold.
    pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

    /// Signs the proof.
    pub fn sign(&self, key: &SigningKey) -> Result<String, KeyError> {
        key.sign(TYP, self)
    }

    /// Verifies that a proof is genuine, from this issuer, for this audience, and in its time. Whether it is presented by
    /// its holder, for its escalation and its bundle, and for the first time, is the gate's to judge.
    pub fn verify(
        signed: &str,
        keys: &KeySet,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Self, VerifyError> {
        let proof = Self::verify_origin(signed, keys)?;
        if proof.iss != issuer {
            return Err(VerifyError::WrongIssuer);
        }
        if proof.aud != audience {
            return Err(VerifyError::WrongAudience);
        }
        let (now, skew) = (now.as_second(), CLOCK_SKEW.as_secs());
        if proof.nbf > now + skew || proof.iat > now + skew {
            return Err(VerifyError::NotYet);
        }
        // Invariant: no proof outlives its maximum, whatever its issuer wrote.
        let end = proof.exp.min(proof.iat.saturating_add(Self::MAX_LIFETIME.as_secs()));
        if now >= end.saturating_add(skew) {
            return Err(VerifyError::Expired);
        }
        Ok(proof)
    }

    /// Verifies the signature alone: for looking at a proof after its time.
    pub fn verify_origin(signed: &str, keys: &KeySet) -> Result<Self, VerifyError> {
        keys.verify(TYP, signed)
    }
}

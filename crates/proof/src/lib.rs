//! What Vouch signs, as compact JWS (RFC 7515), and how it is verified with no network.
//!
//! Read in this order: [`SigningKey`] and [`KeySet`] (keys), [`KeyRing`] (which key signs today, which are published),
//! [`EntitlementProof`] (a licence service vouches for an end user), [`AdmissionReceipt`] (a vendor vouches for a case),
//! [`ManifestSignature`] (a partner vouches for a bundle), [`ProfileSignature`] (a vendor vouches for what is to be collected), [`LicenseFile`] (a licence for who cannot ask), [`history`] (what happened, as a chain of hashes).
//!
//! Every kind has its own `typ`, so that one can never pass for another. The algorithm is the key's, never the token's.
//!
//! This crate knows no licence, no case and no transport.

mod entitlement;
pub mod history;
mod key_ring;
mod key_set;
mod license_file;
mod manifest;
mod profile;
mod receipt;
mod signing_key;

pub use entitlement::{Act, Agreement, Bundle, EntitlementProof, Incident, License};
pub use key_ring::{KeyRing, ROTATION_OVERLAP, RingKey};
pub use key_set::{KeySet, VerifyError};
pub use license_file::{LicenseFile, LicensedTerms};
pub use manifest::ManifestSignature;
pub use profile::ProfileSignature;
pub use receipt::{AdmissionReceipt, PromisedTime};
pub use signing_key::{KeyError, SigningKey};

/// How far two clocks may differ: a verifier takes a token this long before its time and after it.
pub const CLOCK_SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

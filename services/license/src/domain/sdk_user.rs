//! Named users of development kits.

use jiff::Timestamp;
use vouch_core::id::{LicenseId, SdkUserId};

/// A person for whom a licence of a development kit was bought. No liaison by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdkUser {
    /// The person's place.
    pub id: SdkUserId,
    /// The licence.
    pub license_id: LicenseId,
    /// The name.
    pub name: String,
    /// The e-mail address, in lower case.
    pub email: String,
    /// When the person was named.
    pub named_at: Timestamp,
}

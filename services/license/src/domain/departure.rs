//! Notices of ended employment.

use jiff::Timestamp;
use vouch_core::code::EndUserId;
use vouch_core::id::DepartureId;

/// That a person's employment ended, as it was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Its id.
    pub id: DepartureId,
    /// The end user.
    pub end_user_id: EndUserId,
    /// The person's e-mail address, in lower case.
    pub email: String,
    /// The SHA-256 digest of the notice.
    pub document_digest: [u8; 32],
    /// Who carried it out.
    pub recorded_by: String,
    /// When.
    pub recorded_at: Timestamp,
}

//! End-user organisations as a partner keeps them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::{CustomerId, LicenseId};

/// An end-user organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The partner organisation that keeps it.
    pub partner_id: PartnerId,
    /// Its name.
    pub name: String,
    /// The licence that its tickets are checked against, for each vendor. Keys are not kept.
    pub licenses: BTreeMap<VendorId, LicenseId>,
    /// How often it was changed.
    pub revision: i64,
    /// The code by which the tokens of its people name it; empty: they have no access of their own.
    pub organisation: String,
    /// When it was entered.
    pub created_at: Timestamp,
}

//! The categories that vendors publish, remembered for a while: every new ticket is checked against them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use vouch_contract::pb::vendor::v1::Category;
use vouch_core::code::{ProductId, VendorId};

/// How long they are remembered.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(1);
/// For how many products.
const MOST: usize = 1000;

/// What is remembered of one product: since when, and what.
type Learnt = (Timestamp, Vec<Category>);

/// The categories of products.
#[derive(Debug, Default)]
pub struct Categories(Mutex<BTreeMap<(VendorId, ProductId), Learnt>>);

impl Categories {
    /// What is known, if it is fresh.
    pub fn known(&self, vendor_id: &VendorId, product_id: &ProductId, now: Timestamp) -> Option<Vec<Category>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&(vendor_id.clone(), product_id.clone()))
            .filter(|(learnt_at, _)| now.duration_since(*learnt_at) < FRESH_FOR)
            .map(|(_, categories)| categories.clone())
    }

    /// Remembers what a vendor said.
    pub fn learn(&self, vendor_id: &VendorId, product_id: &ProductId, now: Timestamp, categories: Vec<Category>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert((vendor_id.clone(), product_id.clone()), (now, categories));
    }
}

//! Products and their releases.

use jiff::Timestamp;
use jiff::civil::Date;
use vouch_core::code::{ProductId, TierId};

/// What entitles to assisted support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// A support agreement, or a valid licence alone, which gives this tier.
    Either(TierId),
    /// A support agreement is demanded.
    Agreement,
}

/// A product of the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its code.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// What entitles to assisted support.
    pub basis: Basis,
    /// Whether it is a development kit, whose licences are bought for named persons.
    pub sdk: bool,
    /// Its releases, newest first.
    pub releases: Vec<Release>,
    /// How often it was changed.
    pub revision: i64,
    /// When it was entered.
    pub created_at: Timestamp,
}

impl Product {
    /// The release with this version.
    pub fn release(&self, version: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == version)
    }
}

/// A place in the order of a product's releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePlace {
    /// The day of general availability.
    pub released_on: Date,
    /// The version.
    pub version: String,
}

/// A release of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The version as the product shows it.
    pub version: String,
    /// The day of general availability.
    pub released_on: Date,
    /// The last day of support.
    pub end_of_support_on: Option<Date>,
    /// The first day on which tiers with early access may receive it.
    pub early_access_on: Option<Date>,
}

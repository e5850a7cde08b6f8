//! Support tiers: data of the vendor.

use vouch_core::code::TierId;
use vouch_core::{Channel, Severity};

/// How incidents are paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    /// Included in the tier.
    Included,
    /// One prepaid incident for each escalation.
    Prepaid,
}

impl Charging {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Included => "included",
            Self::Prepaid => "prepaid",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Included, Self::Prepaid].into_iter().find(|charging| charging.as_str() == text)
    }

    /// How many incidents an escalation reserves.
    pub fn units(self) -> u32 {
        match self {
            Self::Included => 0,
            Self::Prepaid => 1,
        }
    }
}

/// A support tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its code.
    pub id: TierId,
    /// Its name.
    pub name: String,
    /// Whether people answer, or self-service is all there is.
    pub assisted: bool,
    /// The channels by which assisted support may be asked for.
    pub channels: Vec<Channel>,
    /// The severities that are covered.
    pub severities: Vec<Severity>,
    /// Hours of cover, the vendor's code for a calendar.
    pub coverage: String,
    /// Order at equal severity: the higher goes first.
    pub priority: i32,
    /// How incidents are paid for.
    pub charging: Charging,
    /// Whether it gives releases before they are generally available.
    pub early_access: bool,
}

impl Tier {
    /// Whether the tier covers a severity. A site that is down is helped in every assisted tier (H03).
    pub fn covers(&self, severity: Severity) -> bool {
        self.assisted && (severity == Severity::SiteDown || self.severities.contains(&severity))
    }
}

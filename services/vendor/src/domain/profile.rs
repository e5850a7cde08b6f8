//! Profiles of diagnostics, as the vendor publishes them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_core::code::{ProductId, ProfileName};
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::Digest;

/// A version of a profile, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// The profile's name.
    pub name: ProfileName,
    /// Its version.
    pub version: u32,
    /// What it is for.
    pub about: String,
    /// The products that it is for.
    pub product_ids: BTreeSet<ProductId>,
    /// The digest of its text.
    pub digest: Digest,
    /// When it was published.
    pub published_at: Timestamp,
    /// That it was retired.
    pub retired: Option<Retired>,
}

/// That a version is no longer offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub note: String,
}

/// A version of a profile with its text, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedProfile {
    /// What is known of it.
    pub edition: Edition,
    /// The text.
    pub content: Vec<u8>,
}

impl Edition {
    /// `name/version`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Whether publishing this is a repeat of what is there. Anything else under the same version is refused: bundles name it.
    pub fn check_repeat(&self, there: &Self) -> Result<(), Error> {
        let differs = if self.digest != there.digest {
            "with another text"
        } else if self.product_ids != there.product_ids {
            "for other products"
        } else {
            return Ok(());
        };
        let message = format!("{} was published before {differs}; give it the next version", self.title());
        Err(Error::Refused { kind: Kind::Refused, reason: Reason::ProfileVersionTaken, message })
    }
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use super::*;

    fn edition(text: &[u8], products: &[&str]) -> Edition {
        Edition {
            name: ProfileName::parse("atlas-server").unwrap(),
            version: 3,
            about: String::new(),
            product_ids: products.iter().map(|product| ProductId::parse(product).unwrap()).collect(),
            digest: Digest::of(text),
            published_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            retired: None,
        }
    }

    #[test]
    fn v10_the_same_text_for_the_same_products_is_a_repeat_and_nothing_else_is() {
        let there = edition(b"text", &["atlas", "borealis"]);
        assert!(edition(b"text", &["borealis", "atlas"]).check_repeat(&there).is_ok());
        for other in [edition(b"text ", &["atlas", "borealis"]), edition(b"text", &["atlas"])] {
            assert_eq!(other.check_repeat(&there).unwrap_err().reason(), Reason::ProfileVersionTaken);
        }
    }
}

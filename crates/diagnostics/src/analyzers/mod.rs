//! Analyzers: known problems, recognised in what was collected.
//!
//! An [`Analyzer`] is a rule of a profile: a [`Condition`] over facts, and the known issue that it points to. `read` reads it
//! from the profile's text; an [`Analysis`] is shown the entries of a bundle, each once and as a stream, and says of each analyzer
//! whether it matches, does not, or cannot tell ([`Verdict`]), and then which collector is missing.
//!
//! Pure rules: no bundle, no file and no ticket is known here, so that whoever holds redacted entries can run them.
//! `lines` finds patterns, `documents`, `yaml` and `settings` take JSON, YAML and INI apart, `place` names a place within them,
//! `comparison` and `version` compare what was found there.

mod analysis;
#[cfg(feature = "collect")]
mod bundle;
mod comparison;
mod condition;
mod documents;
mod lines;
mod place;
mod read;
mod settings;
mod verdict;
mod version;
mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use self::read::read;

pub use self::analysis::Analysis;
#[cfg(feature = "collect")]
pub use self::bundle::analyze;
pub use self::comparison::Comparison;
pub use self::condition::{Condition, Fact, Source};
pub use self::verdict::{Finding, Lacking, Seen, Verdict};

/// A rule that recognises a known problem.
#[derive(Debug, Clone)]
pub struct Analyzer {
    /// Its name, of its own within the profile.
    pub name: String,
    /// The problem, in a sentence.
    pub title: String,
    /// The known issue, by the vendor's number.
    pub issue: String,
    /// The article that tells what to do: an address.
    pub article: String,
    /// When the problem is there.
    pub when: Condition,
}

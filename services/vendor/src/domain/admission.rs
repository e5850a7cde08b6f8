//! The gate: whether an escalation becomes a case.
//!
//! Data in, verdict out. Every check runs, and every failure is found at once.

mod evidence;
mod judge;
#[cfg(test)]
mod tests;

pub use evidence::{BundleEvidence, Evidence, ProofEvidence, Revocation, Standing};
pub use judge::{Decision, admit};

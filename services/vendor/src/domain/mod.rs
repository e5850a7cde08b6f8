//! The rules of the back line: plain types, data in and verdict out.

pub mod admission;
pub mod article;
pub mod bundle;
pub mod bundle_read;
pub mod bundle_search;
pub mod case;
pub mod coverage;
pub mod policy;
pub mod profile;
pub mod retention;
pub mod revocations;

//! The rules of the back line: plain types, data in and verdict out.

pub mod admission;
pub mod article;
pub mod bundle;
pub mod case;
pub mod coverage;
pub mod policy;
pub mod retention;
pub mod revocations;

//! The rules of the back line: plain types, data in and verdict out.

pub mod article;
pub mod bundle;

//! The rules of the front line: plain types, data in and verdict out.

pub mod collection;
pub mod customer;
pub mod handover;
pub mod profile;
pub mod retention;
pub mod ticket;

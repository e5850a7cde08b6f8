//! The services together. This crate has tests only: `tests/registry.rs` runs the vendor service beside the licence service
//! whose registry it follows, `tests/processes.rs` runs the three programs as an operator does.

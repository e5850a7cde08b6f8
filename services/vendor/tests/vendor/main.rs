//! The vendor service over real sockets, on both engines.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod case_pages;
mod entitlements;
mod knowledge;
mod life;
mod profiles;
mod retention;
mod schema;
mod script;
mod steps;
mod support;

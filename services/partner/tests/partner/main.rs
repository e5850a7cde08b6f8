//! The partner service over real sockets, on both engines.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bundles;
mod customers;
mod life;
mod schema;
mod steps;
mod support;

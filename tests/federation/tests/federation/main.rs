//! The services together: tests that no single service can have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundles;
mod charges;
mod configurations;
mod desk;
mod escalation;
mod gate;
mod liaisons;
mod registry;
mod required;
mod revocation;
mod road;
mod samples;
mod scene;
mod support;
mod tickets;
mod transfers;

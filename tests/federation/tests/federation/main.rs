//! The services together: tests that no single service can have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundle_desk;
mod bundle_reads;
mod bundle_search;
mod bundles;
mod charges;
mod collections;
mod configurations;
mod desk;
mod desk_bundle;
mod escalation;
mod frozen;
mod gate;
mod keeping;
mod later_bundles;
mod liaisons;
mod profiles;
mod pseudonyms;
mod registry;
mod required;
mod revocation;
mod road;
mod samples;
mod scene;
mod steps;
mod support;
mod tickets;
mod transfers;

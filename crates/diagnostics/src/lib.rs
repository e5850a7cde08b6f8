//! Bundles of diagnostics.
//!
//! A bundle is a manifest that names content-addressed blobs. The manifest's bytes are kept as they were written, and their
//! digest is the bundle's root: what is signed, proven and admitted is always that root.
//!
//! Read in this order: [`Digest`], [`Manifest`] (what a bundle says of itself), [`Manifest::artefacts`] (what a
//! vendor may require of it). With the feature `collect`,
//! [`redaction`] learns what may not leave and masks it.
//!
//! This crate knows no transport, no store and no ticket.

mod digest;
mod manifest;
#[cfg(feature = "collect")]
pub mod redaction;

pub use digest::Digest;
pub use manifest::{Entry, Manifest, ManifestError, Masked, Redaction};

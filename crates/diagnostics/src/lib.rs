//! Bundles of diagnostics.
//!
//! A bundle is a manifest that names content-addressed blobs. The manifest's bytes are kept as they were written, and their
//! digest is the bundle's root: what is signed, proven and admitted is always that root.
//!
//! Read in this order: [`Digest`], [`Manifest`] (what a bundle says of itself), [`Coverage`] (how far names are masked in it), [`Manifest::artefacts`] (what a
//! vendor may require of it), [`Manifest::place`] and [`Contents`] (where contents lie, and whether they are what entries say). With the feature `profiles`, what is to be collected, as data: [`profile`], and what is looked for in
//! it: [`analyzers`]. With the feature `collect`, how a bundle comes to be: [`collect`] (this host, by a profile) and
//! [`archive`] (what somebody collected already) are [`Evidence`]; [`seal`] reads it twice, lets [`redaction`] learn and mask,
//! and writes a [`sealed`] file. With the feature `tickets`, what a partner and its collectors exchange: what is asked for comes as a
//! [`request`], and what the pseudonyms of a bundle stand for goes back encrypted, as a table of [`pseudonyms`].
//!
//! This crate knows no transport, no store and no ticket.

#[cfg(feature = "profiles")]
pub mod analyzers;
#[cfg(feature = "collect")]
pub mod archive;
mod changes;
#[cfg(feature = "collect")]
pub mod collect;
mod contents;
mod coverage;
mod digest;
#[cfg(feature = "collect")]
mod evidence;
mod manifest;
#[cfg(feature = "profiles")]
pub mod profile;
#[cfg(feature = "tickets")]
pub mod pseudonyms;
#[cfg(feature = "collect")]
pub mod redaction;
#[cfg(feature = "tickets")]
pub mod request;
#[cfg(feature = "collect")]
pub mod sealed;

pub use changes::Change;
pub use contents::Contents;
pub use coverage::{Coverage, Source};
pub use digest::{Digest, Digesting};
#[cfg(feature = "collect")]
pub use evidence::{CollectError, Draft, Evidence, Found, Order, Progress, Step, seal, seal_if};
pub use manifest::{Entry, MAX_PACK_BYTES, Manifest, ManifestError, Masked, Pack, Packed, Place, Redaction};

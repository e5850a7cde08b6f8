//! Who calls, and whether they may.
//!
//! Read in this order: [`SpiffeId`] (the name of a workload), [`TrustBundles`] (whose certificates are believed, one
//! authority for each trust domain), [`Issuers`] (whose bearer tokens are believed), [`Caller`] (what came of it),
//! [`AccessRules`] (what the contract grants), [`AccessLayer`] (the one gate before every handler).
//!
//! This crate knows no service's rules and no database: who is registered, it asks a [`WorkloadDirectory`].

mod access;
mod caller;
#[cfg(feature = "development")]
pub mod development;
mod issuers;
mod layer;
mod spiffe;
mod trust;

pub use access::{AccessRules, Grant};
pub use caller::{Caller, CallerKind, Identity, WorkloadDirectory};
pub use issuers::{Algorithm, Issuer, Issuers, Person, TokenError};
pub use layer::{Access, AccessLayer, Guide, Refusal};
pub use spiffe::{SpiffeId, TrustDomain, WorkloadPath};
pub use trust::{Peer, PeerInfo, TrustBundles};

//! The licence service over real sockets, on both engines.

mod access;
mod agreements;
mod catalog;
mod directory;
mod entitlement;
mod hostile;
mod incidents;
mod licenses;
mod life;
mod proofs;
mod registry;
mod schema;
mod support;

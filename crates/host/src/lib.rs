//! Assembling a service: everything around the handlers.
//!
//! Read in this order: [`config`] (what an operator may say), [`run`] (a service's whole command line), [`Listeners`] and
//! [`Server`] (from bound sockets to a drained stop), [`Connections`] (TLS), [`Edge`] (deadlines, plain statuses, metrics),
//! [`Rpc`] (what a handler does around its one line of its own), [`streamed`] and [`Bell`] (answers that go on), [`SigningKeys`], [`uploads`] (bundles in transfer), [`analyses`] (known problems in
//! them), [`client`] (calling another service).
//!
//! This crate knows no service's rules: it knows how a service lives.

pub mod analyses;
mod browsers;
pub mod client;
mod command;
pub mod config;
mod connections;
mod edge;
mod jobs;
mod jwks;
mod ops;
mod page;
mod rpc;
mod server;
mod signing_keys;
mod streams;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod trust;
pub mod uploads;

pub use command::{Service, StopSignals, check, run, run_with};
pub use connections::{ClientCertificates, Connection, Connections, ServerTls};
pub use edge::{Edge, EdgeLayer};
pub use jobs::Jobs;
pub use page::Page;
pub use rpc::{Call, Rpc, caller};
pub use server::{Listeners, ServeError, Server};
pub use signing_keys::{Rotation, SigningKeys};
pub use streams::{Bell, Streamed, next_message, streamed};
pub use trust::Trust;

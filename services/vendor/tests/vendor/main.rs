//! The vendor service over real sockets, on both engines.

mod knowledge;
mod life;
mod schema;
mod support;

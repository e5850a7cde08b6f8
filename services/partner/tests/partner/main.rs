//! The partner service over real sockets, on both engines.

mod customers;
mod life;
mod schema;
mod support;

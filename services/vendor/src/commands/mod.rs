//! What the service does: each command reads what it needs, asks the domain, and writes what it says.

pub mod admission;
pub mod bundle_reads;
pub mod bundles;
pub mod cases;
pub mod profiles;

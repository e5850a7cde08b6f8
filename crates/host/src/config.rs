//! What an operator may say: defaults, a file, the environment, in this order.
//!
//! A file is TOML. Every value can also come from the environment: `VOUCH_STORE__ADDRESS` is `address` in `[store]`. All
//! problems are told together, and a service with any problem does not start.

mod blobs;
mod load;
mod settings;

pub use blobs::{BlobSettings, S3Settings};
pub use load::{Loaded, Problem, Problems, load};
pub use settings::{
    HostConfig, IssuerConfig, LimitsConfig, ListenConfig, LogConfig, LogFormat, SecretsConfig, StoreSettings,
    TlsConfig, TrustConfig,
};

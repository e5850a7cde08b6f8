//! The contract as Rust.
//!
//! Read in this order: `proto/` itself, then [`pb`] (what the compiler made of it), [`pool`] (the descriptors, with the
//! custom options that the generated types do not carry), [`status`] (the one place where an error becomes a gRPC status),
//! [`content`] (when two requests are the same), [`convert`] (values that every service reads and writes),
//! [`escalation`] (what a front line hands over).
//!
//! This crate knows no service's rules and no database.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

pub mod content;
pub mod convert;
pub mod escalation;
pub mod status;

/// The generated messages, clients and servers, by package.
///
/// Their documentation is the contract's comments.
#[expect(missing_docs, clippy::pedantic, clippy::allow_attributes, clippy::large_enum_variant, reason = "generated")]
pub mod pb {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("vouch.common.v1");
        }
    }
    pub mod license {
        pub mod v1 {
            tonic::include_proto!("vouch.license.v1");
        }
    }
    pub mod partner {
        pub mod v1 {
            tonic::include_proto!("vouch.partner.v1");
        }
    }
    pub mod vendor {
        pub mod v1 {
            tonic::include_proto!("vouch.vendor.v1");
        }
    }
}

/// The descriptors of every package, encoded, with all custom options: what reflection serves.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vouch.binpb"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the build wrote these bytes; a test decodes them")]
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the build's descriptors decode")
});

/// The descriptors of every package.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}

static COMMENTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/comments.rs"));

/// The contract's comment on a service, an RPC, a message, a field, an enum or one of its values, by its full name as
/// descriptors have it; empty where there is none. For those who show it to people: its lines are broken as in `proto/`.
pub fn comment(full_name: &str) -> &'static str {
    let found = COMMENTS.binary_search_by_key(&full_name, |(name, _)| name);
    found.ok().and_then(|at| COMMENTS.get(at)).map_or("", |(_, comment)| comment)
}

/// Whether a field has to be given, by the contract's convention: its comment has the sentence "Required." (or one that begins so).
/// Every request's `request_id` has to be, and does not say it.
pub fn is_required(field: &prost_reflect::FieldDescriptor) -> bool {
    comment(field.full_name()).split_whitespace().any(|word| matches!(word, "Required." | "Required,"))
}

/// Whether the service gives a field and no caller does, by the contract's convention: its comment says "by the service", or it is one
/// of those that are the same everywhere.
pub fn is_given_by_service(field: &prost_reflect::FieldDescriptor) -> bool {
    matches!(field.name(), "etag" | "revision" | "create_time")
        || comment(field.full_name()).replace('\n', " ").contains(" by the service")
}

/// The RPC services that Vouch defines, in the order of the contract; infrastructure such as health is not among them.
pub fn services() -> impl Iterator<Item = prost_reflect::ServiceDescriptor> {
    pool().services().filter(|service| service.full_name().starts_with("vouch."))
}

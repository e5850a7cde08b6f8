//! The RPC services: parse, call, wrap, map. One file for each.

mod bundles;
mod key_set;
mod knowledge;

use std::sync::Arc;

use tonic::service::Routes;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_host::{Rpc, SigningKeys};
use vouch_storage::blobs::{Blobs, MAX_PART_BYTES};

use crate::partners::Partners;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign receipts.
    pub keys: Arc<SigningKeys>,
    /// Who the partners are, and the keys with which they sign manifests.
    pub partners: Arc<Partners>,
    /// Diagnostics.
    pub blobs: Blobs,
}

impl Handlers {
    /// Every RPC service that is served, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::bundle_service_server::BundleServiceServer;
        use pb::key_set_service_server::KeySetServiceServer;
        use pb::knowledge_service_server::KnowledgeServiceServer;
        Routes::new(KeySetServiceServer::new(self.clone()).max_decoding_message_size(message_bytes))
            .add_service(KnowledgeServiceServer::new(self.clone()).max_decoding_message_size(message_bytes))
            // A part of 8 MiB, and what is around it.
            .add_service(BundleServiceServer::new(self).max_decoding_message_size(MAX_PART_BYTES + 64 * 1024))
    }
}

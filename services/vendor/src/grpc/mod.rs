//! The RPC services: parse, call, wrap, map. One file for each.

mod key_set;
mod knowledge;

use std::sync::Arc;

use tonic::service::Routes;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_host::{Rpc, SigningKeys};

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign receipts.
    pub keys: Arc<SigningKeys>,
}

impl Handlers {
    /// Every RPC service that is served, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::key_set_service_server::KeySetServiceServer;
        use pb::knowledge_service_server::KnowledgeServiceServer;
        Routes::new(KeySetServiceServer::new(self.clone()).max_decoding_message_size(message_bytes))
            .add_service(KnowledgeServiceServer::new(self).max_decoding_message_size(message_bytes))
    }
}

//! The RPC services: parse, call, wrap, map. One file for each.

mod end_user;
mod key_set;
mod vendor_directory;

use std::sync::Arc;

use tonic::service::Routes;
use vouch_contract::pb::partner::v1 as pb;
use vouch_host::{Rpc, SigningKeys};

use crate::config::VendorEntry;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign manifests.
    pub keys: Arc<SigningKeys>,
    /// The vendors that are served.
    pub vendors: Arc<[VendorEntry]>,
}

impl Handlers {
    /// Every RPC service that is served, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::end_user_service_server::EndUserServiceServer;
        use pb::key_set_service_server::KeySetServiceServer;
        use pb::vendor_directory_service_server::VendorDirectoryServiceServer;
        Routes::new(KeySetServiceServer::new(self.clone()).max_decoding_message_size(message_bytes))
            .add_service(EndUserServiceServer::new(self.clone()).max_decoding_message_size(message_bytes))
            .add_service(VendorDirectoryServiceServer::new(self).max_decoding_message_size(message_bytes))
    }
}

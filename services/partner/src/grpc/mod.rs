//! The RPC services: parse, call, wrap, map. One file for each; `read_tickets`, `collections` and `view` turn messages into values and back,
//! `asking` asks vendors beforehand.

mod asking;
mod collections;
mod diagnostics;
mod end_user;
mod key_set;
mod read_tickets;
mod tickets;
mod vendor_directory;
mod view;

use std::sync::Arc;

use tonic::service::Routes;
use vouch_contract::pb::partner::v1 as pb;
use vouch_host::{Bell, Rpc, SigningKeys};
use vouch_storage::blobs::{Blobs, MAX_PART_BYTES};

use crate::categories::Categories;
use crate::config::{DiagnosticsSettings, VendorEntry};
use crate::links::Links;
use crate::profiles::Profiles;
use crate::promised::Promised;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign manifests.
    pub keys: Arc<SigningKeys>,
    /// The vendors that are served.
    pub vendors: Arc<[VendorEntry]>,
    /// The ways to them.
    pub links: Links,
    /// The categories that they publish.
    pub categories: Arc<Categories>,
    /// The profiles that they publish.
    pub profiles: Profiles,
    /// What they promise about diagnostics.
    pub promised: Arc<Promised>,
    /// Diagnostics.
    pub blobs: Blobs,
    /// How they are kept.
    pub diagnostics: Arc<DiagnosticsSettings>,
    /// Rung after every change that is to be sent.
    pub bell: Bell,
}

impl Handlers {
    /// Every RPC service that is served, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::{
            diagnostics_service_server::DiagnosticsServiceServer, end_user_service_server::EndUserServiceServer,
            key_set_service_server::KeySetServiceServer, ticket_service_server::TicketServiceServer,
            vendor_directory_service_server::VendorDirectoryServiceServer,
        };
        let limit = message_bytes;
        Routes::new(KeySetServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EndUserServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(VendorDirectoryServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(TicketServiceServer::new(self.clone()).max_decoding_message_size(limit))
            // A part of 8 MiB, and what is around it.
            .add_service(DiagnosticsServiceServer::new(self).max_decoding_message_size(MAX_PART_BYTES + 64 * 1024))
    }
}

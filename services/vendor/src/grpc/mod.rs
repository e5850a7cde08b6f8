//! The RPC services: parse, call, wrap, map. One file for each; `read` and `read_bundles` turn messages into values,
//! `bundle_view` and `case_view` values into messages.

mod bundle_desk;
mod bundle_view;
mod bundles;
mod case_view;
mod desk;
mod escalations;
mod key_set;
mod knowledge;
mod policies;
mod profiles;
mod read;
mod read_bundles;

use std::sync::Arc;

use tonic::service::Routes;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_host::{Bell, Rpc, SigningKeys};
use vouch_storage::blobs::{Blobs, MAX_PART_BYTES};

use crate::catalogue::Catalogue;
use crate::config::DiagnosticsSettings;
use crate::entitlements::Entitlements;
use crate::manifests::Manifests;
use crate::partners::Partners;
use crate::proof_keys::ProofKeys;
use crate::searching::Searches;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign receipts and profiles.
    pub keys: Arc<SigningKeys>,
    /// Who the partners are, and the keys with which they sign manifests.
    pub partners: Arc<Partners>,
    /// Which licences were suspended or revoked.
    pub entitlements: Arc<Entitlements>,
    /// Which products there are.
    pub catalogue: Catalogue,
    /// Diagnostics.
    pub blobs: Blobs,
    /// What the bundles that are being read say of themselves.
    pub manifests: Manifests,
    /// Lets a few searches run at once.
    pub searches: Searches,
    /// How they are kept.
    pub diagnostics: Arc<DiagnosticsSettings>,
    /// The keys that verify proofs.
    pub proof_keys: Arc<ProofKeys>,
    /// The service's own name: the audience of proofs, the issuer of receipts.
    pub name: Arc<str>,
    /// The history that the store holds.
    pub epoch: Arc<str>,
    /// Rung after every change of a case.
    pub bell: Bell,
    /// Turns true when the service stops.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

impl Handlers {
    /// Every RPC service that is served, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::{
            admission_policy_service_server::AdmissionPolicyServiceServer,
            bundle_desk_service_server::BundleDeskServiceServer, bundle_service_server::BundleServiceServer,
            calendar_service_server::CalendarServiceServer, case_desk_service_server::CaseDeskServiceServer,
            escalation_service_server::EscalationServiceServer, key_set_service_server::KeySetServiceServer,
            knowledge_service_server::KnowledgeServiceServer, profile_service_server::ProfileServiceServer,
        };
        let limit = message_bytes;
        Routes::new(KeySetServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(KnowledgeServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(AdmissionPolicyServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CalendarServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ProfileServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EscalationServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(CaseDeskServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(BundleDeskServiceServer::new(self.clone()).max_decoding_message_size(limit))
            // A part of 8 MiB, and what is around it.
            .add_service(BundleServiceServer::new(self).max_decoding_message_size(MAX_PART_BYTES + 64 * 1024))
    }
}

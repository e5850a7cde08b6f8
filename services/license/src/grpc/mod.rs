//! The RPC services: parse, call, wrap, map. One file for each; `read` and `wrap` turn messages into values and back.

mod agreements;
mod business_calendar;
mod catalog;
mod checks;
mod directory;
mod entitlement;
mod history;
mod import;
mod incidents;
mod liaison_notices;
mod licenses;
mod named_people;
mod online_accounts;
mod partners;
mod read;
mod read_terms;
mod resale;
mod rights;
mod watch_entitlements;
mod watch_partners;
mod wrap;

use std::net::IpAddr;
use std::sync::Arc;

use tonic::service::Routes;
use tonic::{Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::PartnerId;
use vouch_core::{Error, World};
use vouch_host::{Rpc, SigningKeys};
use vouch_identity::{Caller, CallerKind, WorkloadDirectory};
use vouch_storage::{Secrets, Store};

use crate::book::Book;
use crate::domain::guesses::Guesses;
use crate::registry::Registry;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Handlers {
    /// What every handler does around its own line.
    pub rpc: Rpc,
    /// The keys that sign proofs.
    pub keys: Arc<SigningKeys>,
    /// Who is registered, in memory.
    pub registry: Arc<Registry>,
    /// What checks know, in memory.
    pub book: Arc<Book>,
    /// The service's own name in proofs.
    pub issuer: Arc<str>,
    /// Misses by caller.
    pub callers: Arc<Guesses<Arc<str>>>,
    /// Turns true when the service stops.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    /// Misses by address.
    pub addresses: Arc<Guesses<Option<IpAddr>>>,
}

impl Handlers {
    fn store(&self) -> &Store {
        &self.rpc.store
    }

    fn secrets(&self) -> &Secrets {
        &self.rpc.secrets
    }

    /// Ends the stream of a workload that the registry no longer knows: the gate asks at its opening only.
    fn is_still_known(&self, caller: &Caller) -> Result<(), Status> {
        let is_known = |id| self.registry.find(id).is_some_and(|known| known.kind == caller.kind);
        if caller.workload.as_ref().is_none_or(is_known) {
            return Ok(());
        }
        let (code, reason) = (tonic::Code::Unauthenticated, vouch_core::Reason::Unauthenticated);
        Err(vouch_contract::status::early(code, reason, "the workload is not registered any more", self.rpc.domain))
    }

    /// Hands the answer to a mutation on once checks of this replica know of it. It is committed whatever comes of that.
    async fn told<R>(
        &self,
        answer: Result<Response<R>, Status>,
        facts_revision: impl FnOnce(&R) -> i64,
    ) -> Result<Response<R>, Status> {
        let answer = answer?;
        self.caught_up(facts_revision(answer.get_ref())).await;
        Ok(answer)
    }

    async fn caught_up(&self, facts_revision: i64) {
        if let Err(error) = self.book.caught_up(facts_revision).await {
            tracing::warn!(%error, "checks of this replica do not know of a change yet");
        }
    }

    fn world(&self) -> &World {
        &self.rpc.world
    }

    /// Every RPC service of the package, with the limit on messages.
    pub(crate) fn routes(self, message_bytes: usize) -> Routes {
        use pb::{
            agreement_service_server::AgreementServiceServer,
            business_calendar_service_server::BusinessCalendarServiceServer,
            catalog_service_server::CatalogServiceServer, directory_service_server::DirectoryServiceServer,
            entitlement_service_server::EntitlementServiceServer, incident_service_server::IncidentServiceServer,
            liaison_notice_service_server::LiaisonNoticeServiceServer, license_service_server::LicenseServiceServer,
            named_person_service_server::NamedPersonServiceServer,
            partner_registry_service_server::PartnerRegistryServiceServer, resale_service_server::ResaleServiceServer,
        };
        let limit = message_bytes;
        Routes::new(CatalogServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(LicenseServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(AgreementServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(LiaisonNoticeServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(BusinessCalendarServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(NamedPersonServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(PartnerRegistryServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(ResaleServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(IncidentServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(DirectoryServiceServer::new(self.clone()).max_decoding_message_size(limit))
            .add_service(EntitlementServiceServer::new(self).max_decoding_message_size(limit))
    }
}

/// Whose part of the data a caller sees: `None` is all of it, and only the vendor's own get that. A kind that no rule of this
/// service is made for sees nothing, whatever the contract grants it one day.
fn scope(caller: &Caller) -> Result<Option<PartnerId>, Error> {
    match caller.kind {
        CallerKind::VendorStaff | CallerKind::VendorWorkload => Ok(None),
        CallerKind::PartnerWorkload | CallerKind::ResellerWorkload => {
            caller.partner().map(Some).ok_or_else(|| Error::internal("a partner's workload came without its partner"))
        }
        CallerKind::PartnerStaff | CallerKind::EndUser | CallerKind::Anonymous => {
            Err(Error::internal("a caller came for whom no part of the data is meant"))
        }
    }
}

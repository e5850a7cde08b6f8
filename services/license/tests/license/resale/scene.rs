//! A licence service with partners of every programme.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Status;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_contract::pb::license::v1::resale_service_client::ResaleServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{BearerChannel, fresh};
use vouch_identity::development::Authority;
use vouch_storage::testing::Database;

use crate::support::{Covered, Service};

/// A running service, and the authorities of partners beyond the two that every test has.
pub(super) struct Scene {
    pub(super) service: Service,
    others: BTreeMap<&'static str, Authority>,
}

impl Scene {
    pub(super) async fn start(database: &Database, clock: &Arc<ManualClock>) -> Self {
        let service = Service::start_with(database, clock.world(), |_| {}).await.with_catalogue().await;
        let names = ["upper", "middle", "maker", "stranger", "desk"];
        let others = names.map(|name| (name, Authority::new(name).unwrap()));
        let scene = Self { service, others: others.into() };
        scene.register("upper", pb::PartnerProgramme::MasterReseller).await;
        scene.register("middle", pb::PartnerProgramme::SolutionProvider).await;
        scene.register("maker", pb::PartnerProgramme::OemSaasMsp).await;
        scene.register("stranger", pb::PartnerProgramme::SolutionProvider).await;
        scene
    }

    pub(super) async fn register(&self, id: &str, programme: pb::PartnerProgramme) {
        let mut request = Service::partner_request(id, self.authority(id));
        request.partner.as_mut().unwrap().programme = programme.into();
        self.service.registry().register_partner(request).await.unwrap();
    }

    pub(super) async fn suspend(&self, id: &str) {
        let get = pb::GetPartnerRequest { partner_id: id.into() };
        let etag = self.service.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap().etag;
        let standing = pb::PartnerStanding::Suspended.into();
        let (partner_id, note) = (id.into(), String::new());
        let suspend = pb::SetPartnerStandingRequest { request_id: fresh(), partner_id, etag, standing, note };
        self.service.registry().set_partner_standing(suspend).await.unwrap();
    }

    fn authority(&self, id: &str) -> &Authority {
        match id {
            "north" => &self.service.north,
            "south" => &self.service.south,
            other => &self.others[other],
        }
    }

    pub(super) fn channel(&self, id: &str) -> Channel {
        let name = format!("spiffe://{id}.example/partner/{id}");
        self.service.ground.workload(self.service.running.address, self.authority(id), &name)
    }

    pub(super) fn as_partner(&self, id: &str) -> ResaleServiceClient<Channel> {
        ResaleServiceClient::new(self.channel(id))
    }

    pub(super) fn staff(&self) -> ResaleServiceClient<BearerChannel> {
        ResaleServiceClient::new(self.service.staff())
    }

    /// Publishes a policy for solution providers.
    pub(super) async fn publish(&self, from: &str, rule: pb::ResponsibilityRule) -> pb::ProgrammePolicy {
        let policy = Some(policy(from, rule));
        let publish = pb::PublishProgrammePolicyRequest { request_id: fresh(), policy };
        self.staff().publish_programme_policy(publish).await.unwrap().into_inner().policy.unwrap()
    }

    /// Sets a chain on the licence as it is now.
    pub(super) async fn set(&self, license: &pb::License, links: &[&str], maker: &str) -> pb::SetResaleChainResponse {
        let present = self.license(&license.license_id).await;
        self.staff().set_resale_chain(request(&present, links, maker)).await.unwrap().into_inner()
    }

    pub(super) async fn license(&self, id: &str) -> pb::License {
        let get = pb::GetLicenseRequest { license_id: id.into() };
        self.service.licenses().get_license(get).await.unwrap().into_inner().license.unwrap()
    }

    pub(super) async fn license_as(&self, partner: &str, id: &str) -> Result<pb::License, Status> {
        let get = pb::GetLicenseRequest { license_id: id.into() };
        let answer = LicenseServiceClient::new(self.channel(partner)).get_license(get).await?;
        Ok(answer.into_inner().license.unwrap())
    }

    pub(super) async fn listed_as(&self, partner: &str) -> Vec<pb::License> {
        let mut client = LicenseServiceClient::new(self.channel(partner));
        client.list_licenses(pb::ListLicensesRequest::default()).await.unwrap().into_inner().licenses
    }

    pub(super) async fn history_as(&self, partner: &str, id: &str) -> Vec<pb::Change> {
        let list = pb::ListLicenseChangesRequest { license_id: id.into(), page: None };
        let mut client = LicenseServiceClient::new(self.channel(partner));
        client.list_license_changes(list).await.unwrap().into_inner().changes
    }

    /// The chain as staff read it.
    pub(super) async fn chain(&self, id: &str) -> pb::ResaleChain {
        let get = pb::GetResaleChainRequest { license_id: id.into() };
        self.staff().get_resale_chain(get).await.unwrap().into_inner().chain.unwrap()
    }

    pub(super) async fn chain_as(&self, partner: &str, id: &str) -> Result<pb::ResaleChain, Status> {
        let get = pb::GetResaleChainRequest { license_id: id.into() };
        Ok(self.as_partner(partner).get_resale_chain(get).await?.into_inner().chain.unwrap())
    }

    /// What a check says to a partner: the reasons of its findings, and the cover.
    pub(super) async fn check_as(
        &self,
        partner: &str,
        covered: &Covered,
        at_least_revision: i64,
    ) -> (Vec<String>, Option<pb::Cover>) {
        let check =
            pb::CheckEntitlementRequest { question: Some(covered.question()), at_least_revision, ..Default::default() };
        let mut client = EntitlementServiceClient::new(self.channel(partner));
        let answer = client.check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
        let reason = |finding: &vouch_contract::pb::common::v1::Finding| {
            finding.reason().as_str_name().trim_start_matches("REASON_").to_owned()
        };
        (answer.findings.iter().map(reason).collect(), answer.cover)
    }
}

/// The request for a chain of a licence as it was read.
pub(super) fn request(license: &pb::License, links: &[&str], maker: &str) -> pb::SetResaleChainRequest {
    pb::SetResaleChainRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        links: links.iter().map(|id| pb::ResaleLink { partner_id: (*id).into() }).collect(),
        modification_maker_id: maker.into(),
        note: "as contracted".into(),
    }
}

/// A policy for solution providers.
pub(super) fn policy(from: &str, rule: pb::ResponsibilityRule) -> pb::ProgrammePolicy {
    let duty = pb::ProgrammeDuty { code: "front-line".into(), sentence: "Answer the end user first.".into() };
    pb::ProgrammePolicy {
        programme: pb::PartnerProgramme::SolutionProvider.into(),
        effective_from: from.into(),
        text: "# Maintenance\n\nSupport what you sell.".into(),
        duties: vec![duty],
        responsibility_rule: rule.into(),
        ..Default::default()
    }
}

/// The partners of a chain, as far as it is told.
pub(super) fn ids(chain: &pb::ResaleChain) -> Vec<&str> {
    chain.links.iter().map(|link| link.partner_id.as_str()).collect()
}

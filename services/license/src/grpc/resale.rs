//! `ResaleService`. `read` turns its requests into commands, `wrap` its values into messages.

mod read;
mod wrap;

use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::resale_service_server::ResaleService;
use vouch_core::Error;
use vouch_core::id::LicenseId;
use vouch_host::Call;

use super::read::{ListOf, One};
use super::{Handlers, scope};
use crate::commands::Changed;
use crate::commands::resale::{self as commands, HandedOver};
use crate::domain::partner::Programme;
use crate::domain::resale::PolicyVersion;
use crate::store::{licenses, resale};
use read::{POLICIES, WantedPolicy};

#[tonic::async_trait]
impl ResaleService for Handlers {
    async fn publish_programme_policy(
        &self,
        request: Request<pb::PublishProgrammePolicyRequest>,
    ) -> Result<Response<pb::PublishProgrammePolicyResponse>, Status> {
        self.rpc
            .mutate("ResaleService/PublishProgrammePolicy", request, |mut tx, call| async move {
                let policy = commands::publish(&mut tx, &call).await?;
                Ok((tx, pb::PublishProgrammePolicyResponse { policy: Some(policy.into()) }))
            })
            .await
    }

    async fn get_programme_policy(
        &self,
        request: Request<pb::GetProgrammePolicyRequest>,
    ) -> Result<Response<pb::GetProgrammePolicyResponse>, Status> {
        self.rpc
            .query(request, |call: Call<WantedPolicy>| async move {
                let WantedPolicy { programme, version } = call.command;
                let mut snapshot = self.store().snapshot().await?;
                let policy = if let Some(version) = version {
                    resale::policy_fetch(&mut snapshot, PolicyVersion { programme, version }).await?
                } else {
                    let today = call.now.to_zoned(TimeZone::UTC).date();
                    resale::policy_in_force(&mut snapshot, programme, today).await?
                };
                let policy = policy.ok_or_else(|| Error::not_found("policy", programme.as_str()))?;
                Ok(pb::GetProgrammePolicyResponse { policy: Some(policy.into()) })
            })
            .await
    }

    async fn list_programme_policies(
        &self,
        request: Request<pb::ListProgrammePoliciesRequest>,
    ) -> Result<Response<pb::ListProgrammePoliciesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<Programme>>| async move {
                let ListOf { page, filter: programme } = call.command;
                let mut snapshot = self.store().snapshot().await?;
                let mut policies = resale::policy_list(&mut snapshot, programme, &page).await?;
                let info = page.cut(&mut policies, POLICIES, |policy| policy.version.version.to_string());
                let policies = policies.into_iter().map(wrap::without_text).collect();
                Ok(pb::ListProgrammePoliciesResponse { policies, page: Some(info) })
            })
            .await
    }

    async fn set_resale_chain(
        &self,
        request: Request<pb::SetResaleChainRequest>,
    ) -> Result<Response<pb::SetResaleChainResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("ResaleService/SetResaleChain", request, |mut tx, call| async move {
                let Changed { value, facts_revision } = commands::set_chain(&mut tx, dialect, &call).await?;
                let (license, decision) = value;
                let rule = decision.by.map(|(_, rule)| pb::ResponsibilityRule::from(rule)).unwrap_or_default();
                let answer = pb::SetResaleChainResponse {
                    chain: Some(wrap::chain(&license, None)),
                    responsibility_rule: rule.into(),
                    why: decision.why(),
                    facts_revision,
                };
                Ok((tx, answer))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_resale_chain(
        &self,
        request: Request<pb::GetResaleChainRequest>,
    ) -> Result<Response<pb::GetResaleChainResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<LicenseId>>| async move {
                let (own, id) = (scope(&call.caller)?, call.command.0);
                let mut snapshot = self.store().snapshot().await?;
                let license = licenses::license_fetch(&mut snapshot, id)
                    .await?
                    .filter(|license| own.as_ref().is_none_or(|partner| license.is_known_to(partner)))
                    .ok_or_else(|| Error::not_found("license", id))?;
                Ok(pb::GetResaleChainResponse { chain: Some(wrap::chain(&license, own.as_ref())) })
            })
            .await
    }

    async fn change_responsible_partner(
        &self,
        request: Request<pb::ChangeResponsiblePartnerRequest>,
    ) -> Result<Response<pb::ChangeResponsiblePartnerResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("ResaleService/ChangeResponsiblePartner", request, |mut tx, call| async move {
                let Changed { value, facts_revision } = commands::change_responsible(&mut tx, dialect, &call).await?;
                let HandedOver { successor, moved, left } = value;
                let answer = pb::ChangeResponsiblePartnerResponse {
                    successor_partner_id: successor.to_string(),
                    moved: i32::try_from(moved).unwrap_or(i32::MAX),
                    left,
                    facts_revision,
                };
                Ok((tx, answer))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }
}

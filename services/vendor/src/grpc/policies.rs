//! `AdmissionPolicyService` and `CalendarService`: what the vendor publishes of its rules.

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::admission_policy_service_server::AdmissionPolicyService;
use vouch_contract::pb::vendor::v1::calendar_service_server::CalendarService;
use vouch_core::code::ProductId;
use vouch_core::{Error, Violations, text};
use vouch_host::Call;

use super::Handlers;
use crate::domain::coverage::MAX_CODE;
use crate::published::{read_coverage, read_policy};
use crate::store::policies::{self, Published};

#[tonic::async_trait]
impl AdmissionPolicyService for Handlers {
    async fn publish_admission_policy(
        &self,
        request: Request<pb::PublishAdmissionPolicyRequest>,
    ) -> Result<Response<pb::PublishAdmissionPolicyResponse>, Status> {
        self.rpc
            .mutate("AdmissionPolicyService/PublishAdmissionPolicy", request, |mut tx, call| async move {
                let call: &Call<PublishPolicy> = &call;
                let PublishPolicy { product_id, content } = &call.command;
                let version = policies::policy_publish(&mut tx, product_id, content, call.now).await?;
                let published = Published { version, content: content.clone(), published_at: call.now };
                Ok((tx, pb::PublishAdmissionPolicyResponse { policy: Some(wrap_policy(published)) }))
            })
            .await
    }
}

#[tonic::async_trait]
impl CalendarService for Handlers {
    async fn publish_coverage(
        &self,
        request: Request<pb::PublishCoverageRequest>,
    ) -> Result<Response<pb::PublishCoverageResponse>, Status> {
        self.rpc
            .mutate("CalendarService/PublishCoverage", request, |mut tx, call| async move {
                let call: &Call<PublishCoverage> = &call;
                let content = &call.command.0;
                let version = policies::coverage_publish(&mut tx, &content.coverage, content, call.now).await?;
                let published = Published { version, content: content.clone(), published_at: call.now };
                Ok((tx, pb::PublishCoverageResponse { coverage: Some(wrap_coverage(published)) }))
            })
            .await
    }

    async fn get_coverage(
        &self,
        request: Request<pb::GetCoverageRequest>,
    ) -> Result<Response<pb::GetCoverageResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneCoverage>| async move {
                let OneCoverage(code) = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let found = policies::coverage_fetch(&mut snapshot, code).await?;
                let found = found.ok_or_else(|| Error::not_found("coverage", code))?;
                Ok(pb::GetCoverageResponse { coverage: Some(wrap_coverage(found)) })
            })
            .await
    }
}

/// A policy to be published: read whole, and kept as it came.
#[derive(Debug, Clone)]
struct PublishPolicy {
    product_id: ProductId,
    content: pb::AdmissionPolicy,
}

/// A cover to be published.
#[derive(Debug, Clone)]
struct PublishCoverage(pb::Coverage);

/// One cover, by code.
#[derive(Debug, Clone)]
struct OneCoverage(String);

impl TryFrom<pb::PublishAdmissionPolicyRequest> for PublishPolicy {
    type Error = Violations;

    fn try_from(request: pb::PublishAdmissionPolicyRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("policy", request.policy, |content, v| {
            v.refuse_set("version", content.version != 0);
            v.refuse_set("publish_time", content.publish_time.is_some());
            let (product_id, _) = read_policy(&content, v)?;
            Some(Self { product_id, content })
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::PublishCoverageRequest> for PublishCoverage {
    type Error = Violations;

    fn try_from(request: pb::PublishCoverageRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("coverage", request.coverage, |content, v| {
            v.refuse_set("version", content.version != 0);
            v.refuse_set("publish_time", content.publish_time.is_some());
            read_coverage(&content, v).map(|_| Self(content))
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::GetCoverageRequest> for OneCoverage {
    type Error = Violations;

    fn try_from(request: pb::GetCoverageRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let code = violations.take("coverage", text::line(&request.coverage, MAX_CODE));
        violations.finish(code.map(Self))
    }
}

pub(super) fn wrap_policy(found: Published<pb::AdmissionPolicy>) -> pb::AdmissionPolicy {
    let publish_time = Some(timestamp(found.published_at));
    pb::AdmissionPolicy { version: found.version, publish_time, ..found.content }
}

fn wrap_coverage(found: Published<pb::Coverage>) -> pb::Coverage {
    let publish_time = Some(timestamp(found.published_at));
    pb::Coverage { version: found.version, publish_time, ..found.content }
}

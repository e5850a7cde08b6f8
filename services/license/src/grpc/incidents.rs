//! `IncidentService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_server::IncidentService;
use vouch_core::code::EndUserId;
use vouch_core::{Error, Violations, id, text};
use vouch_host::Call;

use super::read::{self, ListOf, One};
use super::{Handlers, scope, wrap};
use crate::commands::Changed;
use crate::commands::incidents::{self as commands, GrantIncidents, SettleHold};
use crate::domain::incident::Settlement;
use crate::store::incidents;
use crate::store::licenses::license_is_supported_by;

#[tonic::async_trait]
impl IncidentService for Handlers {
    async fn grant_incidents(
        &self,
        request: Request<pb::GrantIncidentsRequest>,
    ) -> Result<Response<pb::GrantIncidentsResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("IncidentService/GrantIncidents", request, |mut tx, call| async move {
                let Changed { value: account, facts_revision } = commands::grant(&mut tx, dialect, &call).await?;
                let account = Some(wrap::account(&call.command.end_user_id, account));
                Ok((tx, pb::GrantIncidentsResponse { account, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_incident_account(
        &self,
        request: Request<pb::GetIncidentAccountRequest>,
    ) -> Result<Response<pb::GetIncidentAccountResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<EndUserId>>| async move {
                let One(id) = &call.command;
                let not_found = || Error::not_found("end user", id);
                let mut snapshot = self.store().snapshot().await?;
                if let Some(partner_id) = scope(&call.caller)?
                    && !license_is_supported_by(&mut snapshot, id, &partner_id).await?
                {
                    return Err(not_found());
                }
                let account = incidents::account_fetch(&mut snapshot, id).await?.ok_or_else(not_found)?;
                Ok(pb::GetIncidentAccountResponse { account: Some(wrap::account(id, account)) })
            })
            .await
    }

    async fn settle_hold(
        &self,
        request: Request<pb::SettleHoldRequest>,
    ) -> Result<Response<pb::SettleHoldResponse>, Status> {
        self.rpc
            .query(request, |call: Call<SettleHold>| async move {
                let (command, world, dialect) = (&call.command, &call.world, self.store().dialect());
                let settle = self.store().write(|mut tx| async move {
                    let hold = commands::settle(&mut tx, dialect, world, call.now, command).await?;
                    Ok((tx, hold))
                });
                Ok(pb::SettleHoldResponse { hold: Some(settle.await?.into()) })
            })
            .await
    }

    async fn list_ledger_entries(
        &self,
        request: Request<pb::ListLedgerEntriesRequest>,
    ) -> Result<Response<pb::ListLedgerEntriesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<EndUserId>>| async move {
                let ListOf { page, filter: id } = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if incidents::account_fetch(&mut snapshot, &id).await?.is_none() {
                    return Err(Error::not_found("end user", id));
                }
                let mut entries = incidents::ledger_list(&mut snapshot, &id, &page).await?;
                let info = page.cut(&mut entries, LEDGER, |entry| entry.id.to_string());
                let entries = entries.into_iter().map(Into::into).collect();
                Ok(pb::ListLedgerEntriesResponse { entries, page: Some(info) })
            })
            .await
    }
}

const LEDGER: &str = "ledger";

impl TryFrom<pb::GrantIncidentsRequest> for GrantIncidents {
    type Error = Violations;

    fn try_from(request: pb::GrantIncidentsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let units = violations.take("units", read::within(request.units, 1, 100_000));
        let order_reference = violations.take("order_reference", text::line(&request.order_reference, 100));
        let command = (|| Some(Self { end_user_id: end_user_id?, units: units?, order_reference: order_reference? }))();
        violations.finish(command)
    }
}

impl TryFrom<pb::GetIncidentAccountRequest> for One<EndUserId> {
    type Error = Violations;

    fn try_from(request: pb::GetIncidentAccountRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::SettleHoldRequest> for SettleHold {
    type Error = Violations;

    fn try_from(request: pb::SettleHoldRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let hold_id = violations.take("hold_id", id::parse(&request.hold_id));
        let settlement = match pb::Settlement::try_from(request.settlement) {
            Ok(pb::Settlement::Capture) => Some(Settlement::Capture),
            Ok(pb::Settlement::Release) => Some(Settlement::Release),
            Ok(pb::Settlement::Unspecified) => violations.take("settlement", Err("is required")),
            Err(_) => violations.take("settlement", Err(format!("has the unknown value {}", request.settlement))),
        };
        violations.finish(hold_id.zip(settlement).map(|(hold_id, settlement)| Self { hold_id, settlement }))
    }
}

impl TryFrom<pb::ListLedgerEntriesRequest> for ListOf<EndUserId> {
    type Error = Violations;

    fn try_from(request: pb::ListLedgerEntriesRequest) -> Result<Self, Violations> {
        let list = read::list_of(request.page, LEDGER, "end_user_id", &request.end_user_id)?;
        let id = list.filter.ok_or_else(|| {
            let mut violations = Violations::new();
            violations.add("end_user_id", "is required");
            violations
        })?;
        Ok(Self { page: list.page, filter: id })
    }
}

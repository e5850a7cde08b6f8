//! `IncidentService`.

mod read;
mod wrap;

use sqlx::AnyConnection;
use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::incident_service_server::IncidentService;
use vouch_core::Error;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_host::Call;
use vouch_identity::Caller;

use super::read::{ListOf, One};
use super::{Handlers, scope};
use crate::commands::Changed;
use crate::commands::incidents::escalations::{self, Doing, SettleHold};
use crate::commands::incidents::{as_of, granting, reservations, reversals};
use crate::domain::incident::{Pack, Purse, price};
use crate::store::incidents;
use crate::store::licenses::end_user_is_supported_by;
use read::{Ledger, Packs, Quote};

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
                let Changed { value, facts_revision } = granting::grant(&mut tx, dialect, &call).await?;
                let account = Some(wrap::account(&call.command.end_user_id, &value.account));
                Ok((tx, pb::GrantIncidentsResponse { account, facts_revision, pack: Some(value.pack.into()) }))
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
                let mut snapshot = self.store().snapshot().await?;
                let purse = seen(&mut snapshot, &call, id).await?;
                Ok(pb::GetIncidentAccountResponse { account: Some(wrap::account(id, purse.state())) })
            })
            .await
    }

    async fn settle_hold(
        &self,
        request: Request<pb::SettleHoldRequest>,
    ) -> Result<Response<pb::SettleHoldResponse>, Status> {
        self.rpc
            .query(request, |call: Call<SettleHold>| async move {
                let (command, doing) = (&call.command, Doing::of(&call, self.store().dialect()));
                let settle = self.store().write(|mut tx| async move {
                    let hold = escalations::settle(&mut tx, doing, command).await?;
                    Ok((tx, hold))
                });
                Ok(pb::SettleHoldResponse { hold: Some(settle.await?.into()) })
            })
            .await
    }

    async fn reserve_incidents(
        &self,
        request: Request<pb::ReserveIncidentsRequest>,
    ) -> Result<Response<pb::ReserveIncidentsResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("IncidentService/ReserveIncidents", request, |mut tx, call| async move {
                let partner_id = partner_of(&call.caller)?;
                let Changed { value: hold, facts_revision } =
                    reservations::reserve(&mut tx, dialect, &call, &partner_id).await?;
                Ok((tx, pb::ReserveIncidentsResponse { reservation: Some(hold.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn settle_reservation(
        &self,
        request: Request<pb::SettleReservationRequest>,
    ) -> Result<Response<pb::SettleReservationResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("IncidentService/SettleReservation", request, |mut tx, call| async move {
                let partner_id = partner_of(&call.caller)?;
                let Changed { value: hold, facts_revision } =
                    reservations::settle(&mut tx, dialect, &call, &partner_id).await?;
                Ok((tx, pb::SettleReservationResponse { reservation: Some(hold.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn quote_appointment(
        &self,
        request: Request<pb::QuoteAppointmentRequest>,
    ) -> Result<Response<pb::QuoteAppointmentResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Quote>| async move {
                let Quote { end_user_id, minutes } = &call.command;
                let mut snapshot = self.store().snapshot().await?;
                let available = seen(&mut snapshot, &call, end_user_id).await?.balance().available;
                let units = price::appointment(*minutes);
                let payable = i64::from(units) <= available;
                Ok(pb::QuoteAppointmentResponse { units: wrap::count(units), payable, available })
            })
            .await
    }

    async fn reverse_charge(
        &self,
        request: Request<pb::ReverseChargeRequest>,
    ) -> Result<Response<pb::ReverseChargeResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("IncidentService/ReverseCharge", request, |mut tx, call| async move {
                let Changed { value, facts_revision } = reversals::reverse(&mut tx, dialect, &call).await?;
                let account = Some(wrap::account(&value.end_user_id, &value.account));
                Ok((tx, pb::ReverseChargeResponse { account, units: wrap::count(value.units), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_incident_packs(
        &self,
        request: Request<pb::ListIncidentPacksRequest>,
    ) -> Result<Response<pb::ListIncidentPacksResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Packs>| async move {
                let Packs(ListOf { page, filter: id }) = &call.command;
                let mut snapshot = self.store().snapshot().await?;
                let purse = seen(&mut snapshot, &call, id).await?;
                let mut packs = incidents::pack_list(&mut snapshot, id, page).await?;
                let info = page.cut(&mut packs, PACKS, |pack| pack.id.to_string());
                // What time has done to a pack, and nobody has booked yet, is told all the same.
                let now = |pack: Pack| purse.pack(pack.id).cloned().unwrap_or(pack).into();
                Ok(pb::ListIncidentPacksResponse { packs: packs.into_iter().map(now).collect(), page: Some(info) })
            })
            .await
    }

    async fn list_ledger_entries(
        &self,
        request: Request<pb::ListLedgerEntriesRequest>,
    ) -> Result<Response<pb::ListLedgerEntriesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Ledger>| async move {
                let Ledger(ListOf { page, filter: id }) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if incidents::account_fetch(&mut snapshot, &id).await?.is_none() {
                    return Err(Error::not_found("end user", id));
                }
                let mut entries = incidents::ledger_list(&mut snapshot, &id, &page).await?;
                let info = page.cut(&mut entries, LEDGER, |entry| entry.line.to_string());
                let entries = entries.into_iter().map(Into::into).collect();
                Ok(pb::ListLedgerEntriesResponse { entries, page: Some(info) })
            })
            .await
    }
}

const LEDGER: &str = "ledger";
const PACKS: &str = "packs";

/// An account as its caller may see it, as it is now: a partner sees those of the end users that it is responsible for.
async fn seen<C>(connection: &mut AnyConnection, call: &Call<C>, id: &EndUserId) -> Result<Purse, Error> {
    let not_found = || Error::not_found("end user", id);
    if let Some(partner_id) = scope(&call.caller)?
        && !end_user_is_supported_by(connection, id, &partner_id).await?
    {
        return Err(not_found());
    }
    as_of(connection, id, call.now).await?.ok_or_else(not_found)
}

fn partner_of(caller: &Caller) -> Result<PartnerId, Error> {
    caller.partner().ok_or_else(|| Error::internal("a partner's workload came without its partner"))
}

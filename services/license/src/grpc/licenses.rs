//! `LicenseService`. `read` turns its requests into commands, `view` tells what a caller sees of a licence.

mod file;
pub(super) mod read;
mod view;

use prost::{Message, Name};
use tonic::{Request, Response, Status, Streaming};
use vouch_contract::content::Mutation;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::license_service_server::LicenseService;
use vouch_core::code::PartnerId;
use vouch_core::id::LicenseId;
use vouch_core::{Error, Violations};
use vouch_host::{Call, Streamed};
use vouch_identity::Caller;

use super::read::{ListOf, One};
use super::{Handlers, scope};
use crate::commands::Changed;
use crate::commands::licenses::{self as commands, Amend};
use crate::domain::license::License;
use crate::domain::license_key::LicenseKey;
use crate::store::history::{Subject, change_list};
use crate::store::licenses;
use read::{All, CHANGES, FileFor, LICENSES, RELEASES, ReleasesOf, Wanted};
use view::{history_for, seen_in, told_to};

#[tonic::async_trait]
impl LicenseService for Handlers {
    async fn create_license(
        &self,
        request: Request<pb::CreateLicenseRequest>,
    ) -> Result<Response<pb::CreateLicenseResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate_sealed("LicenseService/CreateLicense", request, |mut tx, call| async move {
                let (Changed { value: license, facts_revision }, key) =
                    commands::create(&mut tx, dialect, self.secrets(), &call).await?;
                let license_key = key.as_ref().map(LicenseKey::reveal).unwrap_or_default();
                Ok((tx, pb::CreateLicenseResponse { license: Some(license.into()), license_key, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_license(
        &self,
        request: Request<pb::GetLicenseRequest>,
    ) -> Result<Response<pb::GetLicenseResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<LicenseId>>| async move {
                let (license, own) = self.seen(&call.caller, call.command.0).await?;
                Ok(pb::GetLicenseResponse { license: Some(told_to(license, own.as_ref())) })
            })
            .await
    }

    async fn list_licenses(
        &self,
        request: Request<pb::ListLicensesRequest>,
    ) -> Result<Response<pb::ListLicensesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<Wanted>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let ListOf { page, filter } = call.command;
                let own = scope(&call.caller)?;
                let filter = filter.seen_by(own.clone(), call.now);
                let mut licenses = licenses::license_list(&mut snapshot, &filter, &page).await?;
                let info = page.cut(&mut licenses, LICENSES, |license| license.id.to_string());
                let licenses = licenses.into_iter().map(|license| told_to(license, own.as_ref())).collect();
                Ok(pb::ListLicensesResponse { licenses, page: Some(info) })
            })
            .await
    }

    async fn set_license_state(
        &self,
        request: Request<pb::SetLicenseStateRequest>,
    ) -> Result<Response<pb::SetLicenseStateResponse>, Status> {
        let answer = |license, facts_revision| pb::SetLicenseStateResponse { license, facts_revision };
        self.amend("LicenseService/SetLicenseState", request, answer, |answer| answer.facts_revision).await
    }

    async fn renew_license(
        &self,
        request: Request<pb::RenewLicenseRequest>,
    ) -> Result<Response<pb::RenewLicenseResponse>, Status> {
        let answer = |license, facts_revision| pb::RenewLicenseResponse { license, facts_revision };
        self.amend("LicenseService/RenewLicense", request, answer, |answer| answer.facts_revision).await
    }

    async fn change_license_quantity(
        &self,
        request: Request<pb::ChangeLicenseQuantityRequest>,
    ) -> Result<Response<pb::ChangeLicenseQuantityResponse>, Status> {
        let answer = |license, facts_revision| pb::ChangeLicenseQuantityResponse { license, facts_revision };
        self.amend("LicenseService/ChangeLicenseQuantity", request, answer, |answer| answer.facts_revision).await
    }

    async fn cancel_license(
        &self,
        request: Request<pb::CancelLicenseRequest>,
    ) -> Result<Response<pb::CancelLicenseResponse>, Status> {
        let answer = |license, facts_revision| pb::CancelLicenseResponse { license, facts_revision };
        self.amend("LicenseService/CancelLicense", request, answer, |answer| answer.facts_revision).await
    }

    async fn convert_evaluation(
        &self,
        request: Request<pb::ConvertEvaluationRequest>,
    ) -> Result<Response<pb::ConvertEvaluationResponse>, Status> {
        let answer = |license, facts_revision| pb::ConvertEvaluationResponse { license, facts_revision };
        self.amend("LicenseService/ConvertEvaluation", request, answer, |answer| answer.facts_revision).await
    }

    async fn transfer_license(
        &self,
        request: Request<pb::TransferLicenseRequest>,
    ) -> Result<Response<pb::TransferLicenseResponse>, Status> {
        let answer = |license, facts_revision| pb::TransferLicenseResponse { license, facts_revision };
        self.amend("LicenseService/TransferLicense", request, answer, |answer| answer.facts_revision).await
    }

    async fn co_term_licenses(
        &self,
        request: Request<pb::CoTermLicensesRequest>,
    ) -> Result<Response<pb::CoTermLicensesResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("LicenseService/CoTermLicenses", request, |mut tx, call| async move {
                let Changed { value, facts_revision } = commands::co_term(&mut tx, dialect, &call).await?;
                let licenses = value.into_iter().map(Into::into).collect();
                Ok((tx, pb::CoTermLicensesResponse { licenses, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn replace_license_key(
        &self,
        request: Request<pb::ReplaceLicenseKeyRequest>,
    ) -> Result<Response<pb::ReplaceLicenseKeyResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate_sealed("LicenseService/ReplaceLicenseKey", request, |mut tx, call| async move {
                let (Changed { value: license, facts_revision }, key) =
                    commands::replace_key(&mut tx, dialect, self.secrets(), &call).await?;
                let (license, license_key) = (Some(license.into()), key.reveal());
                Ok((tx, pb::ReplaceLicenseKeyResponse { license, license_key, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_license_changes(
        &self,
        request: Request<pb::ListLicenseChangesRequest>,
    ) -> Result<Response<pb::ListLicenseChangesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<LicenseId>>| async move {
                let ListOf { page, filter: id } = call.command;
                let mut snapshot = self.store().snapshot().await?;
                let (license, own) = seen_in(&mut snapshot, &call.caller, id).await?;
                let changes = match &own {
                    None => change_list(&mut snapshot, Subject::License(id), 1, &page).await?,
                    Some(partner) => history_for(&mut snapshot, &license, partner, &page).await?,
                };
                let (changes, info) = super::history::page_of(changes, &page, CHANGES);
                Ok(pb::ListLicenseChangesResponse { changes, page: Some(info) })
            })
            .await
    }

    async fn get_license_file(
        &self,
        request: Request<pb::GetLicenseFileRequest>,
    ) -> Result<Response<pb::GetLicenseFileResponse>, Status> {
        self.rpc
            .query(request, |call: Call<FileFor>| async move {
                let FileFor { license_id, days } = call.command;
                let (license, _) = self.seen(&call.caller, license_id).await?;
                let file = file::of(&license, &self.issuer, days, call.now)?;
                let license_file = self.keys.sign(|key| file.sign(key))?;
                let expires_at = file::instant(file.exp);
                Ok(pb::GetLicenseFileResponse { license_file, expires_at: Some(expires_at) })
            })
            .await
    }

    type ImportLicensesStream = Streamed<pb::ImportLicensesResponse>;

    async fn import_licenses(
        &self,
        request: Request<Streaming<pb::ImportLicensesRequest>>,
    ) -> Result<Response<Self::ImportLicensesStream>, Status> {
        let (handlers, requests) = (self.clone(), request.into_inner());
        Ok(vouch_host::streamed(self.stopping.clone(), |sender| handlers.import(requests, sender)))
    }

    async fn export_licenses(
        &self,
        request: Request<pb::ExportLicensesRequest>,
    ) -> Result<Response<pb::ExportLicensesResponse>, Status> {
        self.rpc.query(request, |call: Call<ListOf<All>>| async move { self.export(call.command.page).await }).await
    }

    async fn list_receivable_releases(
        &self,
        request: Request<pb::ListReceivableReleasesRequest>,
    ) -> Result<Response<pb::ListReceivableReleasesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ReleasesOf>| async move {
                let ReleasesOf { license_id, page, after } = &call.command;
                let mut snapshot = self.store().snapshot().await?;
                let (license, _) = seen_in(&mut snapshot, &call.caller, *license_id).await?;
                let mut releases =
                    file::releases_for(&mut snapshot, license, call.now, (after.as_ref(), page.limit())).await?;
                let info = page.cut(&mut releases, RELEASES, |(place, _)| read::write_place(place));
                let releases = releases.into_iter().map(|(_, release)| release).collect();
                Ok(pb::ListReceivableReleasesResponse { releases, page: Some(info) })
            })
            .await
    }
}

impl Handlers {
    /// A licence as a caller may see it, and the partner whose eyes these are.
    pub(super) async fn seen(&self, caller: &Caller, id: LicenseId) -> Result<(License, Option<PartnerId>), Error> {
        seen_in(&mut *self.store().snapshot().await?, caller, id).await
    }

    /// Carries out a change that answers with the licence and the revision of the facts.
    async fn amend<Q, R>(
        &self,
        method: &'static str,
        request: Request<Q>,
        answer: fn(Option<pb::License>, i64) -> R,
        revision: fn(&R) -> i64,
    ) -> Result<Response<R>, Status>
    where
        Q: Mutation + Message + Name,
        Amend: TryFrom<Q, Error = Violations>,
        R: Message + Default,
    {
        let dialect = self.store().dialect();
        let amended = self
            .rpc
            .mutate(method, request, |mut tx, call| async move {
                let Changed { value: license, facts_revision } = commands::amend(&mut tx, dialect, &call).await?;
                Ok((tx, answer(Some(license.into()), facts_revision)))
            })
            .await;
        self.told(amended, revision).await
    }
}

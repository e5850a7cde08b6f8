//! `NamedPersonService`; what it reads and tells of online accounts is in `online_accounts`.

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::named_person_service_server::NamedPersonService;
use vouch_core::code::EndUserId;
use vouch_core::id::LicenseId;
use vouch_core::{Error, Violations, id, text};
use vouch_host::Call;

use super::online_accounts::{ACCOUNTS, AccountsOf, told};
use super::read::{self, ListOf};
use super::{Handlers, scope};
use crate::commands::employment::{self, EndEmployment, Ended};
use crate::commands::online_accounts as accounts;
use crate::commands::sdk_users::{self as users, EndSdkUser, NameSdkUser};
use crate::domain::departure::Departure;
use crate::domain::sdk_user::SdkUser;
use crate::store::licenses::end_user_is_supported_by;
use crate::store::{agreements, departures, incidents, licenses, online_accounts, sdk_users};

#[tonic::async_trait]
impl NamedPersonService for Handlers {
    async fn end_employment(
        &self,
        request: Request<pb::EndEmploymentRequest>,
    ) -> Result<Response<pb::EndEmploymentResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("NamedPersonService/EndEmployment", request, |mut tx, call| async move {
                let ended = employment::end(&mut tx, dialect, &call).await?;
                Ok((tx, ended.into()))
            })
            .await;
        self.told(answer, |answer: &pb::EndEmploymentResponse| answer.facts_revision).await
    }

    async fn list_departures(
        &self,
        request: Request<pb::ListDeparturesRequest>,
    ) -> Result<Response<pb::ListDeparturesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<DeparturesOf>| async move {
                let DeparturesOf(ListOf { page, filter: id }) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if incidents::account_fetch(&mut snapshot, &id).await?.is_none() {
                    return Err(Error::not_found("end user", id));
                }
                let mut departures = departures::departure_list(&mut snapshot, &id, &page).await?;
                let info = page.cut(&mut departures, DEPARTURES, |departure| departure.id.to_string());
                let departures = departures.into_iter().map(Into::into).collect();
                Ok(pb::ListDeparturesResponse { departures, page: Some(info) })
            })
            .await
    }

    async fn name_sdk_user(
        &self,
        request: Request<pb::NameSdkUserRequest>,
    ) -> Result<Response<pb::NameSdkUserResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("NamedPersonService/NameSdkUser", request, |mut tx, call| async move {
                let user = users::name(&mut tx, dialect, &call).await?;
                Ok((tx, pb::NameSdkUserResponse { sdk_user: Some(user.into()) }))
            })
            .await
    }

    async fn end_sdk_user(
        &self,
        request: Request<pb::EndSdkUserRequest>,
    ) -> Result<Response<pb::EndSdkUserResponse>, Status> {
        self.rpc
            .mutate("NamedPersonService/EndSdkUser", request, |mut tx, call| async move {
                let user = users::end(&mut tx, &call).await?;
                Ok((tx, pb::EndSdkUserResponse { sdk_user: Some(user.into()) }))
            })
            .await
    }

    async fn list_sdk_users(
        &self,
        request: Request<pb::ListSdkUsersRequest>,
    ) -> Result<Response<pb::ListSdkUsersResponse>, Status> {
        self.rpc
            .query(request, |call: Call<SdkUsersOf>| async move {
                let SdkUsersOf(ListOf { page, filter: id }) = call.command;
                let own = scope(&call.caller)?;
                let mut snapshot = self.store().snapshot().await?;
                let license = licenses::license_fetch(&mut snapshot, id).await?;
                let is_own = |responsible| own.is_none_or(|partner| partner == responsible);
                if !license.is_some_and(|license| is_own(license.terms.responsible_partner_id)) {
                    return Err(Error::not_found("license", id));
                }
                let mut users = sdk_users::user_list(&mut snapshot, id, &page).await?;
                let info = page.cut(&mut users, SDK_USERS, |user| user.id.to_string());
                let sdk_users = users.into_iter().map(Into::into).collect();
                Ok(pb::ListSdkUsersResponse { sdk_users, page: Some(info) })
            })
            .await
    }

    async fn request_online_account(
        &self,
        request: Request<pb::RequestOnlineAccountRequest>,
    ) -> Result<Response<pb::RequestOnlineAccountResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("NamedPersonService/RequestOnlineAccount", request, |mut tx, call| async move {
                let own = scope(&call.caller)?;
                let account = accounts::request(&mut tx, dialect, &call, own.as_ref()).await?;
                let online_account = Some(told(account, call.now));
                Ok((tx, pb::RequestOnlineAccountResponse { online_account }))
            })
            .await
    }

    async fn confirm_online_account(
        &self,
        request: Request<pb::ConfirmOnlineAccountRequest>,
    ) -> Result<Response<pb::ConfirmOnlineAccountResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("NamedPersonService/ConfirmOnlineAccount", request, |mut tx, call| async move {
                let own = scope(&call.caller)?;
                let account = accounts::confirm(&mut tx, dialect, &call, own.as_ref()).await?;
                let online_account = Some(told(account, call.now));
                Ok((tx, pb::ConfirmOnlineAccountResponse { online_account }))
            })
            .await
    }

    async fn end_online_account(
        &self,
        request: Request<pb::EndOnlineAccountRequest>,
    ) -> Result<Response<pb::EndOnlineAccountResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("NamedPersonService/EndOnlineAccount", request, |mut tx, call| async move {
                let own = scope(&call.caller)?;
                let account = accounts::end(&mut tx, dialect, &call, own.as_ref()).await?;
                let online_account = Some(told(account, call.now));
                Ok((tx, pb::EndOnlineAccountResponse { online_account }))
            })
            .await
    }

    async fn list_online_accounts(
        &self,
        request: Request<pb::ListOnlineAccountsRequest>,
    ) -> Result<Response<pb::ListOnlineAccountsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<AccountsOf>| async move {
                let AccountsOf(ListOf { page, filter: id }) = call.command;
                let not_found = || Error::not_found("agreement", id);
                let mut snapshot = self.store().snapshot().await?;
                let agreement = agreements::agreement_fetch(&mut snapshot, id).await?.ok_or_else(not_found)?;
                if let Some(partner) = scope(&call.caller)?
                    && !end_user_is_supported_by(&mut snapshot, &agreement.terms.end_user_id, &partner).await?
                {
                    return Err(not_found());
                }
                let mut accounts = online_accounts::account_list(&mut snapshot, id, &page).await?;
                let info = page.cut(&mut accounts, ACCOUNTS, |account| account.id.to_string());
                let accounts = accounts.into_iter().map(|account| told((account, agreement.clone()), call.now));
                Ok(pb::ListOnlineAccountsResponse { online_accounts: accounts.collect(), page: Some(info) })
            })
            .await
    }
}

const DEPARTURES: &str = "departures";
const SDK_USERS: &str = "sdk-users";

/// The notices of ended employment of one end user.
struct DeparturesOf(ListOf<EndUserId>);

/// The people named in one licence.
struct SdkUsersOf(ListOf<LicenseId>);

impl TryFrom<pb::EndEmploymentRequest> for EndEmployment {
    type Error = Violations;

    fn try_from(request: pb::EndEmploymentRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let email = violations.take("email", text::email(&request.email));
        let document_digest = violations.take("document_digest", read::digest(&request.document_digest));
        let command = (|| Some(Self { end_user_id: end_user_id?, email: email?, document_digest: document_digest? }))();
        violations.finish(command)
    }
}

impl TryFrom<pb::ListDeparturesRequest> for DeparturesOf {
    type Error = Violations;

    fn try_from(request: pb::ListDeparturesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, DEPARTURES));
        violations.finish(page.zip(end_user_id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

impl TryFrom<pb::NameSdkUserRequest> for NameSdkUser {
    type Error = Violations;

    fn try_from(request: pb::NameSdkUserRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("sdk_user", request.sdk_user, |user, v| {
            v.refuse_set("sdk_user_id", !user.sdk_user_id.is_empty());
            v.refuse_set("named_at", user.named_at.is_some());
            let license_id = v.take("license_id", id::parse(&user.license_id));
            let name = v.take("name", text::line(&user.name, 200));
            let email = v.take("email", text::email(&user.email));
            Some(Self { license_id: license_id?, name: name?, email: email? })
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::EndSdkUserRequest> for EndSdkUser {
    type Error = Violations;

    fn try_from(request: pb::EndSdkUserRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("sdk_user_id", id::parse(&request.sdk_user_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListSdkUsersRequest> for SdkUsersOf {
    type Error = Violations;

    fn try_from(request: pb::ListSdkUsersRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let license_id = violations.take("license_id", id::parse(&request.license_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, SDK_USERS));
        violations.finish(page.zip(license_id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

impl From<SdkUser> for pb::SdkUser {
    fn from(user: SdkUser) -> Self {
        Self {
            sdk_user_id: user.id.to_string(),
            license_id: user.license_id.to_string(),
            name: user.name,
            email: user.email,
            named_at: Some(timestamp(user.named_at)),
        }
    }
}

impl From<Departure> for pb::Departure {
    fn from(departure: Departure) -> Self {
        Self {
            departure_id: departure.id.to_string(),
            end_user_id: departure.end_user_id.to_string(),
            email: departure.email,
            document_digest: departure.document_digest.to_vec().into(),
            recorded_by: departure.recorded_by,
            record_time: Some(timestamp(departure.recorded_at)),
        }
    }
}

impl From<Ended> for pb::EndEmploymentResponse {
    fn from(ended: Ended) -> Self {
        let role =
            |(id, holder_id): (vouch_core::id::ContactId, _)| pb::EndedRole { contact_id: id.to_string(), holder_id };
        Self {
            liaisons: ended.liaisons.into_iter().map(role).collect(),
            sdk_user_ids: ended.sdk_users.iter().map(ToString::to_string).collect(),
            online_account_ids: ended.online_accounts.iter().map(ToString::to_string).collect(),
            liaison_notice_ids: ended.notices.iter().map(ToString::to_string).collect(),
            facts_revision: ended.facts_revision,
            departure: Some(ended.departure.into()),
        }
    }
}

//! `AgreementService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::agreement_service_server::AgreementService;
use vouch_core::code::{EndUserId, TierId};
use vouch_core::id::AgreementId;
use vouch_core::{Error, Violations, dates, id, text};
use vouch_host::Call;

use super::Handlers;
use super::read::{self, ListOf, One};
use super::read_terms::{SEAT_GRANTS, SeatGrantsOf, read_plan};
use crate::commands::agreements::{self as commands, EndLiaison, NameLiaison, SetAgreementState};
use crate::commands::{Changed, terms};
use crate::domain::agreement::{AgreementState, AgreementTerms, Person, Plan};
use crate::store::history::{Subject, change_list};
use crate::store::{agreements, notices, seat_grants};

#[tonic::async_trait]
impl AgreementService for Handlers {
    async fn create_agreement(
        &self,
        request: Request<pb::CreateAgreementRequest>,
    ) -> Result<Response<pb::CreateAgreementResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/CreateAgreement", request, |mut tx, call| async move {
                let Changed { value: agreement, facts_revision } = commands::create(&mut tx, dialect, &call).await?;
                Ok((tx, pb::CreateAgreementResponse { agreement: Some(agreement.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_agreement(
        &self,
        request: Request<pb::GetAgreementRequest>,
    ) -> Result<Response<pb::GetAgreementResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<AgreementId>>| async move {
                let One(id) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                let agreement = agreements::agreement_fetch(&mut snapshot, id)
                    .await?
                    .ok_or_else(|| Error::not_found("agreement", id))?;
                Ok(pb::GetAgreementResponse { agreement: Some(agreement.into()) })
            })
            .await
    }

    async fn list_agreements(
        &self,
        request: Request<pb::ListAgreementsRequest>,
    ) -> Result<Response<pb::ListAgreementsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Agreements>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let Agreements(ListOf { page, filter }) = call.command;
                let mut agreements = agreements::agreement_list(&mut snapshot, filter.as_ref(), &page).await?;
                let info = page.cut(&mut agreements, AGREEMENTS, |agreement| agreement.id.to_string());
                let agreements = agreements.into_iter().map(Into::into).collect();
                Ok(pb::ListAgreementsResponse { agreements, page: Some(info) })
            })
            .await
    }

    async fn name_liaison(
        &self,
        request: Request<pb::NameLiaisonRequest>,
    ) -> Result<Response<pb::NameLiaisonResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/NameLiaison", request, |mut tx, call| async move {
                let (changed, liaison) = commands::name_liaison(&mut tx, dialect, &call).await?;
                let Changed { value: agreement, facts_revision } = changed;
                let (agreement, liaison) = (Some(agreement.into()), Some(liaison.into()));
                Ok((tx, pb::NameLiaisonResponse { agreement, liaison, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_support_contact_notices(
        &self,
        request: Request<pb::ListSupportContactNoticesRequest>,
    ) -> Result<Response<pb::ListSupportContactNoticesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<NoticesOf>| async move {
                let NoticesOf(ListOf { page, filter: id }) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if agreements::agreement_fetch(&mut snapshot, id).await?.is_none() {
                    return Err(Error::not_found("agreement", id));
                }
                let mut notices = notices::notice_list(&mut snapshot, id, &page).await?;
                let info = page.cut(&mut notices, NOTICES, |notice| notice.id.to_string());
                let notices = notices.into_iter().map(Into::into).collect();
                Ok(pb::ListSupportContactNoticesResponse { notices, page: Some(info) })
            })
            .await
    }

    async fn end_liaison(
        &self,
        request: Request<pb::EndLiaisonRequest>,
    ) -> Result<Response<pb::EndLiaisonResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/EndLiaison", request, |mut tx, call| async move {
                let Changed { value: agreement, facts_revision } =
                    commands::end_liaison(&mut tx, dialect, &call).await?;
                Ok((tx, pb::EndLiaisonResponse { agreement: Some(agreement.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_agreement_changes(
        &self,
        request: Request<pb::ListAgreementChangesRequest>,
    ) -> Result<Response<pb::ListAgreementChangesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ChangesOf>| async move {
                let ChangesOf(ListOf { page, filter: id }) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if agreements::agreement_fetch(&mut snapshot, id).await?.is_none() {
                    return Err(Error::not_found("agreement", id));
                }
                let changes = change_list(&mut snapshot, Subject::Agreement(id), 1, &page).await?;
                let (changes, info) = super::history::page_of(changes, &page, CHANGES);
                Ok(pb::ListAgreementChangesResponse { changes, page: Some(info) })
            })
            .await
    }

    async fn set_agreement_state(
        &self,
        request: Request<pb::SetAgreementStateRequest>,
    ) -> Result<Response<pb::SetAgreementStateResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/SetAgreementState", request, |mut tx, call| async move {
                let Changed { value: agreement, facts_revision } = commands::set_state(&mut tx, dialect, &call).await?;
                Ok((tx, pb::SetAgreementStateResponse { agreement: Some(agreement.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn renew_agreement(
        &self,
        request: Request<pb::RenewAgreementRequest>,
    ) -> Result<Response<pb::RenewAgreementResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/RenewAgreement", request, |mut tx, call| async move {
                let Changed { value: agreement, facts_revision } = terms::renew(&mut tx, dialect, &call).await?;
                Ok((tx, pb::RenewAgreementResponse { agreement: Some(agreement.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn change_agreement_tier(
        &self,
        request: Request<pb::ChangeAgreementTierRequest>,
    ) -> Result<Response<pb::ChangeAgreementTierResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/ChangeAgreementTier", request, |mut tx, call| async move {
                let Changed { value: agreement, facts_revision } = terms::change_tier(&mut tx, dialect, &call).await?;
                Ok((tx, pb::ChangeAgreementTierResponse { agreement: Some(agreement.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn grant_seats(
        &self,
        request: Request<pb::GrantSeatsRequest>,
    ) -> Result<Response<pb::GrantSeatsResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/GrantSeats", request, |mut tx, call| async move {
                let (changed, grant) = terms::grant_seats(&mut tx, dialect, &call).await?;
                let Changed { value: agreement, facts_revision } = changed;
                let (agreement, grant) = (Some(agreement.into()), Some(grant.into()));
                Ok((tx, pb::GrantSeatsResponse { agreement, grant, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_seat_grants(
        &self,
        request: Request<pb::ListSeatGrantsRequest>,
    ) -> Result<Response<pb::ListSeatGrantsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<SeatGrantsOf>| async move {
                let SeatGrantsOf(ListOf { page, filter: id }) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if agreements::agreement_fetch(&mut snapshot, id).await?.is_none() {
                    return Err(Error::not_found("agreement", id));
                }
                let mut grants = seat_grants::grant_list(&mut snapshot, id, &page).await?;
                let info = page.cut(&mut grants, SEAT_GRANTS, |grant| grant.id.to_string());
                let grants = grants.into_iter().map(Into::into).collect();
                Ok(pb::ListSeatGrantsResponse { grants, page: Some(info) })
            })
            .await
    }

    async fn update_liaison(
        &self,
        request: Request<pb::UpdateLiaisonRequest>,
    ) -> Result<Response<pb::UpdateLiaisonResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("AgreementService/UpdateLiaison", request, |mut tx, call| async move {
                let (changed, liaison) = commands::update_liaison(&mut tx, dialect, &call).await?;
                let Changed { value: agreement, facts_revision } = changed;
                let (agreement, liaison) = (Some(agreement.into()), Some(liaison.into()));
                Ok((tx, pb::UpdateLiaisonResponse { agreement, liaison, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }
}

const AGREEMENTS: &str = "agreements";
const CHANGES: &str = "agreement-changes";

/// The history of an agreement.
struct ChangesOf(ListOf<AgreementId>);

impl TryFrom<pb::ListAgreementChangesRequest> for ChangesOf {
    type Error = Violations;

    fn try_from(request: pb::ListAgreementChangesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, CHANGES));
        violations.finish(page.zip(id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}
const NOTICES: &str = "support-contact-notices";

/// Agreements, perhaps of one end user.
struct Agreements(ListOf<Option<EndUserId>>);

/// The notices of one agreement.
struct NoticesOf(ListOf<AgreementId>);

impl TryFrom<pb::ListSupportContactNoticesRequest> for NoticesOf {
    type Error = Violations;

    fn try_from(request: pb::ListSupportContactNoticesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, NOTICES));
        violations.finish(page.zip(agreement_id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

impl TryFrom<pb::CreateAgreementRequest> for AgreementTerms {
    type Error = Violations;

    fn try_from(request: pb::CreateAgreementRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let terms = violations.nested("agreement", request.agreement, |agreement, v| {
            v.refuse_set("agreement_id", !agreement.agreement_id.is_empty());
            v.refuse_set("liaisons", !agreement.liaisons.is_empty());
            v.refuse_set("state", agreement.state != 0);
            v.refuse_set("create_time", agreement.create_time.is_some());
            v.refuse_set("etag", !agreement.etag.is_empty());
            let end_user_id = v.take("end_user_id", EndUserId::parse(&agreement.end_user_id));
            let tier_id = v.take("tier_id", TierId::parse(&agreement.tier_id));
            let from = v.take("valid_from", dates::date(&agreement.valid_from));
            let until = v.take("valid_until", dates::date(&agreement.valid_until));
            if from.zip(until).is_some_and(|(from, until)| until < from) {
                v.add("valid_until", "must not lie before valid_from");
            }
            let zone = v.take("zone", dates::zone(&agreement.zone));
            let liaison_seats = v.take("liaison_seats", read::within(agreement.liaison_seats, 1, 1000));
            let plan = v.take("plan", read_plan(agreement.plan));
            Some(Self {
                end_user_id: end_user_id?,
                tier_id: tier_id?,
                from: from?,
                until: until?,
                zone: zone?,
                liaison_seats: liaison_seats?,
                plan: plan?.unwrap_or(Plan::Contract),
            })
        });
        violations.finish(terms)
    }
}

impl TryFrom<pb::GetAgreementRequest> for One<AgreementId> {
    type Error = Violations;

    fn try_from(request: pb::GetAgreementRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("agreement_id", id::parse(&request.agreement_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListAgreementsRequest> for Agreements {
    type Error = Violations;

    fn try_from(request: pb::ListAgreementsRequest) -> Result<Self, Violations> {
        read::list_of(request.page, AGREEMENTS, "end_user_id", &request.end_user_id).map(Self)
    }
}

/// Reads a person to be named; what the service sets must be empty.
pub(super) fn read_person(liaison: pb::Liaison, v: &mut Violations) -> Option<Person> {
    v.refuse_set("contact_id", !liaison.contact_id.is_empty());
    v.refuse_set("named_at", liaison.named_at.is_some());
    let name = v.take("name", text::line(&liaison.name, 200));
    let email = v.take("email", text::email(&liaison.email));
    Some(Person { name: name?, email: email?, administrative_rights: liaison.administrative_rights })
}

impl TryFrom<pb::NameLiaisonRequest> for NameLiaison {
    type Error = Violations;

    fn try_from(request: pb::NameLiaisonRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let person = violations.nested("liaison", request.liaison, read_person);
        violations.finish(agreement_id.zip(person).map(|(agreement_id, person)| Self { agreement_id, person }))
    }
}

impl TryFrom<pb::EndLiaisonRequest> for EndLiaison {
    type Error = Violations;

    fn try_from(request: pb::EndLiaisonRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let contact_id = violations.take("contact_id", id::parse(&request.contact_id));
        let command = agreement_id.zip(contact_id);
        violations.finish(command.map(|(agreement_id, contact_id)| Self { agreement_id, contact_id }))
    }
}

impl TryFrom<pb::SetAgreementStateRequest> for SetAgreementState {
    type Error = Violations;

    fn try_from(request: pb::SetAgreementStateRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let etag = violations.take("etag", text::line(&request.etag, 64));
        let state = match pb::AgreementState::try_from(request.state) {
            Ok(pb::AgreementState::Active) => Some(AgreementState::Active),
            Ok(pb::AgreementState::Suspended) => Some(AgreementState::Suspended),
            Ok(pb::AgreementState::Unspecified) => violations.take("state", Err("is required")),
            Err(_) => violations.take("state", Err(format!("has the unknown value {}", request.state))),
        };
        let note = violations.take("note", text::optional_line(&request.note, 500));
        let command = (|| Some(Self { agreement_id: agreement_id?, etag: etag?, state: state?, note: note? }))();
        violations.finish(command)
    }
}

//! `LiaisonNoticeService`.

use sqlx::AnyConnection;
use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::liaison_notice_service_server::LiaisonNoticeService;
use vouch_core::code::EndUserId;
use vouch_core::id::{AgreementId, ContactId, LiaisonNoticeId};
use vouch_core::{Error, Violations, dates, id, text};
use vouch_host::Call;
use vouch_storage::StoreError;

use super::read::{self, ListOf, One};
use super::{Handlers, scope};
use crate::commands::liaison_notices::{self as commands, SubmitNotice, Successor, WithdrawNotice};
use crate::domain::agreement::Person;
use crate::domain::liaison_notice::{Addition, LiaisonNotice, LiaisonNoticeState, Removal};
use crate::store::liaison_notices::{self, NoticeFilter};
use crate::store::licenses::end_user_is_supported_by;

/// The most people that a notice removes, and the most that it adds.
const MAX_PEOPLE: usize = 100;

#[tonic::async_trait]
impl LiaisonNoticeService for Handlers {
    async fn submit_liaison_notice(
        &self,
        request: Request<pb::SubmitLiaisonNoticeRequest>,
    ) -> Result<Response<pb::SubmitLiaisonNoticeResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("LiaisonNoticeService/SubmitLiaisonNotice", request, |mut tx, call| async move {
                let (notice, used) = commands::submit(&mut tx, dialect, &call).await?;
                let changes_used = i32::try_from(used).unwrap_or(i32::MAX);
                let notice = Some(with_addresses(&mut tx, notice).await?);
                Ok((tx, pb::SubmitLiaisonNoticeResponse { notice, changes_used }))
            })
            .await
    }

    async fn withdraw_liaison_notice(
        &self,
        request: Request<pb::WithdrawLiaisonNoticeRequest>,
    ) -> Result<Response<pb::WithdrawLiaisonNoticeResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("LiaisonNoticeService/WithdrawLiaisonNotice", request, |mut tx, call| async move {
                let notice = commands::withdraw(&mut tx, dialect, &call).await?;
                let notice = Some(with_addresses(&mut tx, notice).await?);
                Ok((tx, pb::WithdrawLiaisonNoticeResponse { notice }))
            })
            .await
    }

    async fn get_liaison_notice(
        &self,
        request: Request<pb::GetLiaisonNoticeRequest>,
    ) -> Result<Response<pb::GetLiaisonNoticeResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<LiaisonNoticeId>>| async move {
                let One(id) = call.command;
                let not_found = || Error::not_found("notice", id);
                let own = scope(&call.caller)?;
                let mut snapshot = self.store().snapshot().await?;
                let notice = liaison_notices::notice_fetch(&mut snapshot, id).await?.ok_or_else(not_found)?;
                if let Some(partner) = own
                    && !end_user_is_supported_by(&mut snapshot, &notice.end_user_id, &partner).await?
                {
                    return Err(not_found());
                }
                Ok(pb::GetLiaisonNoticeResponse { notice: Some(with_addresses(&mut snapshot, notice).await?) })
            })
            .await
    }

    async fn list_liaison_notices(
        &self,
        request: Request<pb::ListLiaisonNoticesRequest>,
    ) -> Result<Response<pb::ListLiaisonNoticesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Notices>| async move {
                let Notices(ListOf { page, filter: (end_user_id, agreement_id) }) = call.command;
                let filter = NoticeFilter { partner_id: scope(&call.caller)?, end_user_id, agreement_id };
                let mut snapshot = self.store().snapshot().await?;
                let mut found = liaison_notices::notice_list(&mut snapshot, &filter, &page).await?;
                let info = page.cut(&mut found, NOTICES, |notice| notice.id.to_string());
                let mut notices = Vec::with_capacity(found.len());
                for notice in found {
                    notices.push(with_addresses(&mut snapshot, notice).await?);
                }
                Ok(pb::ListLiaisonNoticesResponse { notices, page: Some(info) })
            })
            .await
    }
}

const NOTICES: &str = "liaison-notices";

/// A notice as the wire has it, with the addresses of those whom its removals name.
async fn with_addresses(
    connection: &mut AnyConnection,
    notice: LiaisonNotice,
) -> Result<pb::LiaisonNotice, StoreError> {
    let addresses = liaison_notices::address_list(connection, notice.id).await?;
    let mut message = pb::LiaisonNotice::from(notice);
    let of = |contact_id: &str| addresses.get(contact_id).cloned().unwrap_or_default();
    for removal in &mut message.removals {
        (removal.email, removal.successor_email) = (of(&removal.contact_id), of(&removal.successor_contact_id));
    }
    Ok(message)
}

/// Notices, perhaps of one end user, perhaps of one agreement.
struct Notices(ListOf<(Option<EndUserId>, Option<AgreementId>)>);

impl TryFrom<pb::SubmitLiaisonNoticeRequest> for SubmitNotice {
    type Error = Violations;

    fn try_from(request: pb::SubmitLiaisonNoticeRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("notice", request.notice, read_notice);
        violations.finish(command)
    }
}

fn read_notice(notice: pb::LiaisonNotice, v: &mut Violations) -> Option<SubmitNotice> {
    v.refuse_set("liaison_notice_id", !notice.liaison_notice_id.is_empty());
    v.refuse_set("end_user_id", !notice.end_user_id.is_empty());
    v.refuse_set("state", notice.state != 0);
    v.refuse_set("counts_as_change", notice.counts_as_change);
    v.refuse_set("effective_time", notice.effective_time.is_some());
    v.refuse_set("successor_grace_ends", notice.successor_grace_ends.is_some());
    v.refuse_set("create_time", notice.create_time.is_some());
    v.refuse_set("end_time", notice.end_time.is_some());
    let agreement_id = v.take("agreement_id", id::parse(&notice.agreement_id));
    let submitted_by = v.take("submitted_by", text::line(&notice.submitted_by, 200));
    let effective_on = v.take("effective_on", dates::date(&notice.effective_on));
    let document_digest = v.take("document_digest", read::digest(&notice.document_digest));
    let added = notice.additions.len();
    if notice.removals.is_empty() && added == 0 {
        v.add("removals", "must name somebody, or additions must");
    }
    for (field, count) in [("removals", notice.removals.len()), ("additions", added)] {
        if count > MAX_PEOPLE {
            v.add(field, format!("must be at most {MAX_PEOPLE}"));
        }
    }
    let (mut removals, mut additions) = (Vec::new(), Vec::new());
    for (place, removal) in notice.removals.into_iter().enumerate().take(MAX_PEOPLE) {
        let read = |removal, v: &mut Violations| read_removal(removal, added, v);
        removals.extend(v.nested(&format!("removals[{place}]"), Some(removal), read));
    }
    for (place, addition) in notice.additions.into_iter().enumerate().take(MAX_PEOPLE) {
        additions.extend(v.nested(&format!("additions[{place}]"), Some(addition), read_addition));
    }
    Some(SubmitNotice {
        agreement_id: agreement_id?,
        submitted_by: submitted_by?,
        effective_on: effective_on?,
        document_digest: document_digest?,
        removals,
        additions,
    })
}

fn read_removal(removal: pb::LiaisonRemoval, added: usize, v: &mut Violations) -> Option<(ContactId, Successor)> {
    v.refuse_set("email", !removal.email.is_empty());
    v.refuse_set("successor_email", !removal.successor_email.is_empty());
    v.refuse_set("struck", removal.struck);
    let contact_id = v.take("contact_id", id::parse(&removal.contact_id));
    let successor = match (removal.successor_contact_id.as_str(), usize::try_from(removal.successor_addition)) {
        ("", Ok(0)) => Some(Successor::Nobody),
        ("", Ok(number)) if number <= added => Some(Successor::Addition(number - 1)),
        ("", _) => v.take("successor_addition", Err("must be the place of one of the additions, counted from 1")),
        (successor, Ok(0)) => v.take("successor_contact_id", id::parse(successor)).map(Successor::Contact),
        (_, _) => v.take("successor_addition", Err("must be 0 beside a successor_contact_id")),
    };
    contact_id.zip(successor)
}

fn read_addition(addition: pb::LiaisonAddition, v: &mut Violations) -> Option<Person> {
    v.refuse_set("contact_id", !addition.contact_id.is_empty());
    v.refuse_set("struck", addition.struck);
    let name = v.take("name", text::line(&addition.name, 200));
    let email = v.take("email", text::email(&addition.email));
    Some(Person { name: name?, email: email?, administrative_rights: addition.administrative_rights })
}

impl TryFrom<pb::WithdrawLiaisonNoticeRequest> for WithdrawNotice {
    type Error = Violations;

    fn try_from(request: pb::WithdrawLiaisonNoticeRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("liaison_notice_id", id::parse(&request.liaison_notice_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::GetLiaisonNoticeRequest> for One<LiaisonNoticeId> {
    type Error = Violations;

    fn try_from(request: pb::GetLiaisonNoticeRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("liaison_notice_id", id::parse(&request.liaison_notice_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListLiaisonNoticesRequest> for Notices {
    type Error = Violations;

    fn try_from(request: pb::ListLiaisonNoticesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", read::optional(&request.end_user_id, EndUserId::parse));
        let agreement_id = violations.take("agreement_id", read::optional(&request.agreement_id, id::parse));
        let page = violations.absorb(vouch_host::Page::read(request.page, NOTICES));
        let filter = end_user_id.zip(agreement_id);
        violations.finish(page.zip(filter).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

impl From<LiaisonNotice> for pb::LiaisonNotice {
    fn from(notice: LiaisonNotice) -> Self {
        Self {
            liaison_notice_id: notice.id.to_string(),
            agreement_id: notice.agreement_id.to_string(),
            end_user_id: notice.end_user_id.to_string(),
            counts_as_change: notice.counts(),
            submitted_by: notice.submitted_by,
            effective_on: notice.effective_on.to_string(),
            document_digest: notice.document_digest.to_vec().into(),
            removals: notice.removals.into_iter().map(Into::into).collect(),
            additions: notice.additions.into_iter().map(Into::into).collect(),
            state: match notice.state {
                LiaisonNoticeState::Pending => pb::LiaisonNoticeState::Pending,
                LiaisonNoticeState::Applied => pb::LiaisonNoticeState::Applied,
                LiaisonNoticeState::Withdrawn => pb::LiaisonNoticeState::Withdrawn,
            }
            .into(),
            effective_time: Some(timestamp(notice.effective_at)),
            successor_grace_ends: Some(timestamp(notice.grace_ends_at)),
            create_time: Some(timestamp(notice.created_at)),
            end_time: notice.ended_at.map(timestamp),
        }
    }
}

impl From<Removal> for pb::LiaisonRemoval {
    fn from(removal: Removal) -> Self {
        Self {
            contact_id: removal.contact_id.to_string(),
            successor_contact_id: removal.successor.map(|id| id.to_string()).unwrap_or_default(),
            struck: removal.struck,
            ..Self::default()
        }
    }
}

impl From<Addition> for pb::LiaisonAddition {
    fn from(addition: Addition) -> Self {
        Self {
            contact_id: addition.contact_id.to_string(),
            name: addition.person.name,
            email: addition.person.email,
            administrative_rights: addition.person.administrative_rights,
            struck: addition.struck,
        }
    }
}

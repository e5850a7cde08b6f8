//! Reading what is asked of online accounts, and telling of them.

use jiff::Timestamp;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::id::AgreementId;
use vouch_core::{Violations, id, text};

use super::read::ListOf;
use crate::commands::online_accounts::{AccountOf, ConfirmAccount, EndAccount, RequestAccount};
use crate::domain::online_account::{AccountState, Origin};

pub(super) const ACCOUNTS: &str = "online-accounts";

/// The accounts of one agreement.
pub(super) struct AccountsOf(pub ListOf<AgreementId>);

impl TryFrom<pb::RequestOnlineAccountRequest> for RequestAccount {
    type Error = Violations;

    fn try_from(request: pb::RequestOnlineAccountRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("online_account", request.online_account, read_account);
        violations.finish(command)
    }
}

fn read_account(account: pb::OnlineAccount, v: &mut Violations) -> Option<RequestAccount> {
    v.refuse_set("online_account_id", !account.online_account_id.is_empty());
    v.refuse_set("state", account.state != 0);
    v.refuse_set("create_time", account.create_time.is_some());
    v.refuse_set("confirm_time", account.confirm_time.is_some());
    v.refuse_set("end_time", account.end_time.is_some());
    v.refuse_set("end_note", !account.end_note.is_empty());
    let agreement_id = v.take("agreement_id", id::parse(&account.agreement_id));
    let name = v.take("name", text::line(&account.name, 200));
    let email = v.take("email", text::email(&account.email));
    let referring = v.take("referring_contact_id", id::parse(&account.referring_contact_id));
    let origin = v.take("origin", read_origin(account.origin));
    Some(RequestAccount {
        agreement_id: agreement_id?,
        name: name?,
        email: email?,
        referring: referring?,
        origin: origin?,
    })
}

fn read_origin(number: i32) -> Result<Origin, String> {
    match pb::OnlineAccountOrigin::try_from(number) {
        Ok(pb::OnlineAccountOrigin::Liaison) => Ok(Origin::Liaison),
        Ok(pb::OnlineAccountOrigin::Desk) => Ok(Origin::Desk),
        Ok(pb::OnlineAccountOrigin::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

impl TryFrom<pb::ConfirmOnlineAccountRequest> for ConfirmAccount {
    type Error = Violations;

    fn try_from(request: pb::ConfirmOnlineAccountRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("online_account_id", id::parse(&request.online_account_id));
        let contact_id = violations.take("contact_id", id::parse(&request.contact_id));
        violations.finish(id.zip(contact_id).map(|(id, contact_id)| Self { id, contact_id }))
    }
}

impl TryFrom<pb::EndOnlineAccountRequest> for EndAccount {
    type Error = Violations;

    fn try_from(request: pb::EndOnlineAccountRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("online_account_id", id::parse(&request.online_account_id));
        let note = violations.take("note", text::line(&request.note, 500));
        violations.finish(id.zip(note).map(|(id, note)| Self { id, note }))
    }
}

impl TryFrom<pb::ListOnlineAccountsRequest> for AccountsOf {
    type Error = Violations;

    fn try_from(request: pb::ListOnlineAccountsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, ACCOUNTS));
        violations.finish(page.zip(agreement_id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

/// An account with what it is good for now.
pub(super) fn told((account, agreement): AccountOf, now: Timestamp) -> pb::OnlineAccount {
    pb::OnlineAccount {
        online_account_id: account.id.to_string(),
        agreement_id: account.agreement_id.to_string(),
        state: match account.state(&agreement, now) {
            AccountState::Pending => pb::OnlineAccountState::Pending,
            AccountState::Active => pb::OnlineAccountState::Active,
            AccountState::Lapsed => pb::OnlineAccountState::Lapsed,
            AccountState::Ended => pb::OnlineAccountState::Ended,
        }
        .into(),
        name: account.name,
        email: account.email,
        referring_contact_id: account.referring.to_string(),
        origin: match account.origin {
            Origin::Liaison => pb::OnlineAccountOrigin::Liaison,
            Origin::Desk => pb::OnlineAccountOrigin::Desk,
        }
        .into(),
        create_time: Some(timestamp(account.created_at)),
        confirm_time: account.confirmed_at.map(timestamp),
        end_time: account.ended_at.map(timestamp),
        end_note: account.end_note,
    }
}

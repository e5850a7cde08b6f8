//! The right to online accounts.
//!
//! Proves S10.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::directory_service_client::DirectoryServiceClient;
use vouch_contract::pb::license::v1::named_person_service_client::NamedPersonServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::sdk_users::{LINUS, rights_of};
use crate::support::{ADA, Service, agreement, exists, not_found};

use pb::OnlineAccountState::{Active, Ended, Lapsed, Pending};

pub(crate) fn account(
    agreement_id: &str,
    referring: &str,
    email: &str,
    origin: pb::OnlineAccountOrigin,
) -> pb::RequestOnlineAccountRequest {
    let online_account = pb::OnlineAccount {
        agreement_id: agreement_id.into(),
        name: "Linus".into(),
        email: email.into(),
        referring_contact_id: referring.into(),
        origin: origin.into(),
        ..pb::OnlineAccount::default()
    };
    pb::RequestOnlineAccountRequest { request_id: fresh(), online_account: Some(online_account) }
}

fn confirm(id: &str, contact_id: &str) -> pb::ConfirmOnlineAccountRequest {
    let (online_account_id, contact_id) = (id.into(), contact_id.into());
    pb::ConfirmOnlineAccountRequest { request_id: fresh(), online_account_id, contact_id }
}

fn end(id: &str) -> pb::EndOnlineAccountRequest {
    let note = "C. Babbage wrote that he left the project".into();
    pb::EndOnlineAccountRequest { request_id: fresh(), online_account_id: id.into(), note }
}

fn list(agreement_id: &str) -> pb::ListOnlineAccountsRequest {
    pb::ListOnlineAccountsRequest { agreement_id: agreement_id.into(), page: None }
}

fn precondition(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.into())
}

impl Service {
    /// What the one account of an agreement is good for now.
    async fn account_state(&self, agreement_id: &str) -> pb::OnlineAccountState {
        let mut accounts = self.people().list_online_accounts(list(agreement_id)).await.unwrap().into_inner();
        accounts.online_accounts.remove(0).state()
    }
}

on_both_engines! {
    async fn s10_a_liaison_requests_an_account_or_confirms_what_the_desk_was_asked_for(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let id = service.cover("standard").await.agreement.agreement_id;
        let ada = service.agreement(&id).await.liaisons[0].contact_id.clone();
        let grace = service.liaison(&id, "grace@contoso.example").await;
        let mut desk = NamedPersonServiceClient::new(service.partner());
        let asked = account(&id, &ada, LINUS, pb::OnlineAccountOrigin::Desk);
        let asked = desk.request_online_account(asked).await.unwrap().into_inner().online_account.unwrap();
        assert_eq!((asked.state(), asked.confirm_time), (Pending, None));
        let again = account(&id, &ada, LINUS, pb::OnlineAccountOrigin::Liaison);
        assert_eq!(refused(desk.request_online_account(again).await), exists());

        let other = confirm(&asked.online_account_id, &grace);
        assert_eq!(fields(desk.confirm_online_account(other).await), ["contact_id"], "the referring liaison, no other");
        let word = confirm(&asked.online_account_id, &ada);
        let confirmed = desk.confirm_online_account(word).await.unwrap().into_inner().online_account.unwrap();
        assert_eq!((confirmed.state(), confirmed.confirm_time.is_some()), (Active, true));
        let twice = confirm(&asked.online_account_id, &ada);
        assert_eq!(refused(desk.confirm_online_account(twice).await), precondition("STATE_CONFLICT"));

        let by_liaison = account(&id, &grace, "p@contoso.example", pb::OnlineAccountOrigin::Liaison);
        let by_liaison = desk.request_online_account(by_liaison).await.unwrap().into_inner().online_account.unwrap();
        assert_eq!(by_liaison.state(), Active);
        let waiting = account(&id, &grace, "q@contoso.example", pb::OnlineAccountOrigin::Desk);
        let waiting = desk.request_online_account(waiting).await.unwrap().into_inner().online_account.unwrap();
        let ends = pb::EndLiaisonRequest { request_id: fresh(), agreement_id: id.clone(), contact_id: grace.clone() };
        service.agreements().end_liaison(ends).await.unwrap();
        let states = service.rights("p@contoso.example").await.online_accounts;
        assert_eq!(states[0].state(), Active, "the account outlives the liaison's role");
        let late = confirm(&waiting.online_account_id, &grace);
        assert_eq!(refused(desk.confirm_online_account(late).await), precondition("CONTACT_NOT_NAMED"));
        let late = account(&id, &grace, "r@contoso.example", pb::OnlineAccountOrigin::Liaison);
        assert_eq!(refused(desk.request_online_account(late).await), precondition("CONTACT_NOT_NAMED"));
    }

    async fn s10_an_account_lapses_with_its_agreement_and_comes_back_with_it(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let short = pb::Agreement { valid_until: "2026-06-30".into(), ..agreement("contoso", "standard") };
        let id = service.agreed_as(short).await.agreement_id;
        let ada = service.liaison(&id, ADA).await;
        let asked = account(&id, &ada, ADA, pb::OnlineAccountOrigin::Liaison);
        service.people().request_online_account(asked).await.unwrap();
        let set = async |state: pb::AgreementState| {
            let etag = service.agreement(&id).await.etag;
            let (request_id, agreement_id) = (fresh(), id.clone());
            let (state, note) = (state.into(), String::new());
            let set = pb::SetAgreementStateRequest { request_id, agreement_id, etag, state, note };
            service.agreements().set_agreement_state(set).await.unwrap();
        };
        set(pb::AgreementState::Suspended).await;
        assert_eq!(service.account_state(&id).await, Lapsed);
        set(pb::AgreementState::Active).await;
        assert_eq!(service.account_state(&id).await, Active);

        clock.set("2026-07-01T06:00:00Z");
        assert_eq!(service.account_state(&id).await, Lapsed, "no job was needed for it");
        let rights = service.rights(ADA).await;
        assert_eq!((rights.online_accounts[0].state(), rights.liaison_roles[0].in_force), (Lapsed, false));
        let late = account(&id, &ada, LINUS, pb::OnlineAccountOrigin::Liaison);
        assert_eq!(refused(service.people().request_online_account(late).await), precondition("AGREEMENT_NOT_IN_FORCE"));
        let renew = pb::RenewAgreementRequest {
            request_id: fresh(),
            agreement_id: id.clone(),
            etag: service.agreement(&id).await.etag,
            valid_until: "2026-12-31".into(),
        };
        service.agreements().renew_agreement(renew).await.unwrap();
        assert_eq!(service.account_state(&id).await, Active);
    }

    async fn s10_the_customer_says_which_account_ends_and_it_ends_for_good(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let id = service.cover("standard").await.agreement.agreement_id;
        let ada = service.agreement(&id).await.liaisons[0].contact_id.clone();
        let ask = || account(&id, &ada, LINUS, pb::OnlineAccountOrigin::Liaison);
        let asked = service.people().request_online_account(ask()).await.unwrap().into_inner().online_account.unwrap();
        let mut desk = NamedPersonServiceClient::new(service.partner());
        let ended = desk.end_online_account(end(&asked.online_account_id)).await.unwrap().into_inner();
        let ended = ended.online_account.unwrap();
        assert_eq!((ended.state(), ended.end_note.contains("Babbage")), (Ended, true));
        let again = end(&asked.online_account_id);
        assert_eq!(refused(desk.end_online_account(again).await), precondition("STATE_CONFLICT"));
        let late = confirm(&asked.online_account_id, &ada);
        assert_eq!(refused(desk.confirm_online_account(late).await), precondition("STATE_CONFLICT"));
        assert!(service.rights(LINUS).await.online_accounts.is_empty());
        service.people().request_online_account(ask()).await.expect("the address is free again");
        let listed = desk.list_online_accounts(list(&id)).await.unwrap().into_inner().online_accounts;
        assert_eq!(listed.len(), 2, "what ended stays on record");
    }

    async fn s10_who_is_not_responsible_for_the_end_user_finds_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let id = service.cover("standard").await.agreement.agreement_id;
        let ada = service.agreement(&id).await.liaisons[0].contact_id.clone();
        let ask = || account(&id, &ada, LINUS, pb::OnlineAccountOrigin::Desk);
        let asked = service.people().request_online_account(ask()).await.unwrap().into_inner().online_account.unwrap();
        let mut south = NamedPersonServiceClient::new(service.other_partner());
        assert_eq!(refused(south.request_online_account(ask()).await), not_found());
        let word = confirm(&asked.online_account_id, &ada);
        assert_eq!(refused(south.confirm_online_account(word).await), not_found());
        assert_eq!(refused(south.end_online_account(end(&asked.online_account_id)).await), not_found());
        assert_eq!(refused(south.list_online_accounts(list(&id)).await), not_found());

        let mut south = DirectoryServiceClient::new(service.other_partner());
        assert_eq!(refused(south.get_person_rights(rights_of("contoso", ADA)).await), not_found());
        let mut north = DirectoryServiceClient::new(service.partner());
        let told = north.get_person_rights(rights_of("contoso", &ADA.to_uppercase())).await.unwrap().into_inner();
        assert_eq!((told.liaison_roles[0].contact_id.as_str(), told.liaison_roles[0].in_force), (ada.as_str(), true));
        let mut staff = DirectoryServiceClient::new(service.staff());
        assert_eq!(refused(staff.get_person_rights(rights_of("nobody", ADA)).await), not_found());
        assert_eq!(fields(staff.get_person_rights(rights_of("?", "?")).await), ["end_user_id", "email"]);
        let bad = pb::RequestOnlineAccountRequest {
            request_id: fresh(),
            online_account: Some(pb::OnlineAccount { end_note: "x".into(), ..pb::OnlineAccount::default() }),
        };
        let named = fields(service.people().request_online_account(bad).await);
        let expected = ["end_note", "agreement_id", "name", "email", "referring_contact_id", "origin"];
        assert_eq!(named, expected.map(|field| format!("online_account.{field}")));
    }
}

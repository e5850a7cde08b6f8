//! Telling end users their support contact.
//!
//! Proves Q01.

use std::time::Duration;

use vouch_contract::pb::license::v1 as pb;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::mail_server::{BUSY, MailServer, NOBODY};
use crate::support::{ADA, Service, agreement, license, name_request, not_found};

impl Service {
    async fn licensed(&self) {
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license("contoso")) };
        self.licenses().create_license(request).await.unwrap();
    }

    /// Enters an agreement from a day on; its id.
    async fn agreed(&self, valid_from: &str) -> String {
        let agreement = pb::Agreement { valid_from: valid_from.into(), ..agreement("contoso", "standard") };
        let request = pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement) };
        self.agreements().create_agreement(request).await.unwrap().into_inner().agreement.unwrap().agreement_id
    }

    async fn named(&self, agreement_id: &str, email: &str) -> String {
        let named = self.agreements().name_liaison(name_request(agreement_id, email)).await.unwrap();
        named.into_inner().liaison.unwrap().contact_id
    }

    /// The notices of an agreement, by address: ids of one millisecond have no order.
    async fn notices(&self, agreement_id: &str) -> Vec<pb::SupportContactNotice> {
        let request = pb::ListSupportContactNoticesRequest { agreement_id: agreement_id.into(), page: None };
        let mut notices = self.agreements().list_support_contact_notices(request).await.unwrap().into_inner().notices;
        notices.sort_by(|one, other| one.email.cmp(&other.email));
        notices
    }

    /// Asks for the notices until they are as wanted.
    async fn notices_when(
        &self,
        agreement_id: &str,
        wanted: impl Fn(&[pb::SupportContactNotice]) -> bool,
    ) -> Vec<pb::SupportContactNotice> {
        let asking = async {
            loop {
                let notices = self.notices(agreement_id).await;
                if wanted(&notices) {
                    return notices;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap()
    }

    /// Waits until no notice is pending.
    async fn settled(&self, agreement_id: &str) -> Vec<pb::SupportContactNotice> {
        let is_settled = |notice: &pb::SupportContactNotice| notice.state() != pb::SupportContactNoticeState::Pending;
        self.notices_when(agreement_id, |notices| notices.iter().all(is_settled)).await
    }
}

on_both_engines! {
    async fn q01_the_support_contact_is_sent_to_each_person_named_when_the_agreement_starts(database: Database) {
        let (clock, mail) = (ManualClock::at("2026-06-01T10:00:00Z"), MailServer::start().await);
        let service = Service::start_with_mail(&database, clock.world(), &mail.url).await.with_catalogue().await;
        service.licensed().await;
        let id = service.agreed("2026-06-08").await;
        service.named(&id, ADA).await;
        let left = service.named(&id, "grace@contoso.example").await;
        let end = pb::EndLiaisonRequest { request_id: fresh(), agreement_id: id.clone(), contact_id: left };
        service.agreements().end_liaison(end).await.unwrap();
        let owed = service.notices(&id).await;
        assert_eq!(owed[0].due_time.unwrap().seconds, 1_780_898_400, "8 June 2026, 00:00 in Denver");
        assert_eq!((owed[0].state(), mail.taken()), (pb::SupportContactNoticeState::Pending, 0), "it has not started");

        clock.set("2026-06-08T06:00:00Z");
        let letter = mail.letters(1).await.remove(0);
        for part in [
            "From: Acme <support@acme.example>",
            "To: ada@contoso.example",
            "Subject: Your support contact: north Systems",
            "Date: Mon, 08 Jun 2026 06:00:00 +0000",
            &format!("Message-ID: <{}@acme.example>", owed[0].notice_id),
            "help@north.example",
            "+49 30 123456",
        ] {
            assert!(letter.contains(part), "{part} is missing in:\n{letter}");
        }
        let told = service.settled(&id).await;
        assert_eq!((told[0].state(), &told[0].partner_ids[..]), (pb::SupportContactNoticeState::Sent, &["north".to_owned()][..]));
        assert_eq!(told[0].end_time.unwrap().seconds, 1_780_898_400);
        assert_eq!(told[1].state(), pb::SupportContactNoticeState::Dropped, "who is not named any more is not told");
        assert_eq!((told[1].problem.as_str(), mail.taken()), ("the person's role ended before", 1));
    }

    async fn q01_a_letter_that_cannot_leave_is_tried_again_and_a_refused_address_is_told(database: Database) {
        let (clock, mail) = (ManualClock::at("2026-06-08T10:00:00Z"), MailServer::start().await);
        let service = Service::start_with_mail(&database, clock.world(), &mail.url).await.with_catalogue().await;
        service.licensed().await;
        let id = service.agreed("2026-06-08").await;
        service.named(&id, &format!("{BUSY}@contoso.example")).await;
        service.named(&id, &format!("{NOBODY}@contoso.example")).await;
        let delayed = service.notices_when(&id, |notices| !notices[0].problem.is_empty()).await.remove(0);
        assert!(delayed.problem.contains("come again"), "{}", delayed.problem);
        clock.advance_seconds(1);
        let told = service.settled(&id).await;
        let refusal = (told[1].state(), told[1].problem.as_str());
        assert_eq!(refusal.0, pb::SupportContactNoticeState::Refused);
        assert!(refusal.1.contains("nobody of that name"), "{}", refusal.1);
        assert_eq!((told[0].state(), told[0].problem.as_str()), (pb::SupportContactNoticeState::Sent, ""));
        assert_eq!(mail.letters(1).await.len(), 1);
    }

    async fn q01_while_an_agreement_is_suspended_its_letters_wait(database: Database) {
        let (clock, mail) = (ManualClock::at("2026-06-01T10:00:00Z"), MailServer::start().await);
        let service = Service::start_with_mail(&database, clock.world(), &mail.url).await.with_catalogue().await;
        service.licensed().await;
        let id = service.agreed("2026-06-08").await;
        service.named(&id, ADA).await;
        let get = pb::GetAgreementRequest { agreement_id: id.clone() };
        let etag = service.agreements().get_agreement(get).await.unwrap().into_inner().agreement.unwrap().etag;
        let suspend = |etag: String, state: pb::AgreementState| pb::SetAgreementStateRequest {
            request_id: fresh(),
            agreement_id: id.clone(),
            etag,
            state: state.into(),
            ..Default::default()
        };
        let suspended = service.agreements().set_agreement_state(suspend(etag, pb::AgreementState::Suspended)).await;
        let etag = suspended.unwrap().into_inner().agreement.unwrap().etag;
        clock.set("2026-06-08T06:00:00Z");
        let waiting = service.notices_when(&id, |notices| !notices[0].problem.is_empty()).await;
        assert_eq!((waiting[0].problem.as_str(), mail.taken()), ("the agreement is suspended", 0));
        service.agreements().set_agreement_state(suspend(etag, pb::AgreementState::Active)).await.unwrap();
        clock.advance_seconds(60);
        assert_eq!(service.settled(&id).await[0].state(), pb::SupportContactNoticeState::Sent);
    }

    async fn q01_without_mail_letters_wait_and_are_sent_once_there_is_some(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.licensed().await;
        let id = service.agreed("2026-01-01").await;
        service.named(&id, ADA).await;
        assert_eq!(service.notices(&id).await[0].state(), pb::SupportContactNoticeState::Pending);
        let mail = MailServer::start().await;
        let service = service.restart_with_mail(&database, &mail.url).await;
        mail.letters(1).await;
        assert_eq!(service.settled(&id).await[0].state(), pb::SupportContactNoticeState::Sent);
    }

    async fn q01_notices_of_no_agreement_are_not_found(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let list = |id: &str| pb::ListSupportContactNoticesRequest { agreement_id: id.into(), page: None };
        let unknown = list("agr_01jz0000000000000000000000");
        assert_eq!(refused(service.agreements().list_support_contact_notices(unknown).await), not_found());
        let bad = service.agreements().list_support_contact_notices(list("x")).await;
        assert_eq!(fields(bad), ["agreement_id"]);
    }
}

//! Changes of liaisons by written notice.
//!
//! Proves S03.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::liaison_notice_service_client::LiaisonNoticeServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;
use vouch_storage::testing::Database;

use crate::business_calendar::holiday;
use crate::support::{ADA, Service, agreement, exists, name_request, not_found};

pub(crate) const GRACE: &str = "grace@contoso.example";
const LINUS: &str = "linus@contoso.example";

impl Service {
    pub(crate) fn liaison_notices(&self) -> LiaisonNoticeServiceClient<BearerChannel> {
        LiaisonNoticeServiceClient::new(self.staff())
    }

    /// A service at an instant, with the holidays of the examples and an agreement from 15 September 2025 on.
    pub(crate) async fn in_contract_year(database: &Database, clock: &Arc<ManualClock>, seats: i32) -> (Self, String) {
        let service = Self::start_with(database, clock.world(), |_| {}).await.with_catalogue().await;
        let holidays = vec![holiday("2026-05-25", "Memorial Day"), holiday("2026-06-19", "Juneteenth")];
        let service = service.with_holidays(holidays).await;
        let agreement = pb::Agreement {
            valid_from: "2025-09-15".into(),
            valid_until: "2028-09-14".into(),
            liaison_seats: seats,
            ..agreement("contoso", "standard")
        };
        let id = service.agreed_as(agreement).await.agreement_id;
        (service, id)
    }

    /// Names a person; its id.
    pub(crate) async fn liaison(&self, agreement_id: &str, email: &str) -> String {
        let named = self.agreements().name_liaison(name_request(agreement_id, email)).await.unwrap();
        named.into_inner().liaison.unwrap().contact_id
    }

    pub(crate) async fn submitted(&self, notice: pb::LiaisonNotice) -> (pb::LiaisonNotice, i32) {
        let told = self.liaison_notices().submit_liaison_notice(submit(notice)).await.unwrap().into_inner();
        (told.notice.unwrap(), told.changes_used)
    }

    /// What stands against a notice, each with its field.
    async fn found_against(&self, notice: pb::LiaisonNotice) -> Vec<common::Finding> {
        let status = self.liaison_notices().submit_liaison_notice(submit(notice)).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert_eq!(vouch_contract::status::reason_of(&status), "LIAISON_NOTICE_REFUSED");
        vouch_contract::status::findings(&status).unwrap().findings
    }

    pub(crate) async fn notice(&self, id: &str) -> pb::LiaisonNotice {
        let get = pb::GetLiaisonNoticeRequest { liaison_notice_id: id.into() };
        self.liaison_notices().get_liaison_notice(get).await.unwrap().into_inner().notice.unwrap()
    }

    /// Asks for a notice until it has taken effect.
    pub(crate) async fn applied(&self, id: &str) -> pb::LiaisonNotice {
        let asking = async {
            loop {
                let notice = self.notice(id).await;
                if notice.state() == pb::LiaisonNoticeState::Applied {
                    return notice;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap()
    }

    /// The addresses named now, by their letters: ids of one millisecond have no order.
    pub(crate) async fn named_now(&self, agreement_id: &str) -> Vec<String> {
        let liaisons = self.agreement(agreement_id).await.liaisons.into_iter();
        let mut named: Vec<_> = liaisons.map(|liaison| liaison.email).collect();
        named.sort_unstable();
        named
    }
}

pub(crate) fn notice(agreement_id: &str, effective_on: &str) -> pb::LiaisonNotice {
    pb::LiaisonNotice {
        agreement_id: agreement_id.into(),
        submitted_by: "C. Babbage, head of operations".into(),
        effective_on: effective_on.into(),
        document_digest: vec![7; 32].into(),
        ..pb::LiaisonNotice::default()
    }
}

fn submit(notice: pb::LiaisonNotice) -> pb::SubmitLiaisonNoticeRequest {
    pb::SubmitLiaisonNoticeRequest { request_id: fresh(), notice: Some(notice) }
}

fn withdraw(id: &str) -> pb::WithdrawLiaisonNoticeRequest {
    pb::WithdrawLiaisonNoticeRequest { request_id: fresh(), liaison_notice_id: id.into() }
}

pub(crate) fn removal(contact_id: &str) -> pb::LiaisonRemoval {
    pb::LiaisonRemoval { contact_id: contact_id.into(), ..pb::LiaisonRemoval::default() }
}

/// A removal after which the first addition of the notice takes over.
pub(crate) fn replaced(contact_id: &str) -> pb::LiaisonRemoval {
    pb::LiaisonRemoval { successor_addition: 1, ..removal(contact_id) }
}

pub(crate) fn addition(email: &str) -> pb::LiaisonAddition {
    pb::LiaisonAddition { name: "Somebody".into(), email: email.into(), ..pb::LiaisonAddition::default() }
}

pub(crate) fn seconds(timestamp: Option<prost_types::Timestamp>) -> i64 {
    timestamp.unwrap().seconds
}

pub(crate) fn at(instant: &str) -> i64 {
    instant.parse::<jiff::Timestamp>().unwrap().as_second()
}

fn subjects(findings: &[common::Finding]) -> Vec<(common::Reason, &str)> {
    findings.iter().map(|finding| (finding.reason(), finding.subject.as_str())).collect()
}

on_both_engines! {
    async fn s03_a_notice_leaves_one_full_business_day_and_takes_effect_when_its_day_begins(database: Database) {
        // Friday 22 May, 16:00 in Denver; Monday is Memorial Day.
        let clock = ManualClock::at("2026-05-22T22:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 2).await;
        let replica = service.replica(&database).await;
        let (ada, _) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let swap = |effective_on: &str| pb::LiaisonNotice {
            removals: vec![replaced(&ada)],
            additions: vec![addition(LINUS)],
            ..notice(&id, effective_on)
        };
        let early = service.found_against(swap("2026-05-26")).await;
        assert_eq!(subjects(&early), [(common::Reason::NoticeTooLate, "notice.effective_on")]);
        assert_eq!(seconds(early[0].clears_at), at("2026-05-27T06:00:00Z"), "it tells the first day possible");

        let request = submit(swap("2026-05-27"));
        let told = service.liaison_notices().submit_liaison_notice(request.clone()).await.unwrap().into_inner();
        let again = service.liaison_notices().submit_liaison_notice(request).await.unwrap().into_inner();
        assert_eq!((&told, told.changes_used), (&again, 1), "a repeat is no second change");
        let pending = told.notice.unwrap();
        assert_eq!((pending.state(), pending.counts_as_change), (pb::LiaisonNoticeState::Pending, true));
        assert_eq!(seconds(pending.effective_time), at("2026-05-27T06:00:00Z"));
        let linus = pending.additions[0].contact_id.clone();
        assert_eq!(pending.removals[0].successor_contact_id, linus, "the successor is known before the day");
        assert_eq!(service.named_now(&id).await, [ADA, GRACE]);

        clock.set("2026-05-27T06:00:00Z");
        let applied = service.applied(&pending.liaison_notice_id).await;
        assert_eq!(seconds(applied.end_time), at("2026-05-27T06:00:00Z"));
        let now = service.agreement(&id).await;
        let named: Vec<_> = now.liaisons.iter().map(|one| (one.email.as_str(), one.contact_id.as_str())).collect();
        assert_eq!(named[1], (LINUS, linus.as_str()));
        assert_eq!((named.len(), now.etag.as_str()), (2, "v4"), "carried out once, whoever came first");
        let late = refused(service.liaison_notices().withdraw_liaison_notice(withdraw(&applied.liaison_notice_id)).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));

        let letters = pb::ListSupportContactNoticesRequest { agreement_id: id.clone(), page: None };
        let letters = service.agreements().list_support_contact_notices(letters).await.unwrap().into_inner().notices;
        assert!(letters.iter().any(|letter| letter.contact_id == linus), "who is named by a notice is owed the letter");
        drop(replica);
    }

    async fn s03_checks_know_of_a_notice_that_took_effect(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 1).await;
        let ada = service.liaison(&id, ADA).await;
        let licenses = pb::ListLicensesRequest::default();
        let license = service.licenses().list_licenses(licenses).await.unwrap().into_inner().licenses.remove(0);
        let swap = pb::LiaisonNotice {
            removals: vec![removal(&ada)],
            additions: vec![addition(LINUS)],
            ..notice(&id, "2026-06-10")
        };
        let (swap, _) = service.submitted(swap).await;
        let check = |email: &str| pb::CheckEntitlementRequest {
            question: Some(pb::EntitlementQuestion {
                license: Some(pb::LicenseRef {
                    r#ref: Some(pb::license_ref::Ref::LicenseId(license.license_id.clone())),
                }),
                contact_email: email.into(),
                ..pb::EntitlementQuestion::default()
            }),
            at_least_revision: 0,
            explain: true,
            ..Default::default()
        };
        let ask = async |email: &str| {
            let mut staff = EntitlementServiceClient::new(service.staff());
            let answer = staff.check_entitlement(check(email)).await.unwrap().into_inner().answer;
            answer.unwrap().verdict()
        };
        assert_eq!((ask(ADA).await, ask(LINUS).await), (pb::Verdict::Entitled, pb::Verdict::NotEntitled));
        clock.set("2026-06-10T06:00:00Z");
        service.applied(&swap.liaison_notice_id).await;
        assert_eq!((ask(ADA).await, ask(LINUS).await), (pb::Verdict::NotEntitled, pb::Verdict::Entitled));
    }

    async fn s03_the_seventh_change_of_a_contract_year_is_refused_and_told_when_it_becomes_possible(database: Database) {
        let clock = ManualClock::at("2026-05-22T22:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 1).await;
        let mut last = service.liaison(&id, "p0@contoso.example").await;
        let next = |last: &str, n: usize, effective_on: &str| pb::LiaisonNotice {
            removals: vec![replaced(last)],
            additions: vec![addition(&format!("p{n}@contoso.example"))],
            ..notice(&id, effective_on)
        };
        for n in 1..=6 {
            let (taken, used) = service.submitted(next(&last, n, &format!("2026-06-{:02}", n + 7))).await;
            assert_eq!(used, i32::try_from(n).unwrap());
            last.clone_from(&taken.additions[0].contact_id);
        }
        let seventh = service.found_against(next(&last, 7, "2026-09-14")).await;
        assert_eq!(subjects(&seventh), [(common::Reason::LiaisonChangesExhausted, "notice.effective_on")]);
        assert_eq!(seconds(seventh[0].clears_at), at("2026-09-15T06:00:00Z"));

        service.grant(&id, 3).await.unwrap();
        let fill = pb::LiaisonNotice { additions: vec![addition(ADA), addition(GRACE)], ..notice(&id, "2026-09-14") };
        let (fill, used) = service.submitted(fill).await;
        assert_eq!((fill.counts_as_change, used), (false, 6), "filling empty seats is no change");
        let (first, used) = service.submitted(next(&last, 8, "2026-09-20")).await;
        assert_eq!((first.counts_as_change, used), (true, 1), "the first of the new year");

        let taken_back = service.liaison_notices().withdraw_liaison_notice(withdraw(&fill.liaison_notice_id)).await;
        assert_eq!(taken_back.unwrap().into_inner().notice.unwrap().state(), pb::LiaisonNoticeState::Withdrawn);
    }

    async fn s03_everything_that_stands_against_a_notice_is_told_at_once(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 2).await;
        let (ada, grace) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let stranger = "con_01jz0000000000000000000000";
        let wrong = pb::LiaisonNotice {
            removals: vec![
                pb::LiaisonRemoval { successor_contact_id: ada.clone(), ..removal(&ada) },
                removal(stranger),
            ],
            additions: vec![addition(GRACE), addition("a@contoso.example"), addition("b@contoso.example")],
            ..notice(&id, "2025-09-14")
        };
        let found = service.found_against(wrong).await;
        let mut expected = [
            (common::Reason::NoticeTooLate, "notice.effective_on"),
            (common::Reason::NoticeOutsideAgreement, "notice.effective_on"),
            (common::Reason::ContactNotNamed, "notice.removals[1].contact_id"),
            (common::Reason::AlreadyExists, "notice.additions[0].email"),
            (common::Reason::SuccessorNotNamed, "notice.removals[0].successor_contact_id"),
            (common::Reason::SeatsExhausted, "notice.additions"),
        ];
        let mut found = subjects(&found);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);

        let bad = pb::LiaisonNotice {
            effective_on: "soon".into(),
            document_digest: vec![7; 31].into(),
            removals: vec![
                pb::LiaisonRemoval { successor_contact_id: grace, successor_addition: 1, ..removal(&ada) },
                pb::LiaisonRemoval { successor_addition: 2, ..removal("x") },
            ],
            additions: vec![addition("nowhere")],
            counts_as_change: true,
            ..notice(&id, "")
        };
        let named = fields(service.liaison_notices().submit_liaison_notice(submit(bad)).await);
        let expected = [
            "counts_as_change", "effective_on", "document_digest", "removals[0].successor_addition",
            "removals[1].contact_id", "removals[1].successor_addition", "additions[0].email",
        ];
        assert_eq!(named, expected.map(|field| format!("notice.{field}")));
        let empty = submit(notice(&id, "2026-06-10"));
        assert_eq!(fields(service.liaison_notices().submit_liaison_notice(empty).await), ["notice.removals"]);
        let unknown = submit(pb::LiaisonNotice {
            removals: vec![removal(&ada)],
            ..notice("agr_01jz0000000000000000000000", "2026-06-10")
        });
        assert_eq!(refused(service.liaison_notices().submit_liaison_notice(unknown).await), not_found());
    }

    async fn s03_what_a_pending_notice_promises_is_kept_free_for_it(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 3).await;
        let ada = service.liaison(&id, ADA).await;
        let grow = pb::LiaisonNotice { additions: vec![addition(GRACE), addition(LINUS)], ..notice(&id, "2026-06-15") };
        let (grow, _) = service.submitted(grow).await;
        let exhausted = (Code::FailedPrecondition, "SEATS_EXHAUSTED".to_owned());
        let name = name_request(&id, "p@contoso.example");
        assert_eq!(refused(service.agreements().name_liaison(name).await), exhausted, "the last seats are promised");
        assert_eq!(refused(service.grant(&id, 2).await), exhausted);
        service.grant(&id, 4).await.unwrap();
        let name = name_request(&id, GRACE);
        assert_eq!(refused(service.agreements().name_liaison(name).await), exists(), "so is the address");

        let grace = grow.additions[0].contact_id.clone();
        let swap = pb::LiaisonNotice { removals: vec![removal(&grace)], ..notice(&id, "2026-06-20") };
        let (swap, _) = service.submitted(swap).await;
        let rests = service.liaison_notices().withdraw_liaison_notice(withdraw(&grow.liaison_notice_id)).await;
        assert_eq!(refused(rests), (Code::FailedPrecondition, "LIAISON_NOTICE_CONFLICT".into()));
        let before = pb::LiaisonNotice { additions: vec![addition(LINUS)], ..notice(&id, "2026-06-12") };
        let found = service.found_against(before).await;
        assert_eq!(subjects(&found), [(common::Reason::LiaisonNoticeConflict, "notice.effective_on")]);
        assert!(found[0].message.contains(&grow.liaison_notice_id));

        for id in [&swap.liaison_notice_id, &grow.liaison_notice_id] {
            service.liaison_notices().withdraw_liaison_notice(withdraw(id)).await.unwrap();
        }
        let again = refused(service.liaison_notices().withdraw_liaison_notice(withdraw(&grow.liaison_notice_id)).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let unknown = withdraw("lno_01jz0000000000000000000000");
        assert_eq!(refused(service.liaison_notices().withdraw_liaison_notice(unknown).await), not_found());
        clock.set("2026-06-22T06:00:00Z");
        let (_, used) = service
            .submitted(pb::LiaisonNotice { removals: vec![removal(&ada)], ..notice(&id, "2026-06-24") })
            .await;
        assert_eq!(used, 1, "what was withdrawn counts as no change");
        assert_eq!(service.named_now(&id).await, [ADA], "nor does it change anything");
    }

    async fn s03_naming_and_notices_at_once_do_not_share_the_last_seats(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 3).await;
        let callers: Vec<_> = (0..10)
            .map(|n| {
                let email = format!("p{n}@contoso.example");
                let fill = pb::LiaisonNotice { additions: vec![addition(&email)], ..notice(&id, "2026-06-15") };
                let (mut notices, mut agreements) = (service.liaison_notices(), service.agreements());
                let name = name_request(&id, &email);
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        agreements.name_liaison(name).await.is_ok()
                    } else {
                        notices.submit_liaison_notice(submit(fill)).await.is_ok()
                    }
                })
            })
            .collect();
        let mut taken = 0;
        for caller in callers {
            taken += usize::from(caller.await.unwrap());
        }
        assert_eq!(taken, 3);
        clock.set("2026-06-15T06:00:00Z");
        let list = pb::ListLiaisonNoticesRequest::default();
        for pending in service.liaison_notices().list_liaison_notices(list).await.unwrap().into_inner().notices {
            service.applied(&pending.liaison_notice_id).await;
        }
        assert_eq!(service.named_now(&id).await.len(), 3, "every promise was kept");
    }

    async fn s03_nine_at_once_use_no_more_than_the_six_that_there_are(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 10).await;
        let mut people = Vec::new();
        for n in 0..9 {
            people.push(service.liaison(&id, &format!("p{n}@contoso.example")).await);
        }
        let callers: Vec<_> = people
            .iter()
            .map(|person| {
                let notice = pb::LiaisonNotice { removals: vec![removal(person)], ..notice(&id, "2026-06-15") };
                let mut client = service.liaison_notices();
                tokio::spawn(async move { client.submit_liaison_notice(submit(notice)).await })
            })
            .collect();
        let mut taken = 0;
        for caller in callers {
            let answer: Result<_, Status> = caller.await.unwrap();
            taken += usize::from(answer.is_ok());
        }
        assert_eq!(taken, 6);
    }
}

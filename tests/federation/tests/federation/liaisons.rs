//! Liaisons who are removed by written notice, and what becomes of their tickets and cases.
//!
//! Proves S04, S05, S07.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp, ToSpan};
use prost::Message;
use tonic::Code;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::agreement_service_client::AgreementServiceClient;
use vouch_contract::pb::license::v1::liaison_notice_service_client::LiaisonNoticeServiceClient;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::{Clock, SystemEntropy, World};
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;
use vouch_storage::testing::Database;

use crate::scene::{ADA, Scene, until};
use crate::steps::{NEEDS, subjects};

const GRACE: &str = "grace@contoso.example";

/// A clock that goes, and that a test sets on.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Ahead {
    fn advance_days(&self, days: i64) {
        self.0.fetch_add(days * 24 * 3600, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        World::system().now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A scene in which time can be made to pass, with a second liaison.
struct Staffed {
    scene: Scene,
    clock: Arc<Ahead>,
    agreement_id: String,
    ada: String,
    grace: String,
}

impl Staffed {
    async fn start(database: &Database) -> Self {
        let clock = Arc::new(Ahead::default());
        let world = World::new(clock.clone(), Arc::new(SystemEntropy));
        let scene = Scene::start_in(database, world, World::system()).await;
        let mut agreements = AgreementServiceClient::new(scene.license_staff());
        let listed = agreements.list_agreements(license::ListAgreementsRequest::default()).await.unwrap().into_inner();
        let agreement_id = listed.agreements[0].agreement_id.clone();
        let liaison = license::Liaison { name: "Grace Hopper".into(), email: GRACE.into(), ..Default::default() };
        let name = license::NameLiaisonRequest {
            request_id: fresh(),
            agreement_id: agreement_id.clone(),
            liaison: Some(liaison),
        };
        let grace = agreements.name_liaison(name).await.unwrap().into_inner().liaison.unwrap().contact_id;
        let get = license::GetAgreementRequest { agreement_id: agreement_id.clone() };
        let named = agreements.get_agreement(get).await.unwrap().into_inner().agreement.unwrap().liaisons;
        let ada = named.iter().find(|liaison| liaison.email == ADA).unwrap().contact_id.clone();
        Self { scene, clock, agreement_id, ada, grace }
    }

    /// Ada is a liaison no longer, from ten days from now on; and ten days pass.
    async fn without_ada(&self, successor: &str) -> license::LiaisonNotice {
        let today = self.scene.world.now().in_tz("America/Denver").unwrap().date();
        let removal = license::LiaisonRemoval {
            contact_id: self.ada.clone(),
            successor_contact_id: successor.into(),
            ..Default::default()
        };
        let notice = license::LiaisonNotice {
            agreement_id: self.agreement_id.clone(),
            submitted_by: "C. Babbage, head of operations".into(),
            effective_on: (today + 10.days()).to_string(),
            document_digest: vec![7; 32].into(),
            removals: vec![removal],
            ..Default::default()
        };
        let submit = license::SubmitLiaisonNoticeRequest { request_id: fresh(), notice: Some(notice) };
        let mut notices = LiaisonNoticeServiceClient::new(self.scene.license_staff());
        let taken = notices.submit_liaison_notice(submit).await.unwrap().into_inner().notice.unwrap();
        self.clock.advance_days(11);
        taken
    }

    /// Waits until the ticket is so.
    async fn until(&self, ticket_id: &str, is_so: impl Fn(&partner::Ticket) -> bool) -> partner::Ticket {
        until(async || Some(self.scene.ticket(ticket_id).await).filter(|ticket| is_so(ticket))).await
    }
}

fn keep(ticket_id: &str) -> partner::KeepTicketRequest {
    partner::KeepTicketRequest {
        request_id: fresh(),
        ticket_id: ticket_id.into(),
        note: "They name somebody next week.".into(),
    }
}

on_both_engines! {
    async fn s04_s05_the_successor_takes_over_what_the_removed_liaison_initiated(database: Database) {
        let staffed = Staffed::start(&database).await;
        let scene = &staffed.scene;
        let (escalated, case_id) = scene.escalated().await;
        let at_hand = scene.verified_ticket().await.ticket_id;
        let of_grace = partner::OpenTicketRequest { contact_email: GRACE.into(), ..scene.open_request() };
        let of_grace = scene.tickets().open_ticket(of_grace).await.unwrap().into_inner().ticket.unwrap();
        let over = partner::CloseTicketRequest {
            request_id: fresh(),
            ticket_id: scene.open_ticket().await.ticket_id,
            summary: "It prints.".into(),
        };
        let over = scene.tickets().close_ticket(over).await.unwrap().into_inner().ticket.unwrap();
        assert_eq!(scene.desk_case(&case_id).await.case.unwrap().liaison_contact_id, staffed.ada);

        let notice = staffed.without_ada(&staffed.grace).await;
        for id in [&escalated.ticket_id, &at_hand] {
            let taken = staffed.until(id, |ticket| ticket.liaison_email == GRACE).await;
            let told = taken.notes.iter().find(|note| note.text.contains(&notice.liaison_notice_id)).unwrap();
            assert!(told.text.contains(ADA) && told.text.contains(GRACE), "{told:?}");
            assert!(taken.closing.is_none());
        }
        let case = until(async || {
            let case = scene.desk_case(&case_id).await;
            (case.case.as_ref().unwrap().liaison_contact_id == staffed.grace).then_some(case)
        })
        .await;
        let event = case.events.last().unwrap();
        assert!(event.type_name.ends_with("LiaisonChanged"), "{event:?}");
        assert_eq!(case.case.unwrap().cover.unwrap().contact_id, staffed.ada, "the cover is frozen");
        let held = staffed.until(&escalated.ticket_id, |ticket| {
            ticket.escalation.as_ref().unwrap().last_sequence == event.sequence
        });
        assert_eq!(held.await.state(), partner::TicketState::Escalated);

        let asked = scene.ticket(&at_hand).await;
        assert!(asked.entitlement.is_none(), "whether the successor may is asked anew");
        assert!(scene.verify(&at_hand).await.entitlement.unwrap().entitled);
        for untouched in [&of_grace, &over] {
            assert_eq!(scene.ticket(&untouched.ticket_id).await, *untouched);
        }
    }

    async fn s04_what_nobody_takes_over_is_closed_after_the_grace_unless_it_is_kept_or_severe(database: Database) {
        let staffed = Staffed::start(&database).await;
        let scene = &staffed.scene;
        let (escalated, case_id) = scene.escalated().await;
        let (kept, left) = (scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id);
        let mut severe = scene.open_request();
        severe.problem.as_mut().unwrap().severity = common::Severity::One.into();
        let severe = scene.tickets().open_ticket(severe).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        let early = refused(scene.tickets().keep_ticket(keep(&kept)).await);
        assert_eq!(early, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "nobody closes it");

        let notice = staffed.without_ada("").await;
        for id in [&escalated.ticket_id, &kept, &left, &severe] {
            let closing = staffed.until(id, |ticket| ticket.closing.is_some()).await.closing.unwrap();
            assert_eq!(closing.close_after, notice.successor_grace_ends);
            assert_eq!(closing.liaison_notice_id, notice.liaison_notice_id);
        }
        let mut agent = TicketServiceClient::new(scene.partner_staff(&["agent"]));
        assert_eq!(refused(agent.keep_ticket(keep(&kept)).await).0, Code::PermissionDenied, "a manager keeps");
        let bad = partner::KeepTicketRequest { request_id: fresh(), ..Default::default() };
        assert_eq!(fields(scene.tickets().keep_ticket(bad).await), ["ticket_id", "note"]);
        let told = scene.tickets().keep_ticket(keep(&kept)).await.unwrap().into_inner().ticket.unwrap();
        assert!(told.closing.unwrap().kept_by.ends_with("#bob"));
        assert_eq!(refused(scene.tickets().keep_ticket(keep(&kept)).await).1, "STATE_CONFLICT", "it is kept");

        staffed.clock.advance_days(21);
        for id in [&left, &escalated.ticket_id] {
            let closed = staffed.until(id, |ticket| ticket.state() == partner::TicketState::Closed).await;
            assert!(closed.notes.iter().any(|note| note.text.contains("grace period")), "{:?}", closed.notes);
        }
        let case = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!(case.state(), vendor::CaseState::Withdrawn, "the vendor's case goes with it");
        for id in [&kept, &severe] {
            assert_eq!(scene.ticket(id).await.state(), partner::TicketState::Open);
        }
    }

    async fn s07_the_successors_rights_are_what_both_desks_are_warned_by(database: Database) {
        let staffed = Staffed::start(&database).await;
        let scene = &staffed.scene;
        scene.mark_liaison(GRACE, true).await;
        let (escalated, case_id) = scene.escalated().await;
        scene.claim(&case_id).await;
        assert_eq!(subjects(&scene.write_marked(&case_id, "Restart it.", &[NEEDS]).await), ["marks"]);
        let (warned, note) = scene.until_told(&escalated.ticket_id, "Restart it.").await;
        assert_eq!(subjects(&warned.findings), [note.note_id.as_str()]);

        staffed.without_ada(&staffed.grace).await;
        let taken = staffed.until(&escalated.ticket_id, |ticket| ticket.liaison_email == GRACE).await;
        assert!(taken.liaison_administrative_rights && taken.findings.is_empty(), "{:?}", taken.findings);
        let case = until(async || {
            let case = scene.desk_case(&case_id).await;
            (case.case.as_ref().unwrap().liaison_contact_id == staffed.grace).then_some(case)
        })
        .await;
        assert!(case.case.unwrap().liaison_administrative_rights);
        let changed = vendor::LiaisonChanged::decode(case.events.last().unwrap().payload.as_ref()).unwrap();
        assert!(changed.administrative_rights, "{changed:?}");
        assert_eq!(scene.write_marked(&case_id, "Restart it again.", &[NEEDS]).await, []);
        let (told, _) = scene.until_told(&escalated.ticket_id, "Restart it again.").await;
        assert_eq!(told.findings, []);
    }

    async fn s05_a_case_names_the_liaison_whom_its_partner_names(database: Database) {
        let scene = Scene::start(&database).await;
        let (_, case_id) = scene.escalated().await;
        let change = || vendor::ChangeLiaisonRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            contact_id: "con_01jz0000000000000000000000".into(),
            liaison_notice_id: "lno_01jz0000000000000000000000".into(),
            ..Default::default()
        };
        let request = change();
        let event = scene.gate().change_liaison(request.clone()).await.unwrap().into_inner().event.unwrap();
        let again = scene.gate().change_liaison(request.clone()).await.unwrap().into_inner().event.unwrap();
        assert_eq!((event.origin.as_str(), &event), (request.request_id.as_str(), &again));
        let case = scene.desk_case(&case_id).await.case.unwrap();
        assert_eq!(case.liaison_contact_id, request.contact_id);
        assert_eq!(refused(scene.other_gate().change_liaison(change()).await).1, "NOT_FOUND");
        let bad = vendor::ChangeLiaisonRequest { request_id: fresh(), case_id: case_id.clone(), ..Default::default() };
        assert_eq!(fields(scene.gate().change_liaison(bad).await), ["contact_id", "liaison_notice_id"]);
        let withdraw = vendor::WithdrawEscalationRequest {
            request_id: fresh(),
            escalation_id: case.escalation_id,
            reason: "solved".into(),
        };
        scene.gate().withdraw_escalation(withdraw).await.unwrap();
        assert_eq!(refused(scene.gate().change_liaison(change()).await).1, "STATE_CONFLICT");
    }
}

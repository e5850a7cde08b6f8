//! Exactly once, whatever is killed.
//!
//! Tickets are handed over while one of the three processes is killed at a chosen instant: before the nth chunk of bytes on the
//! roads between agent, partner, licence service and vendor, counted from the hand-over on. The killed process is started again
//! on its data.
//!
//! Proves V04.

use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_host::testing::fresh;

use crate::federation::{Federation, is_escalated};
use crate::front_line::{desk, until};
use crate::proxy::Barrier;

/// The instants: a hand-over without a kill moves about forty chunks.
const INSTANTS: [u32; 20] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 29, 32, 36, 40];

impl Federation {
    /// Hands a ticket over, kills a process at an instant and starts it again; the call is repeated, as its caller would.
    async fn hand_over_with_a_kill(&mut self, barrier: &Barrier, victim: usize, instant: u32) -> (String, bool) {
        let (ticket_id, bundle_id) = self.agent.worked_ticket().await;
        let request = partner::EscalateTicketRequest { request_id: fresh(), ticket_id: ticket_id.clone(), bundle_id };
        let mut held = barrier.arm(instant);
        let mut tickets = self.agent.tickets.clone();
        let calling = tokio::spawn(async move {
            // Repeated with its request id until it is answered: the one call that a caller can be sure of.
            while tickets.escalate_ticket(request.clone()).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        // An instant after the end of the hand-over is one, too.
        let over = async {
            until(async || self.agent.ticket(&ticket_id).await.filter(is_escalated)).await;
        };
        let in_the_middle = tokio::select! {
            _ = &mut held.reached => true,
            () = over => false,
        };
        let process = &mut self.processes[victim];
        process.kill();
        process.start_again();
        held.release();
        calling.await.unwrap();
        until(async || self.agent.ticket(&ticket_id).await.filter(is_escalated)).await;
        (ticket_id, in_the_middle)
    }
}

#[tokio::test]
async fn v04_the_licence_service_is_killed_at_twenty_instants_and_there_is_one_case_one_ticket_one_history() {
    kill_at_every_instant(0).await;
}

#[tokio::test]
async fn v04_the_vendor_service_is_killed_at_twenty_instants_and_there_is_one_case_one_ticket_one_history() {
    kill_at_every_instant(1).await;
}

#[tokio::test]
async fn v04_the_partner_service_is_killed_at_twenty_instants_and_there_is_one_case_one_ticket_one_history() {
    kill_at_every_instant(2).await;
}

/// Kills one of license, vendor and partner at each instant of a hand-over of its own.
async fn kill_at_every_instant(victim: usize) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // One for all roads: an instant is before the nth chunk on any of them.
    let barrier = Barrier::default();
    let barriers = std::array::from_fn(|_| barrier.clone());
    let mut federation = Federation::start(&data, barriers, "warn").await;
    let (mut tickets, mut in_the_middle) = (Vec::new(), 0);
    for instant in INSTANTS {
        let (ticket_id, was_under_way) = federation.hand_over_with_a_kill(&barrier, victim, instant).await;
        tickets.push(ticket_id);
        in_the_middle += u32::from(was_under_way);
    }
    assert!(in_the_middle >= 15, "only {in_the_middle} kills hit a hand-over that was under way");

    let mut desk = desk(&federation.data, federation.processes[1].address);
    let page = Some(PageRequest { page_size: 200, page_token: String::new() });
    let cases = desk.list_desk_cases(vendor::ListDeskCasesRequest { page }).await.unwrap().into_inner().cases;
    assert_eq!(cases.len(), tickets.len(), "one case for each ticket");
    // Something happens to each case after all the kills, so that the histories are more than their beginnings.
    for case in &cases {
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case.case_id.clone() };
        desk.claim_case(claim).await.unwrap();
    }
    for ticket_id in &tickets {
        let (held, case_id) = until(async || {
            let escalation = federation.agent.ticket(ticket_id).await?.escalation?;
            (escalation.last_sequence == 2).then_some((escalation.last_hash, escalation.case_id))
        })
        .await;
        assert_eq!(cases.iter().filter(|case| case.case_id == case_id).count(), 1);
        let get = vendor::GetDeskCaseRequest { case_id, ..Default::default() };
        let history = desk.get_desk_case(get).await.unwrap().into_inner().events;
        assert_eq!((history.len(), &history.last().unwrap().hash), (2, &held), "both sides hold the same history");
    }
    let listed = federation.agent.tickets.list_tickets(partner::ListTicketsRequest {
        page: Some(PageRequest { page_size: 200, page_token: String::new() }),
    });
    assert_eq!(listed.await.unwrap().into_inner().tickets.len(), tickets.len(), "one ticket for each hand-over");
}

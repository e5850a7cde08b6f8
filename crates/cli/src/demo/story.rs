//! From the ticket to its end.

use std::path::Path;
use std::time::Instant;

use indicatif::HumanBytes;
use serde_json::{Value, json};
use vouch_diagnostics::Digest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_proof::{AdmissionReceipt, KeySet};

use super::stage::{Stage, word};
use super::upload;
use crate::identities::{CONTACT, Role};
use crate::output::{self, Problem};
use crate::refusal;
use crate::sample::PRODUCT;

const TICKETS: &str = "partner.v1.TicketService";
const DESK: &str = "vendor.v1.CaseDeskService";

/// A ticket that the vendor has a case for.
pub(super) struct Escalated {
    pub(super) ticket_id: Value,
    pub(super) case_id: Value,
    /// The escalation as the vendor has it.
    pub(super) escalation: Value,
    /// The bundle at the vendor.
    pub(super) bundle_id: Value,
    /// Its manifest.
    pub(super) manifest: Vec<u8>,
    pub(super) root: Digest,
}

/// Opens a ticket, does what the vendor requires, and hands it over.
pub(super) async fn escalate(stage: &mut Stage, sealed: &Path) -> Result<Escalated, Problem> {
    stage.heading("A ticket at the partner");
    let ticket_id = work(stage).await?;
    stage.heading("The hand-over, and the vendor's gate");
    let bundle_id = attach(stage, &ticket_id, sealed).await?;
    let began = Instant::now();
    let request = json!({ "requestId": stage.request_id(), "ticketId": ticket_id, "bundleId": bundle_id });
    stage.call(Role::Agent, &format!("{TICKETS}/EscalateTicket"), request).await?;
    let refused = |ticket: &Value| ticket["escalation"]["status"] == "ESCALATION_STATUS_REFUSED";
    let ticket = stage
        .until(&ticket_id, "the case", |ticket| ticket["state"] == "TICKET_STATE_ESCALATED" || refused(ticket))
        .await?;
    let escalation = &ticket["escalation"];
    if refused(&ticket) {
        return Err(refused_by_gate(&escalation["decision"]["findings"]));
    }
    let told = format!("case {}, with its receipt", escalation["caseNumber"].as_str().unwrap_or_default());
    stage.tell("agent", "EscalateTicket", &told, began.elapsed());
    let case_id = escalation["caseId"].clone();
    verify_receipt(stage, &escalation["receipt"]).await?;
    let desk = stage.call(Role::Engineer, &format!("{DESK}/GetDeskCase"), json!({ "caseId": case_id })).await?;
    let opened = SealedBundle::open(sealed).map_err(|error| Problem::new(error.to_string()))?;
    Ok(Escalated {
        ticket_id,
        case_id,
        escalation: desk["escalation"].clone(),
        bundle_id: desk["case"]["bundleId"].clone(),
        manifest: opened.manifest_bytes().to_vec(),
        root: opened.root(),
    })
}

/// What the gate found, each finding with its cure, and what can be done about it here.
fn refused_by_gate(findings: &Value) -> Problem {
    let (besides, told) = refusal::findings_in(findings);
    let members = serde_json::Map::from_iter([("findings".to_owned(), told)]);
    let count = output::counted(findings.as_array().map_or(0, Vec::len), "finding");
    Problem { besides, members, ..Problem::new(format!("the gate refused the hand-over, with {count}")) }
        .next("Take an archive that has what is missing, as `sos report` makes it, or leave --bundle out: this host is collected then.")
}

/// The front line's part: open, verify, search, troubleshoot, confirm.
pub(super) async fn work(stage: &mut Stage) -> Result<Value, Problem> {
    let customers = stage.call(Role::Agent, "partner.v1.EndUserService/ListCustomers", json!({})).await?;
    let contoso =
        customers["customers"].as_array().and_then(|all| all.iter().find(|one| one["organisation"] == "contoso"));
    let contoso = contoso.ok_or_else(|| {
        Problem::new("the sample's end user is not there")
            .next("Start the services with the sample: vouch up, without --bare.")
    })?;
    let problem = json!({
        "productId": PRODUCT, "version": "7.2.1", "category": "printing", "severity": "SEVERITY_TWO",
        "impact": "Nobody in Bern prints.", "subject": "No jobs leave the spool",
        "description": "Since this morning nothing is printed.", "language": "en",
        "environment": { "kind": "production", "operatingSystem": "Debian 12" }, "origin": "PROBLEM_ORIGIN_PRODUCT",
        "contactTimes": { "zone": "Europe/Zurich", "ranges": [{ "weekdays": [1, 2, 3, 4, 5], "from": "09:00", "until": "17:00" }] },
    });
    let request = json!({
        "requestId": stage.request_id(), "customerId": contoso["customerId"], "contactEmail": CONTACT,
        "vendorId": "acme", "problem": problem, "channel": "CHANNEL_PORTAL",
    });
    let opened = stage
        .step(Role::Agent, &format!("{TICKETS}/OpenTicket"), request, |answer| {
            format!("ticket {} for Contoso", answer["ticket"]["number"].as_str().unwrap_or_default())
        })
        .await?;
    let id = opened["ticket"]["ticketId"].clone();
    let request = json!({ "requestId": stage.request_id(), "ticketId": id });
    let verified = stage
        .step(Role::Agent, &format!("{TICKETS}/VerifyEntitlement"), request, |answer| {
            format!("entitled, tier {}", answer["ticket"]["entitlement"]["tierId"].as_str().unwrap_or_default())
        })
        .await?;
    if verified["ticket"]["entitlement"]["entitled"] != true {
        return Err(Problem::new("the sample's end user is not entitled"));
    }
    let request = json!({ "requestId": stage.request_id(), "ticketId": id, "query": "spool" });
    stage
        .step(Role::Agent, &format!("{TICKETS}/SearchKnowledge"), request, |answer| {
            let found = answer["articles"].as_array().map_or(0, Vec::len);
            format!("{found} article, tried: {}", answer["articles"][0]["title"].as_str().unwrap_or_default())
        })
        .await?;
    let now = stage.world.now().to_string();
    let step =
        json!({ "action": "Removed finished spools: atlas spool clean.", "finding": "No change.", "doneAt": now });
    let replication = json!({ "reproduced": true, "unmodified": true, "notes": "Shows on a fresh server." });
    let mut etag = Value::Null;
    for (field, record) in [("step", step), ("replication", replication)] {
        let request = json!({ "requestId": stage.request_id(), "ticketId": id, field: record });
        let answer = stage
            .step(Role::Agent, &format!("{TICKETS}/RecordTroubleshooting"), request, |answer| {
                format!("the {field} is recorded; {}", word(&answer["ticket"]["state"]))
            })
            .await?;
        etag = answer["ticket"]["etag"].clone();
    }
    let request = json!({ "requestId": stage.request_id(), "ticketId": id, "etag": etag });
    stage
        .step(Role::Customer, &format!("{TICKETS}/ConfirmStatement"), request, |_| {
            "the statement of the problem is confirmed".to_owned()
        })
        .await?;
    Ok(id)
}

async fn attach(stage: &mut Stage, ticket_id: &Value, sealed: &Path) -> Result<String, Problem> {
    let began = Instant::now();
    let committed = upload::upload(&stage.folder, ticket_id.as_str().unwrap_or_default(), sealed).await?;
    let size = HumanBytes(u64::try_from(committed.size_bytes).unwrap_or(0));
    let told = format!("{} entries with those left out, {size}, verified and signed", committed.entries);
    stage.tell("agent", "CommitBundle", &told, began.elapsed());
    Ok(committed.bundle_id)
}

/// Writes the receipt and every public key out, and verifies it with no network.
async fn verify_receipt(stage: &mut Stage, receipt: &Value) -> Result<(), Problem> {
    let mut keys = Vec::new();
    for service in ["license.v1.EntitlementService", "vendor.v1.KeySetService", "partner.v1.KeySetService"] {
        let answer = stage.call(Role::Anyone, &format!("{service}/GetKeySet"), json!({})).await?;
        let jwks = answer["keySet"]["jwks"].as_str().unwrap_or_default();
        let jwks: Value = serde_json::from_str(jwks).map_err(|error| Problem::new(error.to_string()))?;
        keys.extend(jwks["keys"].as_array().cloned().unwrap_or_default());
    }
    let keys = json!({ "keys": keys }).to_string();
    stage.write("keys.json", &keys)?;
    let receipt = receipt.as_str().unwrap_or_default();
    stage.write("receipt.jws", &format!("{receipt}\n"))?;
    let began = Instant::now();
    let claims = KeySet::from_jwks(&keys)
        .map_err(Problem::new)
        .and_then(|keys| AdmissionReceipt::verify(receipt, &keys).map_err(|error| Problem::new(error.to_string())))?;
    let promised = claims.promised.first().map_or("nothing".to_owned(), |promised| {
        let due = jiff::Timestamp::from_second(promised.due).unwrap_or_default();
        format!("{} by {due:.0}", promised.target)
    });
    stage.tell("anyone", "verify receipt.jws", &format!("genuine; promised: {promised}"), began.elapsed());
    Ok(())
}

/// The engineer claims, asks, is answered and proposes; the end user confirms; the case is closed on both sides.
pub(super) async fn solve(stage: &mut Stage, escalated: &Escalated) -> Result<(), Problem> {
    stage.heading("The back line");
    let (ticket_id, case_id) = (&escalated.ticket_id, &escalated.case_id);
    let of_case = |stage: &Stage| json!({ "requestId": stage.request_id(), "caseId": case_id });
    let with = |mut request: Value, field: &str, value: Value| {
        request[field] = value;
        request
    };
    let case_state = |answer: &Value| format!("the case is {}", word(&answer["case"]["state"]));
    let request = of_case(stage);
    stage.step(Role::Engineer, &format!("{DESK}/ClaimCase"), request, case_state).await?;
    let asked = json!({ "questions": ["Which driver is installed?"] });
    let request = with(of_case(stage), "request", asked);
    stage.step(Role::Engineer, &format!("{DESK}/RequestInformation"), request, case_state).await?;
    stage
        .until(ticket_id, "the question", |ticket| ticket["escalation"]["caseState"] == "CASE_STATE_AWAITING_PARTNER")
        .await?;
    let began = Instant::now();
    let request = json!({ "requestId": stage.request_id(), "ticketId": ticket_id, "text": "The one of 2026." });
    stage.call(Role::Agent, &format!("{TICKETS}/AnswerVendor"), request).await?;
    let in_progress = |ticket: &Value| ticket["escalation"]["caseState"] == "CASE_STATE_IN_PROGRESS";
    stage.until(ticket_id, "the answer", in_progress).await?;
    stage.tell("agent", "AnswerVendor", "taken into the joint history", began.elapsed());
    let solution = json!({ "text": "Install the driver of November." });
    let request = with(of_case(stage), "solution", solution);
    stage.step(Role::Engineer, &format!("{DESK}/ProvideSolution"), request, case_state).await?;
    stage.until(ticket_id, "the solution", |ticket| ticket["state"] == "TICKET_STATE_SOLUTION_PROPOSED").await?;
    let request = json!({ "requestId": stage.request_id(), "ticketId": ticket_id, "works": true });
    stage
        .step(Role::Customer, &format!("{TICKETS}/ConfirmSolution"), request, |_| "tested, and it works".to_owned())
        .await?;
    let began = Instant::now();
    let request = json!({ "requestId": stage.request_id(), "ticketId": ticket_id });
    stage.call(Role::Agent, &format!("{TICKETS}/MarkTicketReadyToClose"), request).await?;
    let ready = |ticket: &Value| ticket["escalation"]["caseState"] == "CASE_STATE_READY_TO_CLOSE";
    stage.until(ticket_id, "ready to close", ready).await?;
    stage.tell("agent", "MarkTicketReadyToClose", "the end user is told, and the vendor", began.elapsed());
    let request = with(of_case(stage), "summary", json!("The driver was too old."));
    stage.step(Role::Engineer, &format!("{DESK}/CloseCase"), request, case_state).await?;
    let began = Instant::now();
    let closed = stage.until(ticket_id, "the end", |ticket| ticket["state"] == "TICKET_STATE_CLOSED").await?;
    let desk = stage.call(Role::Engineer, &format!("{DESK}/GetDeskCase"), json!({ "caseId": case_id })).await?;
    let events = desk["events"].as_array().cloned().unwrap_or_default();
    let last = events.last().cloned().unwrap_or_default();
    let held = &closed["escalation"];
    if held["lastHash"] != last["hash"] || held["lastSequence"] != last["sequence"] {
        return Err(Problem::new("the two sides hold different histories"));
    }
    let told = format!("closed; both sides hold the same {} events, to the last hash", events.len());
    stage.tell("agent", "GetTicket", &told, began.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gate_found_is_told_as_every_command_tells_findings_with_the_cure() {
        let finding = |subject: &str| {
            json!({
                "reason": "REASON_ARTEFACT_MISSING", "weight": "WEIGHT_BLOCKING", "cureBy": "CURE_BY_PARTNER", "subject": subject,
                "message": format!("The bundle has no {subject}."), "remedy": "Collect again with a profile that collects it.",
            })
        };
        let told = refused_by_gate(&json!([finding("os"), finding("disks")]));
        assert_eq!(told.what, "the gate refused the hand-over, with 2 findings");
        let lines: Vec<_> = told.besides.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(lines[0], "blocking ARTEFACT_MISSING: The bundle has no os.");
        assert_eq!(lines[1], "  partner: Collect again with a profile that collects it.");
        assert_eq!(lines.len(), 4);
        assert!(told.next.unwrap().contains("leave --bundle out"));
        let second = &told.members["findings"][1];
        assert_eq!((&second["subject"], &second["reason"]), (&json!("disks"), &json!("ARTEFACT_MISSING")));
        assert_eq!((&second["cure_by"], &second["weight"]), (&json!("PARTNER"), &json!("BLOCKING")));
    }
}

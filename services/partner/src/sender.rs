//! Sending tickets to vendors: what the outbox holds, until the vendor has taken it or refused it for good.
//!
//! Every request goes out under the id of its outbox entry, so that the vendor can tell a repeat; its answer is taken in, and
//! the entry taken out, in one transaction.

use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::id::{self, BundleId, HoldId, LicenseId};
use vouch_core::{Error, Reason, StepMarks, World};
use vouch_storage::blobs::Blobs;
use vouch_storage::outbox::{self, Entry};
use vouch_storage::{Store, WriteError};

use crate::charging;
use crate::commands::tickets::kinds;
use crate::domain::handover::{Handover, Heard, Next, Step, is_final};
use crate::domain::ticket::{Audience, Bundle, CaseRecord, Charge, ChargeState, Note, Ticket, Viewer};
use crate::links::{Link, Links, findings, question, within};
use crate::store::{customers, notes, tickets};
use crate::transfer;

/// How often a lease is renewed: well within its time.
const RENEW: Duration = Duration::from_secs(20);

/// Sends what the outbox holds.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// Diagnostics.
    pub blobs: Blobs,
    /// The ways to the vendors.
    pub links: Links,
}

/// What came of sending an entry.
pub(crate) enum Outcome {
    /// The gate opened.
    Accepted(Box<pb::Case>, Vec<u8>),
    /// It is taken.
    Taken,
    /// The ticket's incident stands so at the licence service.
    Settled(Box<Charge>),
    /// It is refused for good.
    Refused(Status),
    /// It is to be tried again.
    Later(Status),
}

/// An entry with all that belongs to it.
pub(crate) struct Sending<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) ticket: Ticket,
    pub(crate) link: &'a Link,
    pub(crate) license_id: Option<LicenseId>,
}

impl Sender {
    /// Sends everything that is due.
    pub async fn send_due(&self) -> Result<(), Error> {
        while let Some(entry) = outbox::claim(&self.store, self.world.now()).await? {
            self.send(&entry).await?;
        }
        Ok(())
    }

    async fn send(&self, entry: &Entry) -> Result<(), Error> {
        let outcome = match self.sending(entry).await {
            Ok(Some(sending)) => self.deliver_under_lease(&sending).await,
            // Nobody's any more.
            Ok(None) => Ok(Outcome::Taken),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(Outcome::Later(status)) => {
                let problem = format!("{:?}: {}", status.code(), status.message());
                self.give_back(entry, &problem).await
            }
            Ok(outcome) => self.take(entry, &outcome).await,
            // A fault of this side: told, and tried again, so that nothing is lost by it.
            Err(error) => self.give_back(entry, &format!("{error:?}")).await,
        }
    }

    async fn give_back(&self, entry: &Entry, problem: &str) -> Result<(), Error> {
        tracing::debug!(ticket.id = entry.lane, entry.kind, entry.attempts, problem, "sending is tried again later");
        if outbox::give_back(&self.store, entry, problem, &self.world).await? {
            tracing::error!(ticket.id = entry.lane, entry.kind, problem, "sending to the vendor was parked");
        }
        Ok(())
    }

    async fn sending<'a>(&'a self, entry: &'a Entry) -> Result<Option<Sending<'a>>, Error> {
        let mut snapshot = self.store.snapshot().await?;
        let Some(partner_id) = tickets::partner_of_ticket(&mut snapshot, &entry.lane).await? else { return Ok(None) };
        let id = id::parse(&entry.lane).map_err(Error::internal)?;
        let viewer = Viewer::Partner(partner_id.clone());
        let Some(ticket) = tickets::ticket_fetch(&mut snapshot, &viewer, id).await? else { return Ok(None) };
        let customer = customers::customer_fetch(&mut snapshot, &partner_id, ticket.customer_id).await?;
        let license_id = customer.and_then(|customer| customer.licenses.get(&ticket.vendor_id).copied());
        let link = self.links.get(&partner_id, &ticket.vendor_id)?;
        Ok(Some(Sending { entry, ticket, link, license_id }))
    }

    /// Delivers, and keeps the lease for as long as that takes: a large upload outlives any lease.
    async fn deliver_under_lease(&self, sending: &Sending<'_>) -> Result<Outcome, Error> {
        let (entry, pause) = (sending.entry, || tokio::time::sleep(RENEW));
        let delivering = Box::pin(self.deliver(sending));
        match outbox::under_lease(&self.store, entry, &self.world, pause, delivering).await? {
            Some(delivered) => delivered,
            // Withdrawn meanwhile, or somebody else's: what this one would still do is nobody's wish.
            None => Ok(Outcome::Later(Status::cancelled("the entry is not this sender's any more"))),
        }
    }

    async fn deliver(&self, sending: &Sending<'_>) -> Result<Outcome, Error> {
        let (entry, link) = (sending.entry, sending.link);
        match entry.kind.as_str() {
            kinds::ESCALATE => self.hand_over(sending).await,
            kinds::COMPLETE_DUTIES => {
                let mut request: pb::CompleteDutiesRequest = decode(entry)?;
                request.bundle_id = match self.transfer(sending, &request.bundle_id).await? {
                    Ok(bundle_id) => bundle_id,
                    Err(status) => return Ok(weigh(status)),
                };
                Ok(taken(within(link.escalations().complete_duties(request)).await))
            }
            kinds::ANSWER => {
                let mut request: pb::ProvideInformationRequest = decode(entry)?;
                if let Some(information) = &mut request.information
                    && !information.bundle_id.is_empty()
                {
                    information.bundle_id = match self.transfer(sending, &information.bundle_id).await? {
                        Ok(bundle_id) => bundle_id,
                        Err(status) => return Ok(weigh(status)),
                    };
                }
                Ok(taken(within(link.escalations().provide_information(request)).await))
            }
            kinds::WITHDRAW => Ok(taken(
                within(link.escalations().withdraw_escalation(decode::<pb::WithdrawEscalationRequest>(entry)?)).await,
            )),
            kinds::NOTE => Ok(taken(within(link.escalations().add_note(decode::<pb::AddNoteRequest>(entry)?)).await)),
            kinds::READY => Ok(taken(
                within(link.escalations().mark_ready_to_close(decode::<pb::MarkReadyToCloseRequest>(entry)?)).await,
            )),
            kinds::DECLINE => Ok(taken(
                within(link.escalations().decline_solution(decode::<pb::DeclineSolutionRequest>(entry)?)).await,
            )),
            kinds::LIAISON => {
                let mut request: pb::ChangeLiaisonRequest = decode(entry)?;
                // Refused at the gate meanwhile, it names the new one when it goes again.
                let Some(case) = sending.ticket.case() else { return Ok(Outcome::Taken) };
                request.case_id = case.id.to_string();
                Ok(taken(within(link.escalations().change_liaison(request)).await))
            }
            kinds::CHARGE => Ok(charging::bring_in_line(sending).await),
            unknown => Err(Error::internal(format!("the outbox holds a {unknown}, which this version does not know"))),
        }
    }

    /// Hands a bundle of this side over; returns the vendor's id for it.
    async fn transfer(&self, sending: &Sending<'_>, bundle_id: &str) -> Result<Result<String, Status>, Error> {
        let bundle = self.bundle(sending, bundle_id).await?;
        transfer::hand_over(&self.blobs, sending.link, &sending.ticket, &bundle).await
    }

    async fn bundle(&self, sending: &Sending<'_>, bundle_id: &str) -> Result<Bundle, Error> {
        let id: BundleId = id::parse(bundle_id).map_err(Error::internal)?;
        let mut snapshot = self.store.snapshot().await?;
        let bundle = tickets::bundle_fetch(&mut snapshot, sending.ticket.id, id).await?;
        bundle.ok_or_else(|| Error::internal("a ticket was escalated with a bundle that is not there"))
    }

    /// Transfers, proves and escalates: every step is safe to repeat, so that an attempt begins from the beginning.
    async fn hand_over(&self, sending: &Sending<'_>) -> Result<Outcome, Error> {
        let mut request: pb::EscalateCaseRequest = decode(sending.entry)?;
        let bundle = self.bundle(sending, &request.bundle_id).await?;
        let (mut handover, mut step) = Handover::begin();
        loop {
            let answer = match step {
                Step::TransferBundle => {
                    let local = bundle.id.to_string();
                    self.transfer(sending, &local).await?.map(|bundle_id| {
                        request.bundle_id = bundle_id;
                        None
                    })
                }
                // Just in time: a proof lives for minutes, and is not kept.
                // A withdrawal in between takes the entry away: then nothing more is set aside for it.
                Step::MintProof | Step::MintProofAnew
                    if !outbox::renew(&self.store, sending.entry, self.world.now()).await? =>
                {
                    Err(Status::cancelled("the entry is not this sender's any more"))
                }
                Step::MintProof | Step::MintProofAnew => {
                    let charge = sending.ticket.charged_hold().filter(|_| step == Step::MintProof);
                    mint(sending, &request, &bundle, charge).await.map(|proof| {
                        request.proof = proof;
                        None
                    })
                }
                Step::Escalate => within(sending.link.escalations().escalate_case(request.clone())).await.map(Some),
            };
            let heard = match &answer {
                Ok(_) => Heard::Done,
                Err(status) if is_over(status) => Heard::Refused(reasons(status)),
                Err(_) => Heard::Later,
            };
            match (handover.after(step, &heard), answer) {
                (Next::Do(next), _) => step = next,
                (Next::Accepted, Ok(Some(answer))) => {
                    let decision = answer.decision.unwrap_or_default().encode_to_vec();
                    return Ok(Outcome::Accepted(Box::new(answer.case.unwrap_or_default()), decision));
                }
                (Next::Refused, Err(status)) => return Ok(Outcome::Refused(status)),
                (_, Err(status)) => return Ok(Outcome::Later(status)),
                (Next::Accepted | Next::Refused | Next::Later, Ok(_)) => {
                    return Err(Error::internal("a hand-over ended without an answer"));
                }
            }
        }
    }

    /// Takes an answer in and the entry out, in one transaction. Where the entry is gone, somebody else did.
    async fn take(&self, entry: &Entry, outcome: &Outcome) -> Result<(), Error> {
        let dialect = self.store.dialect();
        let now = self.world.now();
        self.store
            .write(|mut tx| async move {
                let partner_id = tickets::partner_of_ticket(&mut tx, &entry.lane).await?;
                let viewer = partner_id.map(Viewer::Partner);
                let id = id::parse(&entry.lane).map_err(Error::internal)?;
                let ticket = match &viewer {
                    Some(viewer) => tickets::ticket_lock(&mut tx, dialect, viewer, id).await?,
                    None => None,
                };
                if !outbox::finish(&mut tx, entry.id).await? {
                    return Ok((tx, ()));
                }
                let Some(mut ticket) = ticket else { return Ok((tx, ())) };
                match outcome {
                    Outcome::Accepted(case, decision) => {
                        ticket.accepted(case_record(case)?, Some(decision.clone()));
                    }
                    Outcome::Taken if entry.kind == kinds::WITHDRAW => ticket.withdrawn(),
                    Outcome::Settled(charge) => {
                        // Heard once: what is sent again after a crash is answered again.
                        if ticket.learn_charge(Charge::clone(charge)) && charge.state == ChargeState::Refused {
                            let text = "No incident could be set aside for the support team; the charge says why.";
                            notes::note_insert(&mut tx, &remark(&self.world, &ticket, text.into(), now)).await?;
                        }
                    }
                    Outcome::Taken | Outcome::Later(_) => {}
                    Outcome::Refused(status) => {
                        let decision = refusal(status, now).encode_to_vec();
                        match entry.kind.as_str() {
                            kinds::ESCALATE => ticket.refused(decision),
                            kinds::COMPLETE_DUTIES => ticket.refused_again(decision),
                            kinds::WITHDRAW => ticket.withdrawal_refused(now),
                            // Its case is over: nobody owns it any more.
                            kinds::LIAISON => {}
                            _ => ticket.contribution_refused(),
                        }
                        notes::note_refused(&mut tx, entry.id).await?;
                        let text = format!("The vendor refused this ({}): {}", entry.kind, status.message());
                        notes::note_insert(&mut tx, &remark(&self.world, &ticket, text, now)).await?;
                    }
                }
                tickets::ticket_update(&mut tx, &ticket).await?;
                Ok::<_, WriteError>((tx, ()))
            })
            .await
    }
}

async fn mint(
    sending: &Sending<'_>,
    request: &pb::EscalateCaseRequest,
    bundle: &Bundle,
    charge: Option<HoldId>,
) -> Result<String, Status> {
    let escalation_id = request.escalation.as_ref().map(|escalation| escalation.escalation_id.clone());
    let request = license::IssueEntitlementProofRequest {
        question: Some(question(&sending.ticket, sending.license_id)),
        escalation_id: escalation_id.unwrap_or_default(),
        bundle_root: bundle.root.0.to_vec().into(),
        audience: sending.link.audience.clone(),
        charged_hold_id: charge.map(|id| id.to_string()).unwrap_or_default(),
    };
    Ok(within(sending.link.entitlement().issue_entitlement_proof(request)).await?.proof)
}

fn decode<M: Message + Default>(entry: &Entry) -> Result<M, Error> {
    M::decode(entry.payload.as_slice()).map_err(Error::internal)
}

fn taken<T>(answer: Result<T, Status>) -> Outcome {
    answer.map_or_else(weigh, |_| Outcome::Taken)
}

fn weigh(status: Status) -> Outcome {
    if is_over(&status) { Outcome::Refused(status) } else { Outcome::Later(status) }
}

/// Whether an answer is final: asking again would not help. What is too large once is too large every time.
pub(crate) fn is_over(status: &Status) -> bool {
    is_final(status.code().into()) || vouch_contract::status::reason_of(status) == "MESSAGE_TOO_LARGE"
}

/// The blocking reasons of a refusal, as far as this version knows them.
fn reasons(status: &Status) -> Vec<Reason> {
    if status.code() != Code::FailedPrecondition {
        return Vec::new();
    }
    let known = |number: i32| Reason::ALL.iter().copied().find(|reason| reason.number() == number);
    findings(status)
        .into_iter()
        .filter(|finding| finding.weight() != vouch_contract::pb::common::v1::Weight::Warning)
        .map(|finding| known(finding.reason).unwrap_or(Reason::AdmissionRefused))
        .collect()
}

/// A refusal as a decision: the gate's, or that of the licence service, which judged before it.
fn refusal(status: &Status, now: jiff::Timestamp) -> pb::AdmissionDecision {
    pb::AdmissionDecision {
        accepted: false,
        findings: findings(status),
        decided_at: Some(timestamp(now)),
        ..pb::AdmissionDecision::default()
    }
}

/// What is kept of a case.
pub(crate) fn case_record(case: &pb::Case) -> Result<CaseRecord, Error> {
    Ok(CaseRecord {
        id: id::parse(&case.case_id).map_err(Error::internal)?,
        number: case.number.clone(),
        state: case.state().as_str_name().trim_start_matches("CASE_STATE_").to_owned(),
        receipt: case.receipt.clone(),
    })
}

fn remark(world: &World, ticket: &Ticket, text: String, now: jiff::Timestamp) -> Note {
    Note {
        id: world.id(),
        ticket_id: ticket.id,
        audience: Audience::Internal,
        author: "vouch".into(),
        text,
        written_at: now,
        entry_id: None,
        pending: false,
        marks: StepMarks::none(),
    }
}

//! Following a vendor's feed: each page is applied, and the cursor moved, in one transaction.

use std::time::Duration;

use prost::{Message, Name};
use sqlx::AnyConnection;
use vouch_contract::convert::{instant, known_step_marks};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::id::{self, CaseId};
use vouch_core::{Error, World};
use vouch_storage::{Dialect, Store, StoreError, WriteError};

use crate::domain::ticket::{Audience, CaseChange, Fit, Link as Event, Note, Ticket, VENDOR};
use crate::links::Link;
use crate::sender::case_record;
use crate::store::{history, notes, tickets};

/// A feed that is silent for so long is broken: signs of life come every 20 seconds.
const SILENCE: Duration = Duration::from_mins(1);

/// Follows the feeds of vendors.
#[derive(Debug, Clone)]
pub struct Follower {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
}

impl Follower {
    /// Follows one vendor's feed until the stream ends.
    pub async fn follow(&self, link: &Link) -> Result<(), String> {
        let told =
            |status: tonic::Status| format!("{} answered {:?}: {}", link.vendor_id, status.code(), status.message());
        let mut cursor = {
            let mut snapshot = self.store.snapshot().await.map_err(|error| error.to_string())?;
            let cursor = history::cursor_fetch(&mut snapshot, &link.partner_id, &link.vendor_id).await;
            cursor.map_err(|error| error.to_string())?
        };
        let request = pb::WatchCasesRequest { cursor: cursor.clone() };
        let mut stream = link.escalations().watch_cases(request).await.map_err(told)?.into_inner();
        loop {
            let message = tokio::time::timeout(SILENCE, stream.message()).await;
            let message = message.map_err(|_| "the feed fell silent".to_owned())?.map_err(told)?;
            let Some(page) = message else { return Err("the feed ended".into()) };
            let applied = self.apply(link, &cursor, &page).await.map_err(|error| match error {
                Error::Internal(cause) | Error::Unavailable(cause) => cause.to_string(),
                other => other.to_string(),
            })?;
            if !applied {
                return Err("another replica follows this feed".into());
            }
            cursor = page.cursor;
        }
    }

    /// Applies a page and moves the cursor; false where another replica did.
    async fn apply(&self, link: &Link, from: &str, page: &pb::WatchCasesResponse) -> Result<bool, Error> {
        if page.events.is_empty() && page.cursor == from {
            return Ok(true);
        }
        let (dialect, world) = (self.store.dialect(), &self.world);
        self.store
            .write(|mut tx| async move {
                // Ordering: the cursor first: its row is the lock under which pages are applied one after another.
                if !history::cursor_move(&mut tx, &link.partner_id, &link.vendor_id, from, &page.cursor).await? {
                    return Ok((tx, false));
                }
                for event in &page.events {
                    apply_one(&mut tx, dialect, world, link, event).await?;
                }
                Ok::<_, WriteError>((tx, true))
            })
            .await
    }
}

async fn apply_one(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    link: &Link,
    event: &pb::CaseEvent,
) -> Result<(), WriteError> {
    let event = read_event(event)?;
    let change = read_change(&event)?;
    // Ordering: the ticket first, then its history: the same order as everywhere else.
    let ticket = ticket_of(tx, dialect, link, &event, &change).await?;
    // One vendor says nothing about another one's tickets.
    let ticket = ticket.filter(|ticket| ticket.vendor_id == link.vendor_id);
    match event.fits(&history::head_fetch(tx, &link.vendor_id, event.case_id).await?) {
        Fit::Known => return Ok(()),
        Fit::Next => {}
        Fit::Diverged => {
            let place = format!("the history of {} diverged at event {}", event.case_id, event.sequence);
            return Err(Error::internal(place).into());
        }
    }
    history::event_insert(tx, &link.vendor_id, &event).await?;
    let Some(mut ticket) = ticket else {
        // Opened past this service, or before a back-up was restored here: its history is kept. For drills that is usual.
        if let CaseChange::Accepted(_) = change
            && !is_drill(&event)
        {
            tracing::warn!(case.id = %event.case_id, "a case was opened for which there is no ticket here");
        }
        return Ok(());
    };
    if !event.origin.is_empty() {
        notes::note_taken(tx, ticket.id, &event.origin).await?;
    }
    ticket.vendor_responded |= event.origin.is_empty() && change.is_response();
    let told = ticket.take(change);
    tickets::ticket_update(tx, &ticket).await?;
    // What this side contributed is noted here already.
    if let Some(told) = told.filter(|_| event.origin.is_empty()) {
        let note = Note {
            id: world.id(),
            ticket_id: ticket.id,
            audience: Audience::Vendor,
            author: VENDOR.into(),
            text: told.text,
            written_at: event.committed_at,
            entry_id: None,
            pending: false,
            marks: told.marks,
        };
        notes::note_insert(tx, &note).await?;
    }
    Ok(())
}

/// The ticket of an event: by the case, and by the escalation while the case is not known here.
async fn ticket_of(
    tx: &mut AnyConnection,
    dialect: Dialect,
    link: &Link,
    event: &Event,
    change: &CaseChange,
) -> Result<Option<Ticket>, StoreError> {
    if let CaseChange::Accepted(_) = change
        && let Ok(accepted) = pb::CaseAccepted::decode(event.payload.as_slice())
        && let Ok(escalation_id) = id::parse(&accepted.case.unwrap_or_default().escalation_id)
    {
        return tickets::ticket_lock_by_escalation(tx, dialect, &link.partner_id, escalation_id).await;
    }
    tickets::ticket_lock_by_case(tx, dialect, &link.partner_id, event.case_id).await
}

fn is_drill(accepted: &Event) -> bool {
    let accepted = pb::CaseAccepted::decode(accepted.payload.as_slice()).unwrap_or_default();
    accepted.case.is_some_and(|case| case.test_case)
}

fn read_event(event: &pb::CaseEvent) -> Result<Event, Error> {
    let wrong = |part: &str| Error::internal(format!("an event of {} has no {part}", event.case_id));
    let hash = |bytes: &[u8], part: &str| <[u8; 32]>::try_from(bytes).map_err(|_| wrong(part));
    let case_id: CaseId = id::parse(&event.case_id).map_err(|_| wrong("case"))?;
    Ok(Event {
        case_id,
        sequence: event.sequence,
        type_name: event.type_name.clone(),
        payload: event.payload.to_vec(),
        salt: event.salt.to_vec(),
        previous_hash: hash(&event.previous_hash, "previous hash")?,
        hash: hash(&event.hash, "hash")?,
        content_hash: hash(&event.content_hash, "content hash")?,
        actor: event.actor.clone(),
        committed_at: event.committed_at.as_ref().and_then(|at| instant(at).ok()).ok_or_else(|| wrong("time"))?,
        origin: event.origin.clone(),
    })
}

/// What an event says. One of a kind that this version does not know is kept, and changes nothing.
fn read_change(event: &Event) -> Result<CaseChange, Error> {
    let name = event.type_name.as_str();
    let is = |full_name: String| full_name == name;
    Ok(if is(pb::CaseAccepted::full_name()) {
        let accepted: pb::CaseAccepted = decode(event)?;
        CaseChange::Accepted(case_record(&accepted.case.unwrap_or_default())?)
    } else if is(pb::CaseClaimed::full_name()) {
        CaseChange::Claimed
    } else if is(pb::SharedNote::full_name()) {
        let note: pb::SharedNote = decode(event)?;
        CaseChange::Note { text: note.text, marks: known_step_marks(&note.marks) }
    } else if is(pb::InformationRequested::full_name()) {
        let pb::InformationRequested { questions, collectors, profile, marks } = decode(event)?;
        CaseChange::Asked { questions, collectors, profile, marks: known_step_marks(&marks) }
    } else if is(pb::InformationProvided::full_name()) {
        CaseChange::Answered
    } else if is(pb::SolutionProvided::full_name()) {
        let solution: pb::SolutionProvided = decode(event)?;
        CaseChange::Solved { text: solution.text, marks: known_step_marks(&solution.marks) }
    } else if is(pb::SolutionDeclined::full_name()) {
        CaseChange::Declined
    } else if is(pb::MarkedReadyToClose::full_name()) {
        CaseChange::Ready
    } else if is(pb::CaseClosed::full_name()) {
        CaseChange::Closed(decode::<pb::CaseClosed>(event)?.summary)
    } else if is(pb::DutiesNotDone::full_name()) {
        CaseChange::DutiesNotDone(decode::<pb::DutiesNotDone>(event)?.missing)
    } else if is(pb::DutiesCompleted::full_name()) {
        CaseChange::DutiesCompleted
    } else if is(pb::CaseWithdrawn::full_name()) {
        CaseChange::Withdrawn
    } else {
        CaseChange::Unknown
    })
}

fn decode<M: Message + Default>(event: &Event) -> Result<M, Error> {
    M::decode(event.payload.as_slice()).map_err(Error::internal)
}

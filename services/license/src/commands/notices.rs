//! Telling named people their support contact: owed with the naming, sent once the agreement runs.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{NoticeId, OutboxId};
use vouch_core::{Error, World, id};
use vouch_storage::outbox::{self, Entry};
use vouch_storage::{Store, WriteError};

use crate::domain::agreement::AgreementState;
use crate::domain::notice::{Desk, Letter, Notice, NoticeState, addressee, letter};
use crate::store::{agreements, licenses, notices, partners};

/// What an outbox entry of this kind holds: the notice's id.
const KIND: &str = "support-contact";

/// At which attempt a letter that does not leave is told to the operator.
const TELL_AT: u32 = 3;

/// What is to be done about a notice now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A letter is to be sent, which names these partners.
    Send(Box<Notice>, Letter, Vec<PartnerId>),
    /// It cannot be sent yet, and why.
    Wait(NoticeId, &'static str),
    /// Nobody is left to tell, and why.
    Drop(NoticeId, &'static str),
    /// It was done before: only the entry is left.
    Done,
}

/// What became of a notice: its state, the partners that the letter named, and why nothing was sent, where nothing was.
pub type Outcome<'a> = Option<(NoticeId, NoticeState, &'a [PartnerId], &'a str)>;

/// Owes a person a notice.
pub async fn owe(tx: &mut AnyConnection, world: &World, now: Timestamp, notice: &Notice) -> Result<(), WriteError> {
    notices::notice_insert(tx, notice).await?;
    let lane = notice.id.to_string();
    outbox::enqueue(tx, world.id(), &lane, KIND, lane.as_bytes(), now, notice.due_at).await
}

/// Reads what is to be done about an entry's notice.
pub async fn next(store: &Store, world: &World, entry: &Entry) -> Result<Next, Error> {
    let mut snapshot = store.snapshot().await?;
    let id = std::str::from_utf8(&entry.payload).map_err(Error::internal)?;
    let id: NoticeId = id::parse(id).map_err(Error::internal)?;
    let Some(notice) = notices::notice_fetch(&mut snapshot, id).await? else { return Ok(Next::Done) };
    if notice.state != NoticeState::Pending {
        return Ok(Next::Done);
    }
    let agreement = agreements::agreement_fetch(&mut snapshot, notice.agreement_id)
        .await?
        .ok_or_else(|| Error::internal("a notice names an agreement that is not there"))?;
    let liaison = match addressee(&agreement, notice.contact_id, world.now()) {
        Ok(liaison) => liaison,
        Err(why) => return Ok(Next::Drop(id, why)),
    };
    if agreement.state == AgreementState::Suspended {
        return Ok(Next::Wait(id, "the agreement is suspended"));
    }
    let today = world.now().to_zoned(agreement.terms.zone.clone()).date();
    let responsible = licenses::responsible_partners_fetch(&mut snapshot, &agreement.terms.end_user_id, today).await?;
    let mut desks = Vec::new();
    for (id, products) in responsible {
        let partner = partners::partner_fetch(&mut snapshot, &id)
            .await?
            .ok_or_else(|| Error::internal("a licence names a partner that is not there"))?;
        desks.push(Desk { partner, products });
    }
    if desks.is_empty() {
        return Ok(Next::Wait(id, "the end user has no licence in force, and so no responsible partner"));
    }
    let letter = letter(&agreement, liaison, &desks);
    Ok(Next::Send(Box::new(notice), letter, desks.into_iter().map(|desk| desk.partner.id).collect()))
}

/// Writes what became of a notice, and takes its entry out, as one.
pub async fn end(store: &Store, world: &World, entry: OutboxId, outcome: Outcome<'_>) -> Result<(), Error> {
    let now = world.now();
    store
        .write(|mut tx| async move {
            if outbox::finish(&mut tx, entry).await?
                && let Some((id, state, partners, problem)) = outcome
            {
                notices::notice_end(&mut tx, id, state, partners, problem, now).await?;
            }
            Ok::<_, WriteError>((tx, ()))
        })
        .await
}

/// Gives a notice's entry back, to come again after a pause, and writes why it is not sent yet.
pub async fn delay(store: &Store, world: &World, entry: &Entry, id: NoticeId, problem: &str) -> Result<(), Error> {
    let parked = outbox::give_back(store, entry, problem, world).await?;
    // Told when it begins to look serious, and when it rests: not at each of the attempts between.
    if parked || entry.attempts == TELL_AT {
        tracing::warn!(notice.id = %id, attempts = entry.attempts, parked, "a support contact could not be sent yet");
    }
    store
        .write(|mut tx| async move {
            notices::notice_delay(&mut tx, id, problem).await?;
            Ok::<_, WriteError>((tx, ()))
        })
        .await
}

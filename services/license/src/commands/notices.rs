//! Telling named people their support contact: owed with the naming, sent once the agreement runs.

use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{NoticeId, OutboxId};
use vouch_core::{Error, World, id};
use vouch_host::Call;
use vouch_storage::outbox::{self, Entry};
use vouch_storage::{Store, WriteError};

use crate::domain::notice::{Letter, Notice, NoticeState, addressee, letter};
use crate::store::{agreements, licenses, notices, partners};

/// What an outbox entry of this kind holds: the notice's id.
const KIND: &str = "support-contact";

/// What is to be done about a notice now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A letter is to be sent, which names this partner.
    Send(Box<Notice>, Letter, PartnerId),
    /// It cannot be sent yet, and why.
    Wait(NoticeId, &'static str),
    /// Nobody is left to tell, and why.
    Drop(NoticeId, &'static str),
    /// It was done before: only the entry is left.
    Done,
}

/// What became of a notice: its state, the partner that the letter named, and why nothing was sent, where nothing was.
pub type Outcome<'a> = Option<(NoticeId, NoticeState, Option<&'a PartnerId>, &'a str)>;

/// Owes a person a notice.
pub async fn owe<C>(tx: &mut AnyConnection, call: &Call<C>, notice: &Notice) -> Result<(), WriteError> {
    notices::notice_insert(tx, notice).await?;
    let lane = notice.id.to_string();
    outbox::enqueue(tx, call.world.id(), &lane, KIND, lane.as_bytes(), notice.due_at).await
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
    let responsible = licenses::responsible_partner_fetch(&mut snapshot, &agreement.terms.end_user_id).await?;
    let partner = match &responsible {
        Some(id) => partners::partner_fetch(&mut snapshot, id).await?,
        None => None,
    };
    let Some(partner) = partner else {
        return Ok(Next::Wait(id, "the end user has no licence that is in force, and so no responsible partner"));
    };
    let letter = letter(&agreement, liaison, &partner);
    Ok(Next::Send(Box::new(notice), letter, partner.id))
}

/// Writes what became of a notice, and takes its entry out, as one.
pub async fn end(store: &Store, world: &World, entry: OutboxId, outcome: Outcome<'_>) -> Result<(), Error> {
    let now = world.now();
    store
        .write(|mut tx| async move {
            if outbox::finish(&mut tx, entry).await?
                && let Some((id, state, partner_id, problem)) = outcome
            {
                notices::notice_end(&mut tx, id, state, partner_id, problem, now).await?;
            }
            Ok::<_, WriteError>((tx, ()))
        })
        .await
}

/// Writes why a notice is not sent yet; its entry comes again after a pause.
pub async fn delay(store: &Store, world: &World, entry: &Entry, id: NoticeId, problem: &str) -> Result<(), Error> {
    store
        .write(|mut tx| async move {
            notices::notice_delay(&mut tx, id, problem).await?;
            Ok::<_, WriteError>((tx, ()))
        })
        .await?;
    if outbox::give_back(store, entry, problem, world).await? {
        tracing::error!(notice.id = %id, problem, "a notice of a support contact was parked until the next start");
    }
    Ok(())
}

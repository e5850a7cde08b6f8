//! What written notices of removed liaisons do to tickets.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::{LiaisonNoticeId, OutboxId, TicketId};
use vouch_core::{StepMarks, World};
use vouch_storage::{Dialect, WriteError};

use super::charges;
use super::tickets::{self as commands, Doing, kinds};
use crate::domain::ticket::{Audience, Kept, Lapse, Note, Removed, Succession, Ticket, Viewer};
use crate::store::{notes, successions, tickets};

/// Who does what no person does.
const SERVICE: &str = "vouch";

/// A notice, with the tickets that it concerns, each with whoever was removed from behind it.
#[derive(Debug, Clone)]
pub struct CarryOut {
    /// Whose tickets they are.
    pub partner_id: PartnerId,
    /// The vendor whose notice it is.
    pub vendor_id: VendorId,
    /// The notice.
    pub notice_id: LiaisonNoticeId,
    /// The tickets.
    pub concerned: Vec<(TicketId, Removed)>,
}

/// Carries a notice out, once. Returns whether there is something to be sent.
pub async fn carry_out(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    command: &CarryOut,
) -> Result<bool, WriteError> {
    let CarryOut { partner_id, vendor_id, notice_id, concerned } = command;
    let doing = by_the_service(dialect, world, partner_id);
    // Ordering: the notice first: its row is what another replica waits for. Then the tickets, by their ids.
    if !successions::notice_take(tx, partner_id, vendor_id, *notice_id, doing.now).await? {
        return Ok(false);
    }
    let mut concerned: Vec<_> = concerned.iter().collect();
    concerned.sort_unstable_by_key(|(id, _)| *id);
    let mut sends = false;
    for (id, removed) in concerned {
        let Some(mut ticket) = tickets::ticket_lock(tx, dialect, &doing.viewer, *id).await? else { continue };
        let text = match (ticket.succeed(removed), &removed.successor) {
            (Succession::Untouched, _) => continue,
            (Succession::TakenOver, Some(successor)) => {
                if ticket.concerns_the_vendor() {
                    let id: OutboxId = world.id();
                    let request = vendor::ChangeLiaisonRequest {
                        request_id: id.to_string(),
                        case_id: String::new(),
                        contact_id: successor.contact_id.to_string(),
                        liaison_notice_id: notice_id.to_string(),
                        administrative_rights: successor.has_rights,
                    };
                    commands::send(tx, &doing, &ticket, id, kinds::LIAISON, &request).await?;
                    sends = true;
                }
                format!("{} takes this over from {}, by the notice {notice_id}.", successor.email, removed.email)
            }
            (Succession::TakenOver | Succession::ToBeClosed, _) => format!(
                "{} is no support liaison any more, and the notice {notice_id} names nobody to take this over. It may be closed \
                 after {}, unless another liaison adopts it or it is kept.",
                removed.email, removed.grace_ends_at
            ),
        };
        notes::note_insert(tx, &note(&doing, &ticket, Audience::EndUser, text)).await?;
        tickets::ticket_update(tx, &ticket).await?;
    }
    Ok(sends)
}

/// Keeps a ticket that was to be closed.
pub async fn keep(tx: &mut AnyConnection, doing: &Doing<'_>, ticket: &mut Ticket, why: &str) -> Result<(), WriteError> {
    ticket.keep(Kept { by: doing.actor.to_owned(), at: doing.now, note: why.to_owned() })?;
    notes::note_insert(tx, &note(doing, ticket, Audience::Internal, format!("It is kept: {why}"))).await
}

/// Ends a ticket for want of a liaison, if it is time: taken back from the vendor first, where it is there. Whether it was.
pub async fn lapse(
    tx: &mut AnyConnection,
    dialect: Dialect,
    world: &World,
    (partner_id, id): &(PartnerId, TicketId),
) -> Result<bool, WriteError> {
    let doing = by_the_service(dialect, world, partner_id);
    let Some(mut ticket) = tickets::ticket_lock(tx, dialect, &doing.viewer, *id).await? else { return Ok(false) };
    let why = "Nobody took this over from a liaison who was removed, and the grace period has ended.";
    match ticket.lapse(doing.now) {
        None => return Ok(false),
        Some(Lapse::TakeBack) => commands::withdraw(tx, &doing, &mut ticket, why).await?,
        Some(Lapse::Close) => charges::close(tx, &doing, &mut ticket, why).await?,
    }
    tickets::ticket_update(tx, &ticket).await?;
    Ok(true)
}

fn by_the_service<'a>(dialect: Dialect, world: &'a World, partner_id: &PartnerId) -> Doing<'a> {
    let now: Timestamp = world.now();
    Doing { dialect, world, now, viewer: Viewer::Partner(partner_id.clone()), actor: SERVICE }
}

fn note(doing: &Doing<'_>, ticket: &Ticket, audience: Audience, text: String) -> Note {
    Note {
        id: doing.world.id(),
        ticket_id: ticket.id,
        audience,
        author: doing.actor.to_owned(),
        text,
        written_at: doing.now,
        entry_id: None,
        pending: false,
        marks: StepMarks::none(),
    }
}

//! Following a vendor's notices of removed liaisons, and what they leave behind (S04).
//!
//! The licence service's feed of entitlements tells which end users something changed for; their notices are read then, and carried out
//! once each. Whoever comes for the first time reads every notice.

use std::collections::BTreeSet;
use std::time::Duration;

use tonic::Status;
use vouch_contract::convert::instant;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_change::Subject;
use vouch_contract::status::reason_of;
use vouch_core::id::{self, LiaisonNoticeId, TicketId};
use vouch_core::{Error, World};
use vouch_host::Bell;
use vouch_storage::{Store, WriteError};

use crate::commands::successions::{self as commands, CarryOut};
use crate::domain::ticket::{Removed, Successor};
use crate::links::{Link, within};
use crate::sender::is_over;
use crate::store::{customers, successions};

/// A feed that is silent for so long is broken: signs of life come every 5 seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// How many notices one page has.
const PAGE: i32 = 100;
/// How many tickets are read at a time.
const IN_ONE_READ: i64 = 100;

/// Follows notices, and ends what nobody took over.
#[derive(Debug, Clone)]
pub struct Liaisons {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// Rung when something is to be sent.
    pub bell: Bell,
}

impl Liaisons {
    /// Follows one vendor's feed until the stream ends.
    pub async fn follow(&self, link: &Link) -> Result<(), String> {
        let mut snapshot = self.store.snapshot().await.map_err(|error| error.to_string())?;
        let place = successions::place_fetch(&mut snapshot, &link.partner_id, &link.vendor_id).await;
        drop(snapshot);
        let mut place = place.map_err(|error| error.to_string())?;
        let mut stream = match watch(link, place).await {
            // Its database is older than what was heard of it: a backup was restored there.
            Err(status) if reason_of(&status) == "REVISION_UNKNOWN" => {
                place = None;
                watch(link, None).await
            }
            answered => answered,
        }
        .map_err(|status| told(&status))?;
        let mut changed = BTreeSet::new();
        loop {
            let message = tokio::time::timeout(SILENCE, stream.message()).await;
            let message = message.map_err(|_| "the feed fell silent".to_owned())?.map_err(|status| told(&status))?;
            let Some(message) = message else { return Err("the feed ended".into()) };
            // Changes come before a response without any, which says that these were all.
            let is_whole = message.changes.is_empty();
            changed.extend(message.changes.into_iter().filter_map(end_user));
            if !is_whole || place == Some(message.revision) {
                continue;
            }
            if place.is_none() {
                self.read(link, "", message.revision).await.map_err(|error| cause(&error))?;
            }
            for end_user_id in std::mem::take(&mut changed) {
                self.read(link, &end_user_id, message.revision).await.map_err(|error| cause(&error))?;
            }
            place = Some(message.revision);
            self.write_place(link, message.revision).await.map_err(|error| cause(&error))?;
        }
    }

    /// Carries out the notices of an end user, or, where none is named, of all, that took effect.
    async fn read(&self, link: &Link, end_user_id: &str, revision: i64) -> Result<(), Error> {
        let mut page_token = String::new();
        let mut applied = Vec::new();
        loop {
            let request = pb::ListLiaisonNoticesRequest {
                page: Some(PageRequest { page_size: PAGE, page_token }),
                end_user_id: end_user_id.to_owned(),
                agreement_id: String::new(),
            };
            let listed = within(link.liaison_notices().list_liaison_notices(request))
                .await
                .map_err(|status| unavailable(&status))?;
            let is_due = |notice: &pb::LiaisonNotice| {
                notice.state() == pb::LiaisonNoticeState::Applied && !notice.removals.is_empty()
            };
            applied.extend(listed.notices.into_iter().filter(is_due));
            page_token = listed.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        // Ordering: as they took effect, whenever they were submitted. Who takes over by one may be removed by the next.
        applied.sort_by(|one, other| {
            let when = |notice: &pb::LiaisonNotice| notice.effective_time.map(|at| (at.seconds, at.nanos));
            (when(one), &one.liaison_notice_id).cmp(&(when(other), &other.liaison_notice_id))
        });
        for notice in &applied {
            self.carry_out(link, notice, revision).await?;
        }
        Ok(())
    }

    async fn carry_out(&self, link: &Link, notice: &pb::LiaisonNotice, revision: i64) -> Result<(), Error> {
        let notice_id: LiaisonNoticeId = id::parse(&notice.liaison_notice_id).map_err(Error::internal)?;
        let mut snapshot = self.store.snapshot().await?;
        let is_taken =
            successions::notice_is_taken(&mut snapshot, &link.partner_id, &link.vendor_id, notice_id).await?;
        drop(snapshot);
        if is_taken {
            return Ok(());
        }
        let command = &CarryOut {
            partner_id: link.partner_id.clone(),
            vendor_id: link.vendor_id.clone(),
            notice_id,
            // Ordering: asked before the transaction begins, because nobody holds a lock while another service thinks.
            concerned: self.concerned(link, notice, notice_id, revision).await?,
        };
        let (dialect, world) = (self.store.dialect(), &self.world);
        let sends = self.store.write(|mut tx| async move {
            let sends = commands::carry_out(&mut tx, dialect, world, command).await?;
            Ok::<_, WriteError>((tx, sends))
        });
        if sends.await? {
            self.bell.ring();
        }
        Ok(())
    }

    /// The tickets that a notice leaves without a liaison: those of the end user behind which a removed person stands who is named
    /// for them nowhere else.
    async fn concerned(
        &self,
        link: &Link,
        notice: &pb::LiaisonNotice,
        notice_id: LiaisonNoticeId,
        revision: i64,
    ) -> Result<Vec<(TicketId, Removed)>, Error> {
        let mut concerned = Vec::new();
        // One without an address was named by nobody's ticket: another notice was only going to name the person.
        for removal in notice.removals.iter().filter(|removal| !removal.email.is_empty()) {
            let mut removed = read_removal(removal, notice, notice_id)?;
            let mut snapshot = self.store.snapshot().await?;
            let (partner_id, vendor_id) = (&link.partner_id, &link.vendor_id);
            let of_person =
                successions::ticket_list_of_contact(&mut snapshot, partner_id, vendor_id, &removed.email).await?;
            let mut candidates = Vec::with_capacity(of_person.len());
            for ticket in of_person {
                let customer = customers::customer_fetch(&mut snapshot, partner_id, ticket.customer_id).await?;
                let license_id = customer.and_then(|customer| customer.licenses.get(vendor_id).copied());
                candidates.extend(license_id.map(|license_id| (ticket, license_id)));
            }
            drop(snapshot);
            if let (Some(successor), false) = (&mut removed.successor, candidates.is_empty()) {
                let contact_id = successor.contact_id.to_string();
                successor.has_rights = link.has_rights(&notice.end_user_id, &contact_id, &successor.email).await;
            }
            for (ticket, license_id) in candidates {
                let answer = match link.check(&ticket, Some(license_id), revision).await {
                    Ok(answer) => answer,
                    // One ticket that is refused for good must not keep every later notice from being carried out.
                    Err(status) if is_over(&status) => {
                        tracing::error!(ticket = %ticket.id, error = %told(&status), "a ticket cannot be moved by a notice");
                        continue;
                    }
                    Err(status) => return Err(unavailable(&status)),
                };
                let is_left = |cover: pb::Cover| cover.end_user_id == notice.end_user_id && cover.contact_id.is_empty();
                if answer.cover.is_some_and(is_left) {
                    concerned.push((ticket.id, removed.clone()));
                }
            }
        }
        Ok(concerned)
    }

    async fn write_place(&self, link: &Link, revision: i64) -> Result<(), Error> {
        self.store
            .write(|mut tx| async move {
                successions::place_put(&mut tx, &link.partner_id, &link.vendor_id, revision).await?;
                Ok::<_, WriteError>((tx, ()))
            })
            .await
    }

    /// Ends the tickets whose grace has ended and which nobody keeps. One that cannot be ended keeps no other from it; the first failure is
    /// told at the end.
    pub async fn lapse_due(&self) -> Result<(), Error> {
        let (mut after, mut failed) = (String::new(), Ok(()));
        loop {
            let mut snapshot = self.store.snapshot().await?;
            let now = self.world.now();
            let due = successions::ticket_list_lapsing(&mut snapshot, now, &after, IN_ONE_READ).await?;
            drop(snapshot);
            let Some(last) = due.last() else { return failed };
            after = last.id.to_string();
            let (dialect, world) = (self.store.dialect(), &self.world);
            // Looked at before anything is locked: what is severe stays, however often it is looked at.
            for ticket in due.iter().filter(|ticket| ticket.lapse(now).is_some()) {
                let one = &(ticket.partner_id.clone(), ticket.id);
                let lapsed = self.store.write(|mut tx| async move {
                    let lapsed = commands::lapse(&mut tx, dialect, world, one).await?;
                    Ok::<_, WriteError>((tx, lapsed))
                });
                match lapsed.await {
                    Ok(true) => self.bell.ring(),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!(ticket = %ticket.id, error = %cause(&error), "a ticket cannot be ended");
                        failed = failed.and(Err(error));
                    }
                }
            }
        }
    }
}

async fn watch(link: &Link, place: Option<i64>) -> Result<tonic::Streaming<pb::WatchEntitlementsResponse>, Status> {
    let request = pb::WatchEntitlementsRequest { after_revision: place.unwrap_or_default(), from_now: place.is_none() };
    Ok(link.entitlement().watch_entitlements(request).await?.into_inner())
}

fn end_user(change: pb::EntitlementChange) -> Option<String> {
    match change.subject {
        Some(Subject::EndUserId(id)) => Some(id),
        Some(Subject::License(_) | Subject::Gone(_)) | None => None,
    }
}

fn read_removal(
    removal: &pb::LiaisonRemoval,
    notice: &pb::LiaisonNotice,
    notice_id: LiaisonNoticeId,
) -> Result<Removed, Error> {
    let grace_ends_at = notice.successor_grace_ends.as_ref().and_then(|at| instant(at).ok());
    let grace_ends_at = grace_ends_at.ok_or_else(|| Error::internal("a notice tells no grace period"))?;
    let successor = match removal.successor_contact_id.as_str() {
        "" => None,
        contact_id => {
            let contact_id = id::parse(contact_id).map_err(Error::internal)?;
            Some(Successor { contact_id, email: removal.successor_email.clone(), has_rights: false })
        }
    };
    Ok(Removed { notice_id, email: removal.email.clone(), successor, grace_ends_at })
}

fn told(status: &Status) -> String {
    format!("the licence service answered {:?}: {}", status.code(), status.message())
}

fn unavailable(status: &Status) -> Error {
    Error::Unavailable(told(status).into())
}

fn cause(error: &Error) -> String {
    match error {
        Error::Internal(cause) | Error::Unavailable(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

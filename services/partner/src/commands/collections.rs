//! Issuing collection tickets, and knowing them again in what is committed.

use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{CollectionTicketId, TicketId};
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::pseudonyms::{Identity, Recipient};
use vouch_diagnostics::request::{CollectionRequest, PseudonymKey, RequestError};
use vouch_storage::{Secrets, StoreError, WriteError};

use super::tickets::{Doing, lock};
use crate::domain::collection::{Asked, CollectionTicket};
use crate::domain::ticket::Bundle;
use crate::profiles::Profiles;
use crate::store::{collections, history};

/// A collection ticket to be issued.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The ticket.
    pub ticket_id: TicketId,
    /// What for.
    pub asked: Asked,
    /// What is asked besides.
    pub questions: Vec<String>,
}

/// A collection ticket that was issued, with its file.
#[derive(Debug, Clone)]
pub struct Issued {
    /// What was issued.
    pub ticket: CollectionTicket,
    /// The partner's public key.
    pub recipient: Recipient,
    /// The file. It has the key of the ticket's pseudonyms.
    pub file: String,
    /// Whether the vendor's profile is kept here, so that it has the collectors that are named.
    pub profile_known: bool,
}

/// Issues a collection ticket. A profile that is not kept here is known by its name only: that it has what is wanted is seen on the host.
pub async fn issue(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    secrets: &Secrets,
    profiles: &Profiles,
    command: &Issue,
) -> Result<Issued, WriteError> {
    // Ordering: the ticket's row first. Under its lock the key of its pseudonyms is made once.
    let ticket = lock(tx, doing, command.ticket_id).await?;
    let request = history::vendor_request_fetch(tx, &ticket).await?;
    let wanted = command.asked.settle(&ticket, &doing.viewer, request.as_ref())?;
    let profile = profiles.kept(tx, &ticket.vendor_id, &wanted.profile).await?;
    if let Some(profile) = &profile {
        command.asked.check(&wanted, profile)?;
    }
    let pseudonym_key = pseudonym_key(tx, doing, secrets, ticket.id).await?;
    let recipient = recipient(tx, doing, secrets, &ticket.partner_id).await?;
    let issued = CollectionTicket {
        id: doing.world.id(),
        ticket_id: ticket.id,
        wanted,
        questions: command.questions.clone(),
        issued_by: doing.actor.to_owned(),
        issued_at: doing.now,
    };
    collections::collection_ticket_insert(tx, &issued).await?;
    let request = CollectionRequest::new(&ticket.id.to_string(), &issued.wanted.profile.to_string(), pseudonym_key)
        .issued(&issued.id.to_string(), recipient.clone());
    let (collectors, questions) = (issued.wanted.collectors.clone(), issued.questions.clone());
    let file = CollectionRequest { collectors, questions, ..request }.write().map_err(|error| match error {
        RequestError::TooLong => Error::field("questions", "are too long together: the file has at most 64 KiB"),
        error => Error::internal(error),
    })?;
    Ok(Issued { ticket: issued, recipient, file, profile_known: profile.is_some() })
}

/// Refuses a bundle whose manifest names a collection ticket that was not issued for its ticket.
pub async fn check(connection: &mut AnyConnection, bundle: &Bundle) -> Result<(), WriteError> {
    let Some(id) = bundle.collection_ticket_id else { return Ok(()) };
    if collections::was_issued_for(connection, id, bundle.ticket_id).await? {
        return Ok(());
    }
    Err(mismatch(&id.to_string()).into())
}

/// The collection ticket that a manifest names.
pub fn named(ticket: Option<&str>) -> Result<Option<CollectionTicketId>, Error> {
    ticket.map(|named| vouch_core::id::parse(named).map_err(|_| mismatch(named))).transpose()
}

fn mismatch(named: &str) -> Error {
    Error::Refused {
        kind: Kind::Refused,
        reason: Reason::CollectionTicketMismatch,
        message: format!("the manifest names the collection ticket {named}, which was not issued for this ticket"),
    }
}

/// The key of a ticket's pseudonyms: the one that there is, or a new one.
async fn pseudonym_key(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    secrets: &Secrets,
    ticket_id: TicketId,
) -> Result<PseudonymKey, WriteError> {
    let context = format!("pseudonym key of {ticket_id}");
    if let Some(sealed) = collections::pseudonym_key_fetch(tx, ticket_id).await? {
        let key = secrets.open(&context, &sealed).map_err(Error::internal)?;
        let key = key.try_into().map_err(|_| Error::internal("a key of pseudonyms has another length"))?;
        return Ok(PseudonymKey(key));
    }
    let key = PseudonymKey(doing.world.random::<32>());
    let sealed = secrets.seal(&context, &key.0).map_err(Error::internal)?;
    collections::pseudonym_key_insert(tx, ticket_id, &sealed).await?;
    Ok(key)
}

/// A partner's public key; the pair is made when it is needed first.
async fn recipient(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    secrets: &Secrets,
    partner_id: &PartnerId,
) -> Result<Recipient, WriteError> {
    if let Some(identity) = identity(tx, secrets, partner_id).await? {
        return Ok(identity.recipient());
    }
    let made = Identity::generate();
    let sealed = secrets.seal(&sealed_for(partner_id), made.expose().as_bytes()).map_err(Error::internal)?;
    let recipient = made.recipient();
    collections::identity_insert(tx, partner_id, recipient.as_str(), &sealed, doing.now).await?;
    // Ordering: read again. Another ticket of the partner may have been faster, and its pair is the one that stays.
    let kept = identity(tx, secrets, partner_id).await?;
    Ok(kept.ok_or_else(|| WriteError::Store(StoreError::lost_race()))?.recipient())
}

/// A partner's private key, if it was made.
pub(super) async fn identity(
    connection: &mut AnyConnection,
    secrets: &Secrets,
    partner_id: &PartnerId,
) -> Result<Option<Identity>, Error> {
    let Some(sealed) = collections::identity_fetch(connection, partner_id).await? else { return Ok(None) };
    let plain = secrets.open(&sealed_for(partner_id), &sealed).map_err(Error::internal)?;
    let text = String::from_utf8(plain).map_err(Error::internal)?;
    Identity::parse(&text).map(Some).map_err(Error::internal)
}

fn sealed_for(partner_id: &PartnerId) -> String {
    format!("age identity of {partner_id}")
}

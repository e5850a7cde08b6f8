//! What the pseudonyms of bundles stand for: taken in as it is, and put back into texts on this side only.

use sqlx::AnyConnection;
use vouch_core::id::{BundleId, TicketId};
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::pseudonyms::{Identity, PseudonymTable, Translation};
use vouch_storage::{Secrets, WriteError};

use super::collections;
use super::tickets::{Doing, lock};
use crate::domain::ticket::Ticket;
use crate::store::{pseudonyms, tickets};

/// By so many of a ticket's tables a text is translated.
pub const MAX_TABLES: i64 = 50;
/// And by so many bytes of them, encrypted: each is held in memory while a text is translated.
pub const MAX_BYTES: i64 = 16 * 1024 * 1024;

/// A table to be kept.
#[derive(Debug, Clone)]
pub struct Put {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The bundle.
    pub bundle_id: BundleId,
    /// The table, encrypted.
    pub sealed: Vec<u8>,
}

/// Keeps the table of a bundle; says how many pseudonyms it has. It is opened to be checked, and kept as it came.
pub async fn put(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    secrets: &Secrets,
    command: &Put,
) -> Result<usize, WriteError> {
    let Put { ticket_id, bundle_id, sealed } = command;
    let ticket = lock(tx, doing, *ticket_id).await?;
    let bundle = tickets::bundle_fetch(tx, ticket.id, *bundle_id).await?;
    let bundle = bundle.ok_or_else(|| Error::not_found("bundle", bundle_id))?;
    bundle.check_kept()?;
    // Ordering: the ticket, then the bundle: whoever gives its contents up, and the table with them, locks its row.
    pseudonyms::bundle_hold(tx, doing.dialect, *bundle_id).await?;
    let identity = collections::identity(tx, secrets, &ticket.partner_id).await?;
    let identity = identity.ok_or_else(|| unreadable("this partner issued no collection ticket yet".to_owned()))?;
    let table = PseudonymTable::open(sealed, &identity).map_err(|refused| unreadable(refused.to_string()))?;
    if bundle.collection_ticket_id.map(|id| id.to_string()).as_deref() != Some(table.ticket()) {
        return Err(unreadable("the table is of another collection than the bundle".to_owned()).into());
    }
    match pseudonyms::table_fetch(tx, *bundle_id).await? {
        Some(kept) if kept == *sealed => {}
        Some(_) => return Err(Error::already_exists("table of pseudonyms of", bundle_id).into()),
        None => pseudonyms::table_insert(tx, *bundle_id, sealed, doing.now).await?,
    }
    Ok(table.len())
}

/// What a ticket's texts are translated by, still encrypted.
#[derive(Debug)]
pub struct Tables {
    identity: Option<Identity>,
    sealed: Vec<Vec<u8>>,
}

/// The tables of a ticket's bundles.
pub async fn tables(connection: &mut AnyConnection, secrets: &Secrets, ticket: &Ticket) -> Result<Tables, Error> {
    let identity = collections::identity(connection, secrets, &ticket.partner_id).await?;
    let sealed = pseudonyms::table_list(connection, ticket.id, MAX_TABLES, MAX_BYTES).await?;
    Ok(Tables { identity, sealed })
}

impl Tables {
    /// Opens them. Each was opened before it was kept.
    pub fn translation(self) -> Result<Translation, Error> {
        let Some(identity) = self.identity else { return Ok(Translation::default()) };
        let tables = self.sealed.iter().map(|sealed| PseudonymTable::open(sealed, &identity));
        Ok(Translation::of(tables.collect::<Result<Vec<_>, _>>().map_err(Error::internal)?))
    }
}

fn unreadable(message: String) -> Error {
    Error::Refused { kind: Kind::Refused, reason: Reason::PseudonymsUnreadable, message }
}

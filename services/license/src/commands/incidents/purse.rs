//! Opening an account with its packs, and closing it again.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::EndUserId;
use vouch_core::{Error, World};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use crate::domain::incident::{AccountState, Purse, Share};
use crate::store::changes;
use crate::store::incidents::{self, Booked};

/// What a command on an account takes from its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// Entropy for ids.
    pub world: &'a World,
    /// The instant.
    pub now: Timestamp,
    /// The subject of the caller whose doing it is; empty where it is time's.
    pub by: &'a str,
}

impl<'a> Doing<'a> {
    /// What a caller does.
    pub fn of<C>(call: &'a Call<C>, dialect: Dialect) -> Self {
        Self { dialect, world: &call.world, now: call.now, by: &call.caller.subject }
    }
}

/// Locks an account, and does what time has to do to it. `None` when the vendor does not know that end user.
pub(super) async fn open(
    tx: &mut AnyConnection,
    doing: Doing<'_>,
    end_user_id: &EndUserId,
) -> Result<Option<Purse>, WriteError> {
    match incidents::account_lock(tx, doing.dialect, end_user_id).await? {
        Some(state) => open_locked(tx, doing.now, end_user_id, state).await.map(Some),
        None => Ok(None),
    }
}

/// The same for an account that is locked already.
pub(super) async fn open_locked(
    connection: &mut AnyConnection,
    now: Timestamp,
    end_user_id: &EndUserId,
    state: AccountState,
) -> Result<Purse, WriteError> {
    let mut purse = Purse::new(state, incidents::pack_list_open(connection, end_user_id).await?);
    purse.apply_due(now)?;
    Ok(purse)
}

/// An account as it is at an instant, with what time has to do to it done, and nothing written: for reading.
pub async fn as_of(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    now: Timestamp,
) -> Result<Option<Purse>, Error> {
    let Some(state) = incidents::account_fetch(connection, end_user_id).await? else { return Ok(None) };
    if !state.is_due(now) {
        return Ok(Some(Purse::new(state, Vec::new())));
    }
    let mut purse = Purse::new(state, incidents::pack_list_open(connection, end_user_id).await?);
    purse.apply_due(now).map_err(Error::internal)?;
    Ok(Some(purse))
}

/// Meets the packs to which units may go back, where these have nothing left.
pub(super) async fn meet(tx: &mut AnyConnection, purse: &mut Purse, shares: &[Share]) -> Result<(), WriteError> {
    for id in purse.unmet(shares) {
        let missing = || Error::internal("a hold names a pack that is not there");
        purse.meet(incidents::pack_fetch(tx, id).await?.ok_or_else(missing)?);
    }
    Ok(())
}

/// Writes what happened to an account: its packs, the ledger, its row. The revision with which checks know of it; 0
/// where they need not.
pub(super) async fn close(
    tx: &mut AnyConnection,
    doing: Doing<'_>,
    end_user_id: &EndUserId,
    purse: &Purse,
) -> Result<i64, WriteError> {
    if !purse.is_changed() {
        return Ok(0);
    }
    for pack in purse.added() {
        incidents::pack_insert(tx, end_user_id, pack).await?;
    }
    for pack in purse.changed() {
        incidents::pack_update(tx, pack).await?;
    }
    let mut state = purse.state().clone();
    for booking in purse.bookings() {
        state.lines += 1;
        let booked = Booked { id: doing.world.id(), end_user_id, line: state.lines, by: doing.by, at: doing.now };
        incidents::entry_insert(tx, booked, booking).await?;
    }
    // Ordering: the revision is the last lock; the account's row is locked already.
    let facts_revision = if purse.is_news() { Some(changes::revision_next(tx).await?) } else { None };
    incidents::account_update(tx, end_user_id, &state, facts_revision).await?;
    Ok(facts_revision.unwrap_or_default())
}

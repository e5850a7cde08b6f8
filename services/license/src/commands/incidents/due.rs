//! What time does: holds that nobody settled lapse, packs end, anniversaries pass.

use vouch_core::{Error, World};
use vouch_storage::{Store, WriteError};

use super::escalations::{SettleHold, settle_if};
use super::purse::{Doing, close, open};
use crate::domain::incident::{Hold, HoldState, Settlement};
use crate::store::incidents;

/// How many are dealt with in one go.
const IN_ONE_GO: i64 = 100;

/// Gives back what nobody settled: an escalation that was proven and never became a case, a partner's work that never
/// took place. Returns how many lapsed. A capture after that takes the units anew.
pub async fn lapse(store: &Store, world: &World) -> Result<usize, Error> {
    let doing = Doing { dialect: store.dialect(), world, now: world.now(), by: "" };
    let mut snapshot = store.snapshot().await?;
    let unsettled = incidents::hold_list_unsettled(&mut snapshot, doing.now, IN_ONE_GO).await?;
    drop(snapshot);
    let is_over = |hold: &Hold| {
        if hold.state == HoldState::Reserved && hold.lapses_at < doing.now {
            return Ok(());
        }
        Err(Error::StateConflict { what: "hold", id: hold.id.to_string(), state: "renewed or settled", step: "lapse" })
    };
    let mut lapsed = 0;
    for hold_id in &unsettled {
        let command = &SettleHold { hold_id: *hold_id, settlement: Settlement::Lapse };
        let released = store.write(|mut tx| async move {
            settle_if(&mut tx, doing, ("hold", command), is_over).await?;
            Ok::<_, WriteError>((tx, ()))
        });
        match released.await {
            Ok(()) => lapsed += 1,
            // Its proof was renewed, or somebody settled it, after the list was read.
            Err(Error::StateConflict { .. }) => {}
            // One that cannot be given back must not keep the others.
            Err(error) => tracing::error!(%error, hold.id = %hold_id, "a hold could not lapse"),
        }
    }
    Ok(lapsed)
}

/// Does to every account what time has to do to it. Returns to how many. Each is a transaction of its own under the
/// account's lock: a replica that comes second finds nothing left to do.
pub async fn apply_due(store: &Store, world: &World) -> Result<usize, Error> {
    let doing = Doing { dialect: store.dialect(), world, now: world.now(), by: "" };
    let mut done = 0;
    loop {
        let mut snapshot = store.snapshot().await?;
        let due = incidents::account_list_due(&mut snapshot, doing.now, IN_ONE_GO).await?;
        drop(snapshot);
        let mut failed = 0;
        for end_user_id in &due {
            let applied = store.write(|mut tx| async move {
                if let Some(purse) = open(&mut tx, doing, end_user_id).await? {
                    close(&mut tx, doing, end_user_id, &purse).await?;
                }
                Ok::<_, WriteError>((tx, ()))
            });
            // One that cannot be brought up to date must not keep the others.
            if let Err(error) = applied.await {
                tracing::error!(%error, end_user.id = %end_user_id, "an account could not be brought up to date");
                failed += 1;
            }
        }
        done += due.len() - failed;
        if due.is_empty() || failed > 0 {
            return Ok(done);
        }
    }
}

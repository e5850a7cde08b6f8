//! Bundles that wait to be analysed, and what was found in them: durable, tried again with growing pauses, given up at last.
//!
//! A bundle is entered in the transaction that commits it and analysed after that: whoever dies in between is followed by another one, who
//! finds the same. The table, `bundle_analyses`, is made by each service that takes bundles in; its indices are for the words in the
//! statements, so the words stand in them.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::id::BundleId;
use vouch_core::{Error, World};

use crate::outbox::{ATTEMPTS, pause};
use crate::{Engine, Store, StoreError, WriteError, row};

/// For how long whoever analyses a bundle is left alone with it.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// Where the analysis of a bundle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnalysisState {
    /// It is to be made.
    Waiting,
    /// It was made.
    Done,
    /// Nobody has published the profile that the bundle names.
    ProfileUnknown,
    /// It could not be made, although it was tried for long.
    Failed,
}

impl AnalysisState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Done, Self::ProfileUnknown, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::ProfileUnknown => "profile-unknown",
            Self::Failed => "failed",
        }
    }
}

/// What is known of a bundle's analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The bundle.
    pub bundle_id: BundleId,
    /// The profile that it names: `name/version`.
    pub profile: String,
    /// Where it stands.
    pub state: AnalysisState,
    /// What was found, once it is done.
    pub found: Option<Found>,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The findings, as the contract's message.
    pub told: Vec<u8>,
    /// The digest of the profile by which it was looked.
    pub profile_sha256: [u8; 32],
}

/// A bundle that is to be analysed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The bundle.
    pub bundle_id: BundleId,
    /// The profile that it names.
    pub profile: String,
    /// The size of its manifest.
    pub manifest_bytes: u64,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// Until when nobody else takes it. What is found out under a lease is written under that lease only.
    pub leased_until: Timestamp,
}

/// Enters a bundle, in the transaction that commits it. One that was entered before stays as it is.
pub async fn enter(
    connection: &mut AnyConnection,
    bundle_id: BundleId,
    profile: &str,
    manifest_bytes: u64,
    now: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO bundle_analyses (bundle_id, profile, manifest_bytes, state, attempts, due_at)
         VALUES ($1, $2, $3, 'waiting', 0, $4) ON CONFLICT (bundle_id) DO NOTHING",
    )
    .bind(bundle_id.to_string())
    .bind(profile)
    .bind(row::as_bigint(manifest_bytes)?)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was found in a bundle whose contents are given up: it quotes them.
pub async fn forget(connection: &mut AnyConnection, bundle_id: BundleId) -> Result<(), WriteError> {
    sqlx::query("DELETE FROM bundle_analyses WHERE bundle_id = $1")
        .bind(bundle_id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Has the bundles analysed that name a profile of which nothing was known, or which could not be had. What somebody is about to find out
/// of it is from before, and is not written any more.
pub async fn reopen(connection: &mut AnyConnection, profile: &str, now: Timestamp) -> Result<(), WriteError> {
    sqlx::query(
        "UPDATE bundle_analyses SET state = 'waiting', attempts = 0, due_at = $2
         WHERE profile = $1 AND state IN ('waiting', 'profile-unknown', 'failed')",
    )
    .bind(profile)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// Leases the next bundle that is due.
pub async fn claim(store: &Store, now: Timestamp) -> Result<Option<Due>, Error> {
    // Ordering: looked for among the readers first, so that nothing to do costs no write.
    let found = sqlx::query(
        "SELECT bundle_id, profile, manifest_bytes, due_at FROM bundle_analyses
         WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at, bundle_id LIMIT 1",
    )
    .bind(now.as_microsecond())
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::from)?;
    let Some(found) = found else { return Ok(None) };
    let (bundle_id, due_at): (BundleId, i64) = (row::id(&found, "bundle_id")?, row::integer(&found, "due_at")?);
    let leased_until = now + LEASE;
    let attempts = store
        .write(|mut tx| async move {
            // Who claimed it meanwhile moved its time on.
            let claimed = sqlx::query(
                "UPDATE bundle_analyses SET due_at = $3, attempts = attempts + 1
                 WHERE bundle_id = $1 AND due_at = $2 AND state = 'waiting' RETURNING attempts",
            )
            .bind(bundle_id.to_string())
            .bind(due_at)
            .bind(leased_until.as_microsecond())
            .fetch_optional(&mut *tx)
            .await?;
            let attempts = claimed.map(|claimed| row::number(&claimed, "attempts")).transpose()?;
            Ok::<_, WriteError>((tx, attempts))
        })
        .await?;
    let Some(attempts) = attempts else { return Ok(None) };
    let manifest_bytes = row::number(&found, "manifest_bytes")?;
    Ok(Some(Due { bundle_id, profile: row::text(&found, "profile")?, manifest_bytes, attempts, leased_until }))
}

/// Writes what was found; without it, that nobody has published the profile. Under a lease that was lost nothing is written.
pub async fn finish(store: &Store, due: &Due, found: Option<&Found>, now: Timestamp) -> Result<(), Error> {
    let state = if found.is_some() { AnalysisState::Done } else { AnalysisState::ProfileUnknown };
    decide(store, due, state, found, now).await.map(|_is_written| ())
}

/// Puts a bundle off after a failure, or gives it up after too many. Returns whether it was given up.
pub async fn put_off(store: &Store, due: &Due, world: &World) -> Result<bool, Error> {
    if due.attempts >= ATTEMPTS {
        return decide(store, due, AnalysisState::Failed, None, world.now()).await;
    }
    let jitter = u16::from_be_bytes(world.random::<2>());
    let due_at = world.now() + SignedDuration::try_from(pause(due.attempts, jitter)).unwrap_or(LEASE);
    let (id, leased_until) = (&due.bundle_id.to_string(), due.leased_until.as_microsecond());
    store
        .write(|mut tx| async move {
            sqlx::query(
                "UPDATE bundle_analyses SET due_at = $2 WHERE bundle_id = $1 AND due_at = $3 AND state = 'waiting'",
            )
            .bind(id)
            .bind(due_at.as_microsecond())
            .bind(leased_until)
            .execute(&mut *tx)
            .await?;
            Ok::<_, WriteError>((tx, false))
        })
        .await
}

/// Leases a bundle on while it is looked at; false where the lease was lost.
pub async fn renew(store: &Store, due: &mut Due, now: Timestamp) -> Result<bool, Error> {
    let leased_until = now + LEASE;
    let (id, before) = (&due.bundle_id.to_string(), due.leased_until.as_microsecond());
    let renewed = store.write(|mut tx| async move {
        let renewed = sqlx::query(
            "UPDATE bundle_analyses SET due_at = $2 WHERE bundle_id = $1 AND due_at = $3 AND state = 'waiting'",
        )
        .bind(id)
        .bind(leased_until.as_microsecond())
        .bind(before)
        .execute(&mut *tx)
        .await?;
        Ok::<_, WriteError>((tx, renewed.rows_affected() == 1))
    });
    let is_renewed = renewed.await?;
    if is_renewed {
        due.leased_until = leased_until;
    }
    Ok(is_renewed)
}

/// Writes what became of a bundle; false where the lease was lost.
async fn decide(
    store: &Store,
    due: &Due,
    state: AnalysisState,
    found: Option<&Found>,
    now: Timestamp,
) -> Result<bool, Error> {
    let (id, leased_until) = (&due.bundle_id.to_string(), due.leased_until.as_microsecond());
    store
        .write(|mut tx| async move {
            let decided = sqlx::query(
                "UPDATE bundle_analyses SET state = $2, told = $3, profile_sha256 = $4, decided_at = $5
                 WHERE bundle_id = $1 AND state = 'waiting' AND due_at = $6",
            )
            .bind(id)
            .bind(state.as_str())
            .bind(found.map(|found| found.told.clone()))
            .bind(found.map(|found| found.profile_sha256.to_vec()))
            .bind(now.as_microsecond())
            .bind(leased_until)
            .execute(&mut *tx)
            .await?;
            Ok::<_, WriteError>((tx, decided.rows_affected() == 1))
        })
        .await
}

/// What a start of the service does: what a process that died had leased is due, where only one process can have been. Replicas on
/// PostgreSQL wait for a lease's end instead.
pub async fn recover(store: &Store, now: Timestamp) -> Result<(), Error> {
    if store.dialect().0 != Engine::Sqlite {
        return Ok(());
    }
    store
        .write(|mut tx| async move {
            sqlx::query("UPDATE bundle_analyses SET due_at = $1 WHERE state = 'waiting' AND due_at > $1")
                .bind(now.as_microsecond())
                .execute(&mut *tx)
                .await?;
            Ok::<_, WriteError>((tx, ()))
        })
        .await
}

/// What is known of a bundle's analysis; `None` for one that was committed before bundles were analysed.
pub async fn fetch(connection: &mut AnyConnection, bundle_id: BundleId) -> Result<Option<Analysis>, StoreError> {
    let found = sqlx::query("SELECT * FROM bundle_analyses WHERE bundle_id = $1")
        .bind(bundle_id.to_string())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read).transpose()
}

/// Reads a row of the table.
pub fn read(found: &AnyRow) -> Result<Analysis, StoreError> {
    let state = |word: &str| AnalysisState::ALL.into_iter().find(|state| state.as_str() == word);
    let told = match row::optional_bytes(found, "told")? {
        Some(told) => Some(Found { told, profile_sha256: row::array(found, "profile_sha256")? }),
        None => None,
    };
    Ok(Analysis {
        bundle_id: row::id(found, "bundle_id")?,
        profile: row::text(found, "profile")?,
        state: row::word(found, "state", state)?,
        found: told,
        decided_at: row::optional_instant(found, "decided_at")?,
    })
}

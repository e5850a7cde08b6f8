//! Stored results: a mutation that is repeated with the same request id returns its first result.
//!
//! The result is written in the transaction of the mutation itself, so that there is one if and only if it happened. A
//! refusal stores nothing.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::Error;

use crate::{Secrets, StoreError, WriteError, row};

/// How long results are kept: callers may repeat a request for at least this long.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a sealed result can be opened again.
pub const SEALED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// One call of a mutation, as it is recognised when it is repeated.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls: the caller's stable name.
    pub caller: String,
    /// The RPC's full name.
    pub method: &'static str,
    /// The caller's id for this intent.
    pub request_id: String,
    /// The digest of the request's content.
    pub content: [u8; 32],
}

/// How a result lies in the database.
#[derive(Debug, Clone, Copy)]
pub enum Keeping<'a> {
    /// As it is.
    Plain,
    /// Encrypted, and readable for [`SEALED_FOR`] only: the result tells a secret.
    Sealed(&'a Secrets),
}

/// The stored result of a call, if it was made before.
///
/// `RequestIdReused` when the id was used for other content; `AlreadyExists` when the result was sealed and its time is
/// over.
pub async fn lookup(
    connection: &mut AnyConnection,
    call: &Call,
    keeping: Keeping<'_>,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(found) = sqlx::query(
        "SELECT content, response, sealed_until FROM results WHERE caller = $1 AND method = $2 AND request_id = $3",
    )
    .bind(&call.caller)
    .bind(call.method)
    .bind(&call.request_id)
    .fetch_optional(connection)
    .await
    .map_err(StoreError::from)?
    else {
        return Ok(None);
    };
    if row::bytes(&found, "content")? != call.content {
        return Err(Error::RequestIdReused);
    }
    let over = || Error::already_exists("the result of request", &call.request_id);
    let response = row::optional_bytes(&found, "response")?.ok_or_else(over)?;
    match (row::optional_instant(&found, "sealed_until")?, keeping) {
        (None, _) => Ok(Some(response)),
        (Some(until), Keeping::Sealed(secrets)) if now < until => {
            secrets.open(call.method, &response).map(Some).map_err(Error::internal)
        }
        (Some(_), _) => Err(over()),
    }
}

/// Stores the result of a call in the mutation's own transaction.
///
/// When the same call is running at the same time, one of the two ends as a conflict, starts over, and finds the result.
pub async fn store(
    connection: &mut AnyConnection,
    call: &Call,
    response: &[u8],
    keeping: Keeping<'_>,
    now: Timestamp,
) -> Result<(), WriteError> {
    let (response, sealed_until) = match keeping {
        Keeping::Plain => (response.to_vec(), None),
        Keeping::Sealed(secrets) => {
            let sealed = secrets.seal(call.method, response).map_err(Error::internal)?;
            (sealed, Some((now + SEALED_FOR).as_microsecond()))
        }
    };
    let inserted = sqlx::query(
        "INSERT INTO results (caller, method, request_id, content, response, sealed_until, stored_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&call.caller)
    .bind(call.method)
    .bind(&call.request_id)
    .bind(call.content.to_vec())
    .bind(response)
    .bind(sealed_until)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    if inserted.rows_affected() == 1 { Ok(()) } else { Err(WriteError::Store(StoreError::lost_race())) }
}

/// Forgets what is past its time: sealed results lose their content, results older than [`KEPT_FOR`] go. Returns how many
/// rows went.
pub async fn sweep(connection: &mut AnyConnection, now: Timestamp) -> Result<u64, StoreError> {
    sqlx::query("UPDATE results SET response = NULL WHERE sealed_until <= $1 AND response IS NOT NULL")
        .bind(now.as_microsecond())
        .execute(&mut *connection)
        .await?;
    let gone = sqlx::query("DELETE FROM results WHERE stored_at < $1")
        .bind((now - KEPT_FOR).as_microsecond())
        .execute(connection)
        .await?;
    Ok(gone.rows_affected())
}

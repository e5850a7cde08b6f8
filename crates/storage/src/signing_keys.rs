//! Signing keys at rest: the private part sealed, the public part in the open.

use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::{Dialect, StoreError, row};

/// A signing key as it lies in the database.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The key's RFC 7638 thumbprint.
    pub kid: String,
    /// The private key, sealed.
    pub sealed_private: Vec<u8>,
    /// The public key as a JSON Web Key.
    pub public_jwk: String,
    /// From when on it signs.
    pub active_from: Timestamp,
    /// From when on it is no longer published; absent while no successor is set.
    pub retires_at: Option<Timestamp>,
}

const LIST: &str = "SELECT kid, sealed_private, public_jwk, active_from, retires_at FROM signing_keys
    WHERE purpose = $1 AND (retires_at IS NULL OR retires_at > $2) ORDER BY active_from, kid";

/// The keys of one purpose that are not retired, oldest first.
pub async fn list(connection: &mut AnyConnection, purpose: &str, now: Timestamp) -> Result<Vec<StoredKey>, StoreError> {
    read(connection, LIST, purpose, now).await
}

/// The same, their rows locked until the transaction ends.
pub async fn lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    purpose: &str,
    now: Timestamp,
) -> Result<Vec<StoredKey>, StoreError> {
    read(connection, &format!("{LIST}{}", dialect.for_update()), purpose, now).await
}

/// Retires every key of a purpose at an instant, but for those that retire earlier.
pub async fn retire(connection: &mut AnyConnection, purpose: &str, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE signing_keys SET retires_at = $2 WHERE purpose = $1 AND (retires_at IS NULL OR retires_at > $2)",
    )
    .bind(purpose)
    .bind(at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

async fn read(
    connection: &mut AnyConnection,
    sql: &str,
    purpose: &str,
    now: Timestamp,
) -> Result<Vec<StoredKey>, StoreError> {
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(purpose).bind(now.as_microsecond()).fetch_all(connection).await?;
    rows.iter()
        .map(|found| {
            Ok(StoredKey {
                kid: row::text(found, "kid")?,
                sealed_private: row::bytes(found, "sealed_private")?,
                public_jwk: row::text(found, "public_jwk")?,
                active_from: row::instant(found, "active_from")?,
                retires_at: row::optional_instant(found, "retires_at")?,
            })
        })
        .collect()
}

/// Adds a key of a purpose.
pub async fn insert(connection: &mut AnyConnection, purpose: &str, key: &StoredKey) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, purpose, sealed_private, public_jwk, active_from, retires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&key.kid)
    .bind(purpose)
    .bind(key.sealed_private.as_slice())
    .bind(&key.public_jwk)
    .bind(key.active_from.as_microsecond())
    .bind(key.retires_at.map(Timestamp::as_microsecond))
    .execute(connection)
    .await?;
    Ok(())
}

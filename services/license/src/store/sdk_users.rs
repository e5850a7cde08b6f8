//! Named users of development kits.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::EndUserId;
use vouch_core::id::{LicenseId, SdkUserId};
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use super::translate;
use crate::domain::sdk_user::SdkUser;

/// Names a person.
pub async fn user_insert(connection: &mut AnyConnection, user: &SdkUser) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO sdk_users (sdk_user_id, license_id, name, email, named_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, NULL)",
    )
    .bind(user.id.to_string())
    .bind(user.license_id.to_string())
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.named_at.as_microsecond())
    .execute(connection)
    .await
    .map_err(|error| translate::exists(error, &user.email))?;
    Ok(())
}

/// How many people are named in a licence now.
pub async fn user_count(connection: &mut AnyConnection, license_id: LicenseId) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS users FROM sdk_users WHERE license_id = $1 AND ended_at IS NULL";
    row::integer(&sqlx::query(sql).bind(license_id.to_string()).fetch_one(connection).await?, "users")
}

/// Ends a person's place, and tells what it was. `None` when there is no such one, or it ended before.
pub async fn user_end(
    connection: &mut AnyConnection,
    id: SdkUserId,
    at: Timestamp,
) -> Result<Option<SdkUser>, WriteError> {
    let sql = "UPDATE sdk_users SET ended_at = $2 WHERE sdk_user_id = $1 AND ended_at IS NULL RETURNING *";
    let found = sqlx::query(sql).bind(id.to_string()).bind(at.as_microsecond()).fetch_optional(connection).await?;
    Ok(found.as_ref().map(read_user).transpose()?)
}

/// Ends every place in a licence.
pub async fn user_end_all_of(
    connection: &mut AnyConnection,
    license_id: LicenseId,
    at: Timestamp,
) -> Result<(), WriteError> {
    sqlx::query("UPDATE sdk_users SET ended_at = $2 WHERE license_id = $1 AND ended_at IS NULL")
        .bind(license_id.to_string())
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends every place of a person at an end user; which those were.
pub async fn user_end_all(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    email: &str,
    at: Timestamp,
) -> Result<Vec<SdkUserId>, WriteError> {
    let rows = sqlx::query(
        "UPDATE sdk_users SET ended_at = $3 WHERE email = $2 AND ended_at IS NULL AND license_id IN (
             SELECT l.license_id FROM licenses l WHERE l.end_user_id = $1)
         RETURNING sdk_user_id",
    )
    .bind(end_user_id.as_str())
    .bind(email)
    .bind(at.as_microsecond())
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|found| row::id(found, "sdk_user_id")).collect::<Result<_, _>>()?)
}

/// A page of the people named in a licence now, by id.
pub async fn user_list(
    connection: &mut AnyConnection,
    license_id: LicenseId,
    page: &Page,
) -> Result<Vec<SdkUser>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM sdk_users WHERE license_id = $1 AND ended_at IS NULL AND sdk_user_id > $2
         ORDER BY sdk_user_id LIMIT $3",
    )
    .bind(license_id.to_string())
    .bind(&page.after)
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_user).collect()
}

/// The licences of an end user in which a person is named now.
pub async fn license_list_of_user(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    email: &str,
) -> Result<Vec<LicenseId>, StoreError> {
    let rows = sqlx::query(
        "SELECT s.license_id FROM licenses l JOIN sdk_users s ON s.license_id = l.license_id
         WHERE l.end_user_id = $1 AND s.email = $2 AND s.ended_at IS NULL ORDER BY s.license_id",
    )
    .bind(end_user_id.as_str())
    .bind(email)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::id(found, "license_id")).collect()
}

fn read_user(found: &AnyRow) -> Result<SdkUser, StoreError> {
    Ok(SdkUser {
        id: row::id(found, "sdk_user_id")?,
        license_id: row::id(found, "license_id")?,
        name: row::text(found, "name")?,
        email: row::text(found, "email")?,
        named_at: row::instant(found, "named_at")?,
    })
}

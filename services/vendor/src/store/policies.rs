//! Published policies and covers: every version is kept, the last one counts.

use jiff::Timestamp;
use prost::Message;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::ProductId;
use vouch_storage::{StoreError, WriteError, row};

/// What was published, in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published<M> {
    /// The version.
    pub version: i64,
    /// The contract's message, as it was sent.
    pub content: M,
    /// When.
    pub published_at: Timestamp,
}

/// Adds the next version of a product's policy, and returns its number.
///
/// Two that are published at once meet at the version's uniqueness: one of them starts over.
pub async fn policy_publish<M: Message>(
    connection: &mut AnyConnection,
    product_id: &ProductId,
    content: &M,
    now: Timestamp,
) -> Result<i64, WriteError> {
    let sql = "INSERT INTO admission_policies (product_id, version, content, published_at)
               VALUES ($1, (SELECT COALESCE(MAX(version), 0) + 1 FROM admission_policies WHERE product_id = $1), $2, $3)
               ON CONFLICT DO NOTHING RETURNING version";
    publish(connection, sql, product_id.as_str(), content, now).await
}

/// The policy of a product that counts.
pub async fn policy_fetch<M: Message + Default>(
    connection: &mut AnyConnection,
    product_id: &ProductId,
) -> Result<Option<Published<M>>, StoreError> {
    let sql = "SELECT version, content, published_at FROM admission_policies
               WHERE product_id = $1 ORDER BY version DESC LIMIT 1";
    fetch(connection, sql, product_id.as_str()).await
}

/// Adds the next version of a cover, and returns its number.
pub async fn coverage_publish<M: Message>(
    connection: &mut AnyConnection,
    code: &str,
    content: &M,
    now: Timestamp,
) -> Result<i64, WriteError> {
    let sql = "INSERT INTO coverages (coverage, version, content, published_at)
               VALUES ($1, (SELECT COALESCE(MAX(version), 0) + 1 FROM coverages WHERE coverage = $1), $2, $3)
               ON CONFLICT DO NOTHING RETURNING version";
    publish(connection, sql, code, content, now).await
}

/// The cover that counts.
pub async fn coverage_fetch<M: Message + Default>(
    connection: &mut AnyConnection,
    code: &str,
) -> Result<Option<Published<M>>, StoreError> {
    let sql = "SELECT version, content, published_at FROM coverages WHERE coverage = $1 ORDER BY version DESC LIMIT 1";
    fetch(connection, sql, code).await
}

async fn publish<M: Message>(
    connection: &mut AnyConnection,
    sql: &'static str,
    key: &str,
    content: &M,
    now: Timestamp,
) -> Result<i64, WriteError> {
    let added = sqlx::query(sql)
        .bind(key)
        .bind(content.encode_to_vec())
        .bind(now.as_microsecond())
        .fetch_optional(connection)
        .await?;
    let added = added.ok_or_else(StoreError::lost_race)?;
    Ok(row::integer(&added, "version")?)
}

async fn fetch<M: Message + Default>(
    connection: &mut AnyConnection,
    sql: &'static str,
    key: &str,
) -> Result<Option<Published<M>>, StoreError> {
    let found = sqlx::query(sql).bind(key).fetch_optional(connection).await?;
    found.as_ref().map(read_published).transpose()
}

fn read_published<M: Message + Default>(found: &AnyRow) -> Result<Published<M>, StoreError> {
    let content = M::decode(row::bytes(found, "content")?.as_slice())
        .map_err(|error| StoreError::Corrupt { column: "content", problem: error.to_string() })?;
    Ok(Published {
        version: row::integer(found, "version")?,
        content,
        published_at: row::instant(found, "published_at")?,
    })
}

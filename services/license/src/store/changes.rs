//! The revision of all facts, and what changed since one.
//!
//! Whoever changes what a check rests on takes the next revision last in its transaction, and stamps its row with it. The row
//! of the revision is locked until the commit, so that revisions are committed in their order: who has seen one has seen all
//! before it.

use data_encoding::HEXLOWER_PERMISSIVE;
use futures_util::future;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::LicenseId;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use crate::domain::license::LicenseState;

/// The revision of all facts, and that of the catalogue and the partners among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Revision {
    /// Of everything.
    pub all: i64,
    /// Of products, tiers and partners.
    pub catalogue: i64,
}

/// Takes the next revision. Invariant: the last lock that a transaction takes.
pub async fn revision_next(connection: &mut AnyConnection) -> Result<i64, WriteError> {
    let sql = "UPDATE facts_revision SET revision = revision + 1 WHERE only_row = 1 RETURNING revision";
    Ok(row::integer(&sqlx::query(sql).fetch_one(connection).await?, "revision")?)
}

/// Takes the next revision for a change of the catalogue or of a partner's standing.
pub async fn revision_next_of_catalogue(connection: &mut AnyConnection) -> Result<i64, WriteError> {
    let sql = "UPDATE facts_revision SET revision = revision + 1, catalogue = revision + 1 WHERE only_row = 1
               RETURNING revision";
    Ok(row::integer(&sqlx::query(sql).fetch_one(connection).await?, "revision")?)
}

/// The revision now.
pub async fn revision_fetch(connection: &mut AnyConnection) -> Result<Revision, StoreError> {
    let found = sqlx::query("SELECT revision, catalogue FROM facts_revision").fetch_one(connection).await?;
    Ok(Revision { all: row::integer(&found, "revision")?, catalogue: row::integer(&found, "catalogue")? })
}

/// Stamps an end user whose agreements, or whose last incident, changed.
pub async fn end_user_stamp(connection: &mut AnyConnection, id: &EndUserId, revision: i64) -> Result<(), WriteError> {
    sqlx::query("UPDATE end_users SET facts_revision = $2 WHERE end_user_id = $1")
        .bind(id.as_str())
        .bind(revision)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many licences there are, more or less: room is made for so many.
pub async fn license_count(connection: &mut AnyConnection) -> Result<usize, StoreError> {
    let found = sqlx::query("SELECT COUNT(*) AS licenses FROM licenses").fetch_one(connection).await?;
    row::number(&found, "licenses")
}

/// How many rows one query of a whole table gives at a time.
const IN_ONE_READ: i64 = 1000;

/// Gives the facts of every licence to `take`.
pub async fn license_all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    facts_all(connection, dialect, ("licenses", "license_id"), take).await
}

/// Gives the facts of every agreement to `take`.
pub async fn agreement_all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    facts_all(connection, dialect, ("agreements", "agreement_id"), take).await
}

/// Reads a table page by page, each as one value: a row has to be handed from the database's thread to this one, which takes
/// several times as long as reading it. The next page is read while this one is taken.
async fn facts_all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    (table, id): (&'static str, &'static str),
    mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (list, place) = (dialect.hex_list("facts"), dialect.place(id));
    let sql = format!(
        "SELECT {list} AS facts, CAST(MAX(place) AS TEXT) AS last
         FROM (SELECT {place} AS place, facts FROM {table} WHERE {place} > $1 ORDER BY {place} LIMIT $2) AS page"
    );
    // Before every id, and before every number.
    let mut page = facts_page(connection, &sql, "0").await?;
    while let Some((facts, last)) = page {
        let taking = async { take_list(&facts, &mut take) };
        // Ordering: the reading is begun first.
        let (next, taken) = future::join(facts_page(connection, &sql, &last), taking).await;
        taken?;
        page = next?;
    }
    Ok(())
}

/// The facts of a page, and the place of its last row.
async fn facts_page(
    connection: &mut AnyConnection,
    sql: &str,
    after: &str,
) -> Result<Option<(String, String)>, StoreError> {
    let page = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).bind(after).bind(IN_ONE_READ);
    let page = page.fetch_one(connection).await?;
    let Some(last) = row::optional_text(&page, "last")? else { return Ok(None) };
    Ok(Some((row::text(&page, "facts")?, last)))
}

/// Gives each of the facts that one value holds.
fn take_list(list: &str, take: &mut impl FnMut(&[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let corrupt = |_| StoreError::Corrupt { column: "facts", problem: "it is not hexadecimal".into() };
    let mut facts = Vec::new();
    for one in list.split(' ') {
        facts.resize(one.len() / 2, 0);
        HEXLOWER_PERMISSIVE.decode_mut(one.as_bytes(), &mut facts).map_err(corrupt)?;
        take(&facts)?;
    }
    Ok(())
}

/// The facts of each licence that changed since a revision: one value for a change, since an import is one of thousands.
pub async fn license_changes(connection: &mut AnyConnection, since: i64) -> Result<Vec<Vec<u8>>, StoreError> {
    let list = Dialect::of(connection).hex_list("facts");
    let sql = format!("SELECT {list} AS facts FROM licenses WHERE facts_revision > $1 GROUP BY facts_revision");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since).fetch_all(connection).await?;
    let mut changed = Vec::new();
    for found in &rows {
        take_list(&row::text(found, "facts")?, &mut |facts| {
            changed.push(facts.to_vec());
            Ok(())
        })?;
    }
    Ok(changed)
}

/// The facts of each agreement of the end users that changed since a revision.
pub async fn agreement_changes(connection: &mut AnyConnection, since: i64) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT a.facts FROM end_users e JOIN agreements a ON a.end_user_id = e.end_user_id
               WHERE e.facts_revision > $1";
    let rows = sqlx::query(sql).bind(since).fetch_all(connection).await?;
    rows.iter().map(|found| row::bytes(found, "facts")).collect()
}

/// The end users that changed since a revision, each with the incidents that it has left; or all that have any.
pub async fn end_user_changes(
    connection: &mut AnyConnection,
    since: Option<i64>,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = match since {
        None => "SELECT end_user_id, available FROM end_users WHERE available > $1",
        Some(_) => "SELECT end_user_id, available FROM end_users WHERE facts_revision > $1",
    };
    let rows = sqlx::query(sql).bind(since.unwrap_or_default()).fetch_all(connection).await?;
    rows.iter().map(|found| Ok((row::text(found, "end_user_id")?, row::integer(found, "available")?))).collect()
}

/// A licence that changed.
#[derive(Debug, Clone)]
pub struct LicenseChange {
    /// The licence.
    pub license_id: LicenseId,
    /// Its own revision.
    pub revision: i64,
    /// Its state.
    pub state: LicenseState,
    /// Its end user.
    pub end_user_id: EndUserId,
    /// The revision of all facts with which it changed last.
    pub facts_revision: i64,
}

/// A page of the licences that changed up to a revision, in the order of their changes, after one of them: of all, or of those that a partner
/// supports, sold, or has a place in the line of.
pub async fn license_change_list(
    connection: &mut AnyConnection,
    partner: Option<&PartnerId>,
    after: &(i64, String),
    until: i64,
    limit: i64,
) -> Result<Vec<LicenseChange>, StoreError> {
    let rows = sqlx::query(
        "SELECT license_id, revision, state, end_user_id, facts_revision FROM licenses
         WHERE facts_revision >= $1 AND (facts_revision > $1 OR ($2 <> '' AND license_id > $2)) AND facts_revision <= $5
           AND ($3 = '' OR responsible_partner_id = $3 OR reseller_partner_id = $3 OR license_id IN (
               SELECT c.license_id FROM license_chain c WHERE c.partner_id = $3 AND c.role = 'link'))
         ORDER BY facts_revision, license_id LIMIT $4",
    )
    .bind(after.0)
    .bind(&after.1)
    .bind(partner.map_or("", PartnerId::as_str))
    .bind(limit)
    .bind(until)
    .fetch_all(connection)
    .await?;
    let read = |found: &AnyRow| {
        Ok(LicenseChange {
            license_id: row::id(found, "license_id")?,
            revision: row::integer(found, "revision")?,
            state: row::word(found, "state", LicenseState::parse)?,
            end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
            facts_revision: row::integer(found, "facts_revision")?,
        })
    };
    rows.iter().map(read).collect()
}

/// A page of the end users that changed after a revision and up to another one, by code: of all, or of those with a licence that a partner supports,
/// sold, or has a place in the line of.
pub async fn end_user_change_list(
    connection: &mut AnyConnection,
    partner: Option<&PartnerId>,
    (since, until): (i64, i64),
    after: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT e.end_user_id FROM end_users e
         WHERE e.facts_revision > $1 AND e.facts_revision <= $5 AND e.end_user_id > $2
           AND ($3 = '' OR e.end_user_id IN (
               SELECT l.end_user_id FROM licenses l WHERE l.responsible_partner_id = $3 OR l.reseller_partner_id = $3
               UNION
               SELECT l.end_user_id FROM license_chain c JOIN licenses l ON l.license_id = c.license_id
               WHERE c.partner_id = $3 AND c.role = 'link'))
         ORDER BY e.end_user_id LIMIT $4",
    )
    .bind(since)
    .bind(after)
    .bind(partner.map_or("", PartnerId::as_str))
    .bind(limit)
    .bind(until)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::text(found, "end_user_id")).collect()
}

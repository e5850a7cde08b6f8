//! Adding licences: one, or many at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};
use vouch_core::code::EndUserId;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::agreements::liaison_insert;
use super::packed::pack_license;
use crate::domain::license::License;

/// Adds a licence, whose end user is there, with the people named in it.
pub async fn license_insert(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
) -> Result<(), WriteError> {
    let sql = format!("INSERT INTO licenses ({COLUMNS}) VALUES {}", rows(1, COLUMN_COUNT));
    bind(sqlx::query(AssertSqlSafe(sql)), license, facts_revision)?.execute(&mut *connection).await?;
    for liaison in &license.liaisons {
        liaison_insert(connection, &license.id.to_string(), liaison).await?;
    }
    Ok(())
}

/// Adds licences whose end users are there, without their people. Those whose id or key is taken are left out: how many were added. At most as
/// many as the engine takes at once.
pub async fn license_insert_some(
    connection: &mut AnyConnection,
    licenses: &[License],
    facts_revision: i64,
) -> Result<u64, WriteError> {
    let values = rows(licenses.len(), COLUMN_COUNT);
    let sql = format!("INSERT INTO licenses ({COLUMNS}) VALUES {values} ON CONFLICT DO NOTHING");
    let mut insert = sqlx::query(AssertSqlSafe(sql));
    for license in licenses {
        insert = bind(insert, license, facts_revision)?;
    }
    Ok(insert.execute(connection).await?.rows_affected())
}

/// Adds an end user where it is new: whether it was.
pub async fn end_user_insert(connection: &mut AnyConnection, id: &EndUserId, name: &str) -> Result<bool, WriteError> {
    let done = sqlx::query(
        "INSERT INTO end_users (end_user_id, name, available, reserved, captured, vendor_borne)
         VALUES ($1, $2, 0, 0, 0, 0) ON CONFLICT (end_user_id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(name)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The name of an end user.
pub async fn end_user_name(connection: &mut AnyConnection, id: &EndUserId) -> Result<String, StoreError> {
    let found = sqlx::query("SELECT name FROM end_users WHERE end_user_id = $1").bind(id.as_str());
    row::text(&found.fetch_one(connection).await?, "name")
}

/// Gives an end user another name, on all of its licences. Its row is locked.
pub async fn end_user_rename(connection: &mut AnyConnection, id: &EndUserId, name: &str) -> Result<(), WriteError> {
    for sql in [
        "UPDATE end_users SET name = $2 WHERE end_user_id = $1",
        "UPDATE licenses SET end_user_name = $2 WHERE end_user_id = $1",
    ] {
        sqlx::query(sql).bind(id.as_str()).bind(name).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds those of the end users that are new, each with the name that it is given first. In the order of their codes, so that two who do this
/// cannot wait for one another.
pub async fn end_user_insert_all<'a>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    end_users: impl Iterator<Item = (&'a EndUserId, &'a str)>,
) -> Result<(), WriteError> {
    let mut sorted: Vec<_> = end_users.collect();
    sorted.sort_by_key(|(id, _)| id.as_str());
    sorted.dedup_by_key(|(id, _)| id.as_str());
    for some in sorted.chunks(dialect.rows_per_insert()) {
        let values = rows(some.len(), 2).replace(')', ", 0, 0, 0, 0)");
        let sql = format!(
            "INSERT INTO end_users (end_user_id, name, available, reserved, captured, vendor_borne) VALUES {values}
             ON CONFLICT (end_user_id) DO NOTHING"
        );
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for (id, name) in some {
            insert = insert.bind(id.to_string()).bind((*name).to_owned());
        }
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Holds the rows of end users that licences are about to name: what each is called.
pub async fn end_user_hold_all<'a>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    end_users: impl Iterator<Item = &'a EndUserId>,
) -> Result<BTreeMap<String, String>, WriteError> {
    let lock = dialect.for_key_share();
    let sorted: BTreeSet<&str> = end_users.map(EndUserId::as_str).collect();
    let mut names = BTreeMap::new();
    for some in sorted.into_iter().collect::<Vec<_>>().chunks(dialect.rows_per_insert()) {
        let places = rows(1, some.len());
        let sql =
            format!("SELECT end_user_id, name FROM end_users WHERE end_user_id IN {places} ORDER BY end_user_id{lock}");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in some {
            query = query.bind((*id).to_owned());
        }
        for found in query.fetch_all(&mut *connection).await? {
            names.insert(row::text(&found, "end_user_id")?, row::text(&found, "name")?);
        }
    }
    Ok(names)
}

/// Keeps the digest of a key that is replaced, so that an import does not bring it back.
pub async fn key_retire(connection: &mut AnyConnection, license: &License, at: Timestamp) -> Result<(), WriteError> {
    sqlx::query("INSERT INTO replaced_keys (key_digest, license_id, replaced_at) VALUES ($1, $2, $3)")
        .bind(license.key.0.to_vec())
        .bind(license.id.to_string())
        .bind(at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

/// The digests of all keys that were replaced.
pub async fn key_retired_all(connection: &mut AnyConnection) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let rows = sqlx::query("SELECT key_digest FROM replaced_keys").fetch_all(connection).await?;
    rows.iter().map(|found| row::bytes(found, "key_digest")).collect()
}

const COLUMNS: &str = "license_id, key_digest, key_hint, product_id, quantity, end_user_id, end_user_name, \
     responsible_partner_id, reseller_partner_id, valid_from, valid_until, grace_days, maintenance_until, zone, state, \
     state_note, revision, created_at, facts, facts_revision, kind, order_reference";
const COLUMN_COUNT: usize = 22;

type Insert<'q> = Query<'q, Any, AnyArguments>;

/// Binds a licence to the placeholders of its columns.
fn bind<'q>(insert: Insert<'q>, license: &License, facts_revision: i64) -> Result<Insert<'q>, WriteError> {
    let terms = &license.terms;
    Ok(insert
        .bind(license.id.to_string())
        .bind(license.key.0.to_vec())
        .bind(license.key_hint.clone())
        .bind(terms.product_id.to_string())
        .bind(terms.quantity)
        .bind(terms.end_user_id.to_string())
        .bind(terms.end_user_name.clone())
        .bind(terms.responsible_partner_id.to_string())
        .bind(terms.reseller_partner_id.as_ref().map(ToString::to_string))
        .bind(terms.validity.from.to_string())
        .bind(terms.validity.until.map(|date| date.to_string()))
        .bind(i64::from(terms.validity.grace_days))
        .bind(terms.maintenance_until.map(|date| date.to_string()))
        .bind(terms.validity.zone.iana_name().unwrap_or("UTC").to_owned())
        .bind(license.state.as_str())
        .bind(license.state_note.clone())
        .bind(license.revision)
        .bind(license.created_at.as_microsecond())
        .bind(pack_license(license)?)
        .bind(facts_revision)
        .bind(terms.kind.as_str())
        .bind(terms.order_reference.clone()))
}

/// The placeholders of so many rows: `($1, $2), ($3, $4)`.
fn rows(count: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..count).map(row).collect::<Vec<_>>().join(", ")
}

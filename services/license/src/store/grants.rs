//! Adding licences: one, or many at once.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::{AnyConnection, Connection};
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::LicenseId;
use vouch_storage::many::{self, Cell, Column, Rows};
use vouch_storage::{Dialect, Engine, StoreError, WriteError, row};

use super::packed::pack_license;
use crate::domain::agreement::Liaison;
use crate::domain::license::License;
use crate::domain::license_key::KeyDigest;

/// Adds a licence, whose end user is there, with the people named in it.
pub async fn license_insert(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
) -> Result<(), WriteError> {
    let rows = LicenseRows::of(Dialect::of(connection), [license])?;
    rows.insert(connection, "", facts_revision).await?;
    liaison_insert_all(connection, [license]).await
}

/// Licences as they travel to the database, without their people: made ready before a transaction begins.
#[derive(Debug, Clone)]
pub struct LicenseRows {
    rows: Rows<21>,
    /// Their keys, by which PostgreSQL finds out whether some are there. None where it is known that one may be left out: two have one key.
    keys: Option<Rows<1>>,
}

impl LicenseRows {
    /// Makes licences ready.
    pub fn of<L: Borrow<License>>(dialect: Dialect, licenses: impl IntoIterator<Item = L>) -> Result<Self, StoreError> {
        let mut packed = Vec::new();
        for license in licenses {
            let facts = pack_license(license.borrow())?;
            packed.push((license, facts));
        }
        let rows = Rows::of(dialect, packed.iter().map(|(license, facts)| license_row(license.borrow(), facts)));
        let keys = || packed.iter().map(|(license, _)| &license.borrow().key);
        let differ =
            dialect.0 == Engine::Postgres && keys().map(|key| key.0).collect::<BTreeSet<_>>().len() == packed.len();
        let keys = differ.then(|| Rows::of(dialect, keys().map(|KeyDigest(key)| [key.as_slice().into()])));
        Ok(Self { rows, keys })
    }

    /// Adds them, whose end users are there. Those whose id or key is taken are left out: how many were added.
    ///
    /// Where it may leave some out, PostgreSQL looks for each as it adds it, and marks its place before: as much work as half of its indexes.
    /// Most imports bring what is new. Whether any is there is looked for in one go, a third of that work, and where none is, it is told to add
    /// all. Only what somebody else adds meanwhile, and an id that another key has, makes it begin anew.
    pub async fn insert_new(&self, connection: &mut AnyConnection, facts_revision: i64) -> Result<u64, WriteError> {
        if self.are_all_new(connection).await? {
            // A place in the transaction to come back to.
            let mut attempt = connection.begin().await?;
            match self.insert(&mut attempt, "", facts_revision).await {
                Ok(added) => {
                    attempt.commit().await?;
                    return Ok(added);
                }
                Err(WriteError::Store(StoreError::Unique(_))) => attempt.rollback().await?,
                Err(error) => return Err(error),
            }
        }
        self.insert(connection, "ON CONFLICT DO NOTHING", facts_revision).await
    }

    /// Whether PostgreSQL has none of their keys. Each is looked up in its index, up to the first that is there; a join would read all licences
    /// as long as they are few, and is planned by how many they were.
    async fn are_all_new(&self, connection: &mut AnyConnection) -> Result<bool, WriteError> {
        let Some(keys) = &self.keys else { return Ok(false) };
        let query = many::select(&[("key_digest", Column::Bytes)], keys, |these| {
            format!(
                "SELECT 'there' AS found FROM {these} AS given
                 WHERE (SELECT 1 FROM licenses l WHERE l.key_digest = given.key_digest) IS NOT NULL LIMIT 1"
            )
        });
        Ok(query.persistent(false).fetch_optional(connection).await?.is_none())
    }

    async fn insert(
        &self,
        connection: &mut AnyConnection,
        conflict: &str,
        facts_revision: i64,
    ) -> Result<u64, WriteError> {
        let insert = many::insert("licenses", &LICENSES, &["facts_revision"], &self.rows, conflict);
        Ok(insert.bind(facts_revision).execute(connection).await?.rows_affected())
    }
}

/// Adds the people named in licences.
pub async fn liaison_insert_all(
    connection: &mut AnyConnection,
    licenses: impl IntoIterator<Item = &License>,
) -> Result<(), WriteError> {
    let named: Vec<_> = licenses.into_iter().filter(|license| !license.liaisons.is_empty()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let rows = named.iter().flat_map(|license| license.liaisons.iter().map(|liaison| liaison_row(license.id, liaison)));
    let rows = Rows::of(Dialect::of(connection), rows);
    many::insert("liaisons", &LIAISONS, &[], &rows, "").execute(connection).await?;
    Ok(())
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

/// End users as they travel to the database, each with the name that it is given first: made ready before a transaction begins.
#[derive(Debug, Clone)]
pub struct EndUserRows {
    rows: Rows<2>,
    /// Whether the licences give each of them one name.
    have_one_name: bool,
}

impl EndUserRows {
    /// Makes the end users of licences ready.
    pub fn of<'a>(dialect: Dialect, licenses: impl IntoIterator<Item = &'a License>) -> Self {
        // In the order of their codes, so that two who do this cannot wait for one another.
        let (mut named, mut have_one_name) = (BTreeMap::new(), true);
        for License { terms, .. } in licenses {
            let name = terms.end_user_name.as_str();
            have_one_name &= *named.entry(terms.end_user_id.as_str()).or_insert(name) == name;
        }
        let rows = Rows::of(dialect, named.iter().map(|(id, name)| [(*id).into(), (*name).into()]));
        Self { rows, have_one_name }
    }

    /// Adds those that are new and holds the rows of all: what each is called, or nothing where all are called as the licences say.
    pub async fn hold(&self, connection: &mut AnyConnection) -> Result<BTreeMap<String, String>, WriteError> {
        const NOTHING: [&str; 4] = ["available", "reserved", "captured", "vendor_borne"];
        let conflict = "ON CONFLICT (end_user_id) DO NOTHING";
        let insert = many::insert("end_users", &END_USERS, &NOTHING, &self.rows, conflict);
        insert.bind(0_i64).bind(0_i64).bind(0_i64).bind(0_i64).execute(&mut *connection).await?;
        // Every row is locked, in the order in which they are given, and what comes back is one. Each is looked up by its code: a join would
        // be done by reading all end users as long as they are few. Planned each time, since they become many.
        let lock = Dialect::of(connection).for_key_share();
        let query = many::select(&END_USERS, &self.rows, |these| {
            format!(
                "SELECT CAST(COALESCE(MAX(CASE WHEN held.name <> held.given THEN 1 ELSE 0 END), 0) AS BIGINT) AS renamed
                 FROM (SELECT (SELECT u.name FROM end_users u WHERE u.end_user_id = given.end_user_id{lock}) AS name,
                              given.name AS given FROM {these} AS given) AS held"
            )
        });
        let renamed = row::integer(&query.persistent(false).fetch_one(&mut *connection).await?, "renamed")? > 0;
        if self.have_one_name && !renamed {
            return Ok(BTreeMap::new());
        }
        let query = many::select(&END_USERS, &self.rows, |these| {
            format!(
                "SELECT u.end_user_id, u.name FROM {these} AS given
                 JOIN end_users u ON u.end_user_id = given.end_user_id"
            )
        });
        let rows = query.fetch_all(connection).await?;
        let named = rows.iter().map(|found| Ok((row::text(found, "end_user_id")?, row::text(found, "name")?)));
        named.collect()
    }
}

const END_USERS: [(&str, Column); 2] = [("end_user_id", Column::Text), ("name", Column::Text)];

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

const LICENSES: [(&str, Column); 21] = [
    ("license_id", Column::Text),
    ("key_digest", Column::Bytes),
    ("key_hint", Column::Text),
    ("product_id", Column::Text),
    ("quantity", Column::Whole),
    ("end_user_id", Column::Text),
    ("end_user_name", Column::Text),
    ("responsible_partner_id", Column::Text),
    ("reseller_partner_id", Column::Text),
    ("valid_from", Column::Text),
    ("valid_until", Column::Text),
    ("grace_days", Column::Whole),
    ("maintenance_until", Column::Text),
    ("zone", Column::Text),
    ("state", Column::Text),
    ("state_note", Column::Text),
    ("revision", Column::Whole),
    ("created_at", Column::Whole),
    ("facts", Column::Bytes),
    ("kind", Column::Text),
    ("order_reference", Column::Text),
];

fn license_row<'a>(license: &'a License, facts: &'a [u8]) -> [Cell<'a>; 21] {
    let terms = &license.terms;
    [
        license.id.to_string().into(),
        license.key.0.as_slice().into(),
        license.key_hint.as_str().into(),
        terms.product_id.as_str().into(),
        terms.quantity.into(),
        terms.end_user_id.as_str().into(),
        terms.end_user_name.as_str().into(),
        terms.responsible_partner_id.as_str().into(),
        terms.reseller_partner_id.as_ref().map(PartnerId::as_str).into(),
        terms.validity.from.to_string().into(),
        terms.validity.until.map(|date| date.to_string()).into(),
        i64::from(terms.validity.grace_days).into(),
        terms.maintenance_until.map(|date| date.to_string()).into(),
        terms.validity.zone.iana_name().unwrap_or("UTC").into(),
        license.state.as_str().into(),
        license.state_note.as_str().into(),
        license.revision.into(),
        license.created_at.as_microsecond().into(),
        facts.into(),
        terms.kind.as_str().into(),
        terms.order_reference.as_str().into(),
    ]
}

const LIAISONS: [(&str, Column); 6] = [
    ("contact_id", Column::Text),
    ("holder_id", Column::Text),
    ("name", Column::Text),
    ("email", Column::Text),
    ("administrative_rights", Column::Whole),
    ("named_at", Column::Whole),
];

fn liaison_row(holder_id: LicenseId, liaison: &Liaison) -> [Cell<'_>; 6] {
    [
        liaison.id.to_string().into(),
        holder_id.to_string().into(),
        liaison.person.name.as_str().into(),
        liaison.person.email.as_str().into(),
        i64::from(liaison.person.administrative_rights).into(),
        liaison.named_at.as_microsecond().into(),
    ]
}

//! Adding licences: one, or many at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_storage::many::{self, Column};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::packed::pack_license;
use crate::domain::agreement::Liaison;
use crate::domain::license::License;

/// Adds a licence, whose end user is there, with the people named in it.
pub async fn license_insert(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
) -> Result<(), WriteError> {
    let rows = vec![license_row(license, facts_revision)?];
    many::insert(connection, "licenses", &LICENSES, rows, "").execute(&mut *connection).await?;
    liaison_insert_all(connection, [license]).await
}

/// Adds licences whose end users are there, without their people. Those whose id or key is taken are left out: how many were added.
pub async fn license_insert_some(
    connection: &mut AnyConnection,
    licenses: &[Cow<'_, License>],
    facts_revision: i64,
) -> Result<u64, WriteError> {
    let rows = licenses.iter().map(|license| license_row(license, facts_revision)).collect::<Result<_, _>>()?;
    let insert = many::insert(connection, "licenses", &LICENSES, rows, "ON CONFLICT DO NOTHING");
    Ok(insert.execute(connection).await?.rows_affected())
}

/// Adds the people named in licences.
pub async fn liaison_insert_all(
    connection: &mut AnyConnection,
    licenses: impl IntoIterator<Item = &License>,
) -> Result<(), WriteError> {
    let named = licenses.into_iter().flat_map(|license| {
        let id = license.id.to_string();
        license.liaisons.iter().map(move |liaison| liaison_row(&id, liaison))
    });
    let rows: Vec<_> = named.collect();
    if !rows.is_empty() {
        many::insert(connection, "liaisons", &LIAISONS, rows, "").execute(&mut *connection).await?;
    }
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

/// Adds those of the end users that are new, each with the name that it is given first. In the order of their codes, so that two who do this
/// cannot wait for one another.
pub async fn end_user_insert_all<'a>(
    connection: &mut AnyConnection,
    end_users: impl Iterator<Item = (&'a EndUserId, &'a str)>,
) -> Result<(), WriteError> {
    const COLUMNS: [(&str, Column); 6] = [
        ("end_user_id", Column::Text),
        ("name", Column::Text),
        ("available", Column::Whole),
        ("reserved", Column::Whole),
        ("captured", Column::Whole),
        ("vendor_borne", Column::Whole),
    ];
    let mut sorted = BTreeMap::new();
    for (id, name) in end_users {
        sorted.entry(id.as_str()).or_insert(name);
    }
    let nothing = || Value::from(0);
    let row = |(id, name): (&str, &str)| [id.into(), name.into(), nothing(), nothing(), nothing(), nothing()];
    let rows = sorted.into_iter().map(row).collect();
    let insert = many::insert(connection, "end_users", &COLUMNS, rows, "ON CONFLICT (end_user_id) DO NOTHING");
    insert.execute(connection).await?;
    Ok(())
}

/// Holds the rows of end users that licences are about to name: what each is called.
pub async fn end_user_hold_all<'a>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    end_users: impl Iterator<Item = &'a EndUserId>,
) -> Result<BTreeMap<String, String>, WriteError> {
    let lock = dialect.for_key_share();
    let ids: BTreeSet<&str> = end_users.map(EndUserId::as_str).collect();
    let query = many::select(connection, Column::Text, ids.into_iter().map(Value::from), |these| {
        format!("SELECT end_user_id, name FROM end_users WHERE end_user_id IN {these} ORDER BY end_user_id{lock}")
    });
    let rows = query.fetch_all(connection).await?;
    let named = rows.iter().map(|found| Ok((row::text(found, "end_user_id")?, row::text(found, "name")?)));
    named.collect()
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

const LICENSES: [(&str, Column); 22] = [
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
    ("facts_revision", Column::Whole),
    ("kind", Column::Text),
    ("order_reference", Column::Text),
];

fn license_row(license: &License, facts_revision: i64) -> Result<many::Row<22>, WriteError> {
    let terms = &license.terms;
    Ok([
        license.id.to_string().into(),
        many::bytes(&license.key.0),
        license.key_hint.as_str().into(),
        terms.product_id.as_str().into(),
        terms.quantity.into(),
        terms.end_user_id.as_str().into(),
        terms.end_user_name.as_str().into(),
        terms.responsible_partner_id.as_str().into(),
        terms.reseller_partner_id.as_ref().map(PartnerId::as_str).into(),
        terms.validity.from.to_string().into(),
        terms.validity.until.map(|date| date.to_string()).into(),
        terms.validity.grace_days.into(),
        terms.maintenance_until.map(|date| date.to_string()).into(),
        terms.validity.zone.iana_name().unwrap_or("UTC").into(),
        license.state.as_str().into(),
        license.state_note.as_str().into(),
        license.revision.into(),
        license.created_at.as_microsecond().into(),
        many::bytes(&pack_license(license)?),
        facts_revision.into(),
        terms.kind.as_str().into(),
        terms.order_reference.as_str().into(),
    ])
}

const LIAISONS: [(&str, Column); 6] = [
    ("contact_id", Column::Text),
    ("holder_id", Column::Text),
    ("name", Column::Text),
    ("email", Column::Text),
    ("administrative_rights", Column::Whole),
    ("named_at", Column::Whole),
];

fn liaison_row(holder_id: &str, liaison: &Liaison) -> many::Row<6> {
    [
        liaison.id.to_string().into(),
        holder_id.into(),
        liaison.person.name.as_str().into(),
        liaison.person.email.as_str().into(),
        i64::from(liaison.person.administrative_rights).into(),
        liaison.named_at.as_microsecond().into(),
    ]
}

//! Licences.

use jiff::civil::Date;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::dates;
use vouch_core::id::LicenseId;
use vouch_host::Page;
use vouch_storage::many::{self, Column, Rows};
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::agreements::{liaison_list, liaison_list_of_all};
use super::packed::pack_license;
use super::resale::chain_fetch;
use crate::domain::agreement::Liaison;
use crate::domain::license::{License, LicenseKind, LicenseState, LicenseTerms, Validity};
use crate::domain::license_key::KeyDigest;
use crate::domain::partner::Programme;
use crate::domain::resale::{Chain, PolicyVersion, Resale};

/// Writes a changed licence over the old one. What is decided for good (product, first day, zone, order) stays.
pub async fn license_update(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
) -> Result<(), WriteError> {
    let terms = &license.terms;
    sqlx::query(
        "UPDATE licenses SET key_digest = $2, key_hint = $3, quantity = $4, end_user_id = $5, end_user_name = $6,
             responsible_partner_id = $7, reseller_partner_id = $8, valid_until = $9, grace_days = $10,
             maintenance_until = $11, kind = $12, state = $13, state_note = $14, revision = $15, facts = $16,
             facts_revision = $17, has_chain = $18, chain_programme = $19, chain_policy = $20
         WHERE license_id = $1",
    )
    .bind(license.id.to_string())
    .bind(license.key.0.as_slice())
    .bind(&license.key_hint)
    .bind(terms.quantity)
    .bind(terms.end_user_id.as_str())
    .bind(&terms.end_user_name)
    .bind(terms.responsible_partner_id.as_str())
    .bind(terms.reseller_partner_id.as_ref().map(PartnerId::as_str))
    .bind(terms.validity.until.map(|date| date.to_string()))
    .bind(i64::from(terms.validity.grace_days))
    .bind(terms.maintenance_until.map(|date| date.to_string()))
    .bind(terms.kind.as_str())
    .bind(license.state.as_str())
    .bind(&license.state_note)
    .bind(license.revision)
    .bind(pack_license(license)?)
    .bind(facts_revision)
    .bind(i64::from(!license.resale.chain.is_empty()))
    .bind(license.resale.policy.map(|policy| policy.programme.as_str()))
    .bind(license.resale.policy.map_or(0, |policy| i64::from(policy.version)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Stamps a licence with the revision of its last change.
pub async fn license_stamp(
    connection: &mut AnyConnection,
    id: LicenseId,
    facts_revision: i64,
) -> Result<(), WriteError> {
    sqlx::query("UPDATE licenses SET facts_revision = $2 WHERE license_id = $1")
        .bind(id.to_string())
        .bind(facts_revision)
        .execute(connection)
        .await?;
    Ok(())
}

/// Packs a licence's facts where they are not yet.
pub async fn license_pack(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
) -> Result<(), WriteError> {
    sqlx::query("UPDATE licenses SET facts = $2, facts_revision = $3 WHERE license_id = $1 AND facts IS NULL")
        .bind(license.id.to_string())
        .bind(pack_license(license)?)
        .bind(facts_revision)
        .execute(connection)
        .await?;
    Ok(())
}

/// Licences whose facts are not packed yet, their rows locked until the transaction ends.
pub async fn license_lock_unpacked(
    connection: &mut AnyConnection,
    dialect: Dialect,
    limit: i64,
) -> Result<Vec<License>, StoreError> {
    let lock = dialect.for_update();
    let sql = format!("SELECT * FROM licenses WHERE facts IS NULL ORDER BY license_id LIMIT $1{lock}");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&mut *connection).await?;
    let mut licenses = Vec::with_capacity(rows.len());
    for found in rows {
        licenses.extend(with_liaisons(connection, Some(found)).await?);
    }
    Ok(licenses)
}

/// The licence with this id.
pub async fn license_fetch(connection: &mut AnyConnection, id: LicenseId) -> Result<Option<License>, StoreError> {
    let found = sqlx::query("SELECT * FROM licenses WHERE license_id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    with_liaisons(connection, found).await
}

/// The same, its row locked until the transaction ends.
pub async fn license_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: LicenseId,
) -> Result<Option<License>, StoreError> {
    let sql = format!("SELECT * FROM licenses WHERE license_id = $1{}", dialect.for_update());
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(&mut *connection).await?;
    with_liaisons(connection, found).await
}

/// The licence whose key has this digest.
pub async fn license_fetch_by_key(
    connection: &mut AnyConnection,
    key: &KeyDigest,
) -> Result<Option<License>, StoreError> {
    let found = sqlx::query("SELECT * FROM licenses WHERE key_digest = $1")
        .bind(key.0.as_slice())
        .fetch_optional(&mut *connection)
        .await?;
    with_liaisons(connection, found).await
}

/// The licence with this id, where a partner may know of it: it supports it, sold it, or has a part in its chain. Whoever may know of all is
/// `None`.
///
/// Invariant: the first statement decides. What is somebody else's is no row, as what is not there, and no statement follows: the time that
/// an answer takes tells them no more apart than its text.
pub async fn license_fetch_known(
    connection: &mut AnyConnection,
    id: LicenseId,
    known_to: Option<&PartnerId>,
) -> Result<Option<License>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM licenses WHERE license_id = $1
           AND ($2 = '' OR responsible_partner_id = $2 OR reseller_partner_id = $2 OR EXISTS (
               SELECT 1 FROM license_chain c WHERE c.license_id = licenses.license_id AND c.partner_id = $2))",
    )
    .bind(id.to_string())
    .bind(known_to.map_or("", PartnerId::as_str))
    .fetch_optional(&mut *connection)
    .await?;
    with_liaisons(connection, found).await
}

/// The same for the licence whose key has this digest.
pub async fn license_fetch_known_by_key(
    connection: &mut AnyConnection,
    key: &KeyDigest,
    known_to: Option<&PartnerId>,
) -> Result<Option<License>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM licenses WHERE key_digest = $1
           AND ($2 = '' OR responsible_partner_id = $2 OR reseller_partner_id = $2 OR EXISTS (
               SELECT 1 FROM license_chain c WHERE c.license_id = licenses.license_id AND c.partner_id = $2))",
    )
    .bind(key.0.as_slice())
    .bind(known_to.map_or("", PartnerId::as_str))
    .fetch_optional(&mut *connection)
    .await?;
    with_liaisons(connection, found).await
}

/// Whether a partner supports an end user or sold to it, by a licence that is not revoked.
pub async fn end_user_is_in_chain(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    partner_id: &PartnerId,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "SELECT license_id FROM licenses WHERE end_user_id = $1 AND state <> $3
             AND (responsible_partner_id = $2 OR reseller_partner_id = $2) LIMIT 1",
    )
    .bind(end_user_id.as_str())
    .bind(partner_id.as_str())
    .bind(LicenseState::Revoked.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The licences of an end user that name a person with this address now, by id.
pub async fn license_list_naming(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    email: &str,
) -> Result<Vec<LicenseId>, StoreError> {
    let rows = sqlx::query(
        "SELECT l.license_id FROM licenses l JOIN liaisons p ON p.holder_id = l.license_id
         WHERE l.end_user_id = $1 AND p.email = $2 AND p.ended_at IS NULL ORDER BY l.license_id",
    )
    .bind(end_user_id.as_str())
    .bind(email)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| row::id(found, "license_id")).collect()
}

/// Whether a partner is responsible for a licence of an end user that is not revoked.
pub async fn end_user_is_supported_by(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    partner_id: &PartnerId,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "SELECT license_id FROM licenses WHERE end_user_id = $1 AND responsible_partner_id = $2 AND state <> $3 LIMIT 1",
    )
    .bind(end_user_id.as_str())
    .bind(partner_id.as_str())
    .bind(LicenseState::Revoked.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The partner responsible for the licence of an end user that was issued last and is not revoked.
pub async fn responsible_partner_fetch(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
) -> Result<Option<PartnerId>, StoreError> {
    let found = sqlx::query(
        "SELECT responsible_partner_id FROM licenses WHERE end_user_id = $1 AND state <> $2
         ORDER BY created_at DESC, license_id DESC LIMIT 1",
    )
    .bind(end_user_id.as_str())
    .bind(LicenseState::Revoked.as_str())
    .fetch_optional(connection)
    .await?;
    found.map(|found| row::parsed(&found, "responsible_partner_id", PartnerId::parse)).transpose()
}

/// The partners responsible for an end user's licences that are in force on a day, each with the names of their products.
pub async fn responsible_partners_fetch(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    day: Date,
) -> Result<Vec<(PartnerId, Vec<String>)>, StoreError> {
    // Days are kept as ISO 8601 writes them, so that their texts are in their order.
    let rows = sqlx::query(
        "SELECT DISTINCT l.responsible_partner_id, p.name FROM licenses l JOIN products p ON p.product_id = l.product_id
         WHERE l.end_user_id = $1 AND l.state <> $2 AND (l.valid_until IS NULL OR l.valid_until >= $3)
         ORDER BY l.responsible_partner_id, p.name",
    )
    .bind(end_user_id.as_str())
    .bind(LicenseState::Revoked.as_str())
    .bind(day.to_string())
    .fetch_all(connection)
    .await?;
    let mut partners: Vec<(PartnerId, Vec<String>)> = Vec::new();
    for found in &rows {
        let id = row::parsed(found, "responsible_partner_id", PartnerId::parse)?;
        let product = row::text(found, "name")?;
        match partners.last_mut().filter(|(last, _)| *last == id) {
            Some((_, products)) => products.push(product),
            None => partners.push((id, vec![product])),
        }
    }
    Ok(partners)
}

/// Whose licences a list is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Only those that this partner supports, sold, or has a place in the line of.
    pub partner_id: Option<PartnerId>,
    /// Only those of this end user.
    pub end_user_id: Option<EndUserId>,
    /// Only what this order granted or changed.
    pub order_reference: String,
    /// Only those of this product.
    pub product_id: Option<ProductId>,
    /// Only those in this state.
    pub state: Option<LicenseState>,
    /// Only those in force whose last day lies between these two.
    pub last_day: Option<(Date, Date)>,
}

/// A page of licences, by id.
pub async fn license_list(
    connection: &mut AnyConnection,
    filter: &LicenseFilter,
    page: &Page,
) -> Result<Vec<License>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM licenses
         WHERE license_id > $1
           AND ($2 = '' OR responsible_partner_id = $2 OR reseller_partner_id = $2 OR license_id IN (
               SELECT c.license_id FROM license_chain c WHERE c.partner_id = $2 AND c.role = 'link'))
           AND ($3 = '' OR end_user_id = $3)
           AND ($5 = '' OR order_reference = $5 OR license_id IN (
               SELECT o.license_id FROM order_licenses o
               WHERE o.order_reference = $5 AND ($2 = '' OR o.seller_id = $2)))
           AND ($6 = '' OR product_id = $6)
           AND ($7 = '' OR state = $7)
           AND ($8 = '' OR (valid_until BETWEEN $8 AND $9 AND state <> $10))
         ORDER BY license_id LIMIT $4",
    )
    .bind(&page.after)
    .bind(filter.partner_id.as_ref().map_or("", PartnerId::as_str))
    .bind(filter.end_user_id.as_ref().map_or("", EndUserId::as_str))
    .bind(page.limit())
    .bind(&filter.order_reference)
    .bind(filter.product_id.as_ref().map_or("", ProductId::as_str))
    .bind(filter.state.map_or("", LicenseState::as_str))
    .bind(filter.last_day.map(|(first, _)| first.to_string()).unwrap_or_default())
    .bind(filter.last_day.map(|(_, last)| last.to_string()).unwrap_or_default())
    .bind(LicenseState::Revoked.as_str())
    .fetch_all(&mut *connection)
    .await?;
    read_licenses(connection, &rows).await
}

/// The licences whose keys have these digests.
pub async fn license_list_by_key(
    connection: &mut AnyConnection,
    keys: impl Iterator<Item = &KeyDigest>,
) -> Result<Vec<License>, StoreError> {
    let digests = Rows::of(Dialect::of(connection), keys.map(|key| [key.0.as_slice().into()]));
    let query = many::select(&[("key_digest", Column::Bytes)], &digests, |these| {
        format!("SELECT * FROM licenses WHERE key_digest IN {these}")
    });
    let rows = query.fetch_all(&mut *connection).await?;
    read_licenses(connection, &rows).await
}

/// The people of all of them at once: few licences name any, and a page has many.
async fn read_licenses(connection: &mut AnyConnection, rows: &[AnyRow]) -> Result<Vec<License>, StoreError> {
    let ids = rows.iter().map(|found| row::text(found, "license_id")).collect::<Result<Vec<_>, _>>()?;
    let mut named = liaison_list_of_all(connection, &ids).await?;
    let mut licenses = Vec::with_capacity(rows.len());
    for (found, id) in rows.iter().zip(&ids) {
        licenses.push(read_license(connection, found, named.remove(id).unwrap_or_default()).await?);
    }
    Ok(licenses)
}

async fn with_liaisons(connection: &mut AnyConnection, found: Option<AnyRow>) -> Result<Option<License>, StoreError> {
    let Some(found) = found else { return Ok(None) };
    let liaisons = liaison_list(connection, &row::text(&found, "license_id")?).await?;
    read_license(connection, &found, liaisons).await.map(Some)
}

async fn read_license(
    connection: &mut AnyConnection,
    found: &AnyRow,
    liaisons: Vec<Liaison>,
) -> Result<License, StoreError> {
    let id: LicenseId = row::id(found, "license_id")?;
    let zone = row::parsed(found, "zone", dates::zone)?;
    let chain = if row::flag(found, "has_chain")? { chain_fetch(connection, id).await? } else { Chain::default() };
    Ok(License {
        id,
        key: KeyDigest(row::array(found, "key_digest")?),
        key_hint: row::text(found, "key_hint")?,
        terms: LicenseTerms {
            product_id: row::parsed(found, "product_id", ProductId::parse)?,
            quantity: row::integer(found, "quantity")?,
            end_user_id: row::parsed(found, "end_user_id", EndUserId::parse)?,
            end_user_name: row::text(found, "end_user_name")?,
            responsible_partner_id: row::parsed(found, "responsible_partner_id", PartnerId::parse)?,
            reseller_partner_id: row::optional_parsed(found, "reseller_partner_id", PartnerId::parse)?,
            validity: Validity {
                from: row::parsed(found, "valid_from", dates::date)?,
                until: row::optional_parsed(found, "valid_until", dates::date)?,
                grace_days: row::number(found, "grace_days")?,
                zone,
            },
            maintenance_until: row::optional_parsed(found, "maintenance_until", dates::date)?,
            kind: row::word(found, "kind", LicenseKind::parse)?,
            order_reference: row::text(found, "order_reference")?,
        },
        state: row::word(found, "state", LicenseState::parse)?,
        state_note: row::text(found, "state_note")?,
        liaisons,
        resale: Resale { chain, policy: read_policy(found)? },
        revision: row::integer(found, "revision")?,
        created_at: row::instant(found, "created_at")?,
    })
}

/// The policy that decided who is responsible.
fn read_policy(found: &AnyRow) -> Result<Option<PolicyVersion>, StoreError> {
    if row::optional_text(found, "chain_programme")?.is_none() {
        return Ok(None);
    }
    let programme = row::word(found, "chain_programme", Programme::parse)?;
    Ok(Some(PolicyVersion { programme, version: row::number(found, "chain_policy")? }))
}

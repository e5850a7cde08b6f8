//! The partner registry.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::PartnerId;
use vouch_host::Page;
use vouch_identity::SpiffeId;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::translate;
use crate::domain::order::OrderQuotas;
use crate::domain::partner::{Partner, PartnerProfile, Programme, Standing, SupportContact};

/// Adds a partner with its ids and trust domains.
pub async fn partner_insert(connection: &mut AnyConnection, partner: &Partner) -> Result<(), WriteError> {
    let profile = &partner.profile;
    sqlx::query(
        "INSERT INTO partners (partner_id, name, programme, standing, trust_bundle_pem, manifest_jwks, contact_name,
             contact_email, contact_phone, contact_portal_url, revision, created_at, orders_per_day, units_per_order)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(partner.id.as_str())
    .bind(&profile.name)
    .bind(profile.programme.as_str())
    .bind(partner.standing.as_str())
    .bind(&profile.trust_bundle_pem)
    .bind(&profile.manifest_jwks)
    .bind(&profile.support_contact.name)
    .bind(&profile.support_contact.email)
    .bind(&profile.support_contact.phone)
    .bind(&profile.support_contact.portal_url)
    .bind(partner.revision)
    .bind(partner.created_at.as_microsecond())
    .bind(i64::from(profile.order_quotas.orders_per_day))
    .bind(profile.order_quotas.units_per_order)
    .execute(&mut *connection)
    .await
    .map_err(|error| translate::exists(error, &partner.id))?;
    names_insert(connection, partner).await?;
    registry_touch(connection).await
}

/// Writes a changed partner over the old one.
pub async fn partner_update(connection: &mut AnyConnection, partner: &Partner) -> Result<(), WriteError> {
    let profile = &partner.profile;
    sqlx::query(
        "UPDATE partners SET name = $2, standing = $3, trust_bundle_pem = $4, manifest_jwks = $5, contact_name = $6,
             contact_email = $7, contact_phone = $8, contact_portal_url = $9, revision = $10, orders_per_day = $11,
             units_per_order = $12
         WHERE partner_id = $1",
    )
    .bind(partner.id.as_str())
    .bind(&profile.name)
    .bind(partner.standing.as_str())
    .bind(&profile.trust_bundle_pem)
    .bind(&profile.manifest_jwks)
    .bind(&profile.support_contact.name)
    .bind(&profile.support_contact.email)
    .bind(&profile.support_contact.phone)
    .bind(&profile.support_contact.portal_url)
    .bind(partner.revision)
    .bind(i64::from(profile.order_quotas.orders_per_day))
    .bind(profile.order_quotas.units_per_order)
    .execute(&mut *connection)
    .await?;
    for sql in [
        "DELETE FROM partner_spiffe_ids WHERE partner_id = $1",
        "DELETE FROM partner_trust_domains WHERE partner_id = $1",
    ] {
        sqlx::query(sql).bind(partner.id.as_str()).execute(&mut *connection).await?;
    }
    names_insert(connection, partner).await?;
    registry_touch(connection).await
}

/// The partner with this code.
pub async fn partner_fetch(connection: &mut AnyConnection, id: &PartnerId) -> Result<Option<Partner>, StoreError> {
    fetch(connection, "SELECT * FROM partners WHERE partner_id = $1".into(), id).await
}

/// The same, its row locked until the transaction ends.
pub async fn partner_lock(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: &PartnerId,
) -> Result<Option<Partner>, StoreError> {
    fetch(connection, format!("SELECT * FROM partners WHERE partner_id = $1{}", dialect.for_update()), id).await
}

/// A page of partners, by code.
pub async fn partner_list(connection: &mut AnyConnection, page: &Page) -> Result<Vec<Partner>, StoreError> {
    let rows = sqlx::query("SELECT * FROM partners WHERE partner_id > $1 ORDER BY partner_id LIMIT $2")
        .bind(&page.after)
        .bind(page.limit())
        .fetch_all(&mut *connection)
        .await?;
    let mut partners = Vec::with_capacity(rows.len());
    for found in &rows {
        let ids = names_fetch(connection, &row::text(found, "partner_id")?).await?;
        partners.push(read_partner(found, ids)?);
    }
    Ok(partners)
}

/// Every partner's standing.
pub async fn standing_all(connection: &mut AnyConnection) -> Result<Vec<(PartnerId, Standing)>, StoreError> {
    standings(connection, "SELECT partner_id, standing FROM partners".into()).await
}

/// The same, their rows held until the transaction ends.
pub async fn standing_share(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<Vec<(PartnerId, Standing)>, StoreError> {
    let lock = dialect.for_key_share();
    standings(connection, format!("SELECT partner_id, standing FROM partners ORDER BY partner_id{lock}")).await
}

/// A partner's standing, which stays this until the transaction ends.
pub async fn partner_hold(
    connection: &mut AnyConnection,
    dialect: Dialect,
    id: &PartnerId,
) -> Result<Option<Standing>, StoreError> {
    let sql = format!("SELECT standing FROM partners WHERE partner_id = $1{}", dialect.for_share());
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    found.map(|found| row::word(&found, "standing", Standing::parse)).transpose()
}

async fn standings(connection: &mut AnyConnection, sql: String) -> Result<Vec<(PartnerId, Standing)>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?;
    let read = |found: &AnyRow| {
        let id = row::parsed(found, "partner_id", PartnerId::parse)?;
        Ok((id, row::word(found, "standing", Standing::parse)?))
    };
    rows.iter().map(read).collect()
}

/// Every partner, by code.
pub async fn partner_all(connection: &mut AnyConnection) -> Result<Vec<Partner>, StoreError> {
    let mut page = Page { size: 200, after: String::new() };
    let mut partners = Vec::new();
    loop {
        let read = partner_list(connection, &page).await?;
        let is_last = i64::try_from(read.len()).unwrap_or(i64::MAX) < page.limit();
        partners.extend(read.into_iter().take(usize::try_from(page.size).unwrap_or(usize::MAX)));
        match partners.last() {
            Some(last) if !is_last => page.after = last.id.to_string(),
            _ => return Ok(partners),
        }
    }
}

/// How often the registry was changed.
pub async fn registry_revision(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let found = sqlx::query("SELECT revision FROM registry_revision WHERE only_row = 1").fetch_one(connection).await?;
    row::integer(&found, "revision")
}

async fn fetch(connection: &mut AnyConnection, sql: String, id: &PartnerId) -> Result<Option<Partner>, StoreError> {
    // The text is one of two constants and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *connection).await?;
    let Some(found) = found else { return Ok(None) };
    let ids = names_fetch(connection, id.as_str()).await?;
    read_partner(&found, ids).map(Some)
}

async fn names_fetch(connection: &mut AnyConnection, partner_id: &str) -> Result<Vec<SpiffeId>, StoreError> {
    let rows = sqlx::query("SELECT spiffe_id FROM partner_spiffe_ids WHERE partner_id = $1 ORDER BY spiffe_id")
        .bind(partner_id)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| row::parsed(found, "spiffe_id", SpiffeId::parse)).collect()
}

async fn names_insert(connection: &mut AnyConnection, partner: &Partner) -> Result<(), WriteError> {
    for domain in partner.profile.trust_domains() {
        sqlx::query("INSERT INTO partner_trust_domains (trust_domain, partner_id) VALUES ($1, $2)")
            .bind(domain.to_string())
            .bind(partner.id.as_str())
            .execute(&mut *connection)
            .await
            .map_err(|error| translate::exists(error, &partner.id))?;
    }
    for id in &partner.profile.spiffe_ids {
        sqlx::query("INSERT INTO partner_spiffe_ids (spiffe_id, partner_id) VALUES ($1, $2)")
            .bind(id.to_string())
            .bind(partner.id.as_str())
            .execute(&mut *connection)
            .await
            .map_err(|error| translate::exists(error, &partner.id))?;
    }
    Ok(())
}

async fn registry_touch(connection: &mut AnyConnection) -> Result<(), WriteError> {
    sqlx::query("UPDATE registry_revision SET revision = revision + 1 WHERE only_row = 1").execute(connection).await?;
    Ok(())
}

fn read_partner(found: &AnyRow, spiffe_ids: Vec<SpiffeId>) -> Result<Partner, StoreError> {
    Ok(Partner {
        id: row::parsed(found, "partner_id", PartnerId::parse)?,
        profile: PartnerProfile {
            name: row::text(found, "name")?,
            programme: row::word(found, "programme", Programme::parse)?,
            spiffe_ids,
            trust_bundle_pem: row::text(found, "trust_bundle_pem")?,
            manifest_jwks: row::text(found, "manifest_jwks")?,
            support_contact: SupportContact {
                name: row::text(found, "contact_name")?,
                email: row::text(found, "contact_email")?,
                phone: row::text(found, "contact_phone")?,
                portal_url: row::text(found, "contact_portal_url")?,
            },
            order_quotas: OrderQuotas {
                orders_per_day: row::number(found, "orders_per_day")?,
                units_per_order: row::integer(found, "units_per_order")?,
            },
        },
        standing: row::word(found, "standing", Standing::parse)?,
        revision: row::integer(found, "revision")?,
        created_at: row::instant(found, "created_at")?,
    })
}

//! Licences that are gone for a partner: what a watch tells of them, since their rows do not any more.

use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::LicenseId;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::license::License;

/// A licence that is gone for a partner.
#[derive(Debug, Clone)]
pub struct GoneLicense {
    /// The licence.
    pub license_id: LicenseId,
    /// Its own revision with which it went.
    pub revision: i64,
    /// The revision of all facts with which it went.
    pub facts_revision: i64,
}

/// Notes that a licence is gone for partners, with the revision of the facts that takes it from them.
pub async fn gone_write(
    connection: &mut AnyConnection,
    license: &License,
    facts_revision: i64,
    partners: &[&PartnerId],
) -> Result<(), WriteError> {
    for partner in partners {
        sqlx::query(
            "INSERT INTO gone_licenses (partner_id, license_id, license_revision, facts_revision) VALUES ($1, $2, $3, $4)
             ON CONFLICT (partner_id, license_id) DO UPDATE
             SET license_revision = excluded.license_revision, facts_revision = excluded.facts_revision",
        )
        .bind(partner.as_str())
        .bind(license.id.to_string())
        .bind(license.revision)
        .bind(facts_revision)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Forgets that a licence was gone for partners: it came to them, or came back.
pub async fn gone_forget(
    connection: &mut AnyConnection,
    id: LicenseId,
    partners: &[&PartnerId],
) -> Result<(), WriteError> {
    for partner in partners {
        sqlx::query("DELETE FROM gone_licenses WHERE partner_id = $1 AND license_id = $2")
            .bind(partner.as_str())
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A page of the licences that went for a partner up to a revision, in the order in which they went, after one of them.
pub async fn gone_list(
    connection: &mut AnyConnection,
    partner: &PartnerId,
    after: &(i64, String),
    until: i64,
    limit: i64,
) -> Result<Vec<GoneLicense>, StoreError> {
    let rows = sqlx::query(
        "SELECT license_id, license_revision, facts_revision FROM gone_licenses
         WHERE partner_id = $1 AND facts_revision >= $2 AND (facts_revision > $2 OR ($3 <> '' AND license_id > $3))
           AND facts_revision <= $4
         ORDER BY facts_revision, license_id LIMIT $5",
    )
    .bind(partner.as_str())
    .bind(after.0)
    .bind(&after.1)
    .bind(until)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let read = |found| {
        Ok(GoneLicense {
            license_id: row::id(found, "license_id")?,
            revision: row::integer(found, "license_revision")?,
            facts_revision: row::integer(found, "facts_revision")?,
        })
    };
    rows.iter().map(read).collect()
}

//! Resale chains of licences, and the programmes' policies.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::dates;
use vouch_core::id::LicenseId;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::license::LicenseState;
use crate::domain::partner::{Programme, Standing};
use crate::domain::resale::{Chain, Duty, Policy, PolicyVersion, Rule};

/// The role of a partner of the line.
const LINK: &str = "link";
/// The role of the maker of a modification.
const MAKER: &str = "maker";

/// A duty as the column keeps it: code and sentence.
#[derive(Serialize, Deserialize)]
struct StoredDuty(String, String);

/// The chain of a licence that has one.
pub async fn chain_fetch(connection: &mut AnyConnection, id: LicenseId) -> Result<Chain, StoreError> {
    let rows = sqlx::query("SELECT partner_id, role FROM license_chain WHERE license_id = $1 ORDER BY position")
        .bind(id.to_string())
        .fetch_all(connection)
        .await?;
    let mut chain = Chain::default();
    for found in &rows {
        let partner = row::parsed(found, "partner_id", PartnerId::parse)?;
        if row::text(found, "role")? == MAKER {
            chain.maker = Some(partner);
        } else {
            chain.links.push(partner);
        }
    }
    Ok(chain)
}

/// Writes a changed chain over the old one.
pub async fn chain_write(connection: &mut AnyConnection, id: LicenseId, chain: &Chain) -> Result<(), WriteError> {
    let id = id.to_string();
    sqlx::query("DELETE FROM license_chain WHERE license_id = $1").bind(&id).execute(&mut *connection).await?;
    let links = chain.links.iter().map(|partner| (partner, LINK));
    for (place, (partner, role)) in (0_i64..).zip(links.chain(chain.maker.iter().map(|partner| (partner, MAKER)))) {
        sqlx::query("INSERT INTO license_chain (license_id, position, partner_id, role) VALUES ($1, $2, $3, $4)")
            .bind(&id)
            .bind(place)
            .bind(partner.as_str())
            .bind(role)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Licences that are not revoked and for which a partner is responsible, with their end users, by these: those are locked in
/// this order.
pub async fn license_list_of(
    connection: &mut AnyConnection,
    responsible: &PartnerId,
    limit: i64,
) -> Result<Vec<(EndUserId, LicenseId)>, StoreError> {
    let rows = sqlx::query(
        "SELECT end_user_id, license_id FROM licenses WHERE responsible_partner_id = $1 AND state <> $2
         ORDER BY end_user_id, license_id LIMIT $3",
    )
    .bind(responsible.as_str())
    .bind(LicenseState::Revoked.as_str())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let read = |found| Ok((row::parsed(found, "end_user_id", EndUserId::parse)?, row::id(found, "license_id")?));
    rows.iter().map(read).collect()
}

/// How many there are of these.
pub async fn license_count_of(connection: &mut AnyConnection, responsible: &PartnerId) -> Result<i64, StoreError> {
    let found =
        sqlx::query("SELECT COUNT(*) AS licenses FROM licenses WHERE responsible_partner_id = $1 AND state <> $2")
            .bind(responsible.as_str())
            .bind(LicenseState::Revoked.as_str())
            .fetch_one(connection)
            .await?;
    row::integer(&found, "licenses")
}

/// The desks of the vendor's own that are in good standing.
pub async fn desk_list(connection: &mut AnyConnection) -> Result<Vec<PartnerId>, StoreError> {
    let rows =
        sqlx::query("SELECT partner_id FROM partners WHERE programme = $1 AND standing = $2 ORDER BY partner_id")
            .bind(Programme::VendorDesk.as_str())
            .bind(Standing::Good.as_str())
            .fetch_all(connection)
            .await?;
    rows.iter().map(|found| row::parsed(found, "partner_id", PartnerId::parse)).collect()
}

/// Takes the next version of a programme's policy; whoever takes one waits for whoever took the one before.
pub async fn policy_version_next(connection: &mut AnyConnection, programme: Programme) -> Result<i32, WriteError> {
    let sql = "UPDATE programmes SET policy_version = policy_version + 1 WHERE programme = $1 RETURNING policy_version";
    let found = sqlx::query(sql).bind(programme.as_str()).fetch_one(connection).await?;
    Ok(row::number(&found, "policy_version")?)
}

/// Adds a version.
pub async fn policy_insert(connection: &mut AnyConnection, policy: &Policy, by: &str) -> Result<(), WriteError> {
    let duties = policy.duties.iter().map(|duty| StoredDuty(duty.code.clone(), duty.sentence.clone()));
    let duties = serde_json::to_string(&duties.collect::<Vec<_>>()).map_err(|error| corrupt(&error))?;
    sqlx::query(
        "INSERT INTO programme_policies
             (programme, version, effective_from, policy, duties, rule, published_at, published_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(policy.version.programme.as_str())
    .bind(i64::from(policy.version.version))
    .bind(policy.effective_from.to_string())
    .bind(&policy.text)
    .bind(duties)
    .bind(policy.rule.as_str())
    .bind(policy.published_at.as_microsecond())
    .bind(by)
    .execute(connection)
    .await?;
    Ok(())
}

/// A version of a programme's policy.
pub async fn policy_fetch(
    connection: &mut AnyConnection,
    version: PolicyVersion,
) -> Result<Option<Policy>, StoreError> {
    let found = sqlx::query("SELECT * FROM programme_policies WHERE programme = $1 AND version = $2")
        .bind(version.programme.as_str())
        .bind(i64::from(version.version))
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(read_policy).transpose()
}

/// The version that is in force on a day: the latest of those whose first day has come.
pub async fn policy_in_force(
    connection: &mut AnyConnection,
    programme: Programme,
    day: Date,
) -> Result<Option<Policy>, StoreError> {
    // Days are kept as ISO 8601 writes them, so that their texts are in their order.
    let found = sqlx::query(
        "SELECT * FROM programme_policies WHERE programme = $1 AND effective_from <= $2
         ORDER BY version DESC LIMIT 1",
    )
    .bind(programme.as_str())
    .bind(day.to_string())
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(read_policy).transpose()
}

/// A page of a programme's policies, by version.
pub async fn policy_list(
    connection: &mut AnyConnection,
    programme: Programme,
    page: &Page,
) -> Result<Vec<Policy>, StoreError> {
    let after: i64 = page.after.parse().unwrap_or_default();
    let rows =
        sqlx::query("SELECT * FROM programme_policies WHERE programme = $1 AND version > $2 ORDER BY version LIMIT $3")
            .bind(programme.as_str())
            .bind(after)
            .bind(page.limit())
            .fetch_all(connection)
            .await?;
    rows.iter().map(read_policy).collect()
}

fn read_policy(found: &AnyRow) -> Result<Policy, StoreError> {
    let duties: Vec<StoredDuty> =
        serde_json::from_str(&row::text(found, "duties")?).map_err(|error| corrupt(&error))?;
    Ok(Policy {
        version: PolicyVersion {
            programme: row::word(found, "programme", Programme::parse)?,
            version: row::number(found, "version")?,
        },
        effective_from: row::parsed(found, "effective_from", dates::date)?,
        text: row::text(found, "policy")?,
        duties: duties.into_iter().map(|StoredDuty(code, sentence)| Duty { code, sentence }).collect(),
        rule: row::word(found, "rule", Rule::parse)?,
        published_at: row::instant(found, "published_at")?,
    })
}

fn corrupt(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { column: "programme_policies.duties", problem: error.to_string() }
}

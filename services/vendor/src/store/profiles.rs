//! Published profiles.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::Error;
use vouch_core::code::{ProductId, ProfileName};
use vouch_diagnostics::Digest;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::profile::{Edition, PublishedProfile, Retired};

/// Adds a profile, unless this version is there already; returns the one that is there then, and whether it was added.
pub async fn profile_insert(
    connection: &mut AnyConnection,
    profile: &PublishedProfile,
) -> Result<(PublishedProfile, bool), WriteError> {
    let edition = &profile.edition;
    let inserted = sqlx::query(
        "INSERT INTO profiles (name, version, about, product_ids, content, sha256, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name, version) DO NOTHING",
    )
    .bind(edition.name.as_str())
    .bind(i64::from(edition.version))
    .bind(&edition.about)
    .bind(write_products(edition)?)
    .bind(&profile.content)
    .bind(edition.digest.0.as_slice())
    .bind(edition.published_at.as_microsecond())
    .execute(&mut *connection)
    .await?;
    let there = profile_fetch(connection, &edition.name, Some(edition.version)).await?;
    Ok((there.ok_or_else(StoreError::lost_race)?, inserted.rows_affected() == 1))
}

/// Retires a version; `None` when there is none. One that is retired already stays as it is.
pub async fn profile_retire(
    connection: &mut AnyConnection,
    name: &ProfileName,
    version: u32,
    retired: &Retired,
) -> Result<Option<PublishedProfile>, WriteError> {
    sqlx::query(
        "UPDATE profiles SET retired_at = $3, retire_note = $4
         WHERE name = $1 AND version = $2 AND retired_at IS NULL",
    )
    .bind(name.as_str())
    .bind(i64::from(version))
    .bind(retired.at.as_microsecond())
    .bind(&retired.note)
    .execute(&mut *connection)
    .await?;
    Ok(profile_fetch(connection, name, Some(version)).await?)
}

/// A version of a profile; without one, the newest that is not retired.
pub async fn profile_fetch(
    connection: &mut AnyConnection,
    name: &ProfileName,
    version: Option<u32>,
) -> Result<Option<PublishedProfile>, StoreError> {
    let found = sqlx::query(
        "SELECT * FROM profiles WHERE name = $1 AND (version = $2 OR ($2 = 0 AND retired_at IS NULL))
         ORDER BY version DESC LIMIT 1",
    )
    .bind(name.as_str())
    .bind(version.map_or(0, i64::from))
    .fetch_optional(connection)
    .await?;
    found
        .map(|found| Ok(PublishedProfile { edition: read_edition(&found)?, content: row::bytes(&found, "content")? }))
        .transpose()
}

/// A page of the newest versions that are not retired, by name: of those for a product, where one is named.
pub async fn edition_list(
    connection: &mut AnyConnection,
    product_id: Option<&ProductId>,
    page: &Page,
) -> Result<Vec<Edition>, StoreError> {
    // A code has no letter that is a wildcard.
    let rows = sqlx::query(
        "SELECT name, version, about, product_ids, sha256, published_at, retired_at, retire_note FROM profiles p
         WHERE name > $1 AND retired_at IS NULL AND product_ids LIKE $2
           AND NOT EXISTS (SELECT 1 FROM profiles n
                           WHERE n.name = p.name AND n.version > p.version AND n.retired_at IS NULL)
         ORDER BY name LIMIT $3",
    )
    .bind(&page.after)
    .bind(product_id.map_or_else(|| "%".to_owned(), |product_id| format!("%\"{product_id}\"%")))
    .bind(page.limit())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_edition).collect()
}

fn write_products(edition: &Edition) -> Result<String, Error> {
    let codes: Vec<&str> = edition.product_ids.iter().map(ProductId::as_str).collect();
    serde_json::to_string(&codes).map_err(Error::internal)
}

fn read_edition(found: &AnyRow) -> Result<Edition, StoreError> {
    let products = |text: &str| {
        let codes: Vec<String> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        codes.iter().map(|code| ProductId::parse(code)).collect()
    };
    let retired = match row::optional_instant(found, "retired_at")? {
        Some(at) => Some(Retired { at, note: row::text(found, "retire_note")? }),
        None => None,
    };
    Ok(Edition {
        name: row::parsed(found, "name", ProfileName::parse)?,
        version: row::number(found, "version")?,
        about: row::text(found, "about")?,
        product_ids: row::parsed(found, "product_ids", products)?,
        digest: Digest(row::array(found, "sha256")?),
        published_at: row::instant(found, "published_at")?,
        retired,
    })
}

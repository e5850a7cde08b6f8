//! Who read what of bundles.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::id::BundleId;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::bundle_read::{BundleRead, Reader, Reading, Scope, SearchKind};

/// What a row says of a reading, column by column.
struct Columns<'a> {
    kind: &'static str,
    path: &'a str,
    path_prefix: &'a str,
    collector: &'a str,
    search: &'static str,
}

impl<'a> Columns<'a> {
    fn of(reading: &'a Reading) -> Self {
        let nothing = Self { kind: "", path: "", path_prefix: "", collector: "", search: "" };
        let within =
            |scope: &'a Scope| Self { path_prefix: &scope.path_prefix, collector: &scope.collector, ..nothing };
        match reading {
            Reading::Opened => Self { kind: "opened", ..nothing },
            Reading::Listed(scope) => Self { kind: "listed", ..within(scope) },
            Reading::Read { path } => Self { kind: "read", path, ..nothing },
            Reading::Searched(kind, scope) => Self { kind: "searched", search: kind.as_str(), ..within(scope) },
        }
    }
}

/// Counts a reading to the record of the same since an instant; whether there is one. The bundle's row is locked.
pub async fn read_count_again(
    connection: &mut AnyConnection,
    bundle_id: BundleId,
    reader: &Reader,
    reading: &Reading,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, WriteError> {
    let Columns { kind, path, path_prefix, collector, search } = Columns::of(reading);
    let found = sqlx::query(
        "SELECT sequence FROM bundle_reads
         WHERE bundle_id = $1 AND reader = $2 AND first_at > $3 AND role = $4 AND kind = $5 AND path = $6
             AND path_prefix = $7 AND collector = $8 AND search = $9
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(bundle_id.to_string())
    .bind(&reader.subject)
    .bind(since.as_microsecond())
    .bind(&reader.role)
    .bind(kind)
    .bind(path)
    .bind(path_prefix)
    .bind(collector)
    .bind(search)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = found else { return Ok(false) };
    sqlx::query("UPDATE bundle_reads SET times = times + 1, last_at = $3 WHERE bundle_id = $1 AND sequence = $2")
        .bind(bundle_id.to_string())
        .bind(row::integer(&found, "sequence")?)
        .bind(now.as_microsecond())
        .execute(connection)
        .await?;
    Ok(true)
}

/// Adds a record behind those that are there. The bundle's row is locked.
pub async fn read_insert(
    connection: &mut AnyConnection,
    bundle_id: BundleId,
    reader: &Reader,
    reading: &Reading,
    now: Timestamp,
) -> Result<(), WriteError> {
    let Columns { kind, path, path_prefix, collector, search } = Columns::of(reading);
    sqlx::query(
        "INSERT INTO bundle_reads (bundle_id, sequence, reader, role, kind, path, path_prefix, collector, search, times,
             first_at, last_at)
         VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM bundle_reads WHERE bundle_id = $1), $2, $3, $4, $5, $6,
             $7, $8, 1, $9, $9)",
    )
    .bind(bundle_id.to_string())
    .bind(&reader.subject)
    .bind(&reader.role)
    .bind(kind)
    .bind(path)
    .bind(path_prefix)
    .bind(collector)
    .bind(search)
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// The records of a bundle before a place, the latest first.
pub async fn read_list(
    connection: &mut AnyConnection,
    bundle_id: BundleId,
    before: i64,
    most: i64,
) -> Result<Vec<BundleRead>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM bundle_reads WHERE bundle_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3",
    )
    .bind(bundle_id.to_string())
    .bind(before)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_read).collect()
}

fn read_read(found: &AnyRow) -> Result<BundleRead, StoreError> {
    let scope = || {
        Ok::<_, StoreError>(Scope {
            path_prefix: row::text(found, "path_prefix")?,
            collector: row::text(found, "collector")?,
        })
    };
    let reading = match row::text(found, "kind")?.as_str() {
        "opened" => Reading::Opened,
        "listed" => Reading::Listed(scope()?),
        "read" => Reading::Read { path: row::text(found, "path")? },
        "searched" => Reading::Searched(row::word(found, "search", SearchKind::parse)?, scope()?),
        _ => return Err(StoreError::Corrupt { column: "kind", problem: "the word is unknown".into() }),
    };
    Ok(BundleRead {
        sequence: row::integer(found, "sequence")?,
        reader: Reader { subject: row::text(found, "reader")?, role: row::text(found, "role")? },
        reading,
        times: row::integer(found, "times")?,
        first_at: row::instant(found, "first_at")?,
        last_at: row::instant(found, "last_at")?,
    })
}

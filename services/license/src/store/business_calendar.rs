//! The vendor's working days: one row.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::dates;
use vouch_storage::{Dialect, StoreError, WriteError, row};

use super::{join, split};
use crate::domain::business_calendar::BusinessCalendar;

/// The calendar.
pub async fn calendar_fetch(connection: &mut AnyConnection) -> Result<BusinessCalendar, StoreError> {
    fetch(connection, "SELECT * FROM business_calendar WHERE only_row = 1".into()).await
}

/// The same, locked until the transaction ends.
pub async fn calendar_lock(connection: &mut AnyConnection, dialect: Dialect) -> Result<BusinessCalendar, StoreError> {
    fetch(connection, format!("SELECT * FROM business_calendar WHERE only_row = 1{}", dialect.for_update())).await
}

/// Writes a changed calendar over the old one.
pub async fn calendar_update(connection: &mut AnyConnection, calendar: &BusinessCalendar) -> Result<(), WriteError> {
    let weekdays: Vec<String> = calendar.weekdays.iter().map(ToString::to_string).collect();
    let holidays: Vec<String> = calendar.holidays.iter().map(|(date, name)| format!("{date} {name}")).collect();
    sqlx::query(
        "UPDATE business_calendar SET weekdays = $1, closes = $2, holidays = $3, revision = $4, changed_at = $5
         WHERE only_row = 1",
    )
    .bind(join(weekdays.iter().map(String::as_str)))
    .bind(calendar.closes)
    .bind(holidays.join("\n"))
    .bind(calendar.revision)
    .bind(calendar.changed_at.map(Timestamp::as_microsecond))
    .execute(connection)
    .await?;
    Ok(())
}

async fn fetch(connection: &mut AnyConnection, sql: String) -> Result<BusinessCalendar, StoreError> {
    // The text is one of two constants and a suffix of the dialect's.
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(BusinessCalendar {
        weekdays: row::parsed(&found, "weekdays", |text| split(text, |day| day.parse().ok()))?.into_iter().collect(),
        closes: row::integer(&found, "closes")?,
        holidays: row::parsed(&found, "holidays", read_holidays)?,
        revision: row::integer(&found, "revision")?,
        changed_at: row::optional_instant(&found, "changed_at")?,
    })
}

fn read_holidays(text: &str) -> Result<BTreeMap<Date, String>, String> {
    text.lines()
        .map(|line| {
            let (date, name) = line.split_once(' ').ok_or("a line has no blank")?;
            Ok((dates::date(date)?, name.to_owned()))
        })
        .collect()
}

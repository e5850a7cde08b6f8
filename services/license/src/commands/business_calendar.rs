//! The vendor's working days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::check_etag;
use crate::domain::business_calendar::BusinessCalendar;
use crate::store::business_calendar::{calendar_lock, calendar_update};

/// Another calendar.
#[derive(Debug, Clone)]
pub struct SetBusinessCalendar {
    /// Its etag as the caller read it.
    pub etag: String,
    /// Days of the week, 1 (Monday) to 7 (Sunday).
    pub weekdays: BTreeSet<i8>,
    /// When business closes, in minutes since midnight.
    pub closes: i64,
    /// Days without business, with their names.
    pub holidays: BTreeMap<Date, String>,
}

/// Replaces the calendar.
pub async fn set(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SetBusinessCalendar>,
) -> Result<BusinessCalendar, WriteError> {
    let SetBusinessCalendar { etag, weekdays, closes, holidays } = call.command.clone();
    let before = calendar_lock(tx, dialect).await?;
    check_etag("calendar", &"of business", &etag, before.revision)?;
    let (revision, changed_at) = (before.revision + 1, Some(call.now));
    let calendar = BusinessCalendar { weekdays, closes, holidays, revision, changed_at };
    calendar_update(tx, &calendar).await?;
    Ok(calendar)
}

//! `BusinessCalendarService`.

use std::collections::{BTreeMap, BTreeSet};

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::business_calendar_service_server::BusinessCalendarService;
use vouch_core::{Violations, dates, text};
use vouch_host::Call;

use super::Handlers;
use crate::commands::business_calendar::{self as commands, SetBusinessCalendar};
use crate::commands::etag;
use crate::domain::business_calendar::BusinessCalendar;
use crate::store::business_calendar::calendar_fetch;

/// The most holidays that a calendar has.
const MAX_HOLIDAYS: usize = 2000;

#[tonic::async_trait]
impl BusinessCalendarService for Handlers {
    async fn set_business_calendar(
        &self,
        request: Request<pb::SetBusinessCalendarRequest>,
    ) -> Result<Response<pb::SetBusinessCalendarResponse>, Status> {
        let dialect = self.store().dialect();
        self.rpc
            .mutate("BusinessCalendarService/SetBusinessCalendar", request, |mut tx, call| async move {
                let calendar = commands::set(&mut tx, dialect, &call).await?;
                Ok((tx, pb::SetBusinessCalendarResponse { calendar: Some(calendar.into()) }))
            })
            .await
    }

    async fn get_business_calendar(
        &self,
        request: Request<pb::GetBusinessCalendarRequest>,
    ) -> Result<Response<pb::GetBusinessCalendarResponse>, Status> {
        self.rpc
            .query(request, |_: Call<TheCalendar>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let calendar = calendar_fetch(&mut snapshot).await?;
                Ok(pb::GetBusinessCalendarResponse { calendar: Some(calendar.into()) })
            })
            .await
    }
}

/// The one calendar that there is.
struct TheCalendar;

impl TryFrom<pb::GetBusinessCalendarRequest> for TheCalendar {
    type Error = Violations;

    fn try_from(_: pb::GetBusinessCalendarRequest) -> Result<Self, Violations> {
        Ok(Self)
    }
}

impl TryFrom<pb::SetBusinessCalendarRequest> for SetBusinessCalendar {
    type Error = Violations;

    fn try_from(request: pb::SetBusinessCalendarRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("calendar", request.calendar, |calendar, v| {
            v.refuse_set("update_time", calendar.update_time.is_some());
            let etag = v.take("etag", text::line(&calendar.etag, 64));
            let weekdays = v.take("weekdays", read_weekdays(&calendar.weekdays));
            let closes = v.take("closes", read_closes(&calendar.closes));
            if calendar.holidays.len() > MAX_HOLIDAYS {
                v.add("holidays", format!("must be at most {MAX_HOLIDAYS}"));
                return None;
            }
            let mut holidays = BTreeMap::new();
            for (index, holiday) in calendar.holidays.into_iter().enumerate() {
                let read = v.nested(&format!("holidays[{index}]"), Some(holiday), |holiday, v| {
                    let date = v.take("date", dates::date(&holiday.date));
                    date.zip(v.take("name", text::line(&holiday.name, 100)))
                });
                if let Some((date, name)) = read
                    && holidays.insert(date, name).is_some()
                {
                    v.add(format!("holidays[{index}].date"), "must be there once");
                }
            }
            Some(Self { etag: etag?, weekdays: weekdays?, closes: closes?, holidays })
        });
        violations.finish(command)
    }
}

fn read_weekdays(numbers: &[i32]) -> Result<BTreeSet<i8>, &'static str> {
    let wrong = "must be 1 (Monday) to 7 (Sunday), each at most once, and at least one";
    let days: BTreeSet<i8> = numbers.iter().filter_map(|day| i8::try_from(*day).ok()).collect();
    let fits = days.len() == numbers.len() && !days.is_empty() && days.iter().all(|day| (1..=7).contains(day));
    if fits { Ok(days) } else { Err(wrong) }
}

fn read_closes(time: &str) -> Result<i64, String> {
    match dates::time_of_day(time)? {
        0 => Err("must be 00:01 to 24:00".into()),
        closes => Ok(closes),
    }
}

impl From<BusinessCalendar> for pb::BusinessCalendar {
    fn from(calendar: BusinessCalendar) -> Self {
        let holidays = calendar.holidays.into_iter();
        Self {
            weekdays: calendar.weekdays.into_iter().map(Into::into).collect(),
            closes: format!("{:02}:{:02}", calendar.closes / 60, calendar.closes % 60),
            holidays: holidays.map(|(date, name)| pb::Holiday { date: date.to_string(), name }).collect(),
            update_time: calendar.changed_at.map(timestamp),
            etag: etag(calendar.revision),
        }
    }
}

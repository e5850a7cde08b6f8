//! The vendor's working days.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::business_calendar_service_client::BusinessCalendarServiceClient;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::Service;

pub(crate) fn holiday(date: &str, name: &str) -> pb::Holiday {
    pb::Holiday { date: date.into(), name: name.into() }
}

impl Service {
    fn calendar(&self) -> BusinessCalendarServiceClient<BearerChannel> {
        BusinessCalendarServiceClient::new(self.staff())
    }

    /// Sets Monday to Friday, 17:00, with these holidays.
    pub(crate) async fn with_holidays(self, holidays: Vec<pb::Holiday>) -> Self {
        let calendar = pb::BusinessCalendar { holidays, ..self.working_days().await };
        self.calendar().set_business_calendar(set(calendar)).await.unwrap();
        self
    }

    async fn working_days(&self) -> pb::BusinessCalendar {
        let get = pb::GetBusinessCalendarRequest {};
        self.calendar().get_business_calendar(get).await.unwrap().into_inner().calendar.unwrap()
    }
}

fn set(calendar: pb::BusinessCalendar) -> pb::SetBusinessCalendarRequest {
    pb::SetBusinessCalendarRequest { request_id: fresh(), calendar: Some(calendar) }
}

on_both_engines! {
    async fn the_calendar_is_set_as_a_whole_and_read_by_partners_too(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let before = service.working_days().await;
        assert_eq!((before.weekdays.as_slice(), before.closes.as_str()), (&[1, 2, 3, 4, 5][..], "17:00"));
        assert!(before.holidays.is_empty() && before.update_time.is_none(), "nobody set it yet");
        let wanted = pb::BusinessCalendar {
            weekdays: vec![7, 1, 2, 3, 4],
            closes: "24:00".into(),
            holidays: vec![holiday("2026-06-19", "Juneteenth"), holiday("2026-05-25", "Memorial Day")],
            ..before.clone()
        };
        let told = service.calendar().set_business_calendar(set(wanted)).await.unwrap().into_inner().calendar.unwrap();
        assert_eq!((told.weekdays.as_slice(), told.closes.as_str()), (&[1, 2, 3, 4, 7][..], "24:00"));
        assert_eq!(told.holidays, [holiday("2026-05-25", "Memorial Day"), holiday("2026-06-19", "Juneteenth")]);
        let stale = refused(service.calendar().set_business_calendar(set(before)).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));

        let mut partner = BusinessCalendarServiceClient::new(service.partner());
        let get = pb::GetBusinessCalendarRequest {};
        assert_eq!(partner.get_business_calendar(get).await.unwrap().into_inner().calendar.unwrap(), told);
        let mut anyone = BusinessCalendarServiceClient::new(service.anonymous());
        let denied = refused(anyone.get_business_calendar(get).await);
        assert_eq!(denied.0, Code::Unauthenticated);
    }

    async fn every_bad_field_of_a_calendar_is_named_at_once(database: Database) {
        let service = Service::start(&database).await;
        let bad = pb::BusinessCalendar {
            weekdays: vec![1, 1],
            closes: "00:00".into(),
            holidays: vec![holiday("2026-05-25", "One"), holiday("2026-05-25", "Two"), holiday("May", "two\nlines")],
            update_time: Some(prost_types::Timestamp::default()),
            etag: String::new(),
        };
        let named = fields(service.calendar().set_business_calendar(set(bad)).await);
        let expected =
            ["update_time", "etag", "weekdays", "closes", "holidays[1].date", "holidays[2].date", "holidays[2].name"];
        assert_eq!(named, expected.map(|field| format!("calendar.{field}")));
        for weekdays in [vec![], vec![0], vec![8], vec![1000]] {
            let bad = pb::BusinessCalendar { weekdays, ..service.working_days().await };
            assert_eq!(fields(service.calendar().set_business_calendar(set(bad)).await), ["calendar.weekdays"]);
        }
    }
}

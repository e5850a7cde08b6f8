//! Requests about incidents as commands.

use jiff::tz::TimeZone;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::EndUserId;
use vouch_core::{Violations, dates, id, text};

use super::LEDGER;
use crate::commands::incidents::escalations::SettleHold;
use crate::commands::incidents::granting::GrantIncidents;
use crate::commands::incidents::reservations::{ReserveIncidents, SettleReservation};
use crate::commands::incidents::reversals::ReverseCharge;
use crate::domain::incident::{Purpose, Settlement, price};
use crate::grpc::read::{self, ListOf, One};

/// The longest appointment, in minutes: about a week.
const LONGEST: i64 = 10_000;

impl TryFrom<pb::GrantIncidentsRequest> for GrantIncidents {
    type Error = Violations;

    fn try_from(request: pb::GrantIncidentsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let units = violations.take("units", read::within(request.units, 1, 100_000));
        let order_reference = violations.take("order_reference", text::line(&request.order_reference, 100));
        let expires_on = violations.take("expires_on", read::optional_date(&request.expires_on));
        let zone = match request.zone.as_str() {
            "" if request.expires_on.is_empty() => Some(TimeZone::UTC),
            "" => violations.take("zone", Err("is required with expires_on")),
            zone => violations.take("zone", dates::zone(zone)),
        };
        let command = (|| {
            Some(Self {
                end_user_id: end_user_id?,
                units: units?,
                order_reference: order_reference?,
                expires_on: expires_on?,
                zone: zone?,
            })
        })();
        violations.finish(command)
    }
}

impl TryFrom<pb::GetIncidentAccountRequest> for One<EndUserId> {
    type Error = Violations;

    fn try_from(request: pb::GetIncidentAccountRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::SettleHoldRequest> for SettleHold {
    type Error = Violations;

    fn try_from(request: pb::SettleHoldRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let hold_id = violations.take("hold_id", id::parse(&request.hold_id));
        let settlement = settlement(request.settlement, None, &mut violations);
        violations.finish(hold_id.zip(settlement).map(|(hold_id, settlement)| Self { hold_id, settlement }))
    }
}

impl TryFrom<pb::SettleReservationRequest> for SettleReservation {
    type Error = Violations;

    fn try_from(request: pb::SettleReservationRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let hold_id = violations.take("hold_id", id::parse(&request.hold_id));
        let minutes = violations
            .take("appointment_minutes", read::within::<_, u32>(request.appointment_minutes, 0, LONGEST))
            .filter(|minutes| *minutes > 0);
        let settlement = settlement(request.settlement, minutes, &mut violations);
        if settlement == Some(Settlement::Release) && minutes.is_some() {
            violations.add("appointment_minutes", "is for an appointment that took place: leave it 0");
        }
        violations.finish(hold_id.zip(settlement).map(|(hold_id, settlement)| Self { hold_id, settlement }))
    }
}

fn settlement(number: i32, minutes: Option<u32>, violations: &mut Violations) -> Option<Settlement> {
    match pb::Settlement::try_from(number) {
        Ok(pb::Settlement::Capture) => Some(Settlement::Capture { minutes }),
        Ok(pb::Settlement::Release) => Some(Settlement::Release),
        Ok(pb::Settlement::Unspecified) => violations.take("settlement", Err("is required")),
        Err(_) => violations.take("settlement", Err(format!("has the unknown value {number}"))),
    }
}

impl TryFrom<pb::ReserveIncidentsRequest> for ReserveIncidents {
    type Error = Violations;

    fn try_from(request: pb::ReserveIncidentsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let reference = violations.take("reference", own_reference(&request.reference));
        let purpose = match pb::ChargePurpose::try_from(request.purpose) {
            Ok(pb::ChargePurpose::TechnicalSupport) => Some((Purpose::TechnicalSupport, price::TECHNICAL_SUPPORT)),
            Ok(pb::ChargePurpose::Appointment) => Some((Purpose::Appointment, price::FIRST_HOUR)),
            Ok(pb::ChargePurpose::ProfessionalService) => {
                let units = violations.take("units", read::within(request.units, 1, 1000));
                units.map(|units| (Purpose::ProfessionalService, units))
            }
            Ok(pb::ChargePurpose::Unspecified) => violations.take("purpose", Err("is required")),
            Err(_) => violations.take("purpose", Err(format!("has the unknown value {}", request.purpose))),
        };
        let is_service = request.purpose == i32::from(pb::ChargePurpose::ProfessionalService);
        if !is_service && request.units != 0 {
            violations.add("units", "is for a professional service only: leave it 0");
        }
        let description = if is_service {
            violations.take("description", text::line(&request.description, 500))
        } else if request.description.is_empty() {
            Some(String::new())
        } else {
            violations.take("description", Err("is for a professional service only: leave it empty"))
        };
        let command = (|| {
            let (purpose, units) = purpose?;
            let (end_user_id, reference, description) = (end_user_id?, reference?, description?);
            Some(Self { end_user_id, reference, purpose, units, description })
        })();
        violations.finish(command)
    }
}

/// A partner's own name for its work. An escalation's incident comes with its proof: a name like one of an escalation
/// would meet it.
fn own_reference(text: &str) -> Result<String, String> {
    if text.starts_with("esc_") {
        return Err("must not be an escalation's id: its incident is set aside with its proof".into());
    }
    text::line(text, 100)
}

impl TryFrom<pb::ReverseChargeRequest> for ReverseCharge {
    type Error = Violations;

    fn try_from(request: pb::ReverseChargeRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let hold_id = violations.take("hold_id", id::parse(&request.hold_id));
        let units = violations.take("units", read::within::<_, u32>(request.units, 0, 1_000_000));
        let note = violations.take("note", text::line(&request.note, 500));
        let command = (|| {
            Some(Self { hold_id: hold_id?, units: units.map(|units| (units > 0).then_some(units))?, note: note? })
        })();
        violations.finish(command)
    }
}

/// An appointment whose price is wanted.
#[derive(Debug, Clone)]
pub(super) struct Quote {
    /// The end user.
    pub end_user_id: EndUserId,
    /// Its whole minutes.
    pub minutes: u32,
}

impl TryFrom<pb::QuoteAppointmentRequest> for Quote {
    type Error = Violations;

    fn try_from(request: pb::QuoteAppointmentRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let minutes = violations.take("minutes", read::within(request.minutes, 0, LONGEST));
        violations.finish(end_user_id.zip(minutes).map(|(end_user_id, minutes)| Self { end_user_id, minutes }))
    }
}

/// The ledger of an account is wanted.
#[derive(Debug)]
pub(super) struct Ledger(pub ListOf<EndUserId>);

impl TryFrom<pb::ListLedgerEntriesRequest> for Ledger {
    type Error = Violations;

    fn try_from(request: pb::ListLedgerEntriesRequest) -> Result<Self, Violations> {
        let list = list_of_one(request.page, LEDGER, &request.end_user_id)?;
        // The ledger is read on by its lines; a token of a version that went by ids names none.
        let is_a_line = list.page.after.is_empty() || list.page.after.parse::<i64>().is_ok();
        let mut violations = Violations::new();
        if !is_a_line {
            violations.add("page.page_token", "must be the next_page_token of a page of this list");
        }
        violations.finish(Some(Self(list)))
    }
}

/// The packs of an account are wanted.
#[derive(Debug)]
pub(super) struct Packs(pub ListOf<EndUserId>);

impl TryFrom<pb::ListIncidentPacksRequest> for Packs {
    type Error = Violations;

    fn try_from(request: pb::ListIncidentPacksRequest) -> Result<Self, Violations> {
        list_of_one(request.page, super::PACKS, &request.end_user_id).map(Self)
    }
}

fn list_of_one(
    page: Option<vouch_contract::pb::common::v1::PageRequest>,
    list: &str,
    end_user_id: &str,
) -> Result<ListOf<EndUserId>, Violations> {
    let mut violations = Violations::new();
    let id = violations.take("end_user_id", EndUserId::parse(end_user_id));
    let page = violations.absorb(vouch_host::Page::read(page, list));
    violations.finish(page.zip(id).map(|(page, filter)| ListOf { page, filter }))
}

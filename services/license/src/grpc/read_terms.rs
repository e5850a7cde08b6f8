//! Reading what is to change of an agreement and of a person named in it.

use std::collections::BTreeSet;

use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::TierId;
use vouch_core::id::AgreementId;
use vouch_core::{Violations, id, text};

use super::read::{self, ListOf};
use crate::commands::agreements::UpdateLiaison;
use crate::commands::terms::{ChangeTier, GrantSeats, RenewAgreement};
use crate::domain::agreement::Plan;

pub(super) const SEAT_GRANTS: &str = "seat-grants";

/// The changes of seats of one agreement.
pub(super) struct SeatGrantsOf(pub ListOf<AgreementId>);

/// Reads a plan; `None` where it is not said.
pub(super) fn read_plan(number: i32) -> Result<Option<Plan>, String> {
    match pb::AgreementPlan::try_from(number) {
        Ok(pb::AgreementPlan::Unspecified) => Ok(None),
        Ok(pb::AgreementPlan::Monthly) => Ok(Some(Plan::Monthly)),
        Ok(pb::AgreementPlan::Annual) => Ok(Some(Plan::Annual)),
        Ok(pb::AgreementPlan::Contract) => Ok(Some(Plan::Contract)),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// Reads which agreement is to change, and its etag.
fn read_target(agreement_id: &str, etag: &str, v: &mut Violations) -> Option<(AgreementId, String)> {
    let agreement_id = v.take("agreement_id", id::parse(agreement_id));
    let etag = v.take("etag", text::line(etag, 64));
    agreement_id.zip(etag)
}

impl TryFrom<pb::RenewAgreementRequest> for RenewAgreement {
    type Error = Violations;

    fn try_from(request: pb::RenewAgreementRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let target = read_target(&request.agreement_id, &request.etag, &mut violations);
        let until = violations.take("valid_until", read::optional_date(&request.valid_until));
        let command = target.zip(until);
        violations.finish(command.map(|((agreement_id, etag), until)| Self { agreement_id, etag, until }))
    }
}

impl TryFrom<pb::ChangeAgreementTierRequest> for ChangeTier {
    type Error = Violations;

    fn try_from(request: pb::ChangeAgreementTierRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let target = read_target(&request.agreement_id, &request.etag, &mut violations);
        let tier_id = violations.take("tier_id", TierId::parse(&request.tier_id));
        let plan = violations.take("plan", read_plan(request.plan));
        let command = (|| {
            let (agreement_id, etag) = target?;
            Some(Self { agreement_id, etag, tier_id: tier_id?, plan: plan? })
        })();
        violations.finish(command)
    }
}

impl TryFrom<pb::GrantSeatsRequest> for GrantSeats {
    type Error = Violations;

    fn try_from(request: pb::GrantSeatsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let target = read_target(&request.agreement_id, &request.etag, &mut violations);
        let seats = violations.take("liaison_seats", read::within(request.liaison_seats, 1, 1000));
        let note = violations.take("note", text::line(&request.note, 500));
        let command = (|| {
            let (agreement_id, etag) = target?;
            Some(Self { agreement_id, etag, seats: seats?, note: note? })
        })();
        violations.finish(command)
    }
}

impl TryFrom<pb::ListSeatGrantsRequest> for SeatGrantsOf {
    type Error = Violations;

    fn try_from(request: pb::ListSeatGrantsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let agreement_id = violations.take("agreement_id", id::parse(&request.agreement_id));
        let page = violations.absorb(vouch_host::Page::read(request.page, SEAT_GRANTS));
        violations.finish(page.zip(agreement_id).map(|(page, filter)| Self(ListOf { page, filter })))
    }
}

impl TryFrom<pb::UpdateLiaisonRequest> for UpdateLiaison {
    type Error = Violations;

    fn try_from(request: pb::UpdateLiaisonRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let target = read_target(&request.agreement_id, &request.etag, &mut violations);
        let mask: BTreeSet<String> = request.update_mask.unwrap_or_default().paths.into_iter().collect();
        if mask.is_empty() {
            violations.add("update_mask", "is required: name the fields to change");
        }
        let known = ["name", "administrative_rights"];
        for path in mask.iter().filter(|path| !known.contains(&path.as_str())) {
            violations.add("update_mask", format!("names {path}, and may name {}", known.join(", ")));
        }
        let liaison = violations.nested("liaison", request.liaison, |liaison, v| {
            let contact_id = v.take("contact_id", id::parse(&liaison.contact_id));
            let name = mask.contains("name").then(|| v.take("name", text::line(&liaison.name, 200)));
            let administrative_rights = mask.contains("administrative_rights").then_some(liaison.administrative_rights);
            Some((contact_id?, name.flatten(), administrative_rights))
        });
        let command = target.zip(liaison);
        violations.finish(command.map(|((agreement_id, etag), (contact_id, name, administrative_rights))| Self {
            agreement_id,
            etag,
            contact_id,
            name,
            administrative_rights,
        }))
    }
}

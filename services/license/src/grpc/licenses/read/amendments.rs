//! What is changed of licences.

use jiff::civil::Date;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::PartnerId;
use vouch_core::{Violations, dates, id, text};

use super::{MOST_UNITS, read_end_user, read_order, read_state};
use crate::commands::licenses::{Amend, CoTerm, ReplaceKey, Version};
use crate::domain::license::LicenseStep;
use crate::domain::license::amendment::{Amendment, Transfer};
use crate::grpc::read;

impl TryFrom<pb::SetLicenseStateRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::SetLicenseStateRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let note = v.take("note", text::line(&request.note, 500));
        let step = match v.take("state", read_state(request.state)).map(LicenseStep::to) {
            Some(LicenseStep::Cancel) => v.take("state", Err("is reached with CancelLicense, which names a last day")),
            step => step,
        };
        let amend = (|| {
            let (version, amendment, note) = (version?, Amendment::Step(step?), note?);
            Some(Self { version, amendment, order_reference: String::new(), note })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::RenewLicenseRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::RenewLicenseRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let until = v.take("valid_until", read_end(&request.valid_until, request.perpetual));
        let maintenance_until = v.take("maintenance_until", read::optional_date(&request.maintenance_until));
        let order_reference = v.take("order_reference", read_order(&request.order_reference));
        let note = v.take("note", read_note(&request.note));
        let amend = (|| {
            let amendment = Amendment::Renew { until: until?, maintenance_until: maintenance_until? };
            Some(Self { version: version?, amendment, order_reference: order_reference?, note: note? })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::ChangeLicenseQuantityRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::ChangeLicenseQuantityRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let quantity = v.take("quantity", read::within(request.quantity, 1, MOST_UNITS));
        let order_reference = v.take("order_reference", read_order(&request.order_reference));
        let note = v.take("note", read_note(&request.note));
        let amend = (|| {
            let amendment = Amendment::Quantity(quantity?);
            Some(Self { version: version?, amendment, order_reference: order_reference?, note: note? })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::CancelLicenseRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::CancelLicenseRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let last_day = v.take("last_day", dates::date(&request.last_day));
        let note = v.take("note", text::line(&request.note, 500));
        let amend = (|| {
            let (version, amendment, note) = (version?, Amendment::Cancel(last_day?), note?);
            Some(Self { version, amendment, order_reference: String::new(), note })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::ConvertEvaluationRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::ConvertEvaluationRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let until = v.take("valid_until", read_end(&request.valid_until, request.perpetual));
        let grace_days = v.take("grace_days", read::within(request.grace_days, 0, 365));
        let maintenance_until = v.take("maintenance_until", read::optional_date(&request.maintenance_until));
        let quantity = v.take("quantity", read::within(request.quantity, 0, MOST_UNITS));
        let order_reference = v.take("order_reference", read_order(&request.order_reference));
        let note = v.take("note", read_note(&request.note));
        let amend = (|| {
            let amendment = Amendment::Convert {
                until: until?,
                grace_days: grace_days?,
                maintenance_until: maintenance_until?,
                quantity: quantity.map(|quantity: i64| (quantity > 0).then_some(quantity))?,
            };
            Some(Self { version: version?, amendment, order_reference: order_reference?, note: note? })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::TransferLicenseRequest> for Amend {
    type Error = Violations;

    fn try_from(request: pb::TransferLicenseRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let end_user = match request.end_user {
            None => Some(None),
            Some(end_user) => v.nested("end_user", Some(end_user), read_end_user).map(Some),
        };
        let responsible =
            v.take("responsible_partner_id", read::optional(&request.responsible_partner_id, PartnerId::parse));
        let reseller = v.take("reseller_partner_id", read::optional(&request.reseller_partner_id, PartnerId::parse));
        let note = v.take("note", text::line(&request.note, 500));
        let amend = (|| {
            let transfer = Transfer {
                end_user: end_user?,
                responsible_partner_id: responsible?,
                reseller_partner_id: reseller?,
                is_correction: request.correction,
            };
            let (version, amendment, note) = (version?, Amendment::Transfer(transfer), note?);
            Some(Self { version, amendment, order_reference: String::new(), note })
        })();
        v.finish(amend)
    }
}

impl TryFrom<pb::ReplaceLicenseKeyRequest> for ReplaceKey {
    type Error = Violations;

    fn try_from(request: pb::ReplaceLicenseKeyRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let version = read_version(&request.license_id, &request.etag, &mut v);
        let note = v.take("note", text::line(&request.note, 500));
        v.finish(version.zip(note).map(|(version, note)| Self { version, note }))
    }
}

impl TryFrom<pb::CoTermLicensesRequest> for CoTerm {
    type Error = Violations;

    fn try_from(request: pb::CoTermLicensesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        if !(2..=100).contains(&request.licenses.len()) {
            v.add("licenses", "must be 2 to 100");
        }
        let mut versions: Vec<Version> = Vec::new();
        for (place, version) in request.licenses.into_iter().enumerate() {
            let field = format!("licenses[{place}]");
            let read = v.nested(&field, Some(version), |one, v| read_version(&one.license_id, &one.etag, v));
            let Some(version) = read else { continue };
            if versions.iter().any(|other| other.license_id == version.license_id) {
                v.add(format!("{field}.license_id"), "is named twice");
            }
            versions.push(version);
        }
        let until = v.take("valid_until", dates::date(&request.valid_until));
        let order_reference = v.take("order_reference", read_order(&request.order_reference));
        let note = v.take("note", read_note(&request.note));
        let command = (|| Some(Self { versions, until: until?, order_reference: order_reference?, note: note? }))();
        v.finish(command)
    }
}

/// Reads a last day, or that there is to be none: that is said, and not left out.
fn read_end(valid_until: &str, perpetual: bool) -> Result<Option<Date>, String> {
    match (valid_until, perpetual) {
        ("", true) => Ok(None),
        ("", false) => Err("is required; or say that it is perpetual".into()),
        (_, true) => Err("must be empty beside perpetual".into()),
        (day, false) => dates::date(day).map(Some),
    }
}

fn read_note(note: &str) -> Result<String, String> {
    text::optional_line(note, 500)
}

fn read_version(license_id: &str, etag: &str, v: &mut Violations) -> Option<Version> {
    let license_id = v.take("license_id", id::parse(license_id));
    let etag = v.take("etag", text::line(etag, 64));
    Some(Version { license_id: license_id?, etag: etag? })
}

//! What is granted.

use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::{Violations, dates};

use super::{MOST_UNITS, read_end_user, read_order};
use crate::commands::licenses::CreateLicense;
use crate::domain::license::{LicenseKind, LicenseTerms, Validity};
use crate::grpc::agreements::read_person;
use crate::grpc::read;

impl TryFrom<pb::CreateLicenseRequest> for CreateLicense {
    type Error = Violations;

    fn try_from(request: pb::CreateLicenseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("license", request.license, read_license);
        violations.finish(command)
    }
}

fn read_license(license: pb::License, v: &mut Violations) -> Option<CreateLicense> {
    v.refuse_set("license_id", !license.license_id.is_empty());
    v.refuse_set("key_hint", !license.key_hint.is_empty());
    v.refuse_set("state", license.state != 0);
    v.refuse_set("state_note", !license.state_note.is_empty());
    v.refuse_set("revision", license.revision != 0);
    v.refuse_set("create_time", license.create_time.is_some());
    v.refuse_set("etag", !license.etag.is_empty());
    read_terms(license, v)
}

/// Reads what is granted.
pub(in crate::grpc) fn read_terms(license: pb::License, v: &mut Violations) -> Option<CreateLicense> {
    let product_id = v.take("product_id", ProductId::parse(&license.product_id));
    let quantity = v.take("quantity", read::within(license.quantity, 1, MOST_UNITS));
    let end_user = v.nested("end_user", license.end_user.clone(), read_end_user);
    let responsible = v.take("responsible_partner_id", PartnerId::parse(&license.responsible_partner_id));
    let reseller = v.take("reseller_partner_id", read::optional(&license.reseller_partner_id, PartnerId::parse));
    let validity = read_validity(&license, v);
    let maintenance_until = v.take("maintenance_until", read::optional_date(&license.maintenance_until));
    if let (Some(Some(last)), Some(validity)) = (maintenance_until, &validity)
        && last < validity.from
    {
        v.add("maintenance_until", "must not lie before valid_from");
    }
    let kind = v.take("kind", read_kind(license.kind));
    if kind == Some(LicenseKind::Evaluation) && license.valid_until.is_empty() {
        v.add("valid_until", "is required for an evaluation");
    }
    let order_reference = v.take("order_reference", read_order(&license.order_reference));
    if license.liaisons.len() > 10 {
        v.add("liaisons", "must be at most 10");
    }
    let mut liaisons = Vec::new();
    for (index, liaison) in license.liaisons.into_iter().enumerate() {
        liaisons.extend(v.nested(&format!("liaisons[{index}]"), Some(liaison), read_person));
    }
    let mut emails: Vec<_> = liaisons.iter().map(|person| &person.email).collect();
    emails.sort_unstable();
    if emails.windows(2).any(|pair| pair[0] == pair[1]) {
        v.add("liaisons", "must have each e-mail address once");
    }
    let (end_user_id, end_user_name) = end_user?;
    let responsible_partner_id = responsible?;
    let terms = LicenseTerms {
        product_id: product_id?,
        quantity: quantity?,
        end_user_id,
        end_user_name,
        // The responsible partner may have sold it itself: that is one partner and not two.
        reseller_partner_id: reseller?.filter(|reseller| *reseller != responsible_partner_id),
        responsible_partner_id,
        validity: validity?,
        maintenance_until: maintenance_until?,
        kind: kind?,
        order_reference: order_reference?,
    };
    Some(CreateLicense { terms, liaisons })
}

fn read_validity(license: &pb::License, v: &mut Violations) -> Option<Validity> {
    let from = v.take("valid_from", dates::date(&license.valid_from));
    let until = v.take("valid_until", read::optional_date(&license.valid_until));
    let grace_days = v.take("grace_days", read::within(license.grace_days, 0, 365));
    let zone = v.take("zone", dates::zone(&license.zone));
    if let (Some(from), Some(Some(until))) = (from, until)
        && until < from
    {
        v.add("valid_until", "must not lie before valid_from");
    }
    Some(Validity { from: from?, until: until?, grace_days: grace_days?, zone: zone? })
}

fn read_kind(number: i32) -> Result<LicenseKind, String> {
    match pb::LicenseKind::try_from(number) {
        Ok(pb::LicenseKind::Unspecified | pb::LicenseKind::Paid) => Ok(LicenseKind::Paid),
        Ok(pb::LicenseKind::Evaluation) => Ok(LicenseKind::Evaluation),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

//! Requests of `LicenseService` as commands: every bad field at once.

use data_encoding::BASE64URL_NOPAD;
use jiff::{Timestamp, ToSpan};
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::id::LicenseId;
use vouch_core::{Violations, dates, id, text};
use vouch_host::Page;

use super::super::agreements::read_person;
use super::super::read::{self, ListOf, One};
use crate::commands::licenses::{Amend, CoTerm, CreateLicense, ReplaceKey, Version};
use crate::domain::license::amendment::{Amendment, Transfer};
use crate::domain::license::{LicenseKind, LicenseState, LicenseStep, LicenseTerms, Validity};
use crate::domain::product::ReleasePlace;
use crate::store::licenses::LicenseFilter;

pub(super) const LICENSES: &str = "licenses";
pub(super) const CHANGES: &str = "license-changes";
pub(in crate::grpc) const EXPORT: &str = "exported-licenses";
pub(super) const RELEASES: &str = "receivable-releases";
const MOST_UNITS: i64 = 1_000_000_000;

/// Which licences are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    filter: LicenseFilter,
    expiring_within: Option<i32>,
}

impl Wanted {
    /// What a partner, or the vendor's own, get of them now. Days are the caller's in UTC: a licence's own zone is a day apart at most.
    pub(super) fn seen_by(self, partner_id: Option<PartnerId>, now: Timestamp) -> LicenseFilter {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let last_day = self.expiring_within.map(|days| (today, today.saturating_add(days.days())));
        LicenseFilter { partner_id, last_day, ..self.filter }
    }
}

/// A file is wanted for a licence.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileFor {
    /// The licence.
    pub license_id: LicenseId,
    /// For how many days.
    pub days: i32,
}

/// Every licence.
pub(super) struct All;

impl TryFrom<pb::ExportLicensesRequest> for ListOf<All> {
    type Error = Violations;

    fn try_from(request: pb::ExportLicensesRequest) -> Result<Self, Violations> {
        Page::read(request.page, EXPORT).map(|page| Self { page, filter: All })
    }
}

/// The releases that are wanted for a licence.
#[derive(Debug, Clone)]
pub(super) struct ReleasesOf {
    /// The licence.
    pub license_id: LicenseId,
    /// Which page.
    pub page: Page,
    /// The place after which it begins.
    pub after: Option<ReleasePlace>,
}

/// The place of a release as the key of its list: a version may hold any character.
pub(super) fn write_place(place: &ReleasePlace) -> String {
    format!("{}.{}", place.released_on, BASE64URL_NOPAD.encode(place.version.as_bytes()))
}

fn read_place(key: &str) -> Result<Option<ReleasePlace>, &'static str> {
    if key.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (day, version) = key.split_once('.')?;
        let version = BASE64URL_NOPAD.decode(version.as_bytes()).ok()?;
        Some(ReleasePlace { released_on: dates::date(day).ok()?, version: String::from_utf8(version).ok()? })
    };
    read().map(Some).ok_or("must be the next_page_token of a page of this list")
}

impl TryFrom<pb::ListLicensesRequest> for ListOf<Wanted> {
    type Error = Violations;

    fn try_from(request: pb::ListLicensesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let end_user_id = v.take("end_user_id", read::optional(&request.end_user_id, EndUserId::parse));
        let order_reference = v.take("order_reference", read_order(&request.order_reference));
        let product_id = v.take("product_id", read::optional(&request.product_id, ProductId::parse));
        let state = if request.state == 0 { Some(None) } else { v.take("state", read_state(request.state)).map(Some) };
        let days = v.take("expiring_within_days", read::within(request.expiring_within_days, 0, 366));
        let page = v.absorb(Page::read(request.page, LICENSES));
        let wanted = (|| {
            let filter = LicenseFilter {
                end_user_id: end_user_id?,
                order_reference: order_reference?,
                product_id: product_id?,
                state: state?,
                ..LicenseFilter::default()
            };
            Some(Wanted { filter, expiring_within: days.map(|days: i32| (days > 0).then_some(days))? })
        })();
        v.finish(page.zip(wanted).map(|(page, filter)| Self { page, filter }))
    }
}

impl TryFrom<pb::GetLicenseRequest> for One<LicenseId> {
    type Error = Violations;

    fn try_from(request: pb::GetLicenseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("license_id", id::parse(&request.license_id));
        violations.finish(id.map(Self))
    }
}

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

fn read_end_user(end_user: pb::EndUser, v: &mut Violations) -> Option<(EndUserId, String)> {
    let id = v.take("end_user_id", EndUserId::parse(&end_user.end_user_id));
    let name = v.take("name", text::line(&end_user.name, 200));
    id.zip(name)
}

fn read_kind(number: i32) -> Result<LicenseKind, String> {
    match pb::LicenseKind::try_from(number) {
        Ok(pb::LicenseKind::Unspecified | pb::LicenseKind::Paid) => Ok(LicenseKind::Paid),
        Ok(pb::LicenseKind::Evaluation) => Ok(LicenseKind::Evaluation),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// Reads the state in which a licence comes from elsewhere: left out, it is active.
pub(in crate::grpc) fn read_kept_state(number: i32) -> Result<LicenseState, String> {
    if number == 0 { Ok(LicenseState::Active) } else { read_state(number) }
}

fn read_state(number: i32) -> Result<LicenseState, String> {
    match pb::LicenseState::try_from(number) {
        Ok(pb::LicenseState::Active) => Ok(LicenseState::Active),
        Ok(pb::LicenseState::Suspended) => Ok(LicenseState::Suspended),
        Ok(pb::LicenseState::Revoked) => Ok(LicenseState::Revoked),
        Ok(pb::LicenseState::Cancelled) => Ok(LicenseState::Cancelled),
        Ok(pb::LicenseState::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// Reads an order's reference: one line of visible characters, which may be empty.
fn read_order(text: &str) -> Result<String, String> {
    text::optional_line(text, 100)
}

/// Reads a last day, or that there is to be none: that is said, and not left out.
fn read_end(valid_until: &str, perpetual: bool) -> Result<Option<jiff::civil::Date>, String> {
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

impl TryFrom<pb::ListLicenseChangesRequest> for ListOf<LicenseId> {
    type Error = Violations;

    fn try_from(request: pb::ListLicenseChangesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let id = v.take("license_id", id::parse(&request.license_id));
        let page = v.absorb(Page::read(request.page, CHANGES));
        v.finish(page.zip(id).map(|(page, filter)| Self { page, filter }))
    }
}

impl TryFrom<pb::ListReceivableReleasesRequest> for ReleasesOf {
    type Error = Violations;

    fn try_from(request: pb::ListReceivableReleasesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let license_id = v.take("license_id", id::parse(&request.license_id));
        let page = v.absorb(Page::read(request.page, RELEASES));
        let after = v.take("page.page_token", page.as_ref().map_or(Ok(None), |page| read_place(&page.after)));
        v.finish((|| Some(Self { license_id: license_id?, page: page?, after: after? }))())
    }
}

impl TryFrom<pb::GetLicenseFileRequest> for FileFor {
    type Error = Violations;

    fn try_from(request: pb::GetLicenseFileRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let license_id = v.take("license_id", id::parse(&request.license_id));
        let days = v.take("days", read::within(request.days, 0, 400));
        let days = days.map(|days: i32| if days == 0 { 90 } else { days });
        v.finish(license_id.zip(days).map(|(license_id, days)| Self { license_id, days }))
    }
}

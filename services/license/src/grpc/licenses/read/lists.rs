//! Which licences, changes and releases are wanted, and which file.

use data_encoding::BASE64URL_NOPAD;
use jiff::{Timestamp, ToSpan};
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::id::LicenseId;
use vouch_core::{Violations, dates, id};
use vouch_host::Page;

use super::{read_order, read_state};
use crate::domain::product::ReleasePlace;
use crate::grpc::read::{self, ListOf, One};
use crate::store::licenses::LicenseFilter;

pub(in crate::grpc::licenses) const LICENSES: &str = "licenses";
pub(in crate::grpc::licenses) const CHANGES: &str = "license-changes";
pub(in crate::grpc) const EXPORT: &str = "exported-licenses";
pub(in crate::grpc::licenses) const RELEASES: &str = "receivable-releases";

/// Which licences are wanted.
#[derive(Debug, Clone)]
pub(in crate::grpc::licenses) struct Wanted {
    filter: LicenseFilter,
    expiring_within: Option<i32>,
}

impl Wanted {
    /// What a partner, or the vendor's own, get of them now. Days are the caller's in UTC: a licence's own zone is a day apart at most.
    pub(in crate::grpc::licenses) fn seen_by(self, partner_id: Option<PartnerId>, now: Timestamp) -> LicenseFilter {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let last_day = self.expiring_within.map(|days| (today, today.saturating_add(days.days())));
        LicenseFilter { partner_id, last_day, ..self.filter }
    }
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

/// Every licence.
pub(in crate::grpc::licenses) struct All;

impl TryFrom<pb::ExportLicensesRequest> for ListOf<All> {
    type Error = Violations;

    fn try_from(request: pb::ExportLicensesRequest) -> Result<Self, Violations> {
        Page::read(request.page, EXPORT).map(|page| Self { page, filter: All })
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

impl TryFrom<pb::ListLicenseChangesRequest> for ListOf<LicenseId> {
    type Error = Violations;

    fn try_from(request: pb::ListLicenseChangesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let id = v.take("license_id", id::parse(&request.license_id));
        let page = v.absorb(Page::read(request.page, CHANGES));
        v.finish(page.zip(id).map(|(page, filter)| Self { page, filter }))
    }
}

/// The releases that are wanted for a licence.
#[derive(Debug, Clone)]
pub(in crate::grpc::licenses) struct ReleasesOf {
    /// The licence.
    pub license_id: LicenseId,
    /// Which page.
    pub page: Page,
    /// The place after which it begins.
    pub after: Option<ReleasePlace>,
}

/// The place of a release as the key of its list: a version may hold any character.
pub(in crate::grpc::licenses) fn write_place(place: &ReleasePlace) -> String {
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

/// A file is wanted for a licence.
#[derive(Debug, Clone, Copy)]
pub(in crate::grpc::licenses) struct FileFor {
    /// The licence.
    pub license_id: LicenseId,
    /// For how many days.
    pub days: i32,
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

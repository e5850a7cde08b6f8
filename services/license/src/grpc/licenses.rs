//! `LicenseService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::license_service_server::LicenseService;
use vouch_core::code::{EndUserId, PartnerId, ProductId};
use vouch_core::id::LicenseId;
use vouch_core::{Error, Violations, dates, id, text};
use vouch_host::Call;

use super::agreements::read_person;
use super::read::{self, ListOf, One};
use super::{Handlers, scope};
use crate::commands::Changed;
use crate::commands::licenses::{self as commands, CreateLicense, SetLicenseState};
use crate::domain::license::{LicenseState, LicenseTerms, Validity};
use crate::store::licenses::{self, LicenseFilter};

#[tonic::async_trait]
impl LicenseService for Handlers {
    async fn create_license(
        &self,
        request: Request<pb::CreateLicenseRequest>,
    ) -> Result<Response<pb::CreateLicenseResponse>, Status> {
        let answer = self
            .rpc
            .mutate_sealed("LicenseService/CreateLicense", request, |mut tx, call| async move {
                let (Changed { value: license, facts_revision }, key) =
                    commands::create(&mut tx, self.secrets(), &call).await?;
                let license_key = key.reveal();
                Ok((tx, pb::CreateLicenseResponse { license: Some(license.into()), license_key, facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_license(
        &self,
        request: Request<pb::GetLicenseRequest>,
    ) -> Result<Response<pb::GetLicenseResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<LicenseId>>| async move {
                let One(id) = call.command;
                let mut snapshot = self.store().snapshot().await?;
                let own = scope(&call.caller)?;
                let license = licenses::license_fetch(&mut snapshot, id)
                    .await?
                    .filter(|license| own.is_none_or(|partner| license.is_seen_by(&partner)))
                    .ok_or_else(|| Error::not_found("license", id))?;
                Ok(pb::GetLicenseResponse { license: Some(license.into()) })
            })
            .await
    }

    async fn list_licenses(
        &self,
        request: Request<pb::ListLicensesRequest>,
    ) -> Result<Response<pb::ListLicensesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<Option<EndUserId>>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let ListOf { page, filter } = call.command;
                let filter = LicenseFilter { partner_id: scope(&call.caller)?, end_user_id: filter };
                let mut licenses = licenses::license_list(&mut snapshot, &filter, &page).await?;
                let info = page.cut(&mut licenses, LICENSES, |license| license.id.to_string());
                let licenses = licenses.into_iter().map(Into::into).collect();
                Ok(pb::ListLicensesResponse { licenses, page: Some(info) })
            })
            .await
    }

    async fn set_license_state(
        &self,
        request: Request<pb::SetLicenseStateRequest>,
    ) -> Result<Response<pb::SetLicenseStateResponse>, Status> {
        let dialect = self.store().dialect();
        let answer = self
            .rpc
            .mutate("LicenseService/SetLicenseState", request, |mut tx, call| async move {
                let Changed { value: license, facts_revision } = commands::set_state(&mut tx, dialect, &call).await?;
                Ok((tx, pb::SetLicenseStateResponse { license: Some(license.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }
}

const LICENSES: &str = "licenses";

impl TryFrom<pb::GetLicenseRequest> for One<LicenseId> {
    type Error = Violations;

    fn try_from(request: pb::GetLicenseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("license_id", id::parse(&request.license_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListLicensesRequest> for ListOf<Option<EndUserId>> {
    type Error = Violations;

    fn try_from(request: pb::ListLicensesRequest) -> Result<Self, Violations> {
        read::list_of(request.page, LICENSES, "end_user_id", &request.end_user_id)
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
    let product_id = v.take("product_id", ProductId::parse(&license.product_id));
    let quantity = v.take("quantity", read::within(license.quantity, 1, 1_000_000_000));
    let end_user = v.nested("end_user", license.end_user.clone(), |end_user, v| {
        let id = v.take("end_user_id", EndUserId::parse(&end_user.end_user_id));
        let name = v.take("name", text::line(&end_user.name, 200));
        id.zip(name)
    });
    let responsible = v.take("responsible_partner_id", PartnerId::parse(&license.responsible_partner_id));
    let reseller = v.take("reseller_partner_id", read::optional(&license.reseller_partner_id, PartnerId::parse));
    let validity = read_validity(&license, v);
    let maintenance_until = v.take("maintenance_until", read::optional_date(&license.maintenance_until));
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

impl TryFrom<pb::SetLicenseStateRequest> for SetLicenseState {
    type Error = Violations;

    fn try_from(request: pb::SetLicenseStateRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let license_id = violations.take("license_id", id::parse(&request.license_id));
        let etag = violations.take("etag", text::line(&request.etag, 64));
        let note = violations.take("note", text::line(&request.note, 500));
        let state = match pb::LicenseState::try_from(request.state) {
            Ok(pb::LicenseState::Active) => Some(LicenseState::Active),
            Ok(pb::LicenseState::Suspended) => Some(LicenseState::Suspended),
            Ok(pb::LicenseState::Revoked) => Some(LicenseState::Revoked),
            Ok(pb::LicenseState::Unspecified) => violations.take("state", Err("is required")),
            Err(_) => violations.take("state", Err(format!("has the unknown value {}", request.state))),
        };
        let command = (|| Some(Self { license_id: license_id?, etag: etag?, state: state?, note: note? }))();
        violations.finish(command)
    }
}

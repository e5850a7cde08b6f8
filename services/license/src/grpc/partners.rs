//! `PartnerRegistryService`.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::partner_registry_service_server::PartnerRegistryService;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Violations, text};
use vouch_host::{Call, Page, Streamed, streamed};
use vouch_identity::{SpiffeId, TrustBundles};
use vouch_proof::KeySet;

use super::read::{self, ListOf, One};
use super::watch_partners::Watch;
use super::{Handlers, scope};
use crate::commands::Changed;
use crate::commands::partners::{self as commands, RegisterPartner, SetPartnerStanding, UpdatePartner};
use crate::domain::order::OrderQuotas;
use crate::domain::partner::{PartnerProfile, Programme, Standing, SupportContact, names_partner};
use crate::store::history::{Subject, change_list};
use crate::store::partners;

#[tonic::async_trait]
impl PartnerRegistryService for Handlers {
    async fn register_partner(
        &self,
        request: Request<pb::RegisterPartnerRequest>,
    ) -> Result<Response<pb::RegisterPartnerResponse>, Status> {
        let registered = self
            .rpc
            .mutate("PartnerRegistryService/RegisterPartner", request, |mut tx, call| async move {
                let Changed { value: partner, facts_revision } = commands::register(&mut tx, &call).await?;
                Ok((tx, pb::RegisterPartnerResponse { partner: Some(partner.into()), facts_revision }))
            })
            .await?;
        self.registry.refresh().await.map_err(|error| self.rpc.status(&error))?;
        self.told(Ok(registered), |answer| answer.facts_revision).await
    }

    async fn update_partner(
        &self,
        request: Request<pb::UpdatePartnerRequest>,
    ) -> Result<Response<pb::UpdatePartnerResponse>, Status> {
        let dialect = self.store().dialect();
        let updated = self
            .rpc
            .mutate("PartnerRegistryService/UpdatePartner", request, |mut tx, call| async move {
                let partner = commands::update(&mut tx, dialect, &call).await?;
                Ok((tx, pb::UpdatePartnerResponse { partner: Some(partner.into()) }))
            })
            .await?;
        self.registry.refresh().await.map_err(|error| self.rpc.status(&error))?;
        Ok(updated)
    }

    async fn get_partner(
        &self,
        request: Request<pb::GetPartnerRequest>,
    ) -> Result<Response<pb::GetPartnerResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<PartnerId>>| async move {
                let One(id) = &call.command;
                let not_found = || Error::not_found("partner", id);
                if scope(&call.caller)?.is_some_and(|own| own != *id) {
                    return Err(not_found());
                }
                let mut snapshot = self.store().snapshot().await?;
                let partner = partners::partner_fetch(&mut snapshot, id).await?.ok_or_else(not_found)?;
                Ok(pb::GetPartnerResponse { partner: Some(partner.into()) })
            })
            .await
    }

    async fn list_partners(
        &self,
        request: Request<pb::ListPartnersRequest>,
    ) -> Result<Response<pb::ListPartnersResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<AllPartners>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let page = &call.command.page;
                let mut partners = partners::partner_list(&mut snapshot, page).await?;
                let info = page.cut(&mut partners, PARTNERS, |partner| partner.id.to_string());
                let partners = partners.into_iter().map(Into::into).collect();
                Ok(pb::ListPartnersResponse { partners, page: Some(info) })
            })
            .await
    }

    async fn set_partner_standing(
        &self,
        request: Request<pb::SetPartnerStandingRequest>,
    ) -> Result<Response<pb::SetPartnerStandingResponse>, Status> {
        let dialect = self.store().dialect();
        let changed = self
            .rpc
            .mutate("PartnerRegistryService/SetPartnerStanding", request, |mut tx, call| async move {
                let Changed { value: partner, facts_revision } =
                    commands::set_standing(&mut tx, dialect, &call).await?;
                Ok((tx, pb::SetPartnerStandingResponse { partner: Some(partner.into()), facts_revision }))
            })
            .await?;
        self.registry.refresh().await.map_err(|error| self.rpc.status(&error))?;
        self.told(Ok(changed), |answer| answer.facts_revision).await
    }

    async fn list_partner_changes(
        &self,
        request: Request<pb::ListPartnerChangesRequest>,
    ) -> Result<Response<pb::ListPartnerChangesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<PartnerId>>| async move {
                let ListOf { page, filter: id } = call.command;
                let mut snapshot = self.store().snapshot().await?;
                if partners::partner_fetch(&mut snapshot, &id).await?.is_none() {
                    return Err(Error::not_found("partner", id));
                }
                let changes = change_list(&mut snapshot, Subject::Partner(&id), 1, &page).await?;
                let (changes, info) = super::history::page_of(changes, &page, CHANGES);
                Ok(pb::ListPartnerChangesResponse { changes, page: Some(info) })
            })
            .await
    }

    type WatchPartnersStream = Streamed<pb::WatchPartnersResponse>;

    async fn watch_partners(
        &self,
        _request: Request<pb::WatchPartnersRequest>,
    ) -> Result<Response<Self::WatchPartnersStream>, Status> {
        let watch = Watch::new(self.rpc.clone(), self.registry.clone());
        Ok(streamed(self.stopping.clone(), |sender| watch.run(sender)))
    }
}

const PARTNERS: &str = "partners";
const CHANGES: &str = "partner-changes";
const MAX_BUNDLE: usize = 64 * 1024;

/// Every partner.
struct AllPartners;

impl TryFrom<pb::GetPartnerRequest> for One<PartnerId> {
    type Error = Violations;

    fn try_from(request: pb::GetPartnerRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("partner_id", PartnerId::parse(&request.partner_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListPartnersRequest> for ListOf<AllPartners> {
    type Error = Violations;

    fn try_from(request: pb::ListPartnersRequest) -> Result<Self, Violations> {
        Page::read(request.page, PARTNERS).map(|page| Self { page, filter: AllPartners })
    }
}

impl TryFrom<pb::ListPartnerChangesRequest> for ListOf<PartnerId> {
    type Error = Violations;

    fn try_from(request: pb::ListPartnerChangesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("partner_id", PartnerId::parse(&request.partner_id));
        let page = violations.absorb(Page::read(request.page, CHANGES));
        violations.finish(page.zip(id).map(|(page, filter)| Self { page, filter }))
    }
}

impl TryFrom<pb::RegisterPartnerRequest> for RegisterPartner {
    type Error = Violations;

    fn try_from(request: pb::RegisterPartnerRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("partner", request.partner, |partner, v| {
            v.refuse_set("standing", partner.standing != 0);
            v.refuse_set("revision", partner.revision != 0);
            v.refuse_set("create_time", partner.create_time.is_some());
            v.refuse_set("etag", !partner.etag.is_empty());
            let id = v.take("partner_id", PartnerId::parse(&partner.partner_id));
            let name = v.take("name", text::line(&partner.name, 200));
            let programme = v.take("programme", read_programme(partner.programme));
            let spiffe_ids = read_spiffe_ids(&partner.spiffe_ids, id.as_ref(), v);
            let trust_bundle_pem = v.take("trust_bundle_pem", read_bundle(partner.trust_bundle_pem));
            let manifest_jwks = v.take("manifest_jwks", read_jwks(partner.manifest_jwks));
            let support_contact = v.nested("support_contact", partner.support_contact, read_contact);
            let order_quotas = read_quotas(partner.order_quotas, v);
            let profile = PartnerProfile {
                name: name?,
                programme: programme?,
                spiffe_ids,
                trust_bundle_pem: trust_bundle_pem?,
                manifest_jwks: manifest_jwks?,
                support_contact: support_contact?,
                order_quotas: order_quotas?,
            };
            Some(Self { id: id?, profile })
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::UpdatePartnerRequest> for UpdatePartner {
    type Error = Violations;

    fn try_from(request: pb::UpdatePartnerRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let mask: BTreeSet<String> = request.update_mask.unwrap_or_default().paths.into_iter().collect();
        if mask.is_empty() {
            violations.add("update_mask", "is required: name the fields to change");
        }
        let known = ["name", "spiffe_ids", "trust_bundle_pem", "manifest_jwks", "support_contact", "order_quotas"];
        for path in mask.iter().filter(|path| !known.contains(&path.as_str())) {
            violations.add("update_mask", format!("names {path}, and may name {}", known.join(", ")));
        }
        let named = |path: &str| mask.contains(path);
        let command = violations.nested("partner", request.partner, |partner, v| {
            let id = v.take("partner_id", PartnerId::parse(&partner.partner_id));
            let etag = v.take("etag", text::line(&partner.etag, 64));
            let name = named("name").then(|| v.take("name", text::line(&partner.name, 200)));
            let spiffe_ids = named("spiffe_ids").then(|| read_spiffe_ids(&partner.spiffe_ids, id.as_ref(), v));
            let trust_bundle_pem =
                named("trust_bundle_pem").then(|| v.take("trust_bundle_pem", read_bundle(partner.trust_bundle_pem)));
            let manifest_jwks =
                named("manifest_jwks").then(|| v.take("manifest_jwks", read_jwks(partner.manifest_jwks)));
            let support_contact =
                named("support_contact").then(|| v.nested("support_contact", partner.support_contact, read_contact));
            let order_quotas = named("order_quotas").then(|| read_quotas(partner.order_quotas, v));
            Some(Self {
                id: id?,
                etag: etag?,
                name: name.flatten(),
                spiffe_ids,
                trust_bundle_pem: trust_bundle_pem.flatten(),
                manifest_jwks: manifest_jwks.flatten(),
                support_contact: support_contact.flatten(),
                order_quotas: order_quotas.flatten(),
            })
        });
        violations.finish(command)
    }
}

pub(super) fn read_programme(number: i32) -> Result<Programme, String> {
    match pb::PartnerProgramme::try_from(number) {
        Ok(pb::PartnerProgramme::SolutionProvider) => Ok(Programme::SolutionProvider),
        Ok(pb::PartnerProgramme::MasterReseller) => Ok(Programme::MasterReseller),
        Ok(pb::PartnerProgramme::OemSaasMsp) => Ok(Programme::OemSaasMsp),
        Ok(pb::PartnerProgramme::VendorDesk) => Ok(Programme::VendorDesk),
        Ok(pb::PartnerProgramme::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

fn read_spiffe_ids(ids: &[String], partner: Option<&PartnerId>, v: &mut Violations) -> Vec<SpiffeId> {
    if !(1..=8).contains(&ids.len()) {
        v.add("spiffe_ids", "must be 1 to 8");
    }
    let mut read = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        let field = format!("spiffe_ids[{index}]");
        if let Some(id) = v.take(&field, SpiffeId::parse(id)) {
            if partner.is_some_and(|partner| !names_partner(&id, partner)) {
                v.add(&field, "must end in /partner/ or /reseller/ and the partner_id");
            }
            read.insert(id);
        }
    }
    read.into_iter().collect()
}

fn read_bundle(pem: String) -> Result<String, String> {
    if pem.len() > MAX_BUNDLE {
        return Err("must be at most 64 KiB".into());
    }
    TrustBundles::check(&pem).map(|()| pem)
}

fn read_jwks(jwks: String) -> Result<String, String> {
    if jwks.len() > MAX_BUNDLE {
        return Err("must be at most 64 KiB".into());
    }
    KeySet::from_jwks(&jwks).map(|_| jwks)
}

#[expect(clippy::needless_pass_by_value, reason = "a parser of a nested message takes it whole")]
fn read_contact(contact: pb::SupportContact, v: &mut Violations) -> Option<SupportContact> {
    let name = v.take("name", text::line(&contact.name, 200));
    let email = v.take("email", text::email(&contact.email));
    let phone = v.take("phone", read_phone(&contact.phone));
    let portal_url = v.take("portal_url", read_portal(&contact.portal_url));
    Some(SupportContact { name: name?, email: email?, phone: phone?, portal_url: portal_url? })
}

/// Reads quotas; left out, nothing may be ordered.
fn read_quotas(quotas: Option<pb::OrderQuotas>, v: &mut Violations) -> Option<OrderQuotas> {
    v.nested("order_quotas", Some(quotas.unwrap_or_default()), |quotas, v| {
        let orders_per_day = v.take("orders_per_day", read::within(quotas.orders_per_day, 0, 100_000));
        let units_per_order = v.take("units_per_order", read::within(quotas.units_per_order, 0, 1_000_000_000));
        Some(OrderQuotas { orders_per_day: orders_per_day?, units_per_order: units_per_order? })
    })
}

fn read_phone(phone: &str) -> Result<String, String> {
    let digits = phone.strip_prefix('+').map(|rest| rest.chars().filter(|c| !matches!(c, ' ' | '-')));
    match digits {
        None if phone.is_empty() => Ok(String::new()),
        Some(digits)
            if phone.len() <= 32 && digits.clone().all(|c| c.is_ascii_digit()) && digits.clone().count() >= 5 =>
        {
            Ok(phone.to_owned())
        }
        _ => Err("must be a number in international form such as +49 30 123456".into()),
    }
}

fn read_portal(url: &str) -> Result<String, String> {
    let text = text::optional_line(url, 500)?;
    if text.is_empty() || (text.starts_with("https://") && text.parse::<tonic::transport::Uri>().is_ok()) {
        Ok(text)
    } else {
        Err("must begin with https://".into())
    }
}

impl TryFrom<pb::SetPartnerStandingRequest> for SetPartnerStanding {
    type Error = Violations;

    fn try_from(request: pb::SetPartnerStandingRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("partner_id", PartnerId::parse(&request.partner_id));
        let etag = violations.take("etag", text::line(&request.etag, 64));
        let standing = match pb::PartnerStanding::try_from(request.standing) {
            Ok(pb::PartnerStanding::Good) => Some(Standing::Good),
            Ok(pb::PartnerStanding::Suspended) => Some(Standing::Suspended),
            Ok(pb::PartnerStanding::Unspecified) => violations.take("standing", Err("is required")),
            Err(_) => violations.take("standing", Err(format!("has the unknown value {}", request.standing))),
        };
        let note = violations.take("note", text::optional_line(&request.note, 500));
        let command = (|| Some(Self { id: id?, etag: etag?, standing: standing?, note: note? }))();
        violations.finish(command)
    }
}

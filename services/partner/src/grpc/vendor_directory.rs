//! `VendorDirectoryService`.

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::vendor_directory_service_server::VendorDirectoryService;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::code::{ProductId, ProfileName, VendorId};
use vouch_core::{Error, Violations};
use vouch_host::{Call, Page};

use super::Handlers;
use crate::config::VendorEntry;
use crate::domain::profile::VendorProfile;
use crate::promised::Promised;
use crate::store::profiles;

/// The list of profiles, in page tokens.
const PROFILES: &str = "profiles";

#[tonic::async_trait]
impl VendorDirectoryService for Handlers {
    async fn list_vendors(
        &self,
        _request: Request<pb::ListVendorsRequest>,
    ) -> Result<Response<pb::ListVendorsResponse>, Status> {
        let vendors = self.vendors.iter().map(|vendor| wrap(vendor, &self.promised)).collect();
        Ok(Response::new(pb::ListVendorsResponse { vendors }))
    }

    async fn list_profiles(
        &self,
        request: Request<pb::ListProfilesRequest>,
    ) -> Result<Response<pb::ListProfilesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Listed>| async move {
                let Listed { vendor_id, product_id, page } = &call.command;
                self.vendor(vendor_id)?;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut found = profiles::profile_list(&mut snapshot, vendor_id, product_id.as_ref(), page).await?;
                let info = page.cut(&mut found, PROFILES, |profile| profile.name.to_string());
                let profiles = found.into_iter().map(|profile| {
                    // A page tells of many: whoever wants one asks for it.
                    vendor::Profile { signature: String::new(), ..profile.into() }
                });
                Ok(pb::ListProfilesResponse { profiles: profiles.collect(), page: Some(info) })
            })
            .await
    }

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneProfile>| async move {
                let OneProfile { vendor_id, name, version } = &call.command;
                let issuer = self.vendor(vendor_id)?.audience.clone();
                let named = version.map_or_else(|| name.to_string(), |version| format!("{name}/{version}"));
                let found = self.profiles.get(vendor_id, name, *version).await?;
                let found = found.ok_or_else(|| Error::not_found("profile", named))?;
                let (jwks, fetch_time) = (found.jwks.clone(), Some(timestamp(found.fetched_at)));
                Ok(pb::GetProfileResponse { profile: Some(found.into()), issuer, jwks, fetch_time })
            })
            .await
    }
}

impl Handlers {
    fn vendor(&self, id: &VendorId) -> Result<&VendorEntry, Error> {
        self.vendors.iter().find(|vendor| vendor.id == id.as_str()).ok_or_else(|| Error::not_found("vendor", id))
    }
}

/// A page of a vendor's profiles.
#[derive(Debug, Clone)]
struct Listed {
    vendor_id: VendorId,
    product_id: Option<ProductId>,
    page: Page,
}

/// One profile; without a version, the newest.
#[derive(Debug, Clone)]
struct OneProfile {
    vendor_id: VendorId,
    name: ProfileName,
    version: Option<u32>,
}

impl TryFrom<pb::ListProfilesRequest> for Listed {
    type Error = Violations;

    fn try_from(request: pb::ListProfilesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let vendor_id = violations.take("vendor_id", VendorId::parse(&request.vendor_id));
        let product_id = Some(request.product_id.as_str()).filter(|code| !code.is_empty()).map(ProductId::parse);
        let product_id = violations.take("product_id", product_id.transpose());
        let page = violations.absorb(Page::read(request.page, PROFILES));
        let command = (|| Some(Self { vendor_id: vendor_id?, product_id: product_id?, page: page? }))();
        violations.finish(command)
    }
}

impl TryFrom<pb::GetProfileRequest> for OneProfile {
    type Error = Violations;

    fn try_from(request: pb::GetProfileRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let vendor_id = violations.take("vendor_id", VendorId::parse(&request.vendor_id));
        let name = violations.take("name", ProfileName::parse(&request.name));
        let version = u32::try_from(request.version).map_err(|_| "must be a version, or 0 for the newest");
        let version = violations.take("version", version).map(|version| Some(version).filter(|number| *number > 0));
        let command = (|| Some(Self { vendor_id: vendor_id?, name: name?, version: version? }))();
        violations.finish(command)
    }
}

fn wrap(vendor: &VendorEntry, promised: &Promised) -> pb::Vendor {
    pb::Vendor {
        vendor_id: vendor.id.clone(),
        name: vendor.name.clone(),
        license_address: vendor.license_address.clone(),
        vendor_address: vendor.vendor_address.clone(),
        audience: vendor.audience.clone(),
        diagnostics: promised.of(&vendor.id),
    }
}

impl From<VendorProfile> for vendor::Profile {
    fn from(profile: VendorProfile) -> Self {
        Self {
            name: profile.name.to_string(),
            version: i64::from(profile.version),
            about: profile.about,
            product_ids: profile.product_ids.iter().map(ToString::to_string).collect(),
            content: profile.content.into(),
            sha256: profile.digest.0.to_vec().into(),
            signature: profile.signature,
            publish_time: Some(timestamp(profile.published_at)),
            ..Self::default()
        }
    }
}

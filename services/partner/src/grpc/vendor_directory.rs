//! `VendorDirectoryService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::vendor_directory_service_server::VendorDirectoryService;

use super::Handlers;
use crate::config::VendorEntry;

#[tonic::async_trait]
impl VendorDirectoryService for Handlers {
    async fn list_vendors(
        &self,
        _request: Request<pb::ListVendorsRequest>,
    ) -> Result<Response<pb::ListVendorsResponse>, Status> {
        let vendors = self.vendors.iter().map(Into::into).collect();
        Ok(Response::new(pb::ListVendorsResponse { vendors }))
    }
}

impl From<&VendorEntry> for pb::Vendor {
    fn from(vendor: &VendorEntry) -> Self {
        Self {
            vendor_id: vendor.id.clone(),
            name: vendor.name.clone(),
            license_address: vendor.license_address.clone(),
            vendor_address: vendor.vendor_address.clone(),
            audience: vendor.audience.clone(),
        }
    }
}

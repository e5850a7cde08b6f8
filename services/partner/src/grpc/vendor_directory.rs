//! `VendorDirectoryService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::vendor_directory_service_server::VendorDirectoryService;

use super::Handlers;
use crate::config::VendorEntry;
use crate::promised::Promised;

#[tonic::async_trait]
impl VendorDirectoryService for Handlers {
    async fn list_vendors(
        &self,
        _request: Request<pb::ListVendorsRequest>,
    ) -> Result<Response<pb::ListVendorsResponse>, Status> {
        let vendors = self.vendors.iter().map(|vendor| wrap(vendor, &self.promised)).collect();
        Ok(Response::new(pb::ListVendorsResponse { vendors }))
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

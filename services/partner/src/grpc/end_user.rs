//! `EndUserService`.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::end_user_service_server::EndUserService;
use vouch_core::code::{EndUserId, PartnerId, VendorId};
use vouch_core::id::{CustomerId, LicenseId};
use vouch_core::{Error, Violations, id, text};
use vouch_host::{Call, Page};
use vouch_identity::Caller;

use super::Handlers;
use crate::domain::customer::Customer;
use crate::store::customers;

const CUSTOMERS: &str = "customers";

#[tonic::async_trait]
impl EndUserService for Handlers {
    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::CreateCustomerResponse>, Status> {
        self.rpc
            .mutate("EndUserService/CreateCustomer", request, |mut tx, call| async move {
                let call: &Call<CreateCustomer> = &call;
                let CreateCustomer { name, licenses, organisation } = call.command.clone();
                self.check_vendors(&licenses)?;
                let customer = Customer {
                    id: call.world.id(),
                    partner_id: partner_of(&call.caller)?,
                    name,
                    licenses,
                    organisation,
                    revision: 1,
                    created_at: call.now,
                };
                customers::customer_insert(&mut tx, &customer).await?;
                Ok((tx, pb::CreateCustomerResponse { customer: Some(customer.into()) }))
            })
            .await
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneCustomer>| async move {
                let OneCustomer(id) = call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let customer = customers::customer_fetch(&mut snapshot, &partner_of(&call.caller)?, id)
                    .await?
                    .ok_or_else(|| Error::not_found("customer", id))?;
                Ok(pb::GetCustomerResponse { customer: Some(customer.into()) })
            })
            .await
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        self.rpc
            .query(request, |call: Call<CustomerPage>| async move {
                let CustomerPage(page) = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut customers = customers::customer_list(&mut snapshot, &partner_of(&call.caller)?, page).await?;
                let info = page.cut(&mut customers, CUSTOMERS, |customer| customer.id.to_string());
                let customers = customers.into_iter().map(Into::into).collect();
                Ok(pb::ListCustomersResponse { customers, page: Some(info) })
            })
            .await
    }
}

impl Handlers {
    /// Refuses licences of vendors that this deployment does not serve.
    fn check_vendors(&self, licenses: &BTreeMap<VendorId, LicenseId>) -> Result<(), Error> {
        let mut violations = Violations::new();
        for vendor in licenses.keys().filter(|id| !self.vendors.iter().any(|vendor| vendor.id == id.as_str())) {
            violations.add("customer.licenses", format!("there is no vendor {vendor} in the directory"));
        }
        violations.finish(Some(())).map_err(Error::from)
    }
}

/// The partner organisation for which a caller acts.
pub(super) fn partner_of(caller: &Caller) -> Result<PartnerId, Error> {
    caller.partner().ok_or_else(|| Error::internal("a person of a partner came without the partner"))
}

/// An organisation to be entered.
#[derive(Clone)]
struct CreateCustomer {
    name: String,
    licenses: BTreeMap<VendorId, LicenseId>,
    organisation: String,
}

/// One organisation, by id.
struct OneCustomer(CustomerId);

/// A page of organisations.
struct CustomerPage(Page);

impl TryFrom<pb::CreateCustomerRequest> for CreateCustomer {
    type Error = Violations;

    fn try_from(request: pb::CreateCustomerRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("customer", request.customer, |customer, v| {
            v.refuse_set("customer_id", !customer.customer_id.is_empty());
            v.refuse_set("create_time", customer.create_time.is_some());
            v.refuse_set("etag", !customer.etag.is_empty());
            let name = v.take("name", text::line(&customer.name, 200));
            let mut licenses = BTreeMap::new();
            for (index, license) in customer.licenses.into_iter().enumerate() {
                v.nested(&format!("licenses[{index}]"), Some(license), |license, v| {
                    let vendor_id = v.take("vendor_id", VendorId::parse(&license.vendor_id));
                    let license_id = v.take("license_id", id::parse(&license.license_id));
                    if licenses.insert(vendor_id?, license_id?).is_some() {
                        v.add("vendor_id", "is named twice");
                    }
                    Some(())
                });
            }
            let organisation = match customer.organisation.as_str() {
                "" => Some(String::new()),
                code => v.take("organisation", EndUserId::parse(code)).map(|code| code.to_string()),
            };
            Some(Self { name: name?, licenses, organisation: organisation? })
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::GetCustomerRequest> for OneCustomer {
    type Error = Violations;

    fn try_from(request: pb::GetCustomerRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("customer_id", id::parse(&request.customer_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListCustomersRequest> for CustomerPage {
    type Error = Violations;

    fn try_from(request: pb::ListCustomersRequest) -> Result<Self, Violations> {
        Page::read(request.page, CUSTOMERS).map(Self)
    }
}

impl From<Customer> for pb::Customer {
    fn from(customer: Customer) -> Self {
        let licenses = customer.licenses.into_iter().map(|(vendor_id, license_id)| pb::CustomerLicense {
            vendor_id: vendor_id.to_string(),
            license_id: license_id.to_string(),
        });
        Self {
            customer_id: customer.id.to_string(),
            name: customer.name,
            licenses: licenses.collect(),
            create_time: Some(timestamp(customer.created_at)),
            etag: format!("v{}", customer.revision),
            organisation: customer.organisation,
        }
    }
}

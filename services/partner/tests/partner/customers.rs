//! End-user organisations.
//!
//! Proves M01, V04.

use tonic::Code;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::end_user_service_client::EndUserServiceClient;
use vouch_core::World;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::Service;

fn create(name: &str) -> pb::CreateCustomerRequest {
    let license_id = World::system().id::<vouch_core::id::LicenseTag>().to_string();
    let customer = pb::Customer {
        name: name.into(),
        licenses: vec![pb::CustomerLicense { vendor_id: "acme".into(), license_id }],
        ..Default::default()
    };
    pb::CreateCustomerRequest { request_id: fresh(), customer: Some(customer) }
}

on_both_engines! {
    async fn m01_a_partner_keeps_many_organisations_and_sees_its_own_only(database: Database) {
        let service = Service::start(&database).await;
        let mut north = EndUserServiceClient::new(service.agent("north"));
        let mut south = EndUserServiceClient::new(service.agent("south"));
        let created = north.create_customer(create("Contoso")).await.unwrap().into_inner().customer.unwrap();
        north.create_customer(create("Fabrikam")).await.unwrap();
        south.create_customer(create("Contoso")).await.expect("another partner's Contoso is another organisation");

        let get = pb::GetCustomerRequest { customer_id: created.customer_id.clone() };
        assert_eq!(north.get_customer(get.clone()).await.unwrap().into_inner().customer.unwrap(), created);
        assert_eq!(refused(south.get_customer(get).await), (Code::NotFound, "NOT_FOUND".into()));
        let listed = north.list_customers(pb::ListCustomersRequest::default()).await.unwrap().into_inner().customers;
        let names: Vec<_> = listed.iter().map(|customer| customer.name.as_str()).collect();
        assert_eq!(names, ["Contoso", "Fabrikam"]);
    }

    async fn v04_a_repeated_entry_is_one_and_a_taken_name_is_refused(database: Database) {
        let service = Service::start(&database).await;
        let mut north = EndUserServiceClient::new(service.agent("north"));
        let request = create("Contoso");
        let first = north.create_customer(request.clone()).await.unwrap().into_inner();
        assert_eq!(north.create_customer(request).await.unwrap().into_inner(), first);
        let again = refused(north.create_customer(create("Contoso")).await);
        assert_eq!(again, (Code::AlreadyExists, "ALREADY_EXISTS".into()));
    }

    async fn every_bad_field_of_an_organisation_is_named_at_once(database: Database) {
        let service = Service::start(&database).await;
        let mut north = EndUserServiceClient::new(service.agent("north"));
        let license = pb::CustomerLicense { vendor_id: "Acme".into(), license_id: "lic_1".into() };
        let customer = pb::Customer { etag: "v1".into(), licenses: vec![license], ..Default::default() };
        let request = pb::CreateCustomerRequest { request_id: fresh(), customer: Some(customer) };
        let named = fields(north.create_customer(request).await);
        let expected =
            ["customer.etag", "customer.name", "customer.licenses[0].vendor_id", "customer.licenses[0].license_id"];
        assert_eq!(named, expected);
        let mut unknown = create("Contoso");
        unknown.customer.as_mut().unwrap().licenses[0].vendor_id = "nobody".into();
        assert_eq!(fields(north.create_customer(unknown).await), ["customer.licenses"]);
        let bad = pb::GetCustomerRequest { customer_id: String::new() };
        assert_eq!(fields(north.get_customer(bad).await), ["customer_id"]);
        let page = Some(PageRequest { page_size: -1, page_token: String::new() });
        assert_eq!(fields(north.list_customers(pb::ListCustomersRequest { page }).await), ["page.page_size"]);
    }
}

//! Named users of development kits.
//!
//! Proves S09.

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::directory_service_client::DirectoryServiceClient;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::named_person_service_client::NamedPersonServiceClient;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{ADA, Service, exists, license, not_found};

pub(crate) const LINUS: &str = "linus@contoso.example";

impl Service {
    pub(crate) fn people(&self) -> NamedPersonServiceClient<BearerChannel> {
        NamedPersonServiceClient::new(self.staff())
    }

    /// Enters a development kit and a licence of it with two units for Contoso.
    pub(crate) async fn kit(&self) -> pb::License {
        let kit = pb::Product {
            product_id: "forge".into(),
            name: "Atlas Forge".into(),
            basis: pb::EntitlementBasis::Either.into(),
            default_tier_id: "standard".into(),
            sdk: true,
            ..pb::Product::default()
        };
        let request = pb::CreateProductRequest { request_id: fresh(), product: Some(kit) };
        let kit = self.catalog().create_product(request).await.unwrap().into_inner().product.unwrap();
        assert!(kit.sdk);
        let license = pb::License { product_id: "forge".into(), quantity: 2, ..license("contoso") };
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license) };
        self.licenses().create_license(request).await.unwrap().into_inner().license.unwrap()
    }

    /// What a person at Contoso may do.
    pub(crate) async fn rights(&self, email: &str) -> pb::GetPersonRightsResponse {
        let mut vendor = DirectoryServiceClient::new(self.vendor());
        vendor.get_person_rights(rights_of("contoso", email)).await.unwrap().into_inner()
    }
}

pub(crate) fn rights_of(end_user_id: &str, email: &str) -> pb::GetPersonRightsRequest {
    pb::GetPersonRightsRequest { end_user_id: end_user_id.into(), email: email.into() }
}

pub(crate) fn sdk_user(license: &pb::License, email: &str) -> pb::NameSdkUserRequest {
    let (license_id, name, email) = (license.license_id.clone(), "Linus".into(), email.into());
    let sdk_user = pb::SdkUser { license_id, name, email, ..pb::SdkUser::default() };
    pb::NameSdkUserRequest { request_id: fresh(), sdk_user: Some(sdk_user) }
}

fn list(license_id: &str) -> pb::ListSdkUsersRequest {
    pb::ListSdkUsersRequest { license_id: license_id.into(), page: None }
}

on_both_engines! {
    async fn s09_what_is_for_developers_is_open_to_named_users_and_to_no_liaison(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("standard").await;
        let kit = service.kit().await;
        let named = service.people().name_sdk_user(sdk_user(&kit, "Linus@Contoso.example")).await.unwrap().into_inner();
        let named = named.sdk_user.unwrap();
        assert_eq!((named.email.as_str(), named.named_at.is_some()), (LINUS, true));
        let (linus, ada) = (service.rights(LINUS).await, service.rights(ADA).await);
        assert_eq!((linus.developer_product_ids.as_slice(), linus.liaison_roles.len()), (&["forge".to_owned()][..], 0));
        assert_eq!((ada.developer_product_ids.len(), ada.liaison_roles.len()), (0, 1));

        service.set_state(&kit, pb::LicenseState::Suspended).await;
        assert!(service.rights(LINUS).await.developer_product_ids.is_empty(), "for as long as the licence is in force");
        service.set_state(&kit, pb::LicenseState::Active).await;
        let end = pb::EndSdkUserRequest { request_id: fresh(), sdk_user_id: named.sdk_user_id.clone() };
        assert_eq!(service.people().end_sdk_user(end.clone()).await.unwrap().into_inner().sdk_user.unwrap(), named);
        assert_eq!(service.rights(LINUS).await, pb::GetPersonRightsResponse::default());
        let again = pb::EndSdkUserRequest { request_id: fresh(), ..end };
        assert_eq!(refused(service.people().end_sdk_user(again).await), not_found());
    }

    async fn s09_a_named_user_may_have_nothing_escalated(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        service.cover("standard").await;
        let kit = service.kit().await;
        service.people().name_sdk_user(sdk_user(&kit, LINUS)).await.unwrap();
        let question = pb::EntitlementQuestion {
            license: Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(kit.license_id.clone())) }),
            contact_email: LINUS.into(),
            ..pb::EntitlementQuestion::default()
        };
        let check = pb::CheckEntitlementRequest { question: Some(question), ..Default::default() };
        let mut north = EntitlementServiceClient::new(service.partner());
        let answer = north.check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
        let reasons: Vec<_> = answer.findings.iter().map(common::Finding::reason).collect();
        assert_eq!((answer.verdict(), reasons), (pb::Verdict::NotEntitled, vec![common::Reason::ContactNotNamed]));
    }

    async fn s09_a_partner_is_told_of_the_kits_that_it_supports(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let of_north = service.kit().await;
        let south = pb::License { product_id: "forge".into(), responsible_partner_id: "south".into(), ..license("contoso") };
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(south) };
        let of_south = service.licenses().create_license(request).await.unwrap().into_inner().license.unwrap();
        service.people().name_sdk_user(sdk_user(&of_north, LINUS)).await.unwrap();
        service.people().name_sdk_user(sdk_user(&of_south, ADA)).await.unwrap();
        let told = async |channel: Channel, email: &str| {
            let mut partner = DirectoryServiceClient::new(channel);
            let told = partner.get_person_rights(rights_of("contoso", email)).await.unwrap().into_inner();
            told.developer_product_ids.len()
        };
        let (north, south) = (service.partner(), service.other_partner());
        assert_eq!((told(north.clone(), LINUS).await, told(north, ADA).await), (1, 0));
        assert_eq!((told(south.clone(), LINUS).await, told(south, ADA).await), (0, 1));
        assert_eq!((told(service.vendor(), LINUS).await, told(service.vendor(), ADA).await), (1, 1));
    }

    async fn s09_as_many_are_named_as_the_licence_has_units(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let kit = service.kit().await;
        let callers: Vec<_> = (0..6)
            .map(|n| {
                let (mut client, request) = (service.people(), sdk_user(&kit, &format!("p{n}@contoso.example")));
                tokio::spawn(async move { client.name_sdk_user(request).await })
            })
            .collect();
        let mut named = Vec::new();
        for caller in callers {
            match caller.await.unwrap() {
                Ok(answer) => named.push(answer.into_inner().sdk_user.unwrap().email),
                answer => assert_eq!(refused(answer), (Code::FailedPrecondition, "SDK_USERS_EXHAUSTED".into())),
            }
        }
        assert_eq!(named.len(), 2);
        let again = sdk_user(&kit, &named[0]);
        assert_eq!(refused(service.people().name_sdk_user(again).await), exists());
        let of_atlas = sdk_user(&covered.license, LINUS);
        let of_atlas = refused(service.people().name_sdk_user(of_atlas).await);
        assert_eq!(of_atlas, (Code::FailedPrecondition, "NOT_AN_SDK".into()));
        let mut bad = sdk_user(&kit, "nowhere");
        bad.sdk_user.as_mut().unwrap().license_id = "x".into();
        assert_eq!(fields(service.people().name_sdk_user(bad).await), ["sdk_user.license_id", "sdk_user.email"]);

        let mut north = NamedPersonServiceClient::new(service.partner());
        let listed = north.list_sdk_users(list(&kit.license_id)).await.unwrap().into_inner().sdk_users;
        assert_eq!(listed.len(), 2);
        let mut south = NamedPersonServiceClient::new(service.other_partner());
        assert_eq!(refused(south.list_sdk_users(list(&kit.license_id)).await), not_found());
        service.set_state(&kit, pb::LicenseState::Revoked).await;
        let late = refused(service.people().name_sdk_user(sdk_user(&kit, LINUS)).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }
}

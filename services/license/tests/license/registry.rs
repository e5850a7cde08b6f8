//! The partner registry, and what follows from it.
//!
//! Proves B01, B05.

use prost_types::FieldMask;
use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_host::testing::{fields, fresh, refused};
use vouch_identity::development::Authority;
use vouch_storage::on_both_engines;

use crate::support::{NORTH, Service, exists, not_found};

fn get(partner_id: &str) -> pb::GetPartnerRequest {
    pb::GetPartnerRequest { partner_id: partner_id.into() }
}

fn update(partner: pb::Partner, paths: &[&str]) -> pb::UpdatePartnerRequest {
    let paths = paths.iter().map(ToString::to_string).collect();
    pb::UpdatePartnerRequest { request_id: fresh(), partner: Some(partner), update_mask: Some(FieldMask { paths }) }
}

on_both_engines! {
    async fn b05_a_partner_is_let_in_as_soon_as_it_is_registered(database: Database) {
        let service = Service::start(&database).await;
        let mut north = PartnerRegistryServiceClient::new(service.partner());
        assert!(north.get_partner(get("north")).await.is_err(), "nobody knows its authority yet");
        service.registry().register_partner(Service::partner_request("north", &service.north)).await.unwrap();
        let mut north = PartnerRegistryServiceClient::new(service.partner());
        let read = north.get_partner(get("north")).await.unwrap().into_inner().partner.unwrap();
        assert_eq!(read.standing(), pb::PartnerStanding::Good);
        assert_eq!(refused(north.get_partner(get("south")).await), not_found(), "a partner reads itself only");
        let listed = service.registry().list_partners(pb::ListPartnersRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.partners, [read]);
        let page = Some(vouch_contract::pb::common::v1::PageRequest { page_size: -1, page_token: String::new() });
        let bad = pb::ListPartnersRequest { page };
        assert_eq!(fields(service.registry().list_partners(bad).await), ["page.page_size"]);
    }

    async fn a_withdrawn_authority_ends_living_connections(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let mut living = PartnerRegistryServiceClient::new(service.partner());
        let partner = living.get_partner(get("north")).await.unwrap().into_inner().partner.unwrap();

        let replacement = Authority::new("new north").unwrap();
        let changed = pb::Partner { trust_bundle_pem: replacement.certificate_pem().into(), ..partner };
        service.registry().update_partner(update(changed, &["trust_bundle_pem"])).await.unwrap();
        let (code, reason) = refused(living.get_partner(get("north")).await);
        assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
        let renewed = service.ground.workload(service.running.address, &replacement, NORTH);
        PartnerRegistryServiceClient::new(renewed).get_partner(get("north")).await.expect("the new one is believed");
    }

    async fn names_and_trust_domains_belong_to_one_partner(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let again = Service::partner_request("north", &service.north);
        assert_eq!(refused(service.registry().register_partner(again).await), exists());

        let mut squatter = Service::partner_request("west", &service.south);
        squatter.partner.as_mut().unwrap().spiffe_ids = vec!["spiffe://north.example/partner/west".into()];
        assert_eq!(refused(service.registry().register_partner(squatter).await), exists(), "north's trust domain");
        assert_eq!(refused(service.registry().get_partner(get("west")).await), not_found(), "nothing was kept");

        let mut thief = Service::partner_request("west", &service.south);
        thief.partner.as_mut().unwrap().spiffe_ids = vec![NORTH.into()];
        assert_eq!(fields(service.registry().register_partner(thief).await), ["partner.spiffe_ids[0]"]);
    }

    async fn an_update_changes_what_its_mask_names_and_nothing_else(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let before = service.registry().get_partner(get("north")).await.unwrap().into_inner().partner.unwrap();
        let change = pb::Partner {
            partner_id: "north".into(),
            etag: before.etag.clone(),
            name: "North Star".into(),
            ..pb::Partner::default()
        };
        let empty = update(change.clone(), &[]);
        assert_eq!(fields(service.registry().update_partner(empty).await), ["update_mask"]);
        let unknown = update(change.clone(), &["name", "standing"]);
        assert_eq!(fields(service.registry().update_partner(unknown).await), ["update_mask"]);

        let after = service.registry().update_partner(update(change.clone(), &["name"])).await.unwrap();
        let after = after.into_inner().partner.unwrap();
        let expected = pb::Partner {
            name: "North Star".into(),
            revision: before.revision + 1,
            etag: after.etag.clone(),
            ..before
        };
        assert_eq!(after, expected);
        let stale = refused(service.registry().update_partner(update(change, &["name"])).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
    }

    async fn a_partner_is_suspended_and_reinstated(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let set = |etag: &str, standing: pb::PartnerStanding| pb::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: "north".into(),
            etag: etag.into(),
            standing: standing.into(),
            ..Default::default()
        };
        let suspended = service.registry().set_partner_standing(set("v1", pb::PartnerStanding::Suspended)).await;
        let suspended = suspended.unwrap().into_inner().partner.unwrap();
        assert_eq!(suspended.standing(), pb::PartnerStanding::Suspended);
        let again = set(&suspended.etag, pb::PartnerStanding::Suspended);
        let again = refused(service.registry().set_partner_standing(again).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let back = set(&suspended.etag, pb::PartnerStanding::Good);
        let long = pb::SetPartnerStandingRequest { note: "x".repeat(501), ..back.clone() };
        assert_eq!(fields(service.registry().set_partner_standing(long).await), ["note"]);
        service.registry().set_partner_standing(back).await.unwrap();
    }

    async fn every_bad_field_of_a_partner_is_named_at_once(database: Database) {
        let service = Service::start(&database).await;
        let bad = pb::Partner {
            partner_id: "north".into(),
            name: " North".into(),
            programme: 42,
            spiffe_ids: vec!["spiffe://north.example/vendor/license".into(), "north".into()],
            trust_bundle_pem: "no certificate".into(),
            manifest_jwks: "{}".into(),
            support_contact: Some(pb::SupportContact {
                name: "Desk".into(),
                email: "desk".into(),
                phone: "030 1".into(),
                portal_url: "http://north.example".into(),
            }),
            ..pb::Partner::default()
        };
        let request = pb::RegisterPartnerRequest { request_id: fresh(), partner: Some(bad) };
        let named = fields(service.registry().register_partner(request).await);
        let expected = [
            "name",
            "programme",
            "spiffe_ids[0]",
            "spiffe_ids[1]",
            "trust_bundle_pem",
            "manifest_jwks",
            "support_contact.email",
            "support_contact.phone",
            "support_contact.portal_url",
        ];
        assert_eq!(named, expected.map(|field| format!("partner.{field}")));
    }

    async fn b01_the_registry_is_streamed_whole_and_then_change_by_change(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let vendor = || PartnerRegistryServiceClient::new(service.vendor());
        let mut watch = vendor().watch_partners(pb::WatchPartnersRequest {}).await.unwrap().into_inner();
        let mut known = Vec::new();
        loop {
            let message = watch.message().await.unwrap().unwrap();
            known.extend(message.partners);
            if message.complete {
                break;
            }
        }
        known.sort_by(|a, b| a.partner_id.cmp(&b.partner_id));
        let listed = service.registry().list_partners(pb::ListPartnersRequest::default()).await.unwrap().into_inner();
        assert_eq!(known, listed.partners);

        let suspend = pb::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: known[0].partner_id.clone(),
            etag: known[0].etag.clone(),
            standing: pb::PartnerStanding::Suspended.into(),
            ..Default::default()
        };
        service.registry().set_partner_standing(suspend).await.unwrap();
        let changed = loop {
            let message = watch.message().await.unwrap().unwrap();
            if !message.partners.is_empty() {
                break message.partners;
            }
        };
        assert_eq!(changed.len(), 1, "only what changed");
        assert_eq!(changed[0].standing(), pb::PartnerStanding::Suspended);
        let mut partner = PartnerRegistryServiceClient::new(service.partner());
        let denied = refused(partner.watch_partners(pb::WatchPartnersRequest {}).await.map(|_| ()));
        assert_eq!(denied.1, "ACCESS_DENIED");
    }
}

//! Who takes over from a removed liaison, and who is told.
//!
//! Proves S04.

use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::liaison_notice_service_client::LiaisonNoticeServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::liaison_notices::{GRACE, at, notice, removal, seconds};
use crate::support::{ADA, Service, not_found};

fn partner(channel: Channel) -> LiaisonNoticeServiceClient<Channel> {
    LiaisonNoticeServiceClient::new(channel)
}

on_both_engines! {
    async fn s04_the_partner_learns_who_takes_over_and_until_when_nothing_is_closed(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 2).await;
        let (ada, grace) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let removals = vec![pb::LiaisonRemoval { successor_contact_id: grace.clone(), ..removal(&ada) }];
        let (taken, _) = service.submitted(pb::LiaisonNotice { removals, ..notice(&id, "2026-06-15") }).await;
        // Tuesday 30 June, 17:00 in Denver: Juneteenth does not count.
        assert_eq!(seconds(taken.successor_grace_ends), at("2026-06-30T23:00:00Z"));
        clock.set("2026-06-17T00:00:00Z");
        let applied = service.applied(&taken.liaison_notice_id).await;
        assert_eq!(service.named_now(&id).await, [GRACE], "whoever was away for days catches up");

        let get = pb::GetLiaisonNoticeRequest { liaison_notice_id: taken.liaison_notice_id.clone() };
        let list = pb::ListLiaisonNoticesRequest::default();
        let mut north = partner(service.partner());
        let told = north.get_liaison_notice(get.clone()).await.unwrap().into_inner().notice.unwrap();
        assert_eq!((&told, told.removals[0].successor_contact_id.as_str()), (&applied, grace.as_str()));
        let listed = north.list_liaison_notices(list.clone()).await.unwrap().into_inner().notices;
        assert_eq!(listed, std::slice::from_ref(&applied));
        assert_eq!((told.removals[0].email.as_str(), told.removals[0].successor_email.as_str()), (ADA, GRACE));
        let mut south = partner(service.other_partner());
        assert_eq!(refused(south.get_liaison_notice(get).await), not_found(), "not its end user");
        assert!(south.list_liaison_notices(list).await.unwrap().into_inner().notices.is_empty());
        let of = |end_user_id: &str, agreement_id: &str| pb::ListLiaisonNoticesRequest {
            page: None,
            end_user_id: end_user_id.into(),
            agreement_id: agreement_id.into(),
        };
        for (request, count) in [(of("contoso", &id), 1), (of("fabrikam", ""), 0)] {
            let listed = service.liaison_notices().list_liaison_notices(request).await.unwrap().into_inner();
            assert_eq!(listed.notices.len(), count);
        }
        let set = pb::LiaisonRemoval { email: ADA.into(), ..removal(&ada) };
        let set = pb::LiaisonNotice { removals: vec![set], ..notice(&id, "2026-07-15") };
        let set = pb::SubmitLiaisonNoticeRequest { request_id: fresh(), notice: Some(set) };
        let set = fields(service.liaison_notices().submit_liaison_notice(set).await);
        assert_eq!(set, ["notice.removals[0].email"], "addresses are the service's to tell");
        let bad = fields(service.liaison_notices().list_liaison_notices(of("?", "?")).await);
        assert_eq!(bad, ["end_user_id", "agreement_id"]);
    }

    async fn s04_a_successor_whose_role_ended_before_takes_nothing_over(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let (service, id) = Service::in_contract_year(&database, &clock, 2).await;
        let (ada, grace) = (service.liaison(&id, ADA).await, service.liaison(&id, GRACE).await);
        let removals = vec![pb::LiaisonRemoval { successor_contact_id: grace.clone(), ..removal(&ada) }];
        let (taken, _) = service.submitted(pb::LiaisonNotice { removals, ..notice(&id, "2026-06-15") }).await;
        let end = pb::EndLiaisonRequest { request_id: fresh(), agreement_id: id.clone(), contact_id: grace };
        service.agreements().end_liaison(end).await.unwrap();
        clock.set("2026-06-15T06:00:00Z");
        let applied = service.applied(&taken.liaison_notice_id).await;
        assert_eq!(applied.removals[0].successor_contact_id, "");
        assert!(service.named_now(&id).await.is_empty());
    }
}

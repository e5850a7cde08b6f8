//! The facts as a stream.
//!
//! Proves B02, B05.

use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Code, Streaming};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_change::Subject;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::checks::other_covered;
use crate::support::{NORTH_RESELLER, Service};

/// One caller's watch, and how far it came.
pub(crate) struct Watching {
    stream: Streaming<pb::WatchEntitlementsResponse>,
    revision: i64,
}

impl Watching {
    pub(crate) async fn start(channel: Channel, after_revision: i64) -> Self {
        let request = pb::WatchEntitlementsRequest { after_revision, from_now: false };
        let stream = EntitlementServiceClient::new(channel).watch_entitlements(request).await.unwrap().into_inner();
        Self { stream, revision: after_revision }
    }

    /// What is told until a revision is reached: licences with their states, end users, and the ids of licences that are gone.
    pub(crate) async fn until(&mut self, revision: i64) -> Vec<String> {
        let mut told = Vec::new();
        let telling = async {
            while self.revision < revision {
                let message = self.stream.message().await.unwrap().unwrap();
                assert!(message.revision >= self.revision);
                self.revision = message.revision;
                told.extend(message.changes.into_iter().map(|change| match change.subject.unwrap() {
                    Subject::License(change) => format!("{} {}", change.end_user_id, change.state().as_str_name()),
                    Subject::EndUserId(id) => id,
                    Subject::Gone(gone) => format!("{} gone", gone.license_id),
                }));
            }
        };
        // Signs of life would keep it going for ever.
        tokio::time::timeout(Duration::from_secs(30), telling).await.unwrap();
        told
    }
}

on_both_engines! {
    async fn a_watch_tells_what_is_there_then_each_change_and_resumes(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        other_covered(&service, "fabrikam", "south").await;
        let revision = service.set_state(&covered.license, pb::LicenseState::Suspended).await;
        let (active, suspended) = ("LICENSE_STATE_ACTIVE", "LICENSE_STATE_SUSPENDED");

        let mut vendor = Watching::start(service.vendor(), 0).await;
        let told = vendor.until(revision).await;
        let expected = [format!("fabrikam {active}"), format!("contoso {suspended}"), "contoso".into(), "fabrikam".into()];
        assert_eq!(told, expected, "each as it is now, in the order of their last changes");
        let mut north = Watching::start(service.partner(), 0).await;
        assert_eq!(north.until(revision).await, [format!("contoso {suspended}"), "contoso".into()], "its own part only");

        let next = service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        let revoked = ["contoso LICENSE_STATE_REVOKED"];
        assert_eq!(vendor.until(next).await, revoked);
        assert_eq!(north.until(next).await, revoked);
        let mut resumed = Watching::start(service.partner(), revision).await;
        assert_eq!(resumed.until(next).await, revoked, "from where it came to");
    }

    async fn b02_who_begins_from_now_is_told_where_and_when_and_what_changes_after(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let before = service.set_state(&covered.license, pb::LicenseState::Suspended).await;
        let request = pb::WatchEntitlementsRequest { after_revision: 0, from_now: true };
        let stream = EntitlementServiceClient::new(service.vendor()).watch_entitlements(request).await;
        let mut stream = stream.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!((first.changes, first.revision, first.began_at.is_some()), (vec![], before, true));
        let mut going_on = Watching { stream, revision: before };
        let next = service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        assert_eq!(going_on.until(next).await, ["contoso LICENSE_STATE_REVOKED"], "and nothing of before");
    }

    async fn a_workload_that_is_taken_out_of_the_registry_is_told_nothing_more(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut north = Watching::start(service.partner(), 0).await;
        let partner = pb::Partner {
            partner_id: "north".into(),
            etag: "v1".into(),
            spiffe_ids: vec![NORTH_RESELLER.into()],
            ..pb::Partner::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["spiffe_ids".into()] });
        let update = pb::UpdatePartnerRequest { request_id: fresh(), partner: Some(partner), update_mask };
        service.registry().update_partner(update).await.unwrap();
        service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        let ended = async {
            loop {
                match north.stream.message().await {
                    Ok(Some(message)) => {
                        let is_revoked = |change: &pb::EntitlementChange| {
                            matches!(&change.subject, Some(Subject::License(one)) if one.state() == pb::LicenseState::Revoked)
                        };
                        assert!(!message.changes.iter().any(is_revoked), "it is told what it has no part in any more");
                    }
                    Ok(None) => panic!("it ends without a word"),
                    Err(status) => return status.code(),
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap(), Code::Unauthenticated);
    }

    async fn a_revision_that_was_never_given_out_is_refused(database: Database) {
        let service = Service::start(&database).await;
        let watch = |after_revision| pb::WatchEntitlementsRequest { after_revision, from_now: false };
        let mut vendor = EntitlementServiceClient::new(service.vendor());
        let never = refused(vendor.watch_entitlements(watch(7)).await.map(|_| ()));
        assert_eq!(never, (Code::FailedPrecondition, "REVISION_UNKNOWN".into()));
        assert_eq!(fields(vendor.watch_entitlements(watch(-1)).await.map(|_| ())), ["after_revision"]);
        let both = pb::WatchEntitlementsRequest { from_now: true, ..watch(-1) };
        assert_eq!(fields(vendor.watch_entitlements(both).await.map(|_| ())), ["after_revision", "from_now"]);
    }
}

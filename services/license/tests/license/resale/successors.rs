//! A partner vanishes, and its licences go to a successor.
//!
//! Proves D01, W15.

use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::ResponsibilityRule::SellerSupports;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use super::denied;
use super::scene::{self, Scene};
use crate::checks::other_covered;
use crate::support::not_found;

fn change(successor: &str, batch_size: i32) -> pb::ChangeResponsiblePartnerRequest {
    pb::ChangeResponsiblePartnerRequest {
        request_id: fresh(),
        partner_id: "north".into(),
        successor_partner_id: successor.into(),
        batch_size,
        dry_run: false,
        note: "north has closed".into(),
    }
}

impl Scene {
    /// Hands over: how many were moved, and how many are left.
    async fn handed(&self, request: pb::ChangeResponsiblePartnerRequest) -> (i32, i64) {
        let answer = self.staff().change_responsible_partner(request).await.unwrap().into_inner();
        (answer.moved, answer.left)
    }
}

on_both_engines! {
    async fn w15_a_vanished_partners_licences_go_to_a_successor_in_batches(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.publish("2026-06-08", SellerSupports).await;
        let covered = scene.service.cover("standard").await;
        let id = &covered.license.license_id;
        scene.set(&covered.license, &["upper", "north"], "north").await;
        other_covered(&scene.service, "fabrikam", "north").await;
        other_covered(&scene.service, "litware", "north").await;
        let revoked = other_covered(&scene.service, "adatum", "north").await;
        scene.service.set_state(&revoked, pb::LicenseState::Revoked).await;
        scene.suspend("north").await;

        let dry = pb::ChangeResponsiblePartnerRequest { dry_run: true, ..change("south", 2) };
        assert_eq!(scene.handed(dry).await, (2, 1));
        assert_eq!(scene.license(id).await.responsible_partner_id, "north", "it was only told");
        let first = change("south", 2);
        let done = scene.staff().change_responsible_partner(first.clone()).await.unwrap().into_inner();
        assert_eq!((done.moved, done.left, done.successor_partner_id.as_str()), (2, 1, "south"));
        let again = scene.staff().change_responsible_partner(first).await.unwrap().into_inner();
        assert_eq!(again, done, "repeated, it moves nothing more");
        assert_eq!(scene.handed(change("south", 0)).await, (1, 0));
        assert_eq!(scene.handed(change("south", 0)).await, (0, 0));

        let (reasons, _) = scene.check_as("south", &covered, done.facts_revision).await;
        assert!(reasons.is_empty(), "{reasons:?}");
        let chain = scene.chain(id).await;
        assert_eq!((scene::ids(&chain), chain.modification_maker_id.as_str()), (vec!["upper", "south"], ""));
        assert_eq!(scene.chain_as("upper", id).await.unwrap().responsible_partner_id, "south");
        assert_eq!(refused(scene.license_as("north", id).await), not_found());
        let left = scene.listed_as("north").await;
        assert_eq!(left.iter().map(|license| &license.license_id).collect::<Vec<_>>(), [&revoked.license_id]);
        let history = scene.history_as("south", id).await;
        let told: Vec<_> = history.iter().map(|change| change.change.as_str()).collect();
        assert_eq!(told, ["responsible partner changed"], "from when it came in");
    }

    async fn w15_a_successor_that_may_take_nothing_over_is_refused(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.service.cover("standard").await;
        scene.suspend("south").await;
        for (successor, expected) in [
            ("south", "successor_partner_id"),
            ("nobody", "successor_partner_id"),
            ("north", "successor_partner_id"),
            ("", "successor_partner_id"),
        ] {
            let answer = scene.staff().change_responsible_partner(change(successor, 0)).await;
            assert_eq!(fields(answer), [expected], "{successor}");
        }
        let bad = pb::ChangeResponsiblePartnerRequest { note: String::new(), ..change("middle", 501) };
        assert_eq!(fields(scene.staff().change_responsible_partner(bad).await), ["batch_size", "note"]);
        let unknown = pb::ChangeResponsiblePartnerRequest { partner_id: "nobody".into(), ..change("middle", 0) };
        assert_eq!(fields(scene.staff().change_responsible_partner(unknown).await), ["partner_id"]);
        let mut north = scene.as_partner("north");
        assert_eq!(refused(north.change_responsible_partner(change("middle", 0)).await), denied());
    }

    async fn d01_who_names_no_successor_means_the_vendors_own_desk(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        let covered = scene.service.cover("standard").await;
        scene.register("desk", pb::PartnerProgramme::VendorDesk).await;
        assert_eq!(scene.handed(change("", 0)).await, (1, 0));
        assert_eq!(scene.license(&covered.license.license_id).await.responsible_partner_id, "desk");
    }
}

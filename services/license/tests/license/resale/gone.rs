//! Who leaves a licence's chain is told so by its watch.
//!
//! Proves W15.

use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::ResponsibilityRule::SellerSupports;
use vouch_core::testing::ManualClock;
use vouch_host::testing::fresh;
use vouch_storage::on_both_engines;

use super::scene::Scene;
use crate::checks::other_covered;
use crate::watch::Watching;

const ACTIVE: &str = "contoso LICENSE_STATE_ACTIVE";
const PARTNERS: [&str; 4] = ["upper", "middle", "north", "south"];

impl Scene {
    /// Hands a licence over, as it is now; the revision with which checks know of it.
    async fn transfer(&self, id: &str, responsible: &str, reseller: &str) -> i64 {
        let transfer = pb::TransferLicenseRequest {
            request_id: fresh(),
            license_id: id.into(),
            etag: self.license(id).await.etag,
            responsible_partner_id: responsible.into(),
            reseller_partner_id: reseller.into(),
            note: "as agreed".into(),
            ..Default::default()
        };
        self.service.licenses().transfer_license(transfer).await.unwrap().into_inner().facts_revision
    }

    /// Hands the licences of a partner to its successor.
    async fn succeed(&self, partner: &str, successor: &str) -> i64 {
        let change = pb::ChangeResponsiblePartnerRequest {
            request_id: fresh(),
            partner_id: partner.into(),
            successor_partner_id: successor.into(),
            note: "it has closed".into(),
            ..Default::default()
        };
        self.staff().change_responsible_partner(change).await.unwrap().into_inner().facts_revision
    }
}

/// What each of the partners is told, in their order.
async fn told(watching: &mut [Watching], revision: i64, expected: [&[&str]; 4]) {
    for ((partner, watch), expected) in PARTNERS.iter().zip(watching).zip(expected) {
        assert_eq!(watch.until(revision).await, expected, "{partner} up to {revision}");
    }
}

on_both_engines! {
    async fn w15_whatever_takes_a_partner_out_of_a_chain_its_watch_says_that_the_licence_is_gone(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        scene.publish("2026-06-08", SellerSupports).await;
        let license = scene.service.cover("standard").await.license;
        let id = &license.license_id;
        let begun = scene.set(&license, &["upper", "middle", "north"], "").await.facts_revision;
        let mut watching = Vec::new();
        for partner in PARTNERS {
            let mut watch = Watching::start(scene.channel(partner), 0).await;
            let expected: &[&str] = if partner == "south" { &[] } else { &[ACTIVE, "contoso"] };
            assert_eq!(watch.until(begun).await, expected, "{partner}");
            watching.push(watch);
        }
        let gone = format!("{id} gone");
        let gone = gone.as_str();

        let shorter = scene.set(&license, &["upper", "north"], "").await.facts_revision;
        told(&mut watching, shorter, [&[ACTIVE], &[gone], &[ACTIVE], &[]]).await;
        let moved = scene.transfer(id, "south", "").await;
        told(&mut watching, moved, [&[gone], &[], &[gone], &[ACTIVE]]).await;
        let succeeded = scene.succeed("south", "north").await;
        told(&mut watching, succeeded, [&[], &[], &[ACTIVE], &[gone]]).await;
        let sold = scene.transfer(id, "", "south").await;
        told(&mut watching, sold, [&[], &[], &[ACTIVE], &[ACTIVE]]).await;
        let unsold = scene.transfer(id, "", "north").await;
        told(&mut watching, unsold, [&[], &[], &[ACTIVE], &[gone]]).await;

        let whole: [&[&str]; 4] = [&[gone], &[gone], &[ACTIVE], &[gone]];
        for (partner, expected) in PARTNERS.iter().zip(whole) {
            let mut resumed = Watching::start(scene.channel(partner), begun).await;
            assert_eq!(resumed.until(unsold).await, expected, "{partner}");
        }
        let mut resumed = Watching::start(scene.channel("middle"), shorter).await;
        assert!(resumed.until(unsold).await.is_empty(), "it was told before");
        let mut vendor = Watching::start(scene.service.vendor(), begun).await;
        assert_eq!(vendor.until(unsold).await, [ACTIVE], "for the vendor none is ever gone");
    }

    async fn w15_what_is_gone_is_told_in_its_place_and_not_once_it_has_come_back(database: Database) {
        let clock = ManualClock::at("2026-06-08T15:00:00Z");
        let scene = Scene::start(&database, &clock).await;
        let first = scene.service.cover("standard").await.license;
        let second = other_covered(&scene.service, "fabrikam", "north").await;
        let mut north = Watching::start(scene.channel("north"), 0).await;
        let begun = scene.service.set_state(&second, pb::LicenseState::Suspended).await;
        north.until(begun).await;
        let gone = format!("{} gone", first.license_id);
        let (suspended, revoked) = ("fabrikam LICENSE_STATE_SUSPENDED", "fabrikam LICENSE_STATE_REVOKED");

        let away = scene.transfer(&first.license_id, "south", "").await;
        assert_eq!(north.until(away).await, [gone.as_str()]);
        let after = scene.service.set_state(&second, pb::LicenseState::Active).await;
        let again = scene.service.set_state(&second, pb::LicenseState::Suspended).await;
        assert_eq!(north.until(again).await.last().unwrap(), suspended);
        let mut resumed = Watching::start(scene.channel("north"), begun).await;
        assert_eq!(resumed.until(again).await, [gone.as_str(), suspended], "in the order in which they came");
        assert!(after > away);

        let back = scene.transfer(&first.license_id, "north", "").await;
        let mut resumed = Watching::start(scene.channel("north"), begun).await;
        assert_eq!(resumed.until(back).await, [suspended, ACTIVE], "it has come back, and is told as it is");
        let revoked_at = scene.service.set_state(&second, pb::LicenseState::Revoked).await;
        let away = scene.transfer(&first.license_id, "south", "").await;
        let mut resumed = Watching::start(scene.channel("north"), begun).await;
        assert_eq!(resumed.until(away).await, [revoked, gone.as_str()], "the last time counts");
        assert!(revoked_at < away);
    }
}

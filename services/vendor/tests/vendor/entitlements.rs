//! How the feed of entitlements is followed, over starts of the vendor service and of the licence service.
//!
//! Proves B02, Q02.

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_change::Subject;
use vouch_contract::status::early;
use vouch_core::id::{LicenseId, LicenseTag};
use vouch_core::testing::ManualClock;
use vouch_core::{Reason, World};
use vouch_proof::{Act, Agreement, Bundle, EntitlementProof, Incident, License};
use vouch_storage::{Store, on_both_engines};
use vouch_vendor::MIGRATIONS;
use vouch_vendor::domain::admission::Standing;
use vouch_vendor::entitlements::Entitlements;

use crate::script::Script;

const NOON: &str = "2026-06-08T12:00:00Z";

/// The response in which a feed begins from now, at noon.
fn began(revision: i64) -> pb::WatchEntitlementsResponse {
    let began_at = Some(timestamp(NOON.parse().unwrap()));
    pb::WatchEntitlementsResponse { changes: vec![], revision, began_at }
}

/// A response that tells what a licence is at a revision of its own, and the one after it that says that this was all.
fn told(revision: i64, license_id: LicenseId, state: pb::LicenseState) -> [pb::WatchEntitlementsResponse; 2] {
    let license = pb::LicenseChange {
        license_id: license_id.to_string(),
        license_revision: revision,
        state: state.into(),
        end_user_id: "contoso".into(),
    };
    let changes = [Subject::EndUserId("contoso".into()), Subject::License(license)];
    let changes = changes.map(|subject| pb::EntitlementChange { subject: Some(subject) }).to_vec();
    let change = pb::WatchEntitlementsResponse { changes, revision: revision - 1, began_at: None };
    [change, alive(revision)]
}

fn alive(revision: i64) -> pb::WatchEntitlementsResponse {
    pb::WatchEntitlementsResponse { changes: vec![], revision, began_at: None }
}

/// A proof of a licence at a revision of its own, issued so many seconds after noon.
fn proof(license_id: LicenseId, rev: i64, seconds: i64) -> EntitlementProof {
    let noon: jiff::Timestamp = NOON.parse().unwrap();
    let (iat, text) = (noon.as_second() + seconds, String::new);
    EntitlementProof {
        iss: text(),
        aud: text(),
        jti: text(),
        iat,
        nbf: iat,
        exp: iat + 900,
        sub: text(),
        act: Act { sub: text(), partner: text() },
        lic: License { id: license_id.to_string(), rev, product: text(), version: text() },
        agr: Agreement { id: None, tier: text(), severities: vec![], coverage: text(), until: None, priority: 0 },
        contact: text(),
        bundle: Bundle { alg: text(), root: text() },
        esc: text(),
        inc: Incident { hold: text(), units: 0 },
    }
}

/// Follows what the script says, as the vendor service does after a start.
async fn start(channel: &Channel, store: &Store, clock: &std::sync::Arc<ManualClock>) -> Entitlements {
    let entitlements = Entitlements::new(channel.clone(), store.clone(), clock.world());
    entitlements.follow().await.unwrap_err();
    entitlements
}

on_both_engines! {
    async fn b02_q02_the_feed_is_followed_from_now_and_then_from_where_it_was_left(database: Database) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at(NOON));
        let (script, channel) = Script::serve(&clock).await;
        let (known, other) = (World::system().id::<LicenseTag>(), World::system().id::<LicenseTag>());

        script.then(Ok([vec![began(7)], told(9, known, pb::LicenseState::Suspended).to_vec()].concat()));
        let first = start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(0, true)], "a million licences are not read");
        assert_eq!(first.standing(&proof(known, 8, 10)), Standing::Revoked);
        assert_eq!(first.standing(&proof(known, 10, 10)), Standing::Good, "of a later revision");
        assert_eq!(first.standing(&proof(other, 1, 10)), Standing::Good);
        assert_eq!(first.standing(&proof(other, 1, -10)), Standing::Unknown, "from before the beginning");

        let unheard = Entitlements::new(channel.clone(), store.clone(), clock.world());
        assert_eq!(unheard.standing(&proof(known, 8, 10)), Standing::Unknown, "what was heard may be old");
        script.then(Ok(vec![alive(9)]));
        let second = start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(8, false)], "where the last change of it was told");
        assert_eq!(second.standing(&proof(known, 8, 10)), Standing::Revoked, "it is not told again, and known");
        clock.advance_seconds(61);
        assert_eq!(second.standing(&proof(known, 8, 10)), Standing::Unknown, "a minute is too long");

        script.then(Ok(told(12, known, pb::LicenseState::Active).to_vec()));
        let third = start(&channel, &store, &clock).await;
        assert_eq!(third.standing(&proof(known, 8, 10)), Standing::Good, "reinstated");
        script.then(Ok(told(14, other, pb::LicenseState::Revoked).to_vec()));
        let fourth = start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(8, false), (11, false)]);
        assert_eq!(fourth.standing(&proof(known, 8, 10)), Standing::Good, "and forgotten in the database");
        assert_eq!(fourth.standing(&proof(other, 13, 10)), Standing::Revoked);
    }

    async fn b02_that_a_licence_is_gone_for_a_partner_says_nothing_of_proofs(database: Database) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at(NOON));
        let (script, channel) = Script::serve(&clock).await;
        let (revoked, good) = (World::system().id::<LicenseTag>(), World::system().id::<LicenseTag>());
        let gone = [revoked, good].map(|license_id| {
            let gone = pb::GoneLicense { license_id: license_id.to_string(), license_revision: 12 };
            pb::EntitlementChange { subject: Some(Subject::Gone(gone)) }
        });
        let gone = pb::WatchEntitlementsResponse { changes: gone.to_vec(), revision: 9, began_at: None };
        let told = told(9, revoked, pb::LicenseState::Revoked).to_vec();
        script.then(Ok([vec![began(7)], told, vec![gone, alive(12)]].concat()));
        let heard = start(&channel, &store, &clock).await;
        assert_eq!(heard.standing(&proof(revoked, 8, 10)), Standing::Revoked);
        assert_eq!(heard.standing(&proof(good, 8, 10)), Standing::Good);
        script.then(Ok(vec![alive(12)]));
        start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(0, true), (8, false)], "the feed was followed over it");
    }

    async fn b02_changes_without_a_word_that_they_were_all_leave_it_unknown(database: Database) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at(NOON));
        let (script, channel) = Script::serve(&clock).await;
        let license = World::system().id::<LicenseTag>();
        script.then(Ok(vec![began(7)]));
        start(&channel, &store, &clock).await;
        let [change, _] = told(9, license, pb::LicenseState::Active);
        script.then(Ok(vec![change]));
        let heard = start(&channel, &store, &clock).await;
        assert_eq!(heard.standing(&proof(license, 1, 10)), Standing::Unknown, "what comes next may be its revocation");
    }

    async fn where_the_feed_was_left_is_written_down_once_a_minute(database: Database) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at(NOON));
        let (script, channel) = Script::serve(&clock).await;
        let license = World::system().id::<LicenseTag>();
        script.then(Ok(vec![began(7)]));
        script.then(Ok(told(30, license, pb::LicenseState::Active).to_vec()));
        script.then_after(60, Ok(told(50, license, pb::LicenseState::Active).to_vec()));
        script.then(Ok(vec![]));
        for _ in 0..4 {
            start(&channel, &store, &clock).await;
        }
        assert_eq!(script.asked(), [(0, true), (7, false), (7, false), (49, false)]);
    }

    async fn b02_a_licence_service_that_came_back_older_is_followed_from_now(database: Database) {
        let (store, clock) = (database.open(&MIGRATIONS).await, ManualClock::at(NOON));
        let (script, channel) = Script::serve(&clock).await;
        let license = World::system().id::<LicenseTag>();
        script.then(Ok([vec![began(7)], told(9, license, pb::LicenseState::Revoked).to_vec()].concat()));
        start(&channel, &store, &clock).await;
        script.asked();

        script.then(Err(early(Code::FailedPrecondition, Reason::RevisionUnknown, "never given out", "license.vouch")));
        let later = Some(timestamp("2026-06-08T12:05:00Z".parse().unwrap()));
        script.then(Ok(vec![pb::WatchEntitlementsResponse { began_at: later, ..began(3) }]));
        let heard = start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(8, false), (0, true)]);
        let other = World::system().id::<LicenseTag>();
        assert_eq!(heard.standing(&proof(other, 1, 10)), Standing::Unknown, "what was told in between is lost");
        assert_eq!(heard.standing(&proof(other, 1, 301)), Standing::Good);
        assert_eq!(heard.standing(&proof(license, 8, 10)), Standing::Revoked, "what was heard stays");
        script.then(Ok(vec![alive(3)]));
        start(&channel, &store, &clock).await;
        assert_eq!(script.asked(), [(3, false)], "it goes on from the new beginning");
    }
}

//! The keys that sign proofs, and how they are replaced.
//!
//! Proves B02.

use std::sync::Arc;

use jiff::SignedDuration;
use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_host::{Rotation, SigningKeys};
use vouch_proof::{EntitlementProof, KeySet};
use vouch_storage::{Secrets, Store, WriteError, on_both_engines};

use crate::support::{Service, escalation};

fn rotate(rotation: pb::KeyRotation) -> pb::RotateSigningKeyRequest {
    pb::RotateSigningKeyRequest { request_id: fresh(), rotation: rotation.into() }
}

impl Service {
    async fn key_set(&self) -> KeySet {
        let mut anybody = EntitlementServiceClient::new(self.anonymous());
        let published = anybody.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap();
        KeySet::from_jwks(&published.jwks).unwrap()
    }

    fn keys(&self) -> EntitlementServiceClient<vouch_host::testing::BearerChannel> {
        EntitlementServiceClient::new(self.staff())
    }
}

/// A ring of keys, with the key that signs and how many are published.
struct Ring(SigningKeys, Store);

impl Ring {
    async fn open(store: &Store, world: World) -> Self {
        let secrets = Arc::new(Secrets::from_root(&[7; 32]).unwrap());
        Self(
            SigningKeys::open("entitlement", vouch_proof::ROTATION_OVERLAP, store.clone(), secrets, world)
                .await
                .unwrap(),
            store.clone(),
        )
    }

    fn signs(&self) -> String {
        self.0.sign(|key| Ok(key.kid().to_owned())).unwrap()
    }

    fn published(&self) -> usize {
        self.0.published().unwrap().jwks.matches("\"kid\"").count()
    }

    async fn rotate(&self, rotation: Rotation) {
        let keys = &self.0;
        let made = self.1.write(|mut tx| async move {
            keys.rotate(&mut tx, rotation).await?;
            Ok::<_, WriteError>((tx, ()))
        });
        made.await.unwrap();
        self.0.reload().await.unwrap();
    }
}

on_both_engines! {
    async fn b02_a_planned_rotation_is_published_a_day_before_it_signs_and_leaves_a_day_after(database: Database) {
        let (clock, store) = (
            ManualClock::at("2026-06-08T10:00:00Z"),
            database.open(&vouch_license::MIGRATIONS).await,
        );
        let ring = Ring::open(&store, clock.world()).await;
        let first = ring.signs();
        ring.rotate(Rotation::Planned).await;
        assert_eq!((ring.signs(), ring.published()), (first.clone(), 2), "published, and not in use yet");
        clock.advance_seconds(24 * 3600);
        let second = ring.signs();
        assert!(second != first && ring.published() == 2, "in use, the old one still published");
        clock.advance_seconds(24 * 3600);
        assert_eq!((ring.signs(), ring.published()), (second, 1));
    }

    async fn b02_keys_are_rotated_by_schedule_once_by_however_many_replicas(database: Database) {
        let (clock, store) = (
            ManualClock::at("2026-06-08T10:00:00Z"),
            database.open(&vouch_license::MIGRATIONS).await,
        );
        let (one, other) = (Ring::open(&store, clock.world()).await, Ring::open(&store, clock.world()).await);
        let age = SignedDuration::from_hours(90 * 24);
        one.0.rotate_after(age).await.unwrap();
        assert_eq!(one.published(), 1, "not yet");
        clock.advance_seconds(90 * 24 * 3600);
        let (first, second) = tokio::join!(one.0.rotate_after(age), other.0.rotate_after(age));
        first.unwrap();
        second.unwrap();
        one.0.reload().await.unwrap();
        assert_eq!(one.published(), 2);
        one.0.rotate_after(age).await.unwrap();
        assert_eq!(one.published(), 2, "and only once");
    }

    async fn b02_what_a_compromised_key_signed_is_void_and_the_next_one_signs_at_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let request = covered.proof_request(&escalation());
        let prove = async || service.entitlement().issue_entitlement_proof(request.clone()).await.unwrap().into_inner().proof;
        let before = prove().await;
        let now = World::system().now();
        let verify = |proof: &str, keys: &KeySet| {
            EntitlementProof::verify(proof, keys, "license.vouch", "vendor.vouch", now).is_ok()
        };
        assert!(verify(&before, &service.key_set().await));
        service.keys().rotate_signing_key(rotate(pb::KeyRotation::Planned)).await.unwrap();
        assert!(verify(&before, &service.key_set().await), "in good order nobody notices");
        let again = refused(service.keys().rotate_signing_key(rotate(pb::KeyRotation::Planned)).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));

        service.keys().rotate_signing_key(rotate(pb::KeyRotation::Compromised)).await.unwrap();
        let keys = service.key_set().await;
        assert!(!verify(&before, &keys), "what it signed is void");
        assert!(verify(&prove().await, &keys));
        assert_eq!(fields(service.keys().rotate_signing_key(rotate(pb::KeyRotation::Unspecified)).await), ["rotation"]);
    }
}

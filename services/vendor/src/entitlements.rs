//! Which licences were suspended or revoked, as the licence service's feed of entitlements tells it: followed over RPC, held in
//! memory, kept in the database, so that the next start misses nothing.
//!
//! Each replica follows for itself. What it knows lies in the database before it is in memory: the gate reads memory only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;
use vouch_contract::convert::instant;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_change::Subject;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::status::reason_of;
use vouch_core::{Error, World, id};
use vouch_proof::EntitlementProof;
use vouch_storage::Store;

use crate::domain::admission::Standing;
use crate::domain::revocations::{LicenseNews, REMEMBERED, Revocations};
use crate::partners::{SILENCE, STALE};
use crate::store::revocations;

/// How often the place in the feed is written down while nothing is told that matters here: the next start reads so much again.
const WRITE_PLACE: SignedDuration = SignedDuration::from_secs(60);

/// The licences of which the licence service told that no proof of before counts.
#[derive(Debug)]
pub struct Entitlements {
    client: EntitlementServiceClient<Channel>,
    store: Store,
    world: World,
    /// What was heard; nothing while the feed was never followed.
    heard: ArcSwapOption<Revocations>,
    /// When all of it was told last, in microseconds; the smallest number while it never was.
    heard_at: AtomicI64,
    tried: watch::Sender<bool>,
}

/// Where this replica stands in the feed, as it is written down.
struct Place {
    revision: i64,
    written_at: Timestamp,
}

impl Entitlements {
    /// Knows nothing yet.
    pub fn new(channel: Channel, store: Store, world: World) -> Self {
        Self {
            client: EntitlementServiceClient::new(channel),
            store,
            world,
            heard: ArcSwapOption::empty(),
            heard_at: AtomicI64::new(i64::MIN),
            tried: watch::Sender::new(false),
        }
    }

    /// Follows the feed until the stream ends.
    pub async fn follow(&self) -> Result<(), String> {
        let ended = self.follow_once().await;
        self.tried.send_replace(true);
        ended
    }

    /// Resolves when everything was told for the first time, or could not be.
    pub async fn tried(&self) {
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
    }

    /// What a genuine proof's licence is now.
    pub fn standing(&self, claims: &EntitlementProof) -> Standing {
        let age = self.world.now().as_microsecond().saturating_sub(self.heard_at.load(Ordering::Acquire));
        let (Some(heard), Ok(license_id)) = (self.heard.load_full(), id::parse(&claims.lic.id)) else {
            return Standing::Unknown;
        };
        if SignedDuration::from_micros(age) > STALE {
            return Standing::Unknown;
        }
        heard.standing(license_id, claims.lic.rev, claims.iat)
    }

    async fn follow_once(&self) -> Result<(), String> {
        let told = |status: Status| format!("the licence service answered {:?}", status.code());
        let mut place = self.read_place().await.map_err(|error| cause(&error))?;
        let mut stream = match self.watch(place.as_ref()).await {
            // Its database is older than what was heard of it: a backup was restored there.
            Err(status) if reason_of(&status) == "REVISION_UNKNOWN" => {
                tracing::warn!(
                    "the licence service does not know how far its feed was followed: it is followed from now"
                );
                place = None;
                self.watch(None).await
            }
            answered => answered,
        }
        .map_err(told)?;
        loop {
            let message = tokio::time::timeout(SILENCE, stream.message()).await;
            let message = message.map_err(|_| "the feed of entitlements fell silent".to_owned())?.map_err(told)?;
            let Some(message) = message else { return Err("the feed of entitlements ended".into()) };
            let is_whole = message.changes.is_empty();
            if let Some(began_at) = &message.began_at {
                let begun = self.begin(message.revision, instant(began_at)?).await;
                place = Some(begun.map_err(|error| cause(&error))?);
            } else if let Some(place) = &mut place {
                self.take(place, message).await.map_err(|error| cause(&error))?;
            }
            // Changes come before a response without any, which says that these were all.
            if is_whole && place.is_some() {
                self.heard_at.store(self.world.now().as_microsecond(), Ordering::Release);
            }
            if is_whole {
                self.tried.send_replace(true);
            }
        }
    }

    async fn watch(&self, place: Option<&Place>) -> Result<tonic::Streaming<pb::WatchEntitlementsResponse>, Status> {
        let after_revision = place.map_or(0, |place| place.revision);
        let request = pb::WatchEntitlementsRequest { after_revision, from_now: place.is_none() };
        Ok(self.client.clone().watch_entitlements(request).await?.into_inner())
    }

    /// What this and other replicas wrote down.
    async fn read_place(&self) -> Result<Option<Place>, Error> {
        let found = revocations::revocations_fetch(&mut *self.store.snapshot().await?).await?;
        Ok(found.map(|(heard, revision)| {
            self.heard.store(Some(Arc::new(heard)));
            Place { revision, written_at: self.world.now() }
        }))
    }

    async fn begin(&self, revision: i64, began_at: Timestamp) -> Result<Place, Error> {
        self.store
            .write(|mut tx| async move {
                revocations::feed_begin(&mut tx, revision, began_at).await?;
                Ok((tx, ()))
            })
            .await?;
        // What was heard before stays: of such a proof no more is known.
        let known = self.heard.load_full().map(|heard| heard.licenses.clone()).unwrap_or_default();
        self.heard.store(Some(Arc::new(Revocations { began_at, licenses: known })));
        Ok(Place { revision, written_at: self.world.now() })
    }

    async fn take(&self, place: &mut Place, message: pb::WatchEntitlementsResponse) -> Result<(), Error> {
        let (now, revision) = (self.world.now(), message.revision);
        let Some(heard) = self.heard.load_full() else { return Ok(()) };
        let news = &heard.news(read(message.changes)?);
        let is_due = revision > place.revision && now.duration_since(place.written_at) >= WRITE_PLACE;
        if news.is_empty() && !is_due {
            return Ok(());
        }
        self.store
            .write(|mut tx| async move {
                for one in news {
                    revocations::revocation_take(&mut tx, one, now).await?;
                }
                revocations::revocation_forget(&mut tx, now - REMEMBERED).await?;
                revocations::feed_move(&mut tx, revision).await?;
                Ok((tx, ()))
            })
            .await?;
        let mut next = Revocations::clone(&heard);
        next.take(news, now);
        self.heard.store(Some(Arc::new(next)));
        *place = Place { revision, written_at: now };
        Ok(())
    }
}

/// The licences among the changes.
fn read(changes: Vec<pb::EntitlementChange>) -> Result<Vec<LicenseNews>, Error> {
    let licenses = changes.into_iter().filter_map(|change| match change.subject {
        Some(Subject::License(license)) => Some(license),
        // For the vendor no licence is ever gone: that one is says nothing of proofs issued before.
        Some(Subject::EndUserId(_) | Subject::Gone(_)) | None => None,
    });
    let read = |license: pb::LicenseChange| {
        Ok(LicenseNews {
            license_id: id::parse(&license.license_id).map_err(Error::internal)?,
            revision: license.license_revision,
            is_revoked: matches!(license.state(), pb::LicenseState::Suspended | pb::LicenseState::Revoked),
        })
    };
    licenses.map(read).collect()
}

fn cause(error: &Error) -> String {
    match error {
        Error::Internal(cause) | Error::Unavailable(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

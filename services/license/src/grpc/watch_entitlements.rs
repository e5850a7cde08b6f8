//! The facts as a stream: what changed since a revision, and what changes from then on.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tonic::{Request, Status};
use vouch_contract::convert;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_change::Subject;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Violations};
use vouch_identity::Caller;

use super::{Handlers, scope};
use crate::store::changes::{self, LicenseChange, Revision};
use crate::store::gone_licenses::{self, GoneLicense};

/// How often a stream without changes gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How many changes one message carries.
const IN_ONE_MESSAGE: u16 = 1000;

/// One caller's watch.
pub(super) struct Watch {
    handlers: Handlers,
    caller: Caller,
    news: watch::Receiver<Revision>,
    /// Whose part of the data is told; `None` is all of it.
    scope: Option<PartnerId>,
    /// Everything up to here was told.
    told: i64,
    /// When it began, of one that asks for nothing of before.
    began_at: Option<Timestamp>,
}

/// What is told of a licence, and its place in the order of all that is.
struct News {
    place: (i64, String),
    subject: Subject,
}

type Sender = mpsc::Sender<Result<pb::WatchEntitlementsResponse, Status>>;

impl Handlers {
    /// A watch as a caller asks for it.
    pub(super) async fn watch(&self, request: Request<pb::WatchEntitlementsRequest>) -> Result<Watch, Error> {
        let caller = vouch_host::caller(&request)?;
        let scope = scope(&caller)?;
        let pb::WatchEntitlementsRequest { after_revision, from_now } = request.into_inner();
        let mut violations = Violations::new();
        if after_revision < 0 {
            violations.add("after_revision", "must be 0 or the revision of a response");
        }
        if from_now && after_revision != 0 {
            violations.add("from_now", "must be false where a revision is given");
        }
        violations.finish(Some(()))?;
        let news = self.book.changes();
        if !from_now {
            self.book.caught_up(after_revision).await?;
            return Ok(Watch { handlers: self.clone(), caller, news, scope, told: after_revision, began_at: None });
        }
        let told = changes::revision_fetch(&mut *self.rpc.store.snapshot().await?).await?.all;
        // Ordering: the instant after the revision, so that what is changed after it has a later one.
        let began_at = Some(self.rpc.world.now());
        Ok(Watch { handlers: self.clone(), caller, news, scope, told, began_at })
    }
}

impl Watch {
    /// Sends until the caller goes.
    pub(super) async fn run(mut self, sender: Sender) -> Result<(), Status> {
        if let Some(began_at) = self.began_at {
            let began_at = Some(convert::timestamp(began_at));
            let first = pb::WatchEntitlementsResponse { changes: vec![], revision: self.told, began_at };
            if sender.send(Ok(first)).await.is_err() {
                return Ok(());
            }
        }
        loop {
            // Ordering: marked as seen before the database is read, so that a change in between is looked at again.
            self.news.mark_unchanged();
            self.handlers.is_still_known(&self.caller)?;
            // What was told is all there is: only who can still ask the database may say so.
            match self.tell(&sender).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(self.handlers.rpc.status(&error)),
            }
            match tokio::time::timeout(SIGN_OF_LIFE, self.news.changed()).await {
                Ok(Ok(())) => {}
                // The book itself is gone: the service stops.
                Ok(Err(_)) => return Ok(()),
                Err(_elapsed) => {
                    self.handlers.book.refresh().await.map_err(|error| self.handlers.rpc.status(&error))?;
                }
            }
        }
    }

    /// Tells everything that changed since, and where to resume. False when the caller is gone.
    async fn tell(&mut self, sender: &Sender) -> Result<bool, Error> {
        let until = changes::revision_fetch(&mut *self.handlers.rpc.store.snapshot().await?).await?.all;
        let mut after = (self.told, String::new());
        loop {
            // Each page is read on its own: who does not take the messages must not hold a connection meanwhile. A row that
            // changes between two pages moves past the bound, and is told the next time.
            let page = self.license_news(&after, until).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.place);
            if !self.send(sender, page.into_iter().map(|news| news.subject), self.told).await {
                return Ok(false);
            }
        }
        let mut after = String::new();
        loop {
            let since = (self.told, until);
            let mut snapshot = self.handlers.rpc.store.snapshot().await?;
            let partner = self.scope.as_ref();
            let limit = IN_ONE_MESSAGE.into();
            let page = changes::end_user_change_list(&mut snapshot, partner, since, &after, limit).await?;
            drop(snapshot);
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            let changes = page.into_iter().map(Subject::EndUserId);
            if !self.send(sender, changes, self.told).await {
                return Ok(false);
            }
        }
        self.told = until;
        Ok(self.send(sender, std::iter::empty(), until).await)
    }

    /// The next licences that changed or went, in the order in which they did. One that came back is not gone any more, so that
    /// none is told as both.
    async fn license_news(&self, after: &(i64, String), until: i64) -> Result<Vec<News>, Error> {
        let (partner, limit) = (self.scope.as_ref(), IN_ONE_MESSAGE.into());
        let mut snapshot = self.handlers.rpc.store.snapshot().await?;
        let changed = changes::license_change_list(&mut snapshot, partner, after, until, limit).await?;
        let mut news: Vec<_> = changed.into_iter().map(News::from).collect();
        if let Some(partner) = partner {
            let gone = gone_licenses::gone_list(&mut snapshot, partner, after, until, limit).await?;
            news.extend(gone.into_iter().map(News::from));
        }
        // Ordering: what is beyond the first page of both together is read again with the next one.
        news.sort_by(|one, other| one.place.cmp(&other.place));
        news.truncate(IN_ONE_MESSAGE.into());
        Ok(news)
    }

    async fn send(&self, sender: &Sender, changes: impl Iterator<Item = Subject>, revision: i64) -> bool {
        let changes = changes.map(|subject| pb::EntitlementChange { subject: Some(subject) }).collect();
        sender.send(Ok(pb::WatchEntitlementsResponse { changes, revision, began_at: None })).await.is_ok()
    }
}

impl From<LicenseChange> for News {
    fn from(change: LicenseChange) -> Self {
        let license_id = change.license_id.to_string();
        let place = (change.facts_revision, license_id.clone());
        let subject = Subject::License(pb::LicenseChange {
            license_id,
            license_revision: change.revision,
            state: pb::LicenseState::from(change.state).into(),
            end_user_id: change.end_user_id.to_string(),
        });
        Self { place, subject }
    }
}

impl From<GoneLicense> for News {
    fn from(gone: GoneLicense) -> Self {
        let license_id = gone.license_id.to_string();
        let place = (gone.facts_revision, license_id.clone());
        let license_revision = gone.revision;
        Self { place, subject: Subject::Gone(pb::GoneLicense { license_id, license_revision }) }
    }
}

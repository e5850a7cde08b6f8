//! The book: the facts of every licence in memory, read at the start, following the database, asked by every check.
//!
//! It keeps facts and no verdicts: what has begun or ended is judged when it is asked.

mod table;

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use vouch_core::{Error, Kind, Reason, World};
use vouch_storage::{Snapshot, Store, StoreError};

use crate::domain::partner::Standing;
use crate::store::changes::{self, Revision};
use crate::store::{catalog, packed, partners};

pub use table::{Table, Unusable, Wanted};

/// For how long an answer may rest on what was heard last.
pub const STALE: SignedDuration = SignedDuration::from_secs(5);

/// How long the database may take to say how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// The facts, and how far they are.
#[derive(Debug)]
pub struct Book {
    store: Store,
    world: World,
    table: RwLock<Table>,
    /// The revision up to which the table knows everything; whoever watches waits for it to change.
    seen: watch::Sender<Revision>,
    /// When the database was asked last, of those times that it answered.
    heard: watch::Sender<Timestamp>,
    /// One reading at a time: an older one must not end after a newer one. When the last one began that came to its end.
    reading: tokio::sync::Mutex<Option<Instant>>,
}

/// What changed since a revision.
struct News {
    licenses: Vec<Vec<u8>>,
    end_users: Vec<(String, i64)>,
    agreements: Vec<Vec<u8>>,
}

impl Book {
    /// Reads all of it.
    pub async fn open(store: Store, world: World) -> Result<Self, Error> {
        let heard = world.now();
        let mut snapshot = store.snapshot().await?;
        let revision = changes::revision_fetch(&mut snapshot).await?;
        let mut table = Table::with_room(changes::license_count(&mut snapshot).await?);
        read_catalogue(&mut snapshot, &mut table).await?;
        let dialect = store.dialect();
        changes::license_all(&mut snapshot, dialect, |facts| take_license(&mut table, facts)).await?;
        for (id, incidents) in changes::end_user_changes(&mut snapshot, None).await? {
            table.set_end_user(&id, incidents).map_err(unusable)?;
        }
        changes::agreement_all(&mut snapshot, dialect, |facts| take_agreement(&mut table, facts)).await?;
        drop(snapshot);
        let book = Self {
            store,
            world,
            table: RwLock::new(table),
            seen: watch::Sender::new(revision),
            heard: watch::Sender::new(heard),
            reading: tokio::sync::Mutex::default(),
        };
        // Reading all of it takes a while: it begins with what changed meanwhile, and not stale.
        book.refresh().await?;
        Ok(book)
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> watch::Receiver<Revision> {
        self.seen.subscribe()
    }

    /// Asks the database for news, here or from another replica. Who asks while a reading waits to begin is served by it.
    pub async fn refresh(&self) -> Result<(), Error> {
        let asked = Instant::now();
        let mut reading = self.reading.lock().await;
        if reading.is_some_and(|began| began > asked) {
            return Ok(());
        }
        let (began, asked_at) = (Instant::now(), self.world.now());
        // A connection that hangs is given up, so that the next reading takes another one.
        let (mut snapshot, revision) = tokio::time::timeout(PATIENCE, self.look())
            .await
            .map_err(|_elapsed| Error::Unavailable("the database does not answer in time".into()))??;
        let seen = *self.seen.borrow();
        if revision != seen {
            let has_new_catalogue = revision.catalogue > seen.catalogue;
            let catalogue = if has_new_catalogue { Some(catalogue(&mut snapshot).await?) } else { None };
            let news = read_news(&mut snapshot, seen.all).await?;
            self.apply(catalogue, &news);
            self.seen.send_replace(revision);
        }
        self.heard.send_replace(asked_at);
        *reading = Some(began);
        Ok(())
    }

    async fn look(&self) -> Result<(Snapshot, Revision), StoreError> {
        let mut snapshot = self.store.snapshot().await?;
        let revision = changes::revision_fetch(&mut snapshot).await?;
        Ok((snapshot, revision))
    }

    /// Sees to it that the book knows of a revision that was given out.
    pub async fn caught_up(&self, revision: i64) -> Result<(), Error> {
        if self.seen.borrow().all < revision {
            // Boxed: almost nobody has to wait, and nobody else carries its room.
            Box::pin(self.refresh()).await?;
        }
        if self.seen.borrow().all < revision {
            let message = format!("the revision {revision} was never given out");
            return Err(Error::Refused { kind: Kind::Refused, reason: Reason::RevisionUnknown, message });
        }
        Ok(())
    }

    /// Reads the table at one state, with the revision of that state.
    pub fn read<T>(&self, now: Timestamp, read: impl FnOnce(&Table) -> T) -> Result<(T, i64), Error> {
        if now.duration_since(*self.heard.borrow()) > STALE {
            let message = "what is known here may be old: ask again in a moment".to_owned();
            return Err(Error::Refused { kind: Kind::Unavailable, reason: Reason::FactsStale, message });
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        // Ordering: under the lock, so that it is the revision of this table: it grows after the table is changed.
        let revision = self.seen.borrow().all;
        Ok((read(&table), revision))
    }

    /// Changes the table as a whole: a check sees the state before or the state after. A row that cannot be used is left as it was,
    /// and told: it must not keep every other one from being followed.
    fn apply(&self, catalogue: Option<Catalogue>, news: &News) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((tiers, products, partners)) = catalogue {
            table.set_catalogue(tiers, products, partners);
        }
        let told = |taken: Result<(), StoreError>| {
            if let Err(error) = taken {
                tracing::error!(%error, "a row's facts cannot be used, and checks do not follow it");
            }
        };
        news.licenses.iter().for_each(|facts| told(take_license(&mut table, facts)));
        news.end_users.iter().for_each(|(id, left)| told(table.set_end_user(id, *left).map_err(unusable)));
        news.agreements.iter().for_each(|facts| told(take_agreement(&mut table, facts)));
    }
}

type Catalogue = (
    Vec<crate::domain::tier::Tier>,
    Vec<crate::domain::product::Product>,
    Vec<(vouch_core::code::PartnerId, Standing)>,
);

async fn catalogue(snapshot: &mut Snapshot) -> Result<Catalogue, StoreError> {
    let (tiers, products) = (catalog::tier_all(snapshot).await?, catalog::product_all(snapshot).await?);
    Ok((tiers, products, partners::standing_all(snapshot).await?))
}

async fn read_catalogue(snapshot: &mut Snapshot, table: &mut Table) -> Result<(), StoreError> {
    let (tiers, products, partners) = catalogue(snapshot).await?;
    table.set_catalogue(tiers, products, partners);
    Ok(())
}

async fn read_news(snapshot: &mut Snapshot, since: i64) -> Result<News, StoreError> {
    Ok(News {
        licenses: changes::license_changes(snapshot, since).await?,
        end_users: changes::end_user_changes(snapshot, Some(since)).await?,
        agreements: changes::agreement_changes(snapshot, since).await?,
    })
}

fn take_license(table: &mut Table, facts: &[u8]) -> Result<(), StoreError> {
    table.set_license(&packed::read_license(facts)?).map_err(unusable)
}

fn take_agreement(table: &mut Table, facts: &[u8]) -> Result<(), StoreError> {
    table.add_agreement(&packed::read_agreement(facts)?).map_err(unusable)
}

fn unusable(problem: Unusable) -> StoreError {
    StoreError::Corrupt { column: "facts", problem: problem.to_string() }
}

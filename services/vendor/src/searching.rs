//! A search through the entries of a bundle, on its way to who asked for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::search_bundle_response::Told;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_diagnostics::{Entry, Manifest};
use vouch_host::Rpc;
use vouch_storage::blobs::Blobs;

use crate::contents::Content;
use crate::domain::bundle_read::Scope;
use crate::domain::bundle_search::{End, Found, HEAD, Limits, Query, Scanner, Tally, is_text};

/// How many run at once: each keeps a processor busy.
const AT_ONCE: usize = 4;
/// When it is worth trying again.
const AGAIN: Duration = Duration::from_secs(1);
/// How much is read at once.
const PIECE: u64 = 1024 * 1024;
/// How much is searched at once: what is found in it is held until it was sent.
const SLICE: usize = 64 * 1024;
/// How long a caller may take to read a message.
const PAUSE: Duration = Duration::from_secs(30);

/// Lets a few searches run at once.
#[derive(Debug, Clone)]
pub struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Searches {
    /// Leave to search, for as long as it is held. `RATE_LIMITED` when too many run.
    pub fn begin(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.0.clone().try_acquire_owned().map_err(|_| Error::RateLimited { retry_after: AGAIN })
    }
}

/// One search.
#[derive(Debug)]
pub struct Search {
    /// What answers errors; its world tells when the time is up.
    pub rpc: Rpc,
    /// Where the content is.
    pub blobs: Blobs,
    /// Whose it is.
    pub partner_id: PartnerId,
    /// The bundle's manifest.
    pub manifest: Arc<Manifest>,
    /// Which entries.
    pub scope: Scope,
    /// What is looked for.
    pub query: Query,
    /// How far it goes.
    pub limits: Limits,
    /// Leave to search.
    pub permit: OwnedSemaphorePermit,
}

/// What a search's caller is sent.
type Messages = Sender<Result<pb::SearchBundleResponse, Status>>;

/// A search that runs.
struct Running {
    search: Search,
    sender: Messages,
    began: Timestamp,
    tally: Tally,
}

/// Why a search stops before its entries end.
enum Stop {
    /// A limit is reached.
    At(End),
    /// Nobody listens.
    Unheard,
    /// It failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Search {
    /// Sends what is found as it is found, and what it came to.
    pub async fn run(self, sender: Messages) -> Result<(), Status> {
        let began = self.rpc.world.now();
        let mut running = Running { search: self, sender, began, tally: Tally::default() };
        let end = match running.through().await {
            Ok(()) => End::Complete,
            Err(Stop::At(end)) => end,
            Err(Stop::Unheard) => return Ok(()),
            Err(Stop::Failed(error)) => return Err(running.search.rpc.status(&error)),
        };
        let summary = Told::Summary(summary(end, &running.tally));
        match running.send(summary).await {
            Ok(()) | Err(Stop::At(_) | Stop::Unheard) => Ok(()),
            Err(Stop::Failed(error)) => Err(running.search.rpc.status(&error)),
        }
    }
}

impl Running {
    async fn through(&mut self) -> Result<(), Stop> {
        let (manifest, scope) = (self.search.manifest.clone(), self.search.scope.clone());
        for entry in manifest.entries.iter().filter(|entry| entry.failed.is_none() && scope.has(entry)) {
            self.check()?;
            self.entry(&manifest, entry).await?;
        }
        Ok(())
    }

    async fn entry(&mut self, manifest: &Manifest, entry: &Entry) -> Result<(), Stop> {
        let Search { blobs, partner_id, query, .. } = &self.search;
        let mut content = Content::of_entry(blobs, partner_id, manifest, entry, 0..entry.size_bytes);
        let mut scanner = Scanner::new(query.clone());
        let mut next = head(&mut content).await?;
        if !is_text(&next) {
            self.tally.skipped += 1;
            return Ok(());
        }
        self.tally.searched += 1;
        let cut_before = self.tally.lines_cut;
        loop {
            while !next.is_empty() {
                self.check()?;
                let left = self.search.limits.bytes - self.tally.bytes;
                let slice = next.split_to(next.len().min(SLICE).min(usize::try_from(left).unwrap_or(usize::MAX)));
                self.tally.bytes += slice.len() as u64;
                // An expression may take its time: elsewhere than where requests are answered.
                let searched = tokio::task::spawn_blocking(move || {
                    let found = scanner.take(&slice);
                    (scanner, found)
                });
                let (back, found) = searched.await.map_err(Error::internal)?;
                scanner = back;
                self.tally.lines_cut = cut_before + scanner.lines_cut();
                self.tell(entry, found).await?;
            }
            match content.next(PIECE).await? {
                Some(piece) => next = piece,
                None => break,
            }
        }
        let last = scanner.end();
        self.tally.lines_cut = cut_before + scanner.lines_cut();
        self.tell(entry, last).await
    }

    fn check(&self) -> Result<(), Stop> {
        self.search.limits.end(&self.tally, self.took()).map_or(Ok(()), |end| Err(Stop::At(end)))
    }

    fn took(&self) -> SignedDuration {
        self.search.rpc.world.now().duration_since(self.began)
    }

    async fn tell(&mut self, entry: &Entry, found: impl IntoIterator<Item = Found>) -> Result<(), Stop> {
        for line in found {
            if self.tally.matches >= self.search.limits.matches {
                return Err(Stop::At(End::Matches));
            }
            // Whoever reads slowly does not search for longer.
            if self.took() >= self.search.limits.time {
                return Err(Stop::At(End::Time));
            }
            self.tally.matches += 1;
            self.send(Told::Match(told(entry, line))).await?;
        }
        Ok(())
    }

    async fn send(&self, told: Told) -> Result<(), Stop> {
        let message = pb::SearchBundleResponse { told: Some(told) };
        match tokio::time::timeout(PAUSE, self.sender.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Stop::Unheard),
            Err(_late) => Err(Stop::Failed(Error::Unavailable("nobody read what a search found".into()))),
        }
    }
}

/// As much of a content as tells whether it is text, or more.
async fn head(content: &mut Content) -> Result<Bytes, Error> {
    let mut head = content.next(PIECE).await?.unwrap_or_default();
    while head.len() < HEAD {
        let Some(more) = content.next(PIECE).await? else { break };
        head = [head, more].concat().into();
    }
    Ok(head)
}

fn told(entry: &Entry, line: Found) -> pb::BundleMatch {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    pb::BundleMatch {
        path: entry.path.clone(),
        line_number: number(line.number),
        line_offset_bytes: number(line.offset),
        before: line.before,
        matched: line.matched,
        after: line.after,
        cut: line.cut,
    }
}

fn summary(end: End, tally: &Tally) -> pb::BundleSearchSummary {
    let (small, large) =
        (|count: u32| i32::try_from(count).unwrap_or(i32::MAX), |count: u64| i64::try_from(count).unwrap_or(i64::MAX));
    pb::BundleSearchSummary {
        end: match end {
            End::Complete => pb::BundleSearchEnd::Complete,
            End::Matches => pb::BundleSearchEnd::MatchLimit,
            End::Bytes => pb::BundleSearchEnd::ByteLimit,
            End::Time => pb::BundleSearchEnd::TimeLimit,
        }
        .into(),
        matches: large(tally.matches),
        entries_searched: small(tally.searched),
        entries_skipped: small(tally.skipped),
        bytes_searched: large(tally.bytes),
        lines_cut: large(tally.lines_cut),
    }
}

#[cfg(test)]
mod tests {
    //! Proves B05.

    use vouch_core::Reason;

    use super::*;

    #[test]
    fn b05_a_few_searches_run_at_once_and_the_next_is_told_to_come_back() {
        let searches = Searches::default();
        let mut running: Vec<_> = (0..AT_ONCE).map(|_| searches.begin().unwrap()).collect();
        assert_eq!(searches.begin().unwrap_err().reason(), Reason::RateLimited);
        running.pop();
        assert!(searches.begin().is_ok());
    }
}

//! A partner's feed as a stream: from a cursor on, in the order of commitment, then each event as it comes.

use std::time::{Duration, Instant};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use tokio::sync::mpsc;
use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::{Bell, Rpc};

use crate::history::{Room, event_message, fitting};
use crate::store::history::{FeedPlace, feed_hash_at, feed_list};

/// How often a stream without events gives a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// How often the store is asked without a bell: another replica's bell is not heard here.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How many events one message carries at most.
const IN_ONE_MESSAGE: i64 = 100;

/// One partner's watch.
#[derive(Debug)]
pub struct Watch {
    /// What answers errors.
    pub rpc: Rpc,
    /// Rung after every commit here.
    pub bell: Bell,
    /// The history that this store holds.
    pub epoch: String,
    /// Whose feed.
    pub partner_id: PartnerId,
    /// The last place that the caller applied.
    pub place: FeedPlace,
}

impl Watch {
    /// Checks that the cursor is one of this history.
    pub async fn begin(&self) -> Result<(), Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        let there = feed_hash_at(&mut snapshot, &self.partner_id, self.place.sequence).await?;
        if there == Some(self.place.hash) { Ok(()) } else { Err(diverged()) }
    }

    /// Sends until the caller goes. The first message comes at once, so that the caller knows where it stands.
    pub async fn run(mut self, sender: mpsc::Sender<Result<pb::WatchCasesResponse, Status>>) -> Result<(), Status> {
        let mut listener = self.bell.listen();
        let mut silent_since: Option<Instant> = None;
        loop {
            let found = {
                let mut snapshot = self.rpc.store.snapshot().await.map_err(|error| self.rpc.status(&error.into()))?;
                feed_list(&mut snapshot, &self.partner_id, self.place.sequence, IN_ONE_MESSAGE).await
            };
            let mut found = found.map_err(|error| self.rpc.status(&error.into()))?;
            if found.is_empty() && silent_since.is_some_and(|since| since.elapsed() < SIGN_OF_LIFE) {
                listener.rung(ASK_AGAIN).await;
                continue;
            }
            found.truncate(fitting(found.iter().map(|(_, event)| event), &mut Room::whole()));
            self.place = found.last().map_or(self.place, |(place, _)| *place);
            let is_empty = found.is_empty();
            let events = found.into_iter().map(|(_, event)| event_message(event)).collect();
            let message = pb::WatchCasesResponse { events, cursor: write_cursor(&self.epoch, self.place) };
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
            silent_since = Some(Instant::now());
            if is_empty {
                listener.rung(ASK_AGAIN).await;
            }
        }
    }
}

/// The cursor for a place.
fn write_cursor(epoch: &str, place: FeedPlace) -> String {
    let text = format!("1:{epoch}:{}:{}", place.sequence, HEXLOWER.encode(&place.hash));
    BASE64URL_NOPAD.encode(text.as_bytes())
}

/// Reads a cursor; an empty one is the beginning. One of another history is told from one that is none at all.
pub fn read_cursor(cursor: &str, epoch: &str) -> Result<FeedPlace, Error> {
    if cursor.is_empty() {
        return Ok(FeedPlace::START);
    }
    let wrong = || Error::field("cursor", "must be the cursor of a message of this watch");
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let [version, of, sequence, hash] = text.split(':').collect::<Vec<_>>().try_into().map_err(|_| wrong())?;
    let sequence: i64 = sequence.parse().ok().filter(|sequence| *sequence >= 0).ok_or_else(wrong)?;
    let hash = HEXLOWER.decode(hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok()).ok_or_else(wrong)?;
    if version != "1" {
        return Err(wrong());
    }
    if of != epoch {
        return Err(diverged());
    }
    Ok(FeedPlace { sequence, hash })
}

fn diverged() -> Error {
    let message = "the cursor is of another history; start over from the beginning, and compare".to_owned();
    Error::Refused { kind: Kind::Refused, reason: Reason::HistoryDiverged, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_own_history_only() {
        let place = FeedPlace { sequence: 42, hash: [7; 32] };
        let cursor = write_cursor("e1", place);
        assert_eq!(read_cursor(&cursor, "e1").unwrap(), place);
        assert_eq!(read_cursor("", "e1").unwrap(), FeedPlace::START);
        assert_eq!(read_cursor(&cursor, "e2").unwrap_err().reason(), Reason::HistoryDiverged);
        for bad in ["x", "!!", &BASE64URL_NOPAD.encode(b"1:e1:-1:00"), &BASE64URL_NOPAD.encode(b"2:e1:1:00")] {
            assert_eq!(read_cursor(bad, "e1").unwrap_err().reason(), Reason::InvalidField, "{bad:?}");
        }
    }
}

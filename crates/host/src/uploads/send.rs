//! Handing blobs over: asked what is missing, from where it was cut off, in parts, several at a time.
//!
//! The near side reads them, the far side takes them. Both are safe to begin again: only what is missing travels.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Response, Status};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::Error;
use vouch_storage::blobs::BlobRef;

use super::{MAX_BLOBS, Part, size, write_blob};

/// How many bytes one part carries: the far side syncs each, so few are faster, and both sides hold several of them in memory.
pub const PART_BYTES: u64 = 2 * 1024 * 1024;
/// How many blobs travel at a time: while one waits for a disk or an answer, another one moves.
const IN_FLIGHT: usize = 4;
/// How many parts wait between whoever reads and whoever sends.
const AHEAD: usize = 1;
/// How long the far side may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(20);

/// The side that takes blobs in.
pub trait Far: Sync {
    /// Which of these blobs it does not have.
    fn missing(&self, blobs: Vec<pb::BlobRef>) -> impl Future<Output = Result<Vec<pb::BlobRef>, Status>> + Send;

    /// How much of a blob it has committed.
    fn committed(&self, blob: pb::BlobRef) -> impl Future<Output = Result<i64, Status>> + Send;

    /// Takes one blob, whose first part names it; tells whether it is whole then.
    fn write(&self, parts: ReceiverStream<Part>) -> impl Future<Output = Result<bool, Status>> + Send;
}

/// The side that has the blobs.
pub trait Near: Sync {
    /// Reads a blob on from a place, piece by piece, into the outlet.
    fn read(&self, outlet: Outlet) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Hears how far each blob is: the blob, and how many of its bytes are there or on their way.
pub type Told = Arc<dyn Fn(&BlobRef, u64) + Send + Sync>;

/// Where the pieces of one blob go.
pub struct Outlet {
    blob: BlobRef,
    offset: u64,
    parts: mpsc::Sender<Part>,
    told: Told,
}

impl Outlet {
    /// The blob.
    pub fn blob(&self) -> &BlobRef {
        &self.blob
    }

    /// Where the next piece begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Sends the next piece; false when nobody takes it any more.
    pub async fn send(&mut self, piece: Bytes) -> bool {
        let part = self.part(piece);
        self.parts.send(part).await.is_ok()
    }

    /// The same from a thread that may wait.
    pub fn send_blocking(&mut self, piece: Bytes) -> bool {
        let part = self.part(piece);
        self.parts.blocking_send(part).is_ok()
    }

    fn part(&mut self, content: Bytes) -> Part {
        let part = Part { blob: None, offset_bytes: size(self.offset), content };
        self.offset += part.content.len() as u64;
        (self.told)(&self.blob, self.offset);
        part
    }
}

/// Sends those of these blobs that the far side does not have. An error is this side's; a status is the far side's, and what it has
/// committed by then stays there.
pub async fn send(
    near: &impl Near,
    far: &impl Far,
    blobs: &[BlobRef],
    told: &Told,
) -> Result<Result<(), Status>, Error> {
    for some in blobs.chunks(MAX_BLOBS) {
        let missing = match within(far.missing(some.iter().map(write_blob).collect())).await {
            Ok(missing) => missing,
            Err(status) => return Ok(Err(status)),
        };
        let missing: BTreeSet<&[u8]> = missing.iter().map(|blob| blob.sha256.as_ref()).collect();
        let is_missing = |blob: &BlobRef| missing.contains(blob.sha256.as_slice());
        let (wanted, there): (VecDeque<_>, VecDeque<_>) = some.iter().copied().partition(is_missing);
        for blob in there {
            told(&blob, blob.size_bytes);
        }
        let queue = Mutex::new(wanted);
        let senders = (0..IN_FLIGHT).map(|_| send_all(near, far, &queue, told));
        // The first that fails ends the others: they are cut, and go on later.
        match try_join_all(senders).await {
            Ok(_) => {}
            Err(Failed::Near(error)) => return Err(error),
            Err(Failed::Far(status)) => return Ok(Err(status)),
        }
    }
    Ok(Ok(()))
}

/// Why a blob did not arrive.
enum Failed {
    Near(Error),
    Far(Status),
}

/// Sends one blob after another.
async fn send_all(
    near: &impl Near,
    far: &impl Far,
    queue: &Mutex<VecDeque<BlobRef>>,
    told: &Told,
) -> Result<(), Failed> {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(blob) = next() {
        send_one(near, far, blob, told).await?;
    }
    Ok(())
}

/// Sends one blob from where the far side has it.
async fn send_one(near: &impl Near, far: &impl Far, blob: BlobRef, told: &Told) -> Result<(), Failed> {
    let there = within(far.committed(write_blob(&blob))).await.map_err(Failed::Far)?;
    let offset = u64::try_from(there).unwrap_or(0).min(blob.size_bytes);
    told(&blob, offset);
    let (parts, receiver) = mpsc::channel(AHEAD);
    // Named on its own: with nothing behind it, it asks for what is there to be verified.
    let first = Part { blob: Some(write_blob(&blob)), offset_bytes: size(offset), content: Bytes::new() };
    let _ = parts.try_send(first);
    let reading = near.read(Outlet { blob, offset, parts, told: Arc::clone(told) });
    let mut writing = std::pin::pin!(far.write(ReceiverStream::new(receiver)));
    let written = tokio::select! {
        // Refused in the middle: nobody takes the rest.
        written = &mut writing => written,
        read = reading => {
            read.map_err(Failed::Near)?;
            writing.await
        }
    };
    match written {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failed::Far(Status::unavailable("a blob is not whole yet"))),
        Err(status) => Err(Failed::Far(status)),
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = |_| Status::deadline_exceeded("no answer in time");
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}

impl Far for BundleServiceClient<Channel> {
    async fn missing(&self, blobs: Vec<pb::BlobRef>) -> Result<Vec<pb::BlobRef>, Status> {
        let answer = self.clone().find_missing_blobs(pb::FindMissingBlobsRequest { blobs }).await?;
        Ok(answer.into_inner().missing)
    }

    async fn committed(&self, blob: pb::BlobRef) -> Result<i64, Status> {
        let answer = self.clone().query_blob(pb::QueryBlobRequest { blob: Some(blob) }).await?;
        Ok(answer.into_inner().committed_bytes)
    }

    async fn write(&self, parts: ReceiverStream<Part>) -> Result<bool, Status> {
        let messages = parts.map(|Part { blob, offset_bytes, content }| pb::WriteBlobRequest {
            blob,
            offset_bytes,
            part: content,
        });
        self.clone().write_blob(messages).await.map(Response::into_inner).map(|answer| answer.complete)
    }
}

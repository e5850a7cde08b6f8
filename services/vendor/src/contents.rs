//! Contents of bundles, read piece by piece: memory stays flat whatever their size.

use std::ops::Range;

use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::{Digest, Digesting, Entry, Manifest};
use vouch_host::{Rpc, uploads};
use vouch_storage::blobs::{BlobRef, Blobs};

/// How much one message carries.
const CHUNK: u64 = 256 * 1024;

/// A range of bytes of a blob, and how far it was read.
#[derive(Debug)]
pub struct Content {
    blobs: Blobs,
    owner: String,
    /// `None` where there is nothing to read.
    blob: Option<BlobRef>,
    rest: Range<u64>,
}

impl Content {
    /// A blob as a whole.
    pub fn of_blob(blobs: &Blobs, partner_id: &PartnerId, blob: BlobRef) -> Self {
        Self { blobs: blobs.clone(), owner: partner_id.to_string(), blob: Some(blob), rest: 0..blob.size_bytes }
    }

    /// A range of an entry's content.
    pub fn of_entry(
        blobs: &Blobs,
        partner_id: &PartnerId,
        manifest: &Manifest,
        entry: &Entry,
        range: Range<u64>,
    ) -> Self {
        let place = manifest.place(entry);
        let blob = place.map(|place| BlobRef { sha256: place.blob.0, size_bytes: place.blob_bytes });
        let begins = place.map_or(0, |place| place.offset);
        let rest = begins + range.start..begins + range.end;
        Self { blobs: blobs.clone(), owner: partner_id.to_string(), blob, rest }
    }

    /// The next bytes, at most so many; `None` at the end.
    pub async fn next(&mut self, most: u64) -> Result<Option<Bytes>, Error> {
        let Some(blob) = self.blob.filter(|_| !self.rest.is_empty()) else { return Ok(None) };
        let most = most.min(self.rest.end - self.rest.start);
        let piece = self.blobs.read_range(&self.owner, &blob, self.rest.start, most).await?.ok_or_else(not_kept)?;
        if piece.is_empty() {
            return Err(damaged("the content ends before its size"));
        }
        self.rest.start += piece.len() as u64;
        Ok(Some(piece))
    }
}

/// The content of an entry on its way to who reads it.
#[derive(Debug)]
pub struct Reading {
    /// What answers errors.
    pub rpc: Rpc,
    /// The entry.
    pub entry: pb::BundleEntry,
    /// The digest of what is read, where that is the whole.
    pub sha256: Option<Digest>,
    /// Which bytes of it.
    pub range: Range<u64>,
    /// These bytes.
    pub content: Content,
}

impl Reading {
    /// Sends what it is, then its content. Where that is the whole, it is verified.
    pub async fn run(
        mut self,
        sender: mpsc::Sender<Result<pb::ReadBundleEntryResponse, Status>>,
    ) -> Result<(), Status> {
        let about = pb::ReadBundleEntryResponse {
            entry: Some(self.entry),
            range_bytes: uploads::size(self.range.end - self.range.start),
            offset_bytes: uploads::size(self.range.start),
            ..pb::ReadBundleEntryResponse::default()
        };
        if sender.send(Ok(about)).await.is_err() {
            return Ok(());
        }
        let (mut digesting, mut offset) = (Digesting::default(), self.range.start);
        while let Some(chunk) = self.content.next(CHUNK).await.map_err(|error| self.rpc.status(&error))? {
            if self.sha256.is_some() {
                digesting.take(&chunk);
            }
            let offset_bytes = uploads::size(offset);
            offset += chunk.len() as u64;
            let message = pb::ReadBundleEntryResponse { offset_bytes, chunk, ..pb::ReadBundleEntryResponse::default() };
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
        let sha256 = self.sha256.map(|sha256| (sha256, digesting.end())).filter(|(wanted, read)| wanted != read);
        if let Some((sha256, _)) = sha256 {
            tracing::error!(content.sha256 = %sha256, "the content of an entry is not what it was");
            return Err(self.rpc.status(&damaged("the content is not what it was when it was committed")));
        }
        Ok(())
    }
}

/// What a bundle names is not there.
pub fn not_kept() -> Error {
    let message = "the content of the bundle is not kept any more, or is not whole".to_owned();
    Error::Refused { kind: Kind::Refused, reason: Reason::BundleNotKept, message }
}

fn damaged(message: &str) -> Error {
    Error::Refused { kind: Kind::Damaged, reason: Reason::ContentDamaged, message: message.to_owned() }
}

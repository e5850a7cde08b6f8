//! Bundles of diagnostics in transfer: what every service that takes them in does alike, and, in `send`, everybody who hands
//! them over.

mod send;

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::id::BundleId;
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_diagnostics::{Digest, Manifest};
pub use vouch_storage::blobs::BlobRef;
use vouch_storage::blobs::{Blobs, MAX_BLOB_BYTES, Progress};

pub use self::send::{Far, Near, Outlet, PART_BYTES, Told, send};
use crate::Rpc;

/// How many blobs one question may name.
pub const MAX_BLOBS: usize = 5000;
/// How long an upload may pause between two parts.
pub const PAUSE: Duration = Duration::from_secs(30);
/// How many packs are read before it is remembered that they were verified.
const REMEMBERED: usize = 16;
/// The largest manifest.
const MAX_MANIFEST_BYTES: u64 = 32 * 1024 * 1024;

/// One message of an upload.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The blob; in the first message only.
    pub blob: Option<pb::BlobRef>,
    /// Where the part begins.
    pub offset_bytes: i64,
    /// The part; empty to ask for what is committed to be verified.
    pub content: Bytes,
}

/// Takes the parts of one blob as they come. What is committed stays committed when the stream is cut.
pub async fn receive(
    rpc: &Rpc,
    blobs: &Blobs,
    owner: &str,
    mut parts: impl Stream<Item = Result<Part, Status>> + Unpin,
) -> Result<Progress, Status> {
    let told = |error: Error| rpc.status(&error);
    let first = next(rpc, &mut parts).await?.unwrap_or_default();
    let blob = read_one(first.blob.clone()).map_err(|violations| told(violations.into()))?;
    // One part waits here while the one before it is written.
    let (sender, receiver) = mpsc::channel(1);
    let reading = async {
        let (sender, mut part) = (sender, Part { blob: None, ..first });
        loop {
            if part.blob.is_some() {
                return Err(told(Error::field("blob", "is named in the first message only")));
            }
            let offset = u64::try_from(part.offset_bytes)
                .map_err(|_| told(Error::field("offset_bytes", "must not be negative")))?;
            // Without a part, a first message asks for what is committed to be verified: the answer to a cut in the last moment.
            if !part.content.is_empty() && sender.send((offset, part.content)).await.is_err() {
                return Ok(());
            }
            part = match next(rpc, &mut parts).await? {
                Some(part) if part.content.is_empty() => {
                    return Err(told(Error::field("part", "may be empty in the first message only")));
                }
                Some(part) => part,
                None => return Ok(()),
            };
        }
    };
    let mut taking = std::pin::pin!(blobs.take(owner, &blob, receiver));
    tokio::select! {
        // Refused before the stream has ended: what still comes is not waited for.
        taken = &mut taking => taken.map_err(told),
        read = reading => {
            // What came before a cut is committed.
            let taken = taking.await.map_err(told)?;
            read.map(|()| taken)
        }
    }
}

/// The next message of an upload.
async fn next(
    rpc: &Rpc,
    parts: &mut (impl Stream<Item = Result<Part, Status>> + Unpin),
) -> Result<Option<Part>, Status> {
    let late = |_| rpc.status(&Error::Unavailable("an upload paused too long between two parts".into()));
    tokio::time::timeout(PAUSE, parts.next()).await.map_err(late)?.transpose()
}

/// A manifest that is there whole, with every blob that it names.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The manifest.
    pub manifest: Manifest,
    /// The digest of its bytes.
    pub root: Digest,
    /// The blobs that it names.
    pub blobs: Vec<BlobRef>,
}

/// Reads a manifest of an owner. `BUNDLE_INCOMPLETE` when it is not there whole. Whether what it names is there, says
/// [`vouch_storage::blobs::pin`].
pub async fn manifest(blobs: &Blobs, owner: &str, named: &BlobRef) -> Result<Whole, Error> {
    let bytes = blobs
        .read(owner, named, MAX_MANIFEST_BYTES)
        .await?
        .ok_or_else(|| incomplete("the manifest itself is not complete; ask FindMissingBlobs".to_owned()))?;
    let (manifest, root) =
        Manifest::read(&bytes).map_err(|problem| Error::field("manifest", format!("cannot be taken: {problem}")))?;
    let named = manifest.blobs().into_iter().map(|(digest, size_bytes)| BlobRef { sha256: digest.0, size_bytes });
    Ok(Whole { blobs: named.collect(), manifest, root })
}

/// Refuses a bundle in whose packs something else lies than its manifest says: `DIGEST_MISMATCH`, with the entry. `BUNDLE_INCOMPLETE`
/// when a pack is not there whole. Whether it stays, and whether the other blobs are there, says [`vouch_storage::blobs::pin`].
///
/// A pack is read once. What was verified is remembered beside it, also when somebody stops waiting for the others, so that the same
/// manifest is not read again, and one that takes long goes on where it was.
pub async fn check_packs(blobs: &Blobs, owner: &str, whole: &Whole) -> Result<(), Error> {
    let contents = whole.manifest.packed();
    let packs: Vec<BlobRef> =
        whole.blobs.iter().filter(|blob| contents.contains_key(&Digest(blob.sha256))).copied().collect();
    let known = blobs.layouts(owner, &packs).await?;
    let mut verified = Vec::new();
    for (blob, (_, mut contents)) in packs.iter().zip(contents) {
        let layout = contents.layout().0;
        if known.get(&blob.sha256) == Some(&layout) {
            continue;
        }
        let mut offset = 0;
        while offset < blob.size_bytes {
            let piece = blobs.read_from(owner, blob, offset).await?.filter(|piece| !piece.is_empty());
            let piece =
                piece.ok_or_else(|| incomplete("a pack of the bundle is missing; ask FindMissingBlobs".to_owned()))?;
            contents.pass(&piece).map_err(|entry| {
                let message = format!("the content of {} is not what its digest says", entry.path);
                Error::Refused { kind: Kind::Refused, reason: Reason::DigestMismatch, message }
            })?;
            offset += piece.len() as u64;
        }
        verified.push((*blob, layout));
        if verified.len() == REMEMBERED {
            blobs.keep_layouts(owner, &std::mem::take(&mut verified)).await?;
        }
    }
    if verified.is_empty() { Ok(()) } else { blobs.keep_layouts(owner, &verified).await }
}

/// Settles bundles whose time is over, each once, in the order of their ids, as many at a time as `due` finds behind one. One that cannot be
/// settled keeps no other from it; one whose row somebody holds is looked at again next time.
pub async fn settle_all<D, S>(due: impl Fn(Option<BundleId>) -> D, settle: impl Fn(BundleId) -> S) -> Result<(), Error>
where
    D: Future<Output = Result<Vec<BundleId>, Error>>,
    S: Future<Output = Result<(), Error>>,
{
    let mut after = None;
    loop {
        let page = due(after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        for id in page {
            if let Err(error) = settle(id).await {
                tracing::error!(bundle.id = %id, error = ?error, "a bundle cannot be given up");
            }
        }
    }
}

/// Reads the one blob that a message names.
pub fn read_one(blob: Option<pb::BlobRef>) -> Result<BlobRef, Violations> {
    let mut violations = Violations::new();
    let blob = violations.nested("blob", blob, read_blob);
    violations.finish(blob)
}

/// Reads the blobs that a question names.
pub fn read_many(blobs: Vec<pb::BlobRef>, v: &mut Violations) -> Vec<BlobRef> {
    if blobs.len() > MAX_BLOBS {
        v.add("blobs", format!("must be at most {MAX_BLOBS}"));
        return Vec::new();
    }
    let mut read = Vec::new();
    for (index, blob) in blobs.into_iter().enumerate() {
        read.extend(v.nested(&format!("blobs[{index}]"), Some(blob), read_blob));
    }
    read
}

/// Reads a reference to a blob.
pub fn read_blob(blob: pb::BlobRef, v: &mut Violations) -> Option<BlobRef> {
    let sha256 = <[u8; 32]>::try_from(blob.sha256.as_ref()).map_err(|_| "must be a SHA-256 digest of 32 bytes");
    let sha256 = v.take("sha256", sha256);
    let size_bytes = u64::try_from(blob.size_bytes).ok().filter(|size| (1..=MAX_BLOB_BYTES).contains(size));
    let size_bytes = v.take("size_bytes", size_bytes.ok_or("must be 1 byte to 64 GiB"));
    Some(BlobRef { sha256: sha256?, size_bytes: size_bytes? })
}

/// A reference to a blob as the wire has it.
pub fn write_blob(blob: &BlobRef) -> pb::BlobRef {
    pb::BlobRef { sha256: blob.sha256.to_vec().into(), size_bytes: size(blob.size_bytes) }
}

/// A size as the wire has it.
pub fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn incomplete(message: String) -> Error {
    Error::Refused { kind: Kind::Refused, reason: Reason::BundleIncomplete, message }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use vouch_core::id::BundleId;
    use vouch_core::{Error, World};

    use super::*;

    #[tokio::test]
    async fn bundles_that_cannot_be_settled_keep_no_other_one_and_are_tried_once() {
        let world = World::system();
        let mut bundles: Vec<BundleId> = (0..130).map(|_| world.id()).collect();
        bundles.sort_unstable();
        let tried = Mutex::new(Vec::new());
        let due = |after: Option<BundleId>| {
            let behind = bundles.iter().copied().filter(move |id| after.is_none_or(|after| *id > after));
            std::future::ready(Ok(behind.take(50).collect()))
        };
        // More than a page of them fail, before all others.
        let settle = |id: BundleId| {
            tried.lock().unwrap().push(id);
            std::future::ready(if id <= bundles[60] { Err(Error::internal("it is stuck")) } else { Ok(()) })
        };
        settle_all(due, settle).await.unwrap();
        assert_eq!(tried.into_inner().unwrap(), bundles);
    }
}

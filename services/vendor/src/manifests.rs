//! Manifests of bundles that are being read, remembered for a while: a person reads one entry after another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use vouch_core::{Error, Kind, Reason};
use vouch_diagnostics::{Digest, Manifest};
use vouch_storage::blobs::{BlobRef, Blobs};

use crate::contents::{Content, not_kept};
use crate::domain::bundle::Bundle;

/// How many bytes of manifests are remembered, as they were written: twice as much, about, as they take in memory.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// How much is read at once.
const PIECE: u64 = 1024 * 1024;

/// Manifests by their roots.
#[derive(Debug, Clone)]
pub struct Manifests(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    blobs: Blobs,
    /// The one that was asked for last at the head.
    known: Mutex<VecDeque<Known>>,
    /// One is read at a time: a large one takes its memory once.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Known {
    root: Digest,
    size_bytes: u64,
    manifest: Arc<Manifest>,
}

impl Manifests {
    /// None yet.
    pub fn new(blobs: Blobs) -> Self {
        Self(Arc::new(Shared { blobs, known: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// The manifest of a bundle. `BUNDLE_NOT_KEPT` when it is not there any more, `CONTENT_DAMAGED` when it is not what it was.
    pub async fn of(&self, bundle: &Bundle) -> Result<Arc<Manifest>, Error> {
        let Shared { blobs, turn, .. } = &*self.0;
        // Another bundle may have the same content still: that is not this one's any more.
        if bundle.content_deleted_at.is_some() {
            return Err(not_kept());
        }
        // Asked each time: what is kept no more is not told from memory.
        let blob = blobs.find(bundle.partner_id.as_str(), bundle.root.0).await?.ok_or_else(not_kept)?;
        if let Some(known) = self.known(bundle.root) {
            return Ok(known);
        }
        let _turn = turn.lock().await;
        if let Some(known) = self.known(bundle.root) {
            return Ok(known);
        }
        let manifest = Arc::new(read(blobs, bundle, blob).await?);
        self.remember(Known { root: bundle.root, size_bytes: blob.size_bytes, manifest: manifest.clone() });
        Ok(manifest)
    }

    fn known(&self, root: Digest) -> Option<Arc<Manifest>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().position(|known| known.root == root)?;
        let found = known.remove(place)?;
        let manifest = found.manifest.clone();
        known.push_front(found);
        Some(manifest)
    }

    fn remember(&self, one: Known) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_front(one);
        let mut size = 0;
        // The last one is kept, however large it is.
        let fitting = known.iter().take_while(|known| {
            size += known.size_bytes;
            size <= MOST_BYTES
        });
        let fitting = fitting.count().max(1);
        known.truncate(fitting);
    }
}

async fn read(blobs: &Blobs, bundle: &Bundle, blob: BlobRef) -> Result<Manifest, Error> {
    let mut content = Content::of_blob(blobs, &bundle.partner_id, blob);
    let mut bytes = Vec::new();
    while let Some(piece) = content.next(PIECE).await? {
        bytes.extend_from_slice(&piece);
    }
    let root = bundle.root;
    let parsed = tokio::task::spawn_blocking(move || Manifest::read(&bytes)).await.map_err(Error::internal)?;
    match parsed {
        Ok((manifest, read)) if read == root => Ok(manifest),
        // It was read when the bundle was committed.
        Ok(_) | Err(_) => {
            tracing::error!(bundle.id = %bundle.id, "the manifest of a bundle is not what it was");
            let message = "the manifest of the bundle is not what it was when it was committed".to_owned();
            Err(Error::Refused { kind: Kind::Damaged, reason: Reason::ContentDamaged, message })
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves B05, W23.

    use jiff::Timestamp;
    use vouch_core::World;
    use vouch_core::code::PartnerId;
    use vouch_diagnostics::Redaction;
    use vouch_host::testing::Ground;
    use vouch_storage::Engine;
    use vouch_storage::testing::Database;

    use super::*;

    fn bundle(root: Digest) -> Bundle {
        Bundle {
            id: World::system().id(),
            partner_id: PartnerId::parse("north").unwrap(),
            root,
            manifest_signature: String::new(),
            redaction: "standard/1".into(),
            collected_at: Timestamp::UNIX_EPOCH,
            artefacts: std::collections::BTreeSet::new(),
            entries: 0,
            size_bytes: 0,
            committed_at: Timestamp::UNIX_EPOCH,
            retention: None,
            region: String::new(),
            expires_at: None,
            content_deleted_at: None,
        }
    }

    fn manifest(profile: &str) -> (Vec<u8>, Digest) {
        let manifest = Manifest {
            format: 1,
            profile: profile.into(),
            collected_at: Timestamp::UNIX_EPOCH,
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            ticket: None,
            pseudonyms_for: None,
            packs: Vec::new(),
            entries: Vec::new(),
        };
        manifest.write().unwrap()
    }

    #[tokio::test]
    async fn b05_w23_a_manifest_is_read_once_and_one_that_is_not_kept_is_told() {
        let database = Database::fresh(Engine::Sqlite).await;
        let ground = Ground::new(crate::DOMAIN, "vendor");
        let store = database.open(&crate::MIGRATIONS).await;
        let blobs = Blobs::local(store, &ground.path().join("blobs"), World::system()).unwrap();
        let manifests = Manifests::new(blobs.clone());
        let (bytes, root) = manifest("linux-host/1");
        let missing = manifests.of(&bundle(root)).await.unwrap_err();
        assert_eq!(missing.reason(), Reason::BundleNotKept);
        let blob = BlobRef { sha256: root.0, size_bytes: bytes.len() as u64 };
        blobs.append("north", &blob, 0, bytes.into()).await.unwrap();
        blobs.verify("north", &blob).await.unwrap();
        let read = manifests.of(&bundle(root)).await.unwrap();
        assert_eq!(read.profile, "linux-host/1");
        assert!(Arc::ptr_eq(&read, &manifests.of(&bundle(root)).await.unwrap()));
        let others = Bundle { partner_id: PartnerId::parse("south").unwrap(), ..bundle(root) };
        assert_eq!(manifests.of(&others).await.unwrap_err().reason(), Reason::BundleNotKept, "it is not theirs");
    }

    #[tokio::test]
    async fn b05_what_is_remembered_is_bounded_and_the_last_one_stays() {
        let database = Database::fresh(Engine::Sqlite).await;
        let ground = Ground::new(crate::DOMAIN, "vendor");
        let store = database.open(&crate::MIGRATIONS).await;
        let manifests = Manifests::new(Blobs::local(store, ground.path(), World::system()).unwrap());
        let remember = |name: &str, size_bytes| {
            let (bytes, root) = manifest(name);
            let manifest = Arc::new(Manifest::read(&bytes).unwrap().0);
            manifests.remember(Known { root, size_bytes, manifest });
            root
        };
        let (first, second) = (remember("a/1", MOST_BYTES / 2), remember("b/1", MOST_BYTES / 2));
        assert!(manifests.known(first).is_some());
        let third = remember("c/1", 1);
        assert!(manifests.known(second).is_none(), "the one that was not asked for");
        assert!(manifests.known(first).is_some() && manifests.known(third).is_some());
        let large = remember("d/1", MOST_BYTES + 1);
        assert!(manifests.known(large).is_some() && manifests.known(third).is_none());
    }
}

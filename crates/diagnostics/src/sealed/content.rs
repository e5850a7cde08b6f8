//! The contents of entries, out of blobs and packs.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Blob, SealedBundle};
use crate::{Digest, Entry};

/// How many packs stay unpacked: entries are read by their paths, and those next to one another may lie in different packs.
const UNPACKED: usize = 4;

/// The packs that were read last, unpacked.
#[derive(Debug, Default)]
pub(super) struct Packs(Mutex<VecDeque<(Digest, Arc<[u8]>)>>);

impl SealedBundle {
    /// The content of one of the manifest's entries, to be read from its beginning: `None` for an entry that is empty or failed.
    pub fn content(&self, entry: &Entry) -> Option<Content<'_>> {
        let place = self.manifest().place(entry)?;
        let blob = self.blob(place.blob)?;
        let source = match entry.packed {
            None => Source::Blob(Box::new(blob)),
            Some(_) => Source::Pack { pack: place.blob, at: place.offset, end: place.offset + place.size_bytes },
        };
        Some(Content { bundle: self, source })
    }

    /// A pack, unpacked; it was verified when the bundle was opened.
    fn pack(&self, digest: Digest) -> io::Result<Arc<[u8]>> {
        let mut packs = self.packs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = packs.iter().find(|(other, _)| *other == digest) {
            return Ok(Arc::clone(found));
        }
        let mut bytes = Vec::new();
        self.blob(digest).ok_or(io::ErrorKind::NotFound)?.read_to_end(&mut bytes)?;
        let pack: Arc<[u8]> = bytes.into();
        if packs.len() == UNPACKED {
            packs.pop_front();
        }
        packs.push_back((digest, Arc::clone(&pack)));
        Ok(pack)
    }
}

/// The content of an entry. Reading it gives it unpacked.
#[derive(Debug)]
pub struct Content<'b> {
    bundle: &'b SealedBundle,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Blob(Box<Blob>),
    Pack { pack: Digest, at: u64, end: u64 },
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Blob(blob) => blob.read(buffer),
            Source::Pack { pack, at, end } => {
                let bytes = self.bundle.pack(*pack)?;
                let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let count = (&bytes[place(*at)..place(*end)]).read(buffer)?;
                *at += count as u64;
                Ok(count)
            }
        }
    }
}

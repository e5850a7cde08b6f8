//! Contents as they come: small ones gather in packs, a larger one is a blob of its own, and each is kept once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{Digest, MAX_PACK_BYTES, Masked, Pack, Packed};

/// A content of this size is a blob of its own. Smaller ones would cost a question, a stream and a sync each.
const OWN_BLOB: usize = 1024 * 1024;
/// Logs compress well at every level; this one keeps up with redaction.
const LEVEL: u32 = 3;

/// What writes a content: it gives what was masked, or why nothing is kept.
pub(super) type WriteContent<'w> = dyn FnMut(&mut dyn Write) -> io::Result<Result<Masked, String>> + 'w;

/// Blobs in a file without a name: redacted, compressed, and gone with the process, however that ends. One pack is in memory.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    end: u64,
    /// Where each blob lies in the file, and how long it is there.
    places: BTreeMap<Digest, (u64, u64)>,
    packs: Vec<Pack>,
    /// The contents of the pack that is being filled.
    filling: Vec<u8>,
    /// Where small contents lie, with their sizes.
    packed: BTreeMap<Digest, (Packed, usize)>,
    /// What a small content is written into, used again and again.
    buffer: Vec<u8>,
}

/// A content that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) sha256: Digest,
    pub(super) size_bytes: u64,
    pub(super) masked: Masked,
}

impl Spool {
    /// A new one on the disk of this folder.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            end: 0,
            places: BTreeMap::new(),
            packs: Vec::new(),
            filling: Vec::new(),
            packed: BTreeMap::new(),
            buffer: Vec::new(),
        })
    }

    /// Takes a content as it is written. If that says `Err(reason)` inside, what was written is thrown away.
    pub(super) fn take(&mut self, write: &mut WriteContent<'_>) -> io::Result<Result<Taken, String>> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let small = mem::take(&mut self.buffer);
        let mut content = Content { file: &self.file, small, large: None, context: Context::new(&SHA256), size: 0 };
        let outcome = write(&mut content)?;
        let Ended { sha256, size_bytes, small, is_large } = content.end()?;
        if is_large {
            self.settle(sha256, outcome.is_ok())?;
        } else if outcome.is_ok() && !small.is_empty() {
            self.pack(sha256, &small)?;
        }
        self.buffer = small;
        self.buffer.clear();
        Ok(outcome.map(|masked| Taken { sha256, size_bytes, masked }))
    }

    /// Ends the last pack; gives all of them.
    pub(super) fn finish(&mut self) -> io::Result<Vec<Pack>> {
        self.end_pack()?;
        Ok(mem::take(&mut self.packs))
    }

    /// Where a content lies in a pack, once the packs are ended.
    pub(super) fn packed(&self, sha256: Digest) -> Option<Packed> {
        self.packed.get(&sha256).map(|(packed, _)| *packed)
    }

    /// The digest of each blob, with its length in the spool.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (Digest, u64)> {
        self.places.iter().map(|(digest, (_, length))| (*digest, *length))
    }

    /// A blob as it lies in the spool: compressed.
    pub(super) fn blob(&self, digest: Digest) -> io::Result<impl Read> {
        let (offset, length) = self.places.get(&digest).copied().unwrap_or_default();
        (&self.file).seek(SeekFrom::Start(offset))?;
        Ok(BufReader::new(&self.file).take(length))
    }

    /// Keeps what was written behind the end as a blob, or throws it away.
    fn settle(&mut self, digest: Digest, keep: bool) -> io::Result<()> {
        if !keep || self.places.contains_key(&digest) {
            return self.file.set_len(self.end);
        }
        let written = self.file.stream_position()?;
        self.places.insert(digest, (self.end, written - self.end));
        self.end = written;
        Ok(())
    }

    fn pack(&mut self, sha256: Digest, content: &[u8]) -> io::Result<()> {
        if self.packed.contains_key(&sha256) || self.places.contains_key(&sha256) {
            return Ok(());
        }
        if (self.filling.len() + content.len()) as u64 > MAX_PACK_BYTES {
            self.end_pack()?;
        }
        let pack = u32::try_from(self.packs.len()).map_err(io::Error::other)?;
        let packed = Packed { pack, offset: self.filling.len() as u64 };
        self.packed.insert(sha256, (packed, content.len()));
        self.filling.extend_from_slice(content);
        Ok(())
    }

    fn end_pack(&mut self) -> io::Result<()> {
        let mut pack = mem::take(&mut self.filling);
        if !pack.is_empty() {
            let sha256 = Digest::of(&pack);
            if self.packs.iter().any(|other| other.sha256 == sha256) {
                self.scatter(&pack)?;
            } else {
                self.spool(sha256, &pack)?;
                self.packs.push(Pack { sha256, size_bytes: pack.len() as u64 });
            }
        }
        pack.clear();
        self.filling = pack;
        Ok(())
    }

    /// Contents that make the same bytes as those of an earlier pack, cut otherwise, are blobs of their own: a manifest has no pack
    /// twice.
    fn scatter(&mut self, pack: &[u8]) -> io::Result<()> {
        let last = self.packs.len();
        let lies_in_it = |(_, (packed, _)): &(&Digest, &(Packed, usize))| packed.pack as usize == last;
        let contents: BTreeMap<Digest, (Packed, usize)> =
            self.packed.iter().filter(lies_in_it).map(|(digest, place)| (*digest, *place)).collect();
        let gone: BTreeSet<Digest> = contents.keys().copied().collect();
        self.packed.retain(|digest, _| !gone.contains(digest));
        for (digest, (packed, size)) in contents {
            let begin = usize::try_from(packed.offset).map_err(io::Error::other)?;
            self.spool(digest, &pack[begin..begin + size])?;
        }
        Ok(())
    }

    /// Keeps some bytes as a blob.
    fn spool(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut encoder = encoder(&self.file);
        encoder.write_all(bytes)?;
        encoder.finish()?.flush()?;
        self.settle(digest, true)
    }
}

fn encoder(file: &File) -> GzEncoder<BufWriter<&File>> {
    GzEncoder::new(BufWriter::new(file), Compression::new(LEVEL))
}

/// A content that is being written: in memory as long as it is small, compressed into the spool from there on.
struct Content<'f> {
    file: &'f File,
    small: Vec<u8>,
    large: Option<GzEncoder<BufWriter<&'f File>>>,
    context: Context,
    size: u64,
}

/// A content that was written.
struct Ended {
    sha256: Digest,
    size_bytes: u64,
    /// The content, unless it is large.
    small: Vec<u8>,
    is_large: bool,
}

impl Content<'_> {
    fn end(self) -> io::Result<Ended> {
        let mut sha256 = Digest([0; 32]);
        sha256.0.copy_from_slice(self.context.finish().as_ref());
        let is_large = self.large.map(|encoder| encoder.finish()?.flush()).transpose()?.is_some();
        Ok(Ended { sha256, size_bytes: self.size, small: self.small, is_large })
    }
}

impl Write for Content<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.large.is_none() && self.small.len() + bytes.len() >= OWN_BLOB {
            let mut encoder = encoder(self.file);
            encoder.write_all(&self.small)?;
            self.large = Some(encoder);
        }
        match &mut self.large {
            Some(encoder) => encoder.write_all(bytes)?,
            None => self.small.extend_from_slice(bytes),
        }
        self.context.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use super::*;

    fn take(spool: &mut Spool, content: &[u8]) -> Taken {
        let mut write = |out: &mut dyn Write| out.write_all(content).map(|()| Ok(Masked::default()));
        spool.take(&mut write).unwrap().unwrap()
    }

    fn spool() -> Spool {
        Spool::new(&std::env::temp_dir()).unwrap()
    }

    #[test]
    fn b03_equal_contents_share_a_place_and_what_is_thrown_away_leaves_nothing() {
        let mut spool = spool();
        let large = vec![7; OWN_BLOB];
        let taken = [b"one".as_slice(), b"two", &large, b"one", &large, b""].map(|content| take(&mut spool, content));
        for content in [b"secret".as_slice(), &vec![8; 2 * OWN_BLOB]] {
            let mut write = |out: &mut dyn Write| out.write_all(content).map(|()| Err("binary".to_owned()));
            assert_eq!(spool.take(&mut write).unwrap().unwrap_err(), "binary");
        }
        let packs = spool.finish().unwrap();
        assert_eq!(packs, [Pack { sha256: Digest::of(b"onetwo"), size_bytes: 6 }]);
        let places = taken.map(|taken| spool.packed(taken.sha256).map(|packed| packed.offset));
        assert_eq!(places, [Some(0), Some(3), None, Some(0), None, None]);
        assert_eq!(spool.blobs().count(), 2);
        assert_eq!(spool.file.metadata().unwrap().len(), spool.end);
    }

    #[test]
    fn b03_contents_that_make_an_earlier_pack_once_more_are_blobs_of_their_own() {
        let mut spool = spool();
        let bytes: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(4 * (OWN_BLOB - 1)).collect();
        for content in bytes.chunks(OWN_BLOB - 1) {
            take(&mut spool, content);
        }
        let taken: Vec<_> = bytes.chunks(OWN_BLOB - 2).map(|content| take(&mut spool, content)).collect();
        assert_eq!(spool.finish().unwrap().len(), 1, "the second would be the first");
        assert!(taken.iter().all(|taken| spool.packed(taken.sha256).is_none()));
        assert_eq!(spool.blobs().count(), 1 + taken.len());
    }
}

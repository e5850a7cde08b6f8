//! Opening a sealed bundle, and verifying all of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use flate2::bufread::GzDecoder;

use super::content::Packs;
use super::{MANIFEST, PSEUDONYMS, ROOT, SealedError, blob_name};
use crate::pseudonyms::MAX_TABLE_BYTES;
use crate::{Contents, Digest, Manifest};

/// A larger manifest is not read; the manifest has the same limit for itself.
const MAX_MANIFEST: u64 = 32 * 1024 * 1024;
/// A SHA-256 in hexadecimal.
const MAX_ROOT: u64 = 64;
/// What tar ends with: two empty blocks.
const TRAILER: u64 = 1024;
/// The size of a block of tar.
const BLOCK: u64 = 512;

/// A sealed bundle that was verified: every blob is there, it and every content in it is what its digest says, and nothing else is.
#[derive(Debug)]
pub struct SealedBundle {
    file: Arc<File>,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    root: Digest,
    places: BTreeMap<Digest, Place>,
    pseudonyms: Option<Vec<u8>>,
    pub(super) packs: Packs,
}

/// Where a blob is in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    /// Its length there, compressed.
    length: u64,
    size: u64,
}

impl SealedBundle {
    /// Opens a sealed bundle and verifies it: reads all of it once, with flat memory but for the manifest.
    pub fn open(path: &Path) -> Result<Self, SealedError> {
        let file = Arc::new(File::open(path)?);
        let whole = file.metadata()?.len();
        let mut archive = tar::Archive::new(BufReader::new(Window { file: Arc::clone(&file), at: 0, end: whole }));
        // Raw: names are short here, so that extended ones, which would be read into memory, are refused as they stand.
        let mut entries = archive.entries().map_err(|_| SealedError::Malformed)?.raw(true);
        let mut first = entries.next().ok_or(SealedError::Malformed)?.map_err(|_| SealedError::Malformed)?;
        if name(&first) != MANIFEST.as_bytes() || first.size() > MAX_MANIFEST {
            return Err(SealedError::Malformed);
        }
        let mut end = first.raw_file_position() + first.size().next_multiple_of(BLOCK);
        let mut manifest_bytes = Vec::new();
        first.read_to_end(&mut manifest_bytes).map_err(|_| SealedError::Malformed)?;
        if manifest_bytes.len() as u64 != first.size() {
            return Err(SealedError::Malformed);
        }
        let (manifest, root) = Manifest::read(&manifest_bytes)?;
        let (mut places, mut packed) = (BTreeMap::new(), manifest.packed());
        let mut wanted = manifest.blobs().into_iter();
        let (mut sealed_root, mut pseudonyms) = (None, None);
        for entry in entries {
            let mut entry = entry.map_err(|_| SealedError::Malformed)?;
            let (offset, length) = (entry.raw_file_position(), entry.size());
            let found = String::from_utf8_lossy(&name(&entry)).into_owned();
            let Some((digest, size)) = wanted.next() else {
                let is_table = found == PSEUDONYMS && manifest.pseudonyms_for.is_some();
                if is_table && pseudonyms.is_none() && sealed_root.is_none() {
                    pseudonyms = Some(table(&mut entry)?);
                    end = (offset + entry.size()).next_multiple_of(BLOCK);
                    continue;
                }
                // The root comes last, and once.
                if found != ROOT || sealed_root.is_some() || length > MAX_ROOT {
                    return Err(SealedError::Extra(found));
                }
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(|_| SealedError::Malformed)?;
                sealed_root = Some(text);
                end = (offset + length).next_multiple_of(BLOCK);
                continue;
            };
            if found != blob_name(digest) || !entry.header().entry_type().is_file() {
                // Blobs are in order, and before the root: one further on means that this one is not there.
                let later =
                    found == ROOT || found == PSEUDONYMS || wanted.any(|(digest, _)| found == blob_name(digest));
                return Err(if later { SealedError::Missing(digest) } else { SealedError::Extra(found) });
            }
            verify(&mut entry, digest, size, packed.get_mut(&digest))?;
            places.insert(digest, Place { offset, length, size });
            end = (offset + length).next_multiple_of(BLOCK);
        }
        if let Some((digest, _)) = wanted.next() {
            return Err(SealedError::Missing(digest));
        }
        if whole != end + TRAILER {
            return Err(SealedError::Malformed);
        }
        match sealed_root {
            Some(text) if text == root.to_string() => {}
            Some(_) => return Err(SealedError::Root(root)),
            None => return Err(SealedError::Malformed),
        }
        if pseudonyms.is_some() != manifest.pseudonyms_for.is_some() {
            return Err(SealedError::NoTable);
        }
        drop(packed);
        Ok(Self { file, manifest, manifest_bytes, root, places, pseudonyms, packs: Packs::default() })
    }

    /// What the bundle says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest as it was written: what is uploaded and signed.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The digest of the manifest's bytes.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// The table of pseudonyms, encrypted to the key that the manifest names. Nothing of it was verified: only who has the private key can.
    pub fn pseudonyms(&self) -> Option<&[u8]> {
        self.pseudonyms.as_deref()
    }

    /// A blob to be read from its beginning, whatever was read before.
    pub fn blob(&self, digest: Digest) -> Option<Blob> {
        let place = self.places.get(&digest)?;
        let window = Window { file: Arc::clone(&self.file), at: place.offset, end: place.offset + place.length };
        Some(Blob { digest, size: place.size, content: GzDecoder::new(BufReader::new(window)).take(place.size) })
    }

    /// Every blob that the manifest names, by digest.
    pub fn blobs(&self) -> impl Iterator<Item = Blob> + '_ {
        self.places.keys().filter_map(|digest| self.blob(*digest))
    }
}

/// A blob of a sealed bundle. Reading it gives its content, unpacked.
#[derive(Debug)]
pub struct Blob {
    digest: Digest,
    size: u64,
    content: io::Take<GzDecoder<BufReader<Window>>>,
}

impl Blob {
    /// The digest of its content.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The size of its content.
    pub fn size_bytes(&self) -> u64 {
        self.size
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

/// A part of a file that is read without moving the file's own position: several readers do not disturb one another.
#[derive(Debug)]
struct Window {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..length], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn name<R: Read>(entry: &tar::Entry<'_, R>) -> Vec<u8> {
    entry.header().path_bytes().into_owned()
}

/// Reads the table of pseudonyms as it is.
fn table<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, SealedError> {
    let size = usize::try_from(entry.size()).ok().filter(|size| *size <= MAX_TABLE_BYTES);
    let (size, is_file) = (size.ok_or(SealedError::Malformed)?, entry.header().entry_type().is_file());
    let mut sealed = Vec::with_capacity(size);
    entry.read_to_end(&mut sealed).map_err(|_| SealedError::Malformed)?;
    if is_file && sealed.len() == size { Ok(sealed) } else { Err(SealedError::Malformed) }
}

/// Unpacks a blob up to its size, and compares; of a pack, what lies in it, too.
fn verify(
    compressed: &mut dyn Read,
    digest: Digest,
    size: u64,
    mut contents: Option<&mut Contents<'_>>,
) -> Result<(), SealedError> {
    let mut content = GzDecoder::new(BufReader::new(compressed));
    let (mut context, mut count) = (Context::new(&SHA256), 0);
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = content.read(&mut buffer).map_err(|_| SealedError::Mismatch(digest))?;
        count += length as u64;
        if count > size {
            return Err(SealedError::Mismatch(digest));
        }
        if length == 0 {
            break;
        }
        context.update(&buffer[..length]);
        if let Some(contents) = &mut contents {
            contents.pass(&buffer[..length]).map_err(|entry| SealedError::Content(entry.path.clone()))?;
        }
    }
    // Nothing may hide behind the compressed content.
    let behind = content.into_inner().read(&mut buffer).map_err(|_| SealedError::Malformed)?;
    if count != size || behind != 0 || context.finish().as_ref() != digest.0 {
        return Err(SealedError::Mismatch(digest));
    }
    Ok(())
}

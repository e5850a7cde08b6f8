//! Writing a sealed bundle: contents are spooled as they come, compressed and each once, and put behind the manifest at the
//! end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use super::{MANIFEST, PSEUDONYMS, ROOT, SealedBundle, SealedError, blob_name};
use crate::pseudonyms::Recipient;
use crate::{Digest, Entry, Manifest, Masked, Redaction};

/// Logs compress well at every level; this one keeps up with redaction.
const LEVEL: u32 = 3;

/// Gathers entries and their contents, and seals them.
///
/// What it spools lies in a file without a name beside the output: redacted, and gone with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Sealer {
    output: PathBuf,
    folder: PathBuf,
    spool: File,
    end: u64,
    places: BTreeMap<Digest, (u64, u64)>,
    entries: Vec<Entry>,
    /// The paths that are taken, and the number for the next that is the same.
    paths: BTreeMap<String, u64>,
    ticket: Option<String>,
    pseudonyms: Option<(Recipient, Vec<u8>)>,
}

/// What an entry is, without its content.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) path: String,
    pub(crate) media_type: &'static str,
    pub(crate) collector: &'a str,
}

impl Sealer {
    /// Begins a bundle that will be sealed into this file, which must not be there yet.
    pub(crate) fn new(output: &Path) -> Result<Self, SealedError> {
        if output.symlink_metadata().is_ok() {
            return Err(SealedError::Exists(output.to_owned()));
        }
        let folder = match output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self {
            output: output.to_owned(),
            spool: tempfile::tempfile_in(&folder)?,
            folder,
            end: 0,
            places: BTreeMap::new(),
            entries: Vec::new(),
            paths: BTreeMap::new(),
            ticket: None,
            pseudonyms: None,
        })
    }

    /// Adds an entry whose content is written by `write`. If that says `Err(reason)` inside, what it wrote is thrown away and the
    /// entry tells the reason.
    pub(crate) fn add(&mut self, about: About<'_>, write: &mut WriteContent<'_>) -> io::Result<()> {
        self.spool.seek(SeekFrom::Start(self.end))?;
        let (outcome, digest, size) = pack(&self.spool, write)?;
        let written = self.spool.stream_position()?;
        let keep = outcome.is_ok() && size > 0 && !self.places.contains_key(&digest);
        if keep {
            self.places.insert(digest, (self.end, written - self.end));
            self.end = written;
        } else {
            self.spool.set_len(self.end)?;
        }
        let (size_bytes, sha256, failed, masked) = match outcome {
            Ok(masked) => (size, digest, None, masked),
            Err(reason) => (0, Digest::of(b""), Some(reason), Masked::default()),
        };
        let path = self.unique(about.path);
        let (media_type, collector) = (about.media_type.to_owned(), about.collector.to_owned());
        self.entries.push(Entry { path, media_type, size_bytes, sha256, collector, failed, packed: None, masked });
        Ok(())
    }

    /// Adds an entry that has no content, and tells why.
    pub(crate) fn add_failed(&mut self, about: About<'_>, reason: &str) -> io::Result<()> {
        self.add(about, &mut |_| Ok(Err(reason.to_owned())))
    }

    /// Says for which collection ticket it is.
    pub(crate) fn set_ticket(&mut self, ticket: Option<&str>) {
        self.ticket = ticket.map(str::to_owned);
    }

    /// Puts a table of pseudonyms beside the manifest, encrypted to this key.
    pub(crate) fn set_pseudonyms(&mut self, recipient: Recipient, sealed: Vec<u8>) {
        self.pseudonyms = Some((recipient, sealed));
    }

    /// The entries so far, in the order in which they came.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Two paths may be the same once they are masked, and in an archive from the first. Counting goes on where it was: an
    /// archive may have one name a hundred thousand times.
    fn unique(&mut self, path: String) -> String {
        let Some(mut next) = self.paths.get(&path).copied() else {
            self.paths.insert(path.clone(), 2);
            return path;
        };
        loop {
            let unique = format!("{path}~{next}");
            next += 1;
            if !self.paths.contains_key(&unique) {
                self.paths.insert(path, next);
                self.paths.insert(unique.clone(), 2);
                return unique;
            }
        }
    }

    /// Seals: writes the file at once, under its name only when it is whole, and verifies it.
    pub(crate) fn seal(
        mut self,
        profile: &str,
        collected_at: Timestamp,
        redaction: Redaction,
    ) -> Result<SealedBundle, SealedError> {
        let manifest = Manifest {
            format: 1,
            profile: profile.to_owned(),
            ticket: self.ticket.take(),
            pseudonyms_for: self.pseudonyms.as_ref().map(|(recipient, _)| recipient.to_string()),
            collected_at,
            redaction,
            packs: Vec::new(),
            entries: std::mem::take(&mut self.entries),
        };
        let (bytes, root) = manifest.write()?;
        let target = tempfile::NamedTempFile::new_in(&self.folder)?;
        let mut archive = tar::Builder::new(BufWriter::new(target.as_file()));
        append(&mut archive, MANIFEST, bytes.len() as u64, &mut bytes.as_slice())?;
        for (digest, (offset, packed)) in &self.places {
            self.spool.seek(SeekFrom::Start(*offset))?;
            append(&mut archive, &blob_name(*digest), *packed, &mut BufReader::new(&self.spool).take(*packed))?;
        }
        if let Some((_, sealed)) = &self.pseudonyms {
            append(&mut archive, PSEUDONYMS, sealed.len() as u64, &mut sealed.as_slice())?;
        }
        let root = root.to_string();
        append(&mut archive, ROOT, root.len() as u64, &mut root.as_bytes())?;
        archive.into_inner()?.flush()?;
        target.as_file().sync_all()?;
        target.persist_noclobber(&self.output).map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => SealedError::Exists(self.output.clone()),
            _ => SealedError::Io(refused.error),
        })?;
        SealedBundle::open(&self.output)
    }
}

/// What writes an entry's content: it gives what was masked, or why nothing is kept.
type WriteContent<'w> = dyn FnMut(&mut dyn Write) -> io::Result<Result<Masked, String>> + 'w;

/// Compresses a content behind what is there, and gives its digest and size.
fn pack(spool: &File, write: &mut WriteContent<'_>) -> io::Result<(Result<Masked, String>, Digest, u64)> {
    let inner = GzEncoder::new(BufWriter::new(spool), Compression::new(LEVEL));
    let mut content = Counted { inner, context: Context::new(&SHA256), size: 0 };
    let outcome = write(&mut content)?;
    content.inner.finish()?.flush()?;
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(content.context.finish().as_ref());
    Ok((outcome, digest, content.size))
}

fn append<W: Write>(archive: &mut tar::Builder<W>, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    // No owner and no time: the same content makes the same file.
    header.set_mode(0o600);
    archive.append_data(&mut header, name, content)
}

/// Counts and digests what passes.
struct Counted<W> {
    inner: W,
    context: Context,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.context.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

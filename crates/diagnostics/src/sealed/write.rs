//! Writing a sealed bundle: contents are spooled as they come, and put behind the manifest at the end.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::spool::{Spool, Taken, WriteContent};
use super::{MANIFEST, PSEUDONYMS, ROOT, SealedBundle, SealedError, blob_name};
use crate::pseudonyms::Recipient;
use crate::{Digest, Entry, Manifest, Masked, Redaction};

/// Gathers entries and their contents, and seals them.
#[derive(Debug)]
pub(crate) struct Sealer {
    output: PathBuf,
    folder: PathBuf,
    spool: Spool,
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
            spool: Spool::new(&folder)?,
            folder,
            entries: Vec::new(),
            paths: BTreeMap::new(),
            ticket: None,
            pseudonyms: None,
        })
    }

    /// Adds an entry whose content is written by `write`. If that says `Err(reason)` inside, what it wrote is thrown away and the
    /// entry tells the reason.
    pub(crate) fn add(&mut self, about: About<'_>, write: &mut WriteContent<'_>) -> io::Result<()> {
        let (sha256, size_bytes, masked, failed) = match self.spool.take(write)? {
            Ok(Taken { sha256, size_bytes, masked }) => (sha256, size_bytes, masked, None),
            Err(reason) => (Digest::of(b""), 0, Masked::default(), Some(reason)),
        };
        let path = self.unique(about.path);
        let (media_type, collector) = (about.media_type.to_owned(), about.collector.to_owned());
        // Where it lies is said when the packs are ended.
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
        let packs = self.spool.finish()?;
        for entry in &mut self.entries {
            entry.packed = if entry.failed.is_some() { None } else { self.spool.packed(entry.sha256) };
        }
        let manifest = Manifest {
            format: 1,
            profile: profile.to_owned(),
            ticket: self.ticket.take(),
            pseudonyms_for: self.pseudonyms.as_ref().map(|(recipient, _)| recipient.to_string()),
            collected_at,
            redaction,
            packs,
            entries: std::mem::take(&mut self.entries),
        };
        let (bytes, root) = manifest.write()?;
        let target = tempfile::NamedTempFile::new_in(&self.folder)?;
        let mut archive = tar::Builder::new(BufWriter::new(target.as_file()));
        append(&mut archive, MANIFEST, bytes.len() as u64, &mut bytes.as_slice())?;
        for (digest, length) in self.spool.blobs() {
            append(&mut archive, &blob_name(digest), length, &mut self.spool.blob(digest)?)?;
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

fn append<W: Write>(archive: &mut tar::Builder<W>, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    // No owner and no time: the same content makes the same file.
    header.set_mode(0o600);
    archive.append_data(&mut header, name, content)
}
